/*
Codes that stand for the same SKU by the aliases that operators keep, in both directions. To be read for single codes: without
conditions of its own, and a code is not listed with itself.

materialized: view
owner: ops
columns:
    same_sku_key: the SKU of which the code is an alias, an alias of it, or another alias of the same SKU
*/
select
    aliases.alias_key as sku_key,
    aliases.sku_key as same_sku_key
from reference.sku_aliases as aliases
union all
select
    aliases.sku_key,
    aliases.alias_key as same_sku_key
from reference.sku_aliases as aliases
union all
select
    aliases.alias_key as sku_key,
    others.alias_key as same_sku_key
from reference.sku_aliases as aliases
inner join reference.sku_aliases as others on aliases.sku_key = others.sku_key
