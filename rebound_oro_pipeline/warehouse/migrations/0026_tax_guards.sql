-- The guards of the taxes, a statement at a time, like those of the rest of the ledger (0021).
create trigger order_taxes_are_append_only before update or delete or truncate on ledger.order_taxes
for each statement execute function outbox.refuse_change();

alter table ledger.order_taxes drop constraint order_taxes_order_id_fkey;
create trigger order_taxes_have_an_order after insert on ledger.order_taxes
referencing new table as added for each statement
execute function ledger.require_rows('{order_id}', 'ledger.orders', '{order_id}');

alter table ledger.credit_note_taxes drop constraint credit_note_taxes_credit_note_number_fkey;
create trigger credit_note_taxes_have_a_note after insert on ledger.credit_note_taxes
referencing new table as added for each statement
execute function ledger.require_rows('{credit_note_number}', 'ledger.credit_notes', '{credit_note_number}');
