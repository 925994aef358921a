"""Landing: what ReBound and OroCommerce say, read over HTTP into the landing tables."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.defs.failures import named_failure
from rebound_oro_pipeline.defs.figures import ROWS, add_by_day, documents, of_run
from rebound_oro_pipeline.defs.partitions import window_of
from rebound_oro_pipeline.defs.resources import OroCommerce, ReBound, Warehouse
from rebound_oro_pipeline.defs.tables import comments, table_metadata
from rebound_oro_pipeline.services.figures_by_day import returns_by_day
from rebound_oro_pipeline.services.land_oro_inventory_levels import land_oro_inventory_levels
from rebound_oro_pipeline.services.land_oro_orders import land_oro_orders
from rebound_oro_pipeline.services.land_oro_products import land_oro_products
from rebound_oro_pipeline.services.land_rebound_returns import land_rebound_returns
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.warehouse.landing import Landed

OWNER = "team:data"

READING = "oro_reading"
"""Pool of the steps that read OroCommerce: so many run beside each other as the pool has slots (one, by default)."""

STALE_AFTER = timedelta(hours=36)
"""A day, and half of one for whoever mends what kept it. Any day that is run makes an asset fresh, so a check looks
for yesterday's besides."""

TRIES = 3
"""A read may be repeated at will."""


def build_landing(partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Return the steps that read the two systems; each takes a day or a range of days in one run."""
    shared: dict[str, Any] = {
        "partitions_def": partitions,
        "backfill_policy": dg.BackfillPolicy.single_run(),
    }

    @dg.multi_asset(
        specs=_specs("rebound", "rebound_returns", "rebound_return_lines"),
        pool="rebound_api",
        **shared,
    )
    def read_rebound_returns(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        rebound: dg.ResourceParam[ReBound],
        settings: dg.ResourceParam[Settings],
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Ask ReBound which returns were registered in the window, and read each document."""
        with (
            named_failure(context, tries=TRIES),
            rebound.client() as client,
            warehouse.connect("landing") as conn,
        ):
            landed = land_rebound_returns(
                client,
                conn,
                window_of(context),
                wiring.rebound_mapping(settings),
                now=datetime.now(UTC),
                run_id=context.run.run_id,
            )
            days = returns_by_day(conn, window_of(context))
        add_by_day(
            context, "landing.rebound_returns", {day: {ROWS: count} for day, (count, _) in days.items()}
        )
        add_by_day(
            context, "landing.rebound_return_lines", {day: {ROWS: count} for day, (_, count) in days.items()}
        )
        yield from _results(context, landed)

    @dg.multi_asset(
        specs=_specs(
            "orocommerce",
            "oro_orders",
            "oro_order_lines",
            "oro_order_kit_items",
            "oro_order_subtotals",
            after=("rebound_returns",),
        ),
        pool=READING,
        **shared,
    )
    def read_oro_orders(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        oro: dg.ResourceParam[OroCommerce],
        settings: dg.ResourceParam[Settings],
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Fetch the orders by the references of the returns, many in one request."""
        with (
            named_failure(context, tries=TRIES),
            oro.client() as client,
            warehouse.connect("landing") as conn,
        ):
            landed = land_oro_orders(
                client,
                conn,
                window_of(context),
                wiring.policy(settings),
                now=datetime.now(UTC),
                run_id=context.run.run_id,
                with_subtotals=settings.oro_subtotals,
            )
        yield from _results(context, landed)

    @dg.multi_asset(
        specs=_specs(
            "orocommerce",
            "oro_products",
            "oro_product_units",
            after=("rebound_return_lines", "oro_order_lines", "oro_order_kit_items"),
        ),
        pool=READING,
        **shared,
    )
    def read_oro_products(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        oro: dg.ResourceParam[OroCommerce],
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Fetch the products that the returns and their orders name."""
        with (
            named_failure(context, tries=TRIES),
            oro.client() as client,
            warehouse.connect("landing") as conn,
        ):
            landed = land_oro_products(
                client, conn, window_of(context), now=datetime.now(UTC), run_id=context.run.run_id
            )
        yield from _results(context, landed)

    @dg.multi_asset(
        specs=_specs(
            "orocommerce",
            "oro_inventory_levels",
            after=("oro_products",),
        ),
        pool=READING,
        **shared,
    )
    def read_oro_inventory_levels(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        oro: dg.ResourceParam[OroCommerce],
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Fetch one level per product and unit."""
        with (
            named_failure(context, tries=TRIES),
            oro.client() as client,
            warehouse.connect("landing") as conn,
        ):
            landed = land_oro_inventory_levels(
                client, conn, window_of(context), now=datetime.now(UTC), run_id=context.run.run_id
            )
        yield from _results(context, landed)

    return [read_rebound_returns, read_oro_orders, read_oro_products, read_oro_inventory_levels]


def _specs(kind: str, *names: str, after: tuple[str, ...] = ()) -> list[dg.AssetSpec]:
    return [
        dg.AssetSpec(
            ["landing", name],
            deps=[["landing", upstream] for upstream in after],
            description=comments()[f"landing.{name}"],
            group_name="landing",
            kinds={kind, "postgres"},
            owners=[OWNER],
            metadata=table_metadata(f"landing.{name}"),
            freshness_policy=dg.FreshnessPolicy.time_window(fail_window=STALE_AFTER),
        )
        for name in names
    ]


def _results(context: dg.AssetExecutionContext, landed: Landed) -> Iterator[dg.MaterializeResult[None]]:
    for key in sorted(context.selected_asset_keys):
        yield dg.MaterializeResult(asset_key=key, metadata=of_run(context, documents(landed)))
