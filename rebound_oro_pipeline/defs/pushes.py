"""Pushes: what waits in the outbox is sent to OroCommerce and ReBound. A second run changes nothing."""

from collections.abc import Mapping
from dataclasses import asdict

import dagster as dg

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.defs.failures import named_failure
from rebound_oro_pipeline.defs.resources import OroCommerce, ReBound, Warehouse
from rebound_oro_pipeline.defs.tables import table_metadata
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline.services.push_inventory_levels import push_inventory_levels
from rebound_oro_pipeline.services.push_rebound_orders import push_rebound_orders
from rebound_oro_pipeline.services.restore_in_stock import restore_by_policy
from rebound_oro_pipeline.services.sending import PushCounts, SendingRules
from rebound_oro_pipeline.settings import Settings

POOL = "oro_api"
"""One push at a time: a pool bounds what runs beside each other, and OroCommerce has no second brain to ask."""

REBOUND_POOL = "rebound_orders"
"""One push of offers at a time; reading returns goes on beside it."""

_MESSAGES = dg.AssetKey(["outbox", "messages"])


def build_pushes() -> list[dg.AssetsDefinition]:
    """Return the pushes. They have no partitions: a push sends all that is due, of whatever day."""

    @dg.asset(
        key=["push", "oro_credit_notes"],
        metadata=table_metadata("push.oro_credit_notes"),
        deps=[_MESSAGES],
        group_name="push",
        kinds={"orocommerce", "python"},
        owners=["team:finance"],
        pool=POOL,
        description="Credit notes created in OroCommerce, each proved by reading it back.",
    )
    def oro_credit_notes(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        oro: dg.ResourceParam[OroCommerce],
        settings: dg.ResourceParam[Settings],
    ) -> dg.MaterializeResult[None]:
        with named_failure(context), oro.client() as client:
            counts = push_credit_notes(
                client, warehouse.url(), run_id=context.run.run_id, names=wiring.credit_note_names(settings)
            )
        return _result(context, counts)

    @dg.asset(
        key=["push", "oro_inventory_levels"],
        metadata=table_metadata("push.oro_inventory_levels"),
        deps=[_MESSAGES],
        group_name="push",
        kinds={"orocommerce", "python"},
        owners=["team:ops"],
        pool=POOL,
        description="Stock levels raised by what came back saleable: read, recorded, written, read again.",
    )
    def oro_inventory_levels(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        oro: dg.ResourceParam[OroCommerce],
        settings: dg.ResourceParam[Settings],
    ) -> dg.MaterializeResult[None]:
        with named_failure(context), oro.client() as client:
            policy = wiring.policy(settings)
            counts = push_inventory_levels(client, warehouse.url(), run_id=context.run.run_id)
            restored = restore_by_policy(client, warehouse.url(), policy.stock, run_id=context.run.run_id)
        products = {"products in stock again": restored.restored} if restored else {}
        for product_id, words in (restored.refused if restored else {}).items():
            context.log.warning("product %s stays out of stock: %s", product_id, words)
        return _result(context, counts, products)

    @dg.asset(
        key=["push", "rebound_orders"],
        metadata=table_metadata("push.rebound_orders"),
        deps=[["outbox", "rebound_orders"]],
        group_name="push",
        kinds={"rebound", "python"},
        owners=["team:ops"],
        pool=REBOUND_POOL,
        description="Orders told to ReBound, with what may come back of them: the latest version of each.",
    )
    def rebound_orders(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        rebound: dg.ResourceParam[ReBound],
        settings: dg.ResourceParam[Settings],
    ) -> dg.MaterializeResult[None]:
        with named_failure(context), rebound.client() as client:
            counts = push_rebound_orders(
                client,
                warehouse.url(),
                wiring.rebound_mapping(settings),
                run_id=context.run.run_id,
                rules=SendingRules(workers=settings.rebound_connections),
            )
        return _result(context, counts)

    return [oro_credit_notes, oro_inventory_levels, rebound_orders]


def _result(
    context: dg.AssetExecutionContext, counts: PushCounts, others: Mapping[str, int] | None = None
) -> dg.MaterializeResult[None]:
    if counts.to_be_continued:
        context.log.warning(
            "to be continued: %s messages remain; %s", counts.remaining, counts.stopped_by or "due later"
        )
    return dg.MaterializeResult(
        metadata={
            **{name: value for name, value in asdict(counts).items() if isinstance(value, int)},
            **(others or {}),
            "stopped by": counts.stopped_by or "nothing",
        }
    )
