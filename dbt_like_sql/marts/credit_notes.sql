/*
Credit notes with where they stand on their way to OroCommerce. total = net + tax + shipping + shipping tax - fee;
net is after all discounts, shipping after its discount and without its tax.

materialized: view
window: registered_at
grain: credit_note_number
owner: finance
columns:
    credit_note_number: the return's id and the order's identifier; further notes of the same two end in -2, -3
    net_amount: goods after all discounts, without tax
    discount_amount: how much those discounts were
    tax_amount: tax of the goods
    fee_amount: restocking fees less goodwill, subtracted from the total
*/
select
    notes.credit_note_number,
    notes.return_id,
    notes.order_id,
    notes.order_identifier,
    notes.customer_id,
    notes.currency,
    notes.net_amount,
    notes.discount_amount,
    notes.tax_amount,
    notes.shipping_amount,
    notes.shipping_tax_amount,
    notes.fee_amount,
    notes.total_amount,
    messages.state::text as push_state,
    messages.remote_id as oro_credit_note_id,
    notes.registered_at,
    notes.decided_at,
    notes.policy_version
from ledger.credit_notes as notes
left join outbox.messages as messages
    on messages.kind = 'oro_credit_note' and notes.credit_note_number = messages.business_key
