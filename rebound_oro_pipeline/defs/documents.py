"""Links: where the documentation explains an asset, and the file of the SQL model that gives it."""

from collections.abc import Iterator
from fnmatch import fnmatch

import dagster as dg

from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.sqlmodels.model import Models

SECTIONS = (
    ("inbox.*", "webhooks.md#what-becomes-of-it"),
    ("landing.malformed_documents", "rules.md#quarantine"),
    ("landing.rebound_*", "tour.md#1-rebound-says-that-something-came-back"),
    ("landing.watermarks", "rebound-orders.md#on-its-way"),
    ("landing.*", "tour.md#2-orocommerce-says-what-was-sold"),
    ("staging.*", "tour.md#3-the-text-becomes-typed-rows"),
    ("seeds.currencies", "rules.md#cutting-an-order"),
    ("seeds.discrepancy_kinds", "operations.md#reconciliation"),
    ("seeds.dispositions", "rules.md#stock"),
    ("seeds.quarantine_reasons", "operations.md#each-reason"),
    ("seeds.rebound_statuses", "rules.md#which-rule-comes-first"),
    ("seeds.return_reasons", "rules.md#fees-and-goodwill"),
    ("reference.operator_decisions", "operations.md#the-quarantine"),
    ("reference.sku_aliases", "rules.md#match"),
    ("reference.policies", "policy.md"),
    ("intermediate.int_polic*", "policy.md"),
    ("intermediate.int_order_references", "rules.md#match"),
    ("intermediate.int_order_matches", "rules.md#match"),
    ("intermediate.int_claim_candidates", "rules.md#match"),
    ("intermediate.int_*_gated", "rules.md#gate"),
    ("intermediate.int_claim*", "rules.md#clip"),
    ("intermediate.int_orders_explained", "rules.md#explaining-an-order"),
    ("intermediate.int_order_items", "rules.md#cutting-an-order"),
    ("intermediate.int_credit_*", "rules.md#cutting-an-order"),
    ("intermediate.int_return_line_values", "rules.md#cutting-an-order"),
    ("intermediate.int_return_line_outcomes", "rules.md#conserve"),
    ("intermediate.int_offer_*", "rules.md#offers"),
    ("intermediate.int_open_return_units", "rules.md#offers"),
    ("intermediate.int_orders_to*", "rules.md#offers"),
    ("intermediate.int_returnable_items", "rules.md#offers"),
    ("intermediate.*", "tour.md#4-the-return-is-decided"),
    ("ledger.decisions", "tour.md#4-the-return-is-decided"),
    ("ledger.claims", "rules.md#clip"),
    ("ledger.order*", "rules.md#explaining-an-order"),
    ("ledger.quarantine", "operations.md#the-quarantine"),
    ("ledger.holds", "operations.md#holds"),
    ("ledger.offers", "rules.md#offers"),
    ("marts.held_returns", "operations.md#holds"),
    ("marts.quarantined_exceptions", "operations.md#the-quarantine"),
    ("marts.validated_return_lines", "rules.md#which-rule-comes-first"),
    ("marts.return_line_destinations", "rules.md#conserve"),
    ("marts.returnable_items", "rules.md#offers"),
    ("marts.unoffered_returns", "rebound-orders.md#returns-that-were-not-offered"),
    ("*.inventory_deltas", "rules.md#stock"),
    ("*.credit_note_taxes", "rules.md#tax"),
    ("outbox.messages", "outbox.md#states-of-a-message"),
    ("outbox.circuits", "operations.md#sending"),
    ("outbox.level_writes", "outbox.md#stock-levels"),
    ("push.oro_credit_notes", "outbox.md#credit-notes"),
    ("push.oro_inventory_levels", "outbox.md#stock-levels"),
    ("push.refusals", "operations.md#sending"),
    ("*.rebound_orders", "outbox.md#offers-to-rebound"),
    ("reconciliation.*", "operations.md#reconciliation"),
    ("*.credit_note*", "rules.md#price"),
)
"""Which part of `docs/` explains a relation: the first pattern that fits."""


def with_links(models: Models, settings: Settings, spec: dg.AssetSpec) -> dg.AssetSpec:
    """Return the asset with links to its part of the documentation and to its SQL file.

    They are paths from the root of the repository, or URLs where the settings say at which one its files are read.
    """
    base = settings.source_url
    links = {
        name: dg.MetadataValue.url(f"{str(base).rstrip('/')}/{path}") if base else dg.MetadataValue.path(path)
        for name, path in _paths(models, ".".join(spec.key.path))
    }
    return spec.merge_attributes(metadata=links)


def _paths(models: Models, relation: str) -> Iterator[tuple[str, str]]:
    for pattern, section in SECTIONS:
        if fnmatch(relation, pattern):
            yield "docs", f"docs/{section}"
            break
    if relation in models:
        model = models[relation]
        yield "sql", "/".join(filter(None, ("dbt_like_sql", model.schema, model.source, model.path.name)))
