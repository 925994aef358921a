/*
How many of one unit of a product one of another is, as the catalogue says now, one row per product and two units. Units are
compared without regard to case; of several that differ in letters only, the first counts. To be read for single products:
without conditions of its own, because what has some can only be read whole.

materialized: view
owner: data
columns:
    rate: how many of the other unit one of this unit is
*/
select distinct on (units.product_id, lower(units.unit_code), lower(into_units.unit_code))
    units.product_id,
    lower(units.unit_code) as unit_key,
    lower(into_units.unit_code) as into_unit_key,
    units.conversion_rate / into_units.conversion_rate as rate
from staging.stg_oro__product_units as units
inner join staging.stg_oro__product_units as into_units on units.product_id = into_units.product_id
where into_units.conversion_rate > 0
order by units.product_id, lower(units.unit_code), lower(into_units.unit_code), units.unit_code, into_units.unit_code
