/*
The policy of this decision as one row of typed columns.

materialized: table
grain: policy_version
owner: finance
*/
select
    policies.policy_version,
    policies.order_reference,
    policies.first_retry_minutes,
    policies.longest_retry_minutes,
    policies.give_up_after_days,
    policies.milestone_position,
    policies.shipping,
    policies.duplicate_sku,
    policies.restocking_fee,
    policies.goodwill,
    policies.amount_depends_on_reason,
    policies.saleable_dispositions,
    policies.max_tax_rate,
    policies.tax_without_rows,
    policies.send_not_before
from intermediate.int_policies as policies
where policies.policy_version = %(policy_version)s
