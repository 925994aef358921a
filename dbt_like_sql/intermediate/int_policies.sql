/*
Every policy that was ever in force as one row of typed columns; lists of statuses stay JSON, so that they can be asked
without being unpacked.

materialized: view
grain: policy_version
owner: finance
*/
select
    policies.policy_version,
    array(select jsonb_array_elements_text(policies.document -> 'order_reference')) as order_reference,
    policies.document #>> '{gate,partially_shipped}' as partially_shipped,
    policies.document #>> '{gate,when_status_missing}' as when_status_missing,
    policies.document #> '{gate,not_confirmed}' as not_confirmed_statuses,
    policies.document #> '{gate,cancelled}' as cancelled_statuses,
    policies.document #> '{gate,dispatched}' as dispatched_statuses,
    policies.document #> '{gate,confirmed}' as confirmed_statuses,
    (policies.document #>> '{gate,hold,first_retry_minutes}')::integer as first_retry_minutes,
    (policies.document #>> '{gate,hold,longest_retry_minutes}')::integer as longest_retry_minutes,
    (policies.document #>> '{gate,hold,give_up_after_days}')::integer as give_up_after_days,
    (
        select statuses.position
        from seeds.rebound_statuses as statuses
        where statuses.status = policies.document #>> '{credit,milestone}'
    ) as milestone_position,
    coalesce((policies.document #>> '{sla,credit_within_hours}')::integer, 72) as credit_within_hours,
    (policies.document #>> '{send,not_before}')::date as send_not_before,
    policies.document #>> '{credit,shipping}' as shipping,
    policies.document #>> '{credit,duplicate_sku}' as duplicate_sku,
    policies.document #> '{credit,restocking_fee}' as restocking_fee,
    policies.document #> '{credit,goodwill}' as goodwill,
    (
        policies.document #>> '{credit,shipping}' = 'by_reason'
        or (policies.document #> '{credit,restocking_fee}') - '*' <> '{}'
        or (policies.document #> '{credit,goodwill}') - '*' <> '{}'
    ) as amount_depends_on_reason,
    array(select jsonb_array_elements_text(policies.document #> '{stock,saleable}')) as saleable_dispositions,
    (policies.document #>> '{tax,max_rate}')::numeric as max_tax_rate,
    policies.document #>> '{tax,without_rows}' as tax_without_rows,
    (policies.document #>> '{offer,days_for_return}')::integer as days_for_return,
    policies.document #>> '{offer,partially_shipped}' as offer_partially_shipped,
    policies.document #>> '{offer,free_form_lines}' as free_form_lines,
    policies.document #> '{offer,non_returnable_skus}' as non_returnable_skus
from reference.policies as policies
