"""Offers: orders that changed are read, and what of them may come back is worked out; the push tells ReBound."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.defs.failures import named_failure
from rebound_oro_pipeline.defs.figures import documents
from rebound_oro_pipeline.defs.imports import uninterrupted
from rebound_oro_pipeline.defs.keys import key_of
from rebound_oro_pipeline.defs.landing import OWNER, STALE_AFTER, TRIES
from rebound_oro_pipeline.defs.models import STEP, check_result, check_spec, spec_of
from rebound_oro_pipeline.defs.resources import OroCommerce, Warehouse
from rebound_oro_pipeline.defs.tables import comments, table_metadata
from rebound_oro_pipeline.services.land_changed_oro_orders import land_changed_oro_orders
from rebound_oro_pipeline.services.offer_returnable_items import (
    OfferRefused,
    checks_of_offers,
    offer_returnable_items,
)
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.sqlmodels.model import Models, Origins

CHANGED_ORDERS = "landing.watermarks"
UNOFFERED = "marts.unoffered_returns"
SHOWN = timedelta(days=30)
"""How far back the preview of unoffered returns goes."""


def build_offers(models: Models, origins: Mapping[str, Origins]) -> list[dg.AssetsDefinition]:
    """Return the reading of changed orders and the step that makes offers. Neither has partitions."""
    checks = checks_of_offers(models)

    @dg.asset(
        key=key_of(CHANGED_ORDERS),
        metadata=table_metadata(CHANGED_ORDERS),
        group_name="landing",
        kinds={"orocommerce", "postgres"},
        owners=[OWNER],
        tags={STEP: "offers"},
        description=comments()[CHANGED_ORDERS],
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=STALE_AFTER),
    )
    def read_changed_oro_orders(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        oro: dg.ResourceParam[OroCommerce],
        settings: dg.ResourceParam[Settings],
    ) -> dg.MaterializeResult[None]:
        with (
            named_failure(context, tries=TRIES),
            oro.client() as client,
            warehouse.connect("landing") as conn,
        ):
            changed = land_changed_oro_orders(
                client,
                conn,
                wiring.policy(settings),
                now=datetime.now(UTC),
                run_id=context.run.run_id,
                with_subtotals=settings.oro_subtotals,
            )
        asked = {"by": changed.field, "since": changed.since.isoformat(), "until": changed.until.isoformat()}
        return dg.MaterializeResult(metadata={**documents(changed.landed), **asked})

    @dg.multi_asset(
        name="returnable_items_offered",
        specs=[
            spec_of(model, None, origins[model.relation]).merge_attributes(
                deps=_after_reading(model.relation)
            )
            for model in models.of_step("offers")
        ],
        check_specs=[check_spec(check) for check in checks],
    )
    def offer(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        settings: dg.ResourceParam[Settings],
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        """Work out what may come back of the orders that changed, and enqueue what ReBound has to be told."""
        with uninterrupted():
            from rebound_oro_pipeline.warehouse.frames import as_markdown, rows_of  # noqa: PLC0415 - pandas is slow to load

        now = datetime.now(UTC)
        if not wiring.policy(settings).offer.enabled:
            raise dg.Failure(
                "The policy says offer.enabled: false, so nothing is offered. Set it to true, or switch the schedule "
                "returnable_items off.",
                allow_retries=False,
            )
        with named_failure(context), warehouse.connect("offers") as conn:
            policy_version = wiring.save_policy(settings, conn)
            conn.commit()
            try:
                offering = offer_returnable_items(
                    conn,
                    models,
                    policy_version=policy_version,
                    decided_at=now,
                    run_id=context.run.run_id,
                )
            except OfferRefused as refused:
                yield from map(check_result, refused.checks)
                raise dg.Failure(str(refused)) from refused
        if offering.counts.without_reference:
            context.log.warning(
                "%s dispatched orders are not offered: under no field of the policy's order_reference can they be told "
                "from other orders",
                offering.counts.without_reference,
            )
        with warehouse.connect("preview") as conn:
            preview = as_markdown(rows_of(conn, UNOFFERED, Window(now - SHOWN, now)))
        for model in models.of_step("offers"):
            built = offering.built.get(model.relation)
            metadata: dict[str, Any] = {}
            if built is not None:
                metadata = {"rows written": built.rows_written, "seconds": round(built.seconds, 4)}
            if model.relation == "ledger.offers":
                metadata |= asdict(offering.counts)
            if model.relation == UNOFFERED:
                metadata["last 30 days"] = dg.MetadataValue.md(preview)
            yield dg.MaterializeResult(asset_key=key_of(model.relation), metadata=metadata)
        yield from map(check_result, offering.checks)

    return [read_changed_oro_orders, offer]


def _after_reading(relation: str) -> list[dg.AssetDep]:
    first = "intermediate.int_orders_touched"
    return [dg.AssetDep(key_of(CHANGED_ORDERS))] if relation == first else []
