/*
Lines of OroCommerce orders, one row per line. The difference of the two row totals is the line's tax; neither of them is its
net amount.

OroCommerce takes a promotion off both row totals, a second time where taxes come after promotions, and never shows less than 0:
where nothing is left of the total without tax, the difference may be too small. The order's subtotals, where they were asked
for, tell the tax of such a line too: their items stand in the sequence of the lines.

materialized: view
grain: order_id, order_line_id
owner: data
columns:
    row_tax: null where the line is worth something and does not tell it
*/
select
    lines.order_id,
    lines.order_line_id,
    lines.position,
    lines.product_id,
    lines.product_sku as sku,
    lines.sku_key,
    lines.product_name,
    lines.is_free_form,
    lines.quantity,
    lines.product_unit_code as unit_code,
    lines.value as unit_price,
    lines.currency,
    coalesce(lines.row_total_discount_amount, 0) as promotion_amount,
    coalesce(lines.row_total_after_discount_including_tax, 0) as row_total_including_tax,
    coalesce(lines.row_total_after_discount_excluding_tax, 0) as row_total_excluding_tax,
    case
        when
            lines.row_total_after_discount_excluding_tax <> 0
            or lines.quantity * lines.value <= coalesce(lines.row_total_discount_amount, 0)
            then
                coalesce(lines.row_total_after_discount_including_tax, 0)
                - coalesce(lines.row_total_after_discount_excluding_tax, 0)
        when lines.row_total_discount_amount > 0
            then
                (
                    select sum((items.item ->> 'includingTax')::numeric - (items.item ->> 'excludingTax')::numeric)
                    from landing.oro_order_subtotals as subtotals
                    cross join
                        lateral (
                            values (subtotals.data -> 'items' -> (lines.position - 1) -> 'row')
                        ) as items (item)
                    where
                        subtotals.order_id = lines.order_id
                        and subtotals.subtotal_type = 'tax'
                        and subtotals.label = 'Subtotal Tax'
                        and items.item ->> 'includingTax' ~ '^-?[0-9]{1,20}([.][0-9]{1,20})?$'
                        and items.item ->> 'excludingTax' ~ '^-?[0-9]{1,20}([.][0-9]{1,20})?$'
                        and (
                            select count(*) from landing.oro_order_lines as others
                            where others.order_id = lines.order_id
                        ) = case
                            when jsonb_typeof(subtotals.data -> 'items') = 'array'
                                then jsonb_array_length(subtotals.data -> 'items')
                        end
                )
    end as row_tax
from landing.oro_order_lines as lines
