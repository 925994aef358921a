-- The least that deciding needs: the same joins over the same tables, and one running window. It reads only.

-- name: floor
select
    count(*),
    sum(least(ordered, running)),
    sum(value)
from (
    select
        sum(lines.quantity) over (
            partition by order_lines.order_id, order_lines.order_line_id
            order by returns.registered_at, returns.return_id, lines.position
        ) as running,
        order_lines.quantity as ordered,
        order_lines.value
    from landing.rebound_returns as returns
    inner join landing.rebound_return_lines as lines on returns.return_id = lines.return_id
    left join landing.oro_orders as orders on returns.order_reference_key = orders.identifier_key
    left join landing.oro_order_lines as order_lines
        on orders.order_id = order_lines.order_id and lines.sku_key = order_lines.sku_key
    where returns.registered_at >= %(start)s and returns.registered_at < %(end)s
) as joined
