/*
Lines of orders that changed in OroCommerce after the order was first credited: the figures that were kept beside those that
last landed. A line that was added or removed has one side only. Letter case of a SKU is no change: it matches all the same.

materialized: view
step: reconciliation
grain: order_id, order_line_id
owner: finance
columns:
    kept_amount: what the line cost when the order was first credited, after its own discounts and with its tax; null where
        the line was not there, or changed before its prices were kept
    landed_amount: the same as the order last landed
    changes: what changed, in words
*/
with

orders as (
    select
        kept.order_id,
        kept.order_identifier,
        kept.currency,
        kept.digits,
        kept.prices_include_tax,
        landed.landed_at
    from ledger.orders as kept
    inner join landing.oro_orders as landed on kept.order_id = landed.order_id
    where kept.document_hash <> landed.document_hash
),

kept_lines as (
    select
        items.order_id,
        items.order_line_id,
        min(items.line_sku) as sku,
        min(items.line_sku_key) as sku_key,
        min(items.line_unit_code) as unit_code,
        min(items.line_quantity) as quantity,
        min(items.line_unit_price) as unit_price,
        min(items.line_promotion_amount) as promotion_amount,
        min(items.line_row_tax) as row_tax,
        string_agg(
            format(
                '%%s (%%s %%s at %%s)',
                items.sku_key,
                trim_scale(items.quantity_per_kit),
                items.unit_code,
                trim_scale(items.unit_price)
            ),
            ', '
            order by length(items.kit_item_line_id), items.kit_item_line_id
        ) filter (where items.kit_item_line_id is not null) as components
    from orders
    inner join ledger.order_items as items on orders.order_id = items.order_id
    group by items.order_id, items.order_line_id
),

landed_kits as (
    select
        components.order_id,
        components.order_line_id,
        string_agg(
            format(
                '%%s (%%s %%s at %%s)',
                components.sku_key,
                trim_scale(components.quantity_per_kit),
                components.unit_code,
                trim_scale(components.unit_price)
            ),
            ', '
            order by length(components.kit_item_line_id), components.kit_item_line_id
        ) as components
    from orders
    inner join staging.stg_oro__order_kit_items as components on orders.order_id = components.order_id
    where components.quantity_per_kit > 0
    group by components.order_id, components.order_line_id
),

landed_lines as (
    select
        lines.order_id,
        lines.order_line_id,
        lines.sku,
        lines.sku_key,
        lines.unit_code,
        lines.quantity,
        lines.unit_price,
        lines.promotion_amount,
        lines.row_total_including_tax - lines.row_total_excluding_tax as row_tax,
        kits.components
    from orders
    inner join staging.stg_oro__order_lines as lines on orders.order_id = lines.order_id
    left join landed_kits as kits on lines.order_id = kits.order_id and lines.order_line_id = kits.order_line_id
    where lines.quantity > 0
),

paired as (
    select
        orders.order_id,
        orders.order_identifier,
        orders.currency,
        orders.digits,
        orders.landed_at,
        coalesce(kept.order_line_id, landed.order_line_id) as order_line_id,
        kept.order_line_id is not null as was_there,
        landed.order_line_id is not null as is_there,
        kept.sku as kept_sku,
        landed.sku as landed_sku,
        kept.sku_key as kept_sku_key,
        landed.sku_key as landed_sku_key,
        kept.unit_code as kept_unit_code,
        landed.unit_code as landed_unit_code,
        kept.quantity as kept_quantity,
        landed.quantity as landed_quantity,
        kept.unit_price as kept_unit_price,
        landed.unit_price as landed_unit_price,
        kept.promotion_amount as kept_promotion_amount,
        landed.promotion_amount as landed_promotion_amount,
        kept.row_tax as kept_row_tax,
        landed.row_tax as landed_row_tax,
        kept.components as kept_components,
        landed.components as landed_components,
        -- Prices of lines that changed before this was kept cannot be compared.
        (kept.order_line_id is null or kept.unit_price is not null) as has_prices,
        round(
            kept.quantity * kept.unit_price
            - kept.promotion_amount
            + case when orders.prices_include_tax then 0 else kept.row_tax end,
            orders.digits
        ) as kept_amount,
        round(
            landed.quantity * landed.unit_price
            - landed.promotion_amount
            + case when orders.prices_include_tax then 0 else landed.row_tax end,
            orders.digits
        ) as landed_amount
    from kept_lines as kept
    full join landed_lines as landed
        on kept.order_id = landed.order_id and kept.order_line_id = landed.order_line_id
    inner join orders on coalesce(kept.order_id, landed.order_id) = orders.order_id
),

told as (
    select
        paired.*,
        case
            when not paired.was_there then 'was added'
            when not paired.is_there then 'was removed'
            else concat_ws(
                '; ',
                case
                    when paired.kept_sku_key is distinct from paired.landed_sku_key
                        then format(
                            'SKU %%s → %%s', coalesce(paired.kept_sku, 'none'), coalesce(paired.landed_sku, 'none')
                        )
                end,
                case
                    when
                        paired.kept_quantity <> paired.landed_quantity
                        or paired.kept_unit_code is distinct from paired.landed_unit_code
                        then format(
                            'quantity %%s → %%s',
                            concat_ws(' ', trim_scale(paired.kept_quantity), paired.kept_unit_code),
                            concat_ws(' ', trim_scale(paired.landed_quantity), paired.landed_unit_code)
                        )
                end,
                case
                    when paired.kept_unit_price <> paired.landed_unit_price
                        then format(
                            'unit price %%s → %%s',
                            trim_scale(paired.kept_unit_price),
                            trim_scale(paired.landed_unit_price)
                        )
                end,
                case
                    when paired.kept_promotion_amount <> paired.landed_promotion_amount
                        then format(
                            'discount %%s → %%s',
                            trim_scale(paired.kept_promotion_amount),
                            trim_scale(paired.landed_promotion_amount)
                        )
                end,
                case
                    when paired.kept_row_tax <> paired.landed_row_tax
                        then format(
                            'tax %%s → %%s', trim_scale(paired.kept_row_tax), trim_scale(paired.landed_row_tax)
                        )
                end,
                case
                    when paired.has_prices and paired.kept_components is distinct from paired.landed_components
                        then format(
                            'components %%s → %%s',
                            coalesce(paired.kept_components, 'none'),
                            coalesce(paired.landed_components, 'none')
                        )
                end
            )
        end as changes
    from paired
    where
        row(paired.kept_sku_key, paired.kept_quantity, paired.kept_unit_code)
        is distinct from row(paired.landed_sku_key, paired.landed_quantity, paired.landed_unit_code)
        or (
            paired.has_prices
            and row(
                paired.kept_unit_price, paired.kept_promotion_amount, paired.kept_row_tax, paired.kept_components
            ) is distinct from row(
                paired.landed_unit_price,
                paired.landed_promotion_amount,
                paired.landed_row_tax,
                paired.landed_components
            )
        )
)

select
    told.order_id,
    told.order_line_id,
    told.order_identifier,
    told.currency,
    told.digits,
    told.kept_sku,
    told.landed_sku,
    told.kept_quantity,
    told.landed_quantity,
    case when told.has_prices then told.kept_amount end as kept_amount,
    case when told.has_prices then told.landed_amount end as landed_amount,
    told.changes,
    told.landed_at
from told
