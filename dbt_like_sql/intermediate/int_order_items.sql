/*
What can come back of the orders at hand: plain lines, and components of kit lines, each with its share of the order's
amounts and the units already claimed. Kept orders are read from the ledger, the others are cut here, from their explanation.
What was not known of their products when they were kept is taken from the catalogue as it is now.

materialized: table
grain: order_id, order_item_id
owner: finance
previous: ledger.order_items, ledger.claims
*/
with

explained as (
    select explained.* from intermediate.int_orders_explained as explained
    where explained.verdict is null
),

-- A line's product may be null for want of a permission alone; then its SKU tells which product it is.
products as (
    select
        products.sku_key,
        min(products.product_id) as product_id
    from landing.oro_products as products
    group by products.sku_key
),

lines as (
    select
        lines.order_id,
        lines.order_line_id,
        coalesce(lines.product_id, case when not lines.is_free_form then products.product_id end) as product_id,
        lines.sku,
        lines.sku_key,
        lines.is_free_form,
        lines.quantity,
        lines.unit_code,
        lines.unit_price,
        lines.promotion_amount,
        explained.digits,
        explained.order_discount_amount,
        explained.goods_tax_inside,
        explained.tax_amount as order_tax_amount,
        round(lines.quantity * lines.unit_price, explained.digits) as row_amount,
        round(lines.promotion_amount, explained.digits) as line_promotion_amount,
        lines.row_total_including_tax - lines.row_total_excluding_tax as row_tax,
        -- Lines that do not tell their tax share what the others leave, by value; all in units of tax × value.
        case
            when explained.untold_value is null
                then coalesce(lines.row_tax, lines.row_total_including_tax - lines.row_total_excluding_tax)
            when lines.row_tax is null
                then explained.untold_tax_amount * (lines.quantity * lines.unit_price - lines.promotion_amount)
            else lines.row_tax * explained.untold_value
        end as line_tax
    from explained
    inner join staging.stg_oro__order_lines as lines on explained.order_id = lines.order_id
    left join products on lines.sku_key = products.sku_key
),

summed as (
    select
        lines.*,
        row_number() over upto as line_number,
        count(*) over whole_order as line_count,
        sum(lines.line_tax) over upto as line_tax_upto,
        sum(lines.line_tax) over whole_order as line_tax_of_order,
        count(*) filter (where lines.quantity > 0) over upto as lines_with_units_upto,
        count(*) filter (where lines.quantity > 0) over whole_order as lines_with_units
    from lines
    window
        whole_order as (partition by lines.order_id),
        upto as (
            partition by lines.order_id order by length(lines.order_line_id), lines.order_line_id rows unbounded preceding
        )
),

-- The tax that prices include, line by line: the line taxes are its weights.
inside as (
    select
        summed.*,
        case
            when summed.goods_tax_inside = 0 or summed.line_tax_of_order = 0 then 0
            else
                ledger.share(summed.goods_tax_inside, summed.line_tax_upto, summed.line_tax_of_order, summed.digits)
                - ledger.share(
                    summed.goods_tax_inside, summed.line_tax_upto - summed.line_tax, summed.line_tax_of_order, summed.digits
                )
        end as tax_inside
    from summed
),

worth as (
    select
        inside.*,
        greatest(inside.row_amount - inside.line_promotion_amount - inside.tax_inside, 0) as own_value
    from inside
),

valued as (
    select
        worth.*,
        sum(worth.own_value) over upto as own_value_upto,
        sum(worth.own_value) over whole_order as order_value
    from worth
    window
        whole_order as (partition by worth.order_id),
        upto as (partition by worth.order_id order by worth.line_number rows unbounded preceding)
),

-- Where no line is worth anything they weigh the same, but nothing of a line without units can come back.
weighted as (
    select
        valued.*,
        case
            when valued.order_value <> 0 then valued.own_value
            when valued.quantity > 0 or valued.lines_with_units = 0 then 1
            else 0
        end as discount_weight,
        case
            when valued.order_value <> 0 then valued.own_value_upto
            when valued.lines_with_units <> 0 then valued.lines_with_units_upto
            else valued.line_number
        end as discount_weight_upto,
        case
            when valued.order_value <> 0 then valued.order_value
            when valued.lines_with_units <> 0 then valued.lines_with_units
            else valued.line_count
        end as discount_weight_of_order
    from valued
    -- Each weight is used several times.
    offset 0  -- noqa: AM09
),

taxed as (
    select
        weighted.*,
        case when weighted.line_tax_of_order <> 0 then weighted.line_tax else weighted.discount_weight end as tax_weight,
        case when weighted.line_tax_of_order <> 0 then weighted.line_tax_upto else weighted.discount_weight_upto end
            as tax_weight_upto,
        case when weighted.line_tax_of_order <> 0 then weighted.line_tax_of_order else weighted.discount_weight_of_order end
            as tax_weight_of_order
    from weighted
),

spread as (
    select
        taxed.*,
        ledger.share(
            taxed.order_discount_amount, taxed.discount_weight_upto, taxed.discount_weight_of_order, taxed.digits
        ) - ledger.share(
            taxed.order_discount_amount,
            taxed.discount_weight_upto - taxed.discount_weight,
            taxed.discount_weight_of_order,
            taxed.digits
        ) as order_discount_share,
        ledger.share(taxed.order_tax_amount, taxed.tax_weight_upto, taxed.tax_weight_of_order, taxed.digits)
        - ledger.share(
            taxed.order_tax_amount, taxed.tax_weight_upto - taxed.tax_weight, taxed.tax_weight_of_order, taxed.digits
        ) as tax_amount
    from taxed
),

priced_lines as (
    select
        spread.order_id,
        spread.order_line_id,
        spread.line_number,
        spread.sku,
        spread.sku_key,
        spread.product_id,
        spread.is_free_form,
        spread.unit_code,
        spread.quantity,
        spread.digits,
        spread.row_amount - spread.line_promotion_amount - spread.order_discount_share - spread.tax_inside as net_amount,
        spread.line_promotion_amount + spread.order_discount_share as discount_amount,
        spread.tax_amount,
        spread.unit_price,
        spread.promotion_amount,
        spread.row_tax
    from spread
),

-- Their products are looked up before they are joined by two columns: after that the planner takes them for a single row,
-- and would go through all products for each of them.
components as materialized (
    select
        components.*,
        coalesce(components.product_id, products.product_id) as own_product_id
    from explained
    inner join staging.stg_oro__order_kit_items as components on explained.order_id = components.order_id
    left join products on components.sku_key = products.sku_key
),

kit_items as (
    select
        priced_lines.order_id,
        priced_lines.order_line_id,
        priced_lines.line_number,
        priced_lines.sku as line_sku,
        priced_lines.sku_key as line_sku_key,
        priced_lines.product_id as line_product_id,
        priced_lines.unit_code as line_unit_code,
        priced_lines.quantity as line_quantity,
        priced_lines.digits,
        priced_lines.net_amount as line_net_amount,
        priced_lines.discount_amount as line_discount_amount,
        priced_lines.tax_amount as line_tax_amount,
        priced_lines.unit_price as line_unit_price,
        priced_lines.promotion_amount as line_promotion_amount,
        priced_lines.row_tax as line_row_tax,
        priced_lines.is_free_form,
        components.kit_item_line_id,
        components.sku,
        components.sku_key,
        components.own_product_id as product_id,
        components.unit_code,
        components.unit_precision,
        components.quantity_per_kit,
        components.unit_price,
        row_number() over by_component as component_number,
        case
            when sum(components.unit_price * components.quantity_per_kit) over whole_kit = 0 then components.quantity_per_kit
            else components.unit_price * components.quantity_per_kit
        end as weight
    from priced_lines
    inner join components
        on priced_lines.order_id = components.order_id and priced_lines.order_line_id = components.order_line_id
    window
        whole_kit as (partition by components.order_id, components.order_line_id),
        by_component as (
            partition by components.order_id, components.order_line_id
            order by components.sort_order, length(components.kit_item_line_id), components.kit_item_line_id
        )
),

kit_weights as (
    select
        kit_items.*,
        sum(kit_items.weight) over upto as weight_upto,
        sum(kit_items.weight) over whole_kit as weight_of_kit
    from kit_items
    window
        whole_kit as (partition by kit_items.order_id, kit_items.order_line_id),
        upto as (partition by kit_items.order_id, kit_items.order_line_id order by kit_items.component_number)
),

new_items as (
    select
        priced_lines.order_id,
        priced_lines.order_line_id as order_item_id,
        priced_lines.order_line_id,
        null::text as kit_item_line_id,
        priced_lines.line_number::integer as line_number,
        0 as component_number,
        priced_lines.sku,
        priced_lines.sku_key,
        priced_lines.sku as line_sku,
        priced_lines.sku_key as line_sku_key,
        priced_lines.product_id,
        priced_lines.product_id as line_product_id,
        priced_lines.is_free_form,
        priced_lines.unit_code,
        priced_lines.unit_code as line_unit_code,
        null::integer as unit_precision,
        priced_lines.quantity,
        null::numeric as quantity_per_kit,
        priced_lines.net_amount,
        priced_lines.discount_amount,
        priced_lines.tax_amount,
        priced_lines.net_amount as line_net_amount,
        priced_lines.quantity as line_quantity,
        priced_lines.unit_price,
        priced_lines.unit_price as line_unit_price,
        priced_lines.promotion_amount as line_promotion_amount,
        priced_lines.row_tax as line_row_tax
    from priced_lines
    where
        priced_lines.quantity > 0
        -- A kit that names components, but units of none, comes back as a plain line, or its amounts never would.
        and not exists (
            select 1
            from kit_items
            where
                kit_items.order_id = priced_lines.order_id
                and kit_items.order_line_id = priced_lines.order_line_id
                and kit_items.quantity_per_kit > 0
        )
    union all
    select
        kit_weights.order_id,
        kit_weights.order_line_id || '/' || kit_weights.kit_item_line_id as order_item_id,
        kit_weights.order_line_id,
        kit_weights.kit_item_line_id,
        kit_weights.line_number::integer as line_number,
        kit_weights.component_number::integer as component_number,
        kit_weights.sku,
        kit_weights.sku_key,
        kit_weights.line_sku,
        kit_weights.line_sku_key,
        kit_weights.product_id,
        kit_weights.line_product_id,
        kit_weights.is_free_form,
        kit_weights.unit_code,
        kit_weights.line_unit_code,
        kit_weights.unit_precision,
        kit_weights.line_quantity * kit_weights.quantity_per_kit as quantity,
        kit_weights.quantity_per_kit,
        ledger.share(kit_weights.line_net_amount, kit_weights.weight_upto, kit_weights.weight_of_kit, kit_weights.digits)
        - ledger.share(
            kit_weights.line_net_amount,
            kit_weights.weight_upto - kit_weights.weight,
            kit_weights.weight_of_kit,
            kit_weights.digits
        ) as net_amount,
        ledger.share(kit_weights.line_discount_amount, kit_weights.weight_upto, kit_weights.weight_of_kit, kit_weights.digits)
        - ledger.share(
            kit_weights.line_discount_amount,
            kit_weights.weight_upto - kit_weights.weight,
            kit_weights.weight_of_kit,
            kit_weights.digits
        ) as discount_amount,
        ledger.share(kit_weights.line_tax_amount, kit_weights.weight_upto, kit_weights.weight_of_kit, kit_weights.digits)
        - ledger.share(
            kit_weights.line_tax_amount,
            kit_weights.weight_upto - kit_weights.weight,
            kit_weights.weight_of_kit,
            kit_weights.digits
        ) as tax_amount,
        kit_weights.line_net_amount,
        kit_weights.line_quantity,
        kit_weights.unit_price,
        kit_weights.line_unit_price,
        kit_weights.line_promotion_amount,
        kit_weights.line_row_tax
    from kit_weights
    where kit_weights.line_quantity * kit_weights.quantity_per_kit > 0
),

-- Products are looked up one by one, and only for what was kept without one: the planner would go through all of them.
kept_items as (
    select
        kept.*,
        coalesce(
            kept.product_id,
            case
                when kept.kit_item_line_id is not null or not kept.is_free_form
                    then (
                        select min(products.product_id)
                        from landing.oro_products as products
                        where products.sku_key = kept.sku_key
                    )
            end
        ) as known_product_id,
        coalesce(
            kept.line_product_id,
            case
                when not kept.is_free_form
                    then (
                        select min(products.product_id)
                        from landing.oro_products as products
                        where products.sku_key = kept.line_sku_key
                    )
            end
        ) as known_line_product_id
    from intermediate.int_orders as orders
    inner join ledger.order_items as kept on orders.order_id = kept.order_id
    where orders.is_kept
)

select
    new_items.order_id,
    new_items.order_item_id,
    new_items.order_line_id,
    new_items.kit_item_line_id,
    (row_number() over (
        partition by new_items.order_id order by new_items.line_number, new_items.component_number
    ))::integer as position,
    new_items.sku,
    new_items.sku_key,
    new_items.line_sku,
    new_items.line_sku_key,
    new_items.product_id,
    new_items.line_product_id,
    new_items.is_free_form,
    new_items.unit_code,
    new_items.line_unit_code,
    coalesce(new_items.unit_precision, units.unit_precision) as unit_precision,
    new_items.quantity,
    new_items.quantity_per_kit,
    new_items.net_amount,
    new_items.discount_amount,
    new_items.tax_amount,
    new_items.line_net_amount,
    new_items.line_quantity,
    new_items.unit_price,
    new_items.line_unit_price,
    new_items.line_promotion_amount,
    new_items.line_row_tax,
    0::numeric as claimed_quantity
from new_items
left join staging.stg_oro__product_units as units
    on new_items.product_id = units.product_id and new_items.unit_code = units.unit_code
union all
select
    kept.order_id,
    kept.order_item_id,
    kept.order_line_id,
    kept.kit_item_line_id,
    kept.position,
    kept.sku,
    kept.sku_key,
    kept.line_sku,
    kept.line_sku_key,
    kept.known_product_id as product_id,
    kept.known_line_product_id as line_product_id,
    kept.is_free_form,
    kept.unit_code,
    kept.line_unit_code,
    coalesce(
        kept.unit_precision,
        (
            select units.unit_precision
            from staging.stg_oro__product_units as units
            where units.product_id = kept.known_product_id and units.unit_code = kept.unit_code
        )
    ) as unit_precision,
    kept.quantity,
    kept.quantity_per_kit,
    kept.net_amount,
    kept.discount_amount,
    kept.tax_amount,
    kept.line_net_amount,
    kept.line_quantity,
    kept.unit_price,
    kept.line_unit_price,
    kept.line_promotion_amount,
    kept.line_row_tax,
    coalesce(
        (
            select upper(claims.units)
            from ledger.claims as claims
            where claims.item_number = kept.item_number
            order by lower(claims.units) desc
            limit 1
        ),
        0
    ) as claimed_quantity
from kept_items as kept
