/*
Fails if the units of a return line of the window, over all destinations, are not exactly those that came back; units that were
credited although they did not come back count against them. A return withdrawn after its credit counts as nothing, and so does
a line that is not in the return any more. What lies in the window, but is of a return that was dated anew, is judged with the
window of its new date.

severity: error
blocking: yes
on: marts.return_line_destinations
*/
with

placed as (
    select
        destinations.return_id,
        destinations.position,
        sum(
            case
                when destinations.reason = 'received_quantity_decreased' then -destinations.quantity
                else destinations.quantity
            end
        ) as placed_quantity
    from marts.return_line_destinations as destinations
    where destinations.registered_at >= %(window_start)s and destinations.registered_at < %(window_end)s
    group by destinations.return_id, destinations.position
)

select
    lines.return_id,
    lines.return_line_key,
    lines.received_quantity,
    placed.placed_quantity
from staging.stg_rebound__returns as returns
inner join staging.stg_rebound__return_lines as lines on returns.return_id = lines.return_id
left join seeds.rebound_statuses as statuses on returns.status = statuses.status
left join placed on lines.return_id = placed.return_id and lines.position = placed.position
where
    returns.registered_at >= %(window_start)s
    and returns.registered_at < %(window_end)s
    and lines.fault is null
    and coalesce(placed.placed_quantity, 0) <> lines.received_quantity
    and not (coalesce(statuses.is_withdrawn, false) and placed.placed_quantity = 0)
union all
select
    placed.return_id,
    null as return_line_key,
    0 as received_quantity,
    placed.placed_quantity
from placed
where
    placed.placed_quantity <> 0
    and not exists (
        select 1
        from staging.stg_rebound__return_lines as lines
        where lines.return_id = placed.return_id and lines.position = placed.position
    )
    and not exists (
        select 1
        from staging.stg_rebound__returns as returns
        where
            returns.return_id = placed.return_id
            and (returns.registered_at >= %(window_start)s and returns.registered_at < %(window_end)s) is not true
    )
