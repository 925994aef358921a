"""Reconciliation: what OroCommerce holds, read back, against what the ledger says."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.defs.failures import named_failure
from rebound_oro_pipeline.defs.resources import OroCommerce, Warehouse
from rebound_oro_pipeline.defs.tables import table_metadata
from rebound_oro_pipeline.services.reconcile_credit_notes import reconcile_credit_notes
from rebound_oro_pipeline.services.reconcile_inventory import reconcile_inventory
from rebound_oro_pipeline.settings import Settings

NOTES = dg.AssetKey(["reconciliation", "credit_notes"])
LEVELS = dg.AssetKey(["reconciliation", "inventory"])

NOTES_AT_FAULT = (
    "not_ours",
    "missing_in_oro",
    "twice_in_oro",
    "order_differs",
    "amounts_differ",
    "lines_differ",
)
"""Findings that someone has to look at; the others are equal, or on their way."""
LEVELS_AT_FAULT = ("differs",)


def build_reconciliation() -> list[dg.AssetsDefinition]:
    """Return one asset for the credit notes and one for the stock levels, each with its check."""

    @dg.asset(
        key=NOTES,
        metadata=table_metadata("reconciliation.credit_notes"),
        deps=[["push", "oro_credit_notes"], ["ledger", "credit_notes"], ["ledger", "credit_note_lines"]],
        group_name="reconciliation",
        kinds={"orocommerce", "python"},
        owners=["team:finance"],
        description="Every decided note beside what OroCommerce holds of it, read back just now.",
        check_specs=[
            dg.AssetCheckSpec(
                "oro_holds_what_was_decided",
                asset=NOTES,
                description="Every note once, with equal amounts, lines and order; none that we did not decide.",
            )
        ],
    )
    def credit_notes(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        oro: dg.ResourceParam[OroCommerce],
    ) -> Iterator[dg.MaterializeResult[None]]:
        with named_failure(context), oro.client() as client, warehouse.connect("reconcile") as conn:
            reconciled = reconcile_credit_notes(client, conn, names=wiring.credit_note_names(Settings()))
        yield _result(reconciled.read, reconciled.findings, "oro_holds_what_was_decided", NOTES_AT_FAULT)

    @dg.asset(
        key=LEVELS,
        metadata=table_metadata("reconciliation.inventory"),
        deps=[["push", "oro_inventory_levels"], ["ledger", "inventory_deltas"]],
        group_name="reconciliation",
        kinds={"orocommerce", "python"},
        owners=["team:ops"],
        description="Units decided for each stock level beside the units written to it, and the level as it is now.",
        check_specs=[
            dg.AssetCheckSpec(
                "levels_took_what_was_decided",
                asset=LEVELS,
                description="What was confirmed for a level is what its writes added up to.",
            )
        ],
    )
    def inventory(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        oro: dg.ResourceParam[OroCommerce],
    ) -> Iterator[dg.MaterializeResult[None]]:
        with named_failure(context), oro.client() as client, warehouse.connect("reconcile") as conn:
            reconciled = reconcile_inventory(client, conn)
        yield _result(reconciled.read, reconciled.findings, "levels_took_what_was_decided", LEVELS_AT_FAULT)

    return [credit_notes, inventory]


def _result(
    read: int, findings: Mapping[str, int], check: str, at_fault: tuple[str, ...]
) -> dg.MaterializeResult[None]:
    faults = {finding: findings[finding] for finding in at_fault if findings.get(finding)}
    return dg.MaterializeResult(
        metadata={"read": read, "read at": datetime.now(UTC).isoformat(), **findings},
        check_results=[dg.AssetCheckResult(check_name=check, passed=not faults, metadata=dict(faults))],
    )
