-- What people are shown: the amounts of one row have the same digits, units are worth no more than what was paid for them, and a
-- level that was read before our last write says nothing of that write.
create function ledger.digits_shown(digits integer, variadic amounts numeric[]) returns integer
language sql immutable parallel safe
return greatest(digits, (select max(min_scale(given.amount)) from unnest(amounts) as given (amount)));
comment on function ledger.digits_shown is
'How many digits after the point amounts that stand side by side are shown with: as many as their currency or note has, and more only where one of them would be cut off.';

create function ledger.amount_at_stake(
    quantity numeric, unit_price numeric, most_amount numeric, digits integer
) returns numeric
language sql immutable parallel safe
return round(case when quantity * unit_price > most_amount then most_amount else quantity * unit_price end, digits);
comment on function ledger.amount_at_stake is
'What units of which nothing is decided may be worth: their price, and no more than all that was sold of them cost. Null where the quantity or the price is not known.';

create or replace view reconciliation.inventory as
with deltas as (
    select
        coalesce(remote_id, 'unsent:' || ordering_key) as level_key,
        min(remote_id) as level_id,
        min(payload ->> 'sku') as sku,
        min(payload ->> 'unit_code') as unit_code,
        min(registered_at) as first_registered_at,
        sum((payload ->> 'quantity')::numeric) as quantity_decided,
        coalesce(sum((payload ->> 'quantity')::numeric) filter (where state = 'confirmed'), 0) as quantity_confirmed,
        coalesce(sum((payload ->> 'quantity')::numeric) filter (
            where state in ('pending', 'sending', 'unknown')
        ), 0) as quantity_waiting,
        coalesce(sum((payload ->> 'quantity')::numeric) filter (
            where state in ('rejected', 'abandoned')
        ), 0) as quantity_refused
    from outbox.messages
    where kind = 'oro_inventory_delta'
    group by level_key
),

written as (
    select
        level_id,
        sum(quantity_target - quantity_before) as quantity_written,
        count(*) as writes,
        (array_agg(quantity_target order by level_write_id desc))[1] as last_target,
        max(finished_at) as last_written_at
    from outbox.level_writes
    where state = 'confirmed'
    group by level_id
),

levels as (
    select
        deltas.*,
        coalesce(written.quantity_written, 0) as quantity_written,
        coalesce(written.writes, 0) as writes,
        written.last_target,
        written.last_written_at,
        held.quantity as quantity_now,
        held.read_at,
        coalesce(held.read_at >= written.last_written_at, false) as is_read_since_write
    from deltas
    left join written on deltas.level_id = written.level_id
    left join reconciliation.oro_inventory_levels as held on deltas.level_id = held.level_id
)

select
    levels.level_id,
    levels.sku,
    levels.unit_code,
    levels.quantity_decided,
    levels.quantity_written,
    levels.quantity_waiting,
    levels.quantity_refused,
    levels.writes,
    levels.last_target,
    levels.last_written_at,
    levels.quantity_now,
    levels.read_at,
    case
        when levels.quantity_written <> levels.quantity_confirmed then 'differs'
        when levels.quantity_waiting > 0 then 'not_sent_yet'
        when levels.quantity_refused > 0 then 'refused'
        when not levels.is_read_since_write then 'not_read'
        when levels.quantity_now <> levels.last_target then 'moved_since'
        else 'equal'
    end as finding,
    levels.is_read_since_write
from levels;
comment on view reconciliation.inventory is
'Units decided for each stock level beside the units written to it. moved_since: OroCommerce sold or counted since our last write, which is legal; not_read: not read since our last write (is_read_since_write); differs: our own books disagree.';
