/*
Orders of which every unit came back, and whose notes do not add up to what was paid for them.

materialized: view
step: reconciliation
grain: order_id
owner: finance
columns:
    credited_amount: of goods and their tax, and of shipping where it is due, too; goodwill and fees do not count
    due_amount: the same as the order was kept when it was first credited
    is_shipping_due: whether every note of the order was decided under a policy that credits shipping with the goods
    decided_at: when the last of its notes was decided
*/
with

credited as (
    select
        notes.order_id,
        sum(notes.net_amount + notes.tax_amount) as goods_amount,
        sum(notes.shipping_amount + notes.shipping_tax_amount) as shipping_amount,
        max(notes.decided_at) as decided_at,
        bool_and(policies.shipping in ('pro_rata', 'on_complete_return')) as is_shipping_due
    from ledger.credit_notes as notes
    inner join intermediate.int_policies as policies on notes.policy_version = policies.policy_version
    group by notes.order_id
),

returned as (
    select units.order_id
    from (
        select
            items.order_id,
            items.quantity
        from ledger.order_items as items
        union all
        select
            claims.order_id,
            lower(claims.units) - upper(claims.units) as quantity
        from ledger.claims as claims
    ) as units
    group by units.order_id
    having sum(units.quantity) = 0
),

compared as (
    select
        kept.order_id,
        kept.order_identifier,
        kept.currency,
        credited.goods_amount + case when credited.is_shipping_due then credited.shipping_amount else 0 end as credited_amount,
        kept.net_amount
        + kept.tax_amount
        + case when credited.is_shipping_due then kept.shipping_amount + kept.shipping_tax_amount else 0 end as due_amount,
        credited.is_shipping_due,
        credited.decided_at
    from returned
    inner join ledger.orders as kept on returned.order_id = kept.order_id
    inner join credited on returned.order_id = credited.order_id
)

select
    compared.order_id,
    compared.order_identifier,
    compared.currency,
    compared.credited_amount,
    compared.due_amount,
    compared.is_shipping_due,
    compared.decided_at
from compared
where compared.credited_amount <> compared.due_amount
