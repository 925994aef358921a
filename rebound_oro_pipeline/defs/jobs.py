"""Jobs: what is run together, by the executor of all (`executors`).

By default that is the run's own process: the steps are SQL and HTTP, and a process each would only cost.
"""

from typing import TYPE_CHECKING

import dagster as dg

from rebound_oro_pipeline.defs.models import STEP

if TYPE_CHECKING:  # Dagster gives these no public name
    from typing import TypeAlias

    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

    Job: TypeAlias = UnresolvedAssetJobDefinition | dg.JobDefinition

RETURNS = "returns"
PUSH = "push_credit_notes"
PUSH_STOCK = "push_inventory_levels"
RECONCILE = "reconcile"
OFFER = "offer_returnable_items"
PUSH_OFFERS = "push_rebound_orders"
FOLLOW_UP = "follow_up"
OPEN_RETURNS = "open_returns"
CATCH_UP = "catch_up"
CATALOGUE = "catalogue"


def build_jobs() -> "list[UnresolvedAssetJobDefinition]":
    """Return the jobs; `returns` takes a day, or a range of days in a single run."""
    offered = dg.AssetSelection.tag(STEP, "offers")
    decided = (
        dg.AssetSelection.groups("landing", "staging", "intermediate", "ledger", "marts") - offered
    ) | dg.AssetSelection.assets(["outbox", "messages"])
    return [
        dg.define_asset_job(
            RETURNS,
            selection=decided,
            description="Land the returns registered in a day (or a range of days) and their orders, and decide them.",
        ),
        dg.define_asset_job(
            PUSH,
            selection=dg.AssetSelection.assets(["push", "oro_credit_notes"]),
            tags={"oro/push": "credit_notes"},
            description="Send the credit notes that wait in the outbox to OroCommerce.",
        ),
        dg.define_asset_job(
            PUSH_STOCK,
            selection=dg.AssetSelection.assets(["push", "oro_inventory_levels"]),
            tags={"oro/push": "inventory_levels"},
            description="Write the stock movements that wait in the outbox to OroCommerce's levels.",
        ),
        dg.define_asset_job(
            OFFER,
            selection=offered,
            description="Read the orders that changed, and find what of them may come back.",
        ),
        dg.define_asset_job(
            PUSH_OFFERS,
            selection=dg.AssetSelection.assets(["push", "rebound_orders"]),
            tags={"rebound/push": "orders"},
            description="Tell ReBound of the orders whose returnable items changed.",
        ),
        dg.define_asset_job(
            RECONCILE,
            selection=dg.AssetSelection.groups("reconciliation"),
            description="Read back what OroCommerce holds and compare it with the ledger.",
        ),
    ]
