"""Reconciliation: what OroCommerce holds, read back, against what the ledger says."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import psycopg

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.defs.failures import named_failure
from rebound_oro_pipeline.defs.imports import uninterrupted
from rebound_oro_pipeline.defs.keys import key_of
from rebound_oro_pipeline.defs.models import spec_of
from rebound_oro_pipeline.defs.resources import OroCommerce, Warehouse
from rebound_oro_pipeline.defs.tables import table_metadata
from rebound_oro_pipeline.services.reconcile_credit_notes import reconcile_credit_notes
from rebound_oro_pipeline.services.reconcile_inventory import land_sales, reconcile_inventory
from rebound_oro_pipeline.services.sync_health import Figure, discrepancies, figures, record_sightings
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.sqlmodels.model import Models, Origins

NOTES = dg.AssetKey(["reconciliation", "credit_notes"])
LEVELS = dg.AssetKey(["reconciliation", "inventory"])

NOTES_AT_FAULT = (
    "note_not_ours",
    "note_missing_in_oro",
    "note_unexpected_in_oro",
    "note_twice_in_oro",
    "note_order_differs",
    "note_amounts_differ",
    "note_lines_differ",
    "note_unreadable_in_oro",
)
"""Kinds of discrepancies that someone has to look at; other notes are equal, on their way, or known."""
LEVELS_AT_FAULT = ("level_books_differ",)
DISCREPANCIES = "reconciliation.discrepancies"
SYNC_HEALTH = "reconciliation.sync_health"
BY_KIND = {
    "reconciliation.changed_dispositions": "disposition_changed_after_credit",
    "reconciliation.changed_order_lines": "order_line_changed_after_credit",
    "reconciliation.changed_orders": "order_changed_after_credit",
    "reconciliation.order_lines_credited_on_both": "order_line_credited_on_both",
    "reconciliation.orders_not_credited_in_full": "order_not_credited_in_full",
    "reconciliation.overwritten_sales": "level_sale_overwritten",
}
"""What is worked out on the way, and the kind of discrepancy that each of its rows is."""
SHOWN = 100
"""Discrepancies in the preview."""


def build_reconciliation(models: Models, origins: Mapping[str, Origins]) -> list[dg.AssetsDefinition]:
    """Return what is read back, credit notes and stock levels, and what is worked out of it, with their checks."""

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
                description="Every note once, with equal amounts, lines and order; none that is not to be there.",
            )
        ],
    )
    def credit_notes(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        oro: dg.ResourceParam[OroCommerce],
        settings: dg.ResourceParam[Settings],
    ) -> Iterator[dg.MaterializeResult[None]]:
        with named_failure(context), oro.client() as client, warehouse.connect("reconcile") as conn:
            reconciled = reconcile_credit_notes(client, conn, names=wiring.credit_note_names(settings))
            is_open = _open(conn, NOTES_AT_FAULT)
        yield _result(reconciled.read, reconciled.findings, "oro_holds_what_was_decided", is_open)

    @dg.asset(
        key=LEVELS,
        metadata=table_metadata("reconciliation.inventory"),
        deps=[["push", "oro_inventory_levels"], ["ledger", "inventory_deltas"]],
        group_name="reconciliation",
        kinds={"orocommerce", "python"},
        owners=["team:ops"],
        description="Units decided for each stock level beside the units written to it, and the level as it is now. "
        "Where one fell, or a write of one waited, the orders that changed are read, too.",
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
        settings: dg.ResourceParam[Settings],
    ) -> Iterator[dg.MaterializeResult[None]]:
        with named_failure(context), oro.client() as client, warehouse.connect("reconcile") as conn:
            reconciled = reconcile_inventory(client, conn)
            land_sales(
                client,
                conn,
                wiring.policy(settings),
                run_id=context.run.run_id,
                with_subtotals=settings.oro_subtotals,
            )
            is_open = _open(conn, LEVELS_AT_FAULT)
        yield _result(reconciled.read, reconciled.findings, "levels_took_what_was_decided", is_open)

    return [credit_notes, inventory, *_comparison(models, origins)]


def _comparison(models: Models, origins: Mapping[str, Origins]) -> list[dg.AssetsDefinition]:
    """Return what is worked out of the readings: discrepancies, and the figures of sync health."""
    specs = [spec_of(model, None, origins[model.relation]) for model in models.of_step("reconciliation")]

    @dg.multi_asset(
        name="compared",
        specs=[spec.merge_attributes(deps=[NOTES, LEVELS]) for spec in specs],
        check_specs=[
            dg.AssetCheckSpec(
                "the_systems_agree",
                asset=key_of(DISCREPANCIES),
                description="No discrepancy between ReBound, our books and OroCommerce that nobody took note of.",
            )
        ],
    )
    def compared(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Compare what was read with what was decided, and take the figures of this moment."""
        with uninterrupted():
            from rebound_oro_pipeline.warehouse.frames import as_markdown, frame_of  # noqa: PLC0415 - pandas is slow to load

        with named_failure(context), warehouse.connect("reconcile") as conn:
            record_sightings(conn)
            found, measured = discrepancies(conn), figures(conn)
        counts = Counter(each.kind for each in found)
        is_open = [each for each in found if not each.is_acknowledged]
        for relation, kind in BY_KIND.items():
            yield dg.MaterializeResult(
                asset_key=key_of(relation), metadata={"dagster/row_count": counts[kind]}
            )
        yield dg.MaterializeResult(
            asset_key=key_of(DISCREPANCIES),
            metadata={
                "dagster/row_count": len(found),
                **counts,
                "acknowledged": len(found) - len(is_open),
                "open now": dg.MetadataValue.md(as_markdown(frame_of(is_open[:SHOWN]))),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="the_systems_agree",
                    passed=not is_open,
                    severity=dg.AssetCheckSeverity.ERROR,
                    metadata=dict(Counter(each.kind for each in is_open)),
                )
            ],
        )
        yield dg.MaterializeResult(
            asset_key=key_of(SYNC_HEALTH),
            # Plots need floats; nothing is ever computed from them.
            metadata={_name(each): float(each.value) for each in measured},
        )

    return [compared]


def _name(figure: Figure) -> str:
    return f"{figure.figure.replace('_', ' ')}{', ' if figure.label else ''}{figure.label}"


def _open(conn: psycopg.Connection[Any], kinds: Collection[str]) -> Mapping[str, int]:
    """Count, by kind, the discrepancies that nobody took note of."""
    return Counter(each.kind for each in discrepancies(conn, kinds=kinds) if not each.is_acknowledged)


def _result(
    read: int, findings: Mapping[str, int], check: str, faults: Mapping[str, int]
) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(
        metadata={"read": read, "read at": datetime.now(UTC).isoformat(), **findings},
        check_results=[dg.AssetCheckResult(check_name=check, passed=not faults, metadata=dict(faults))],
    )
