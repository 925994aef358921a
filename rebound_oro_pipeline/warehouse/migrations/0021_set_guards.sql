-- The ledger's guards, a statement at a time. A foreign key looks its row up once per row, a range in a GiST index costs
-- several times what a number in a B-tree does, and together they were a third of a decision (docs/performance.md).
-- What is refused stays the same, because nothing that is referred to can ever change or go: the ledger only grows.

create trigger orders_are_append_only before update or delete or truncate on ledger.orders
for each statement execute function outbox.refuse_change();
create trigger order_items_are_append_only before update or delete or truncate on ledger.order_items
for each statement execute function outbox.refuse_change();

-- Arguments: columns of the table, the relation that must have a row with the same values, and its columns.
create function ledger.require_rows() returns trigger language plpgsql as $$
declare
    own constant text[] := tg_argv[0];
    theirs constant text[] := tg_argv[2];
    pairs text;
    lacking text;
begin
    select string_agg(format('there.%I = added.%I', theirs[place], own[place]), ' and ')
    into pairs
    from generate_subscripts(own, 1) as place;
    execute format(
        'select added::text from added where not exists (select from %s as there where %s) limit 1', tg_argv[1], pairs
    ) into lacking;
    if lacking is not null then
        raise exception '%.%: % has no row for %', tg_table_schema, tg_table_name, tg_argv[1], lacking
            using errcode = 'foreign_key_violation', constraint = tg_name;
    end if;
    return null;
end
$$;

alter table ledger.orders drop constraint orders_policy_version_fkey;
create trigger orders_name_a_policy after insert on ledger.orders
referencing new table as added for each statement
execute function ledger.require_rows('{policy_version}', 'reference.policies', '{policy_version}');

alter table ledger.order_items drop constraint order_items_order_id_fkey;
create trigger order_items_have_an_order after insert on ledger.order_items
referencing new table as added for each statement
execute function ledger.require_rows('{order_id}', 'ledger.orders', '{order_id}');

alter table ledger.credit_notes
drop constraint credit_notes_order_id_fkey,
drop constraint credit_notes_policy_version_fkey;
create trigger credit_notes_have_an_order after insert on ledger.credit_notes
referencing new table as added for each statement
execute function ledger.require_rows('{order_id}', 'ledger.orders', '{order_id}');
create trigger credit_notes_name_a_policy after insert on ledger.credit_notes
referencing new table as added for each statement
execute function ledger.require_rows('{policy_version}', 'reference.policies', '{policy_version}');

alter table ledger.credit_note_lines drop constraint credit_note_lines_credit_note_number_fkey;
create trigger credit_note_lines_have_a_note after insert on ledger.credit_note_lines
referencing new table as added for each statement
execute function ledger.require_rows('{credit_note_number}', 'ledger.credit_notes', '{credit_note_number}');

alter table ledger.inventory_deltas drop constraint inventory_deltas_credit_note_number_fkey;
create trigger inventory_deltas_have_a_note after insert on ledger.inventory_deltas
referencing new table as added for each statement
execute function ledger.require_rows('{credit_note_number}', 'ledger.credit_notes', '{credit_note_number}');

-- A unit is claimed once because the claims on an item form a chain: no two begin at the same unit, and one that does not
-- begin at 0 begins where another ends. Of two that overlap, the later one either begins where the other does, which the
-- index refuses, also to two transactions at once, or where none ends.
alter table ledger.claims
drop constraint claims_item_number_ordered_quantity_fkey,
drop constraint no_unit_is_claimed_twice,
drop constraint claims_pkey;
create unique index no_unit_is_claimed_twice on ledger.claims (item_number, lower(units));
create index claims_order_item on ledger.claims (order_id, order_item_id);

create trigger claims_are_of_an_item after insert on ledger.claims
referencing new table as added for each statement
execute function ledger.require_rows('{item_number,ordered_quantity}', 'ledger.order_items', '{item_number,quantity}');

create function ledger.require_chain() returns trigger language plpgsql as $$
declare
    loose text;
begin
    select added::text
    into loose
    from added
    where
        lower(added.units) > 0
        and not exists (
            select
            from ledger.claims as earlier
            where earlier.item_number = added.item_number and upper(earlier.units) = lower(added.units)
        )
    limit 1;
    if loose is not null then
        raise exception 'ledger.claims: no claim ends where this one begins: %', loose
            using errcode = 'exclusion_violation', constraint = tg_name;
    end if;
    return null;
end
$$;
create trigger claims_form_a_chain after insert on ledger.claims
referencing new table as added for each statement execute function ledger.require_chain();
