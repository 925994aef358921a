"""The sandbox's world: both systems' state under one home, its clock, and what it knows that neither API shows.

A home keeps its state; one that was made with other settings is made anew, and so it is on `reset`.
"""

from __future__ import annotations

import csv
import fcntl
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from rebound_oro_pipeline.sandbox.oro.store import OroStore
from rebound_oro_pipeline.sandbox.rebound.store import ReboundStore
from rebound_oro_pipeline.sandbox.scenario import Scenario, ScenarioSettings, build_scenario
from rebound_oro_pipeline.sandbox.scenario_records import OrderWriter, kit_product, simple_product, statuses
from rebound_oro_pipeline.sandbox.scenario_shares import OrderState

JsonObject = dict[str, Any]
ALIASES = "sku_aliases.csv"
"""File in the home with the aliases that operators know; some former SKUs are missing from it."""
_OWN_FILES = ("oro.sqlite3*", "rebound.sqlite3*", "sandbox.json", ALIASES)
_FORMAT = 1
"""Changes when scenarios of the same settings would come out differently."""


class HomeInUseError(Exception):
    """Another sandbox runs on this home."""


class World:
    """Both systems' state; `oro` and `rebound` are replaced on reset. Raises HomeInUseError."""

    def __init__(self, home: Path, settings: ScenarioSettings) -> None:
        self._lock = _lock(home)
        self._home = home
        self._settings = settings
        self._memory = home / "sandbox.json"
        if self._remembered().get("settings") != self._identity():
            self._make()
        self.oro = OroStore(home / "oro.sqlite3")
        self.rebound = ReboundStore(home / "rebound.sqlite3")
        self._kept: JsonObject = self._remembered()

    @property
    def settings(self) -> ScenarioSettings:
        """What the world is made of."""
        return self._settings

    @property
    def aliases(self) -> Path:
        """CSV file `alias,sku`."""
        return self._home / ALIASES

    @property
    def stock_before(self) -> Mapping[str, str]:
        """Stock levels as they were made: inventory level id → quantity."""
        levels: Mapping[str, str] = self._kept["stock"]
        return levels

    @property
    def order_states(self) -> Mapping[str, str]:
        """Order identifier → state as the scenario has it, whatever the release calls it."""
        states: Mapping[str, str] = self._kept["order_states"]
        return states

    def now(self) -> datetime:
        """Return the present: the scenario's end, and the hours that were advanced since."""
        return self._settings.until + timedelta(hours=self._kept["advanced_hours"])

    def advance(self, hours: float) -> None:
        """Move the present on; orders that are shipped later leave when their time has come."""
        if hours < 0:
            raise ValueError("time does not go back; reset the sandbox instead")
        self._kept["advanced_hours"] += hours
        self._dispatch()
        self._remember()

    def reset(self) -> None:
        """Make the world anew from its settings."""
        self._close_stores()
        self._make()
        self.oro = OroStore(self._home / "oro.sqlite3")
        self.rebound = ReboundStore(self._home / "rebound.sqlite3")
        self._kept = self._remembered()

    def close(self) -> None:
        """Close both stores and let go of the home."""
        self._close_stores()
        self._lock.close()

    def _close_stores(self) -> None:
        self.oro.close()
        self.rebound.close()

    def _identity(self) -> JsonObject:
        identity = asdict(self._settings)
        return {**identity, "until": self._settings.until.isoformat(), "format": _FORMAT}

    def _remembered(self) -> JsonObject:
        if not self._memory.exists():
            return {}
        remembered: JsonObject = json.loads(self._memory.read_text())
        return remembered

    def _remember(self) -> None:
        self._memory.write_text(json.dumps(self._kept))

    def _make(self) -> None:
        for name in _OWN_FILES:
            for path in self._home.glob(name):
                path.unlink()
        scenario = build_scenario(self._settings)
        with OroStore(self._home / "oro.sqlite3") as oro:
            late = _seed_shop(scenario, oro)
            stock = {str(level.id): level.attributes["quantity"] for level in oro.records("inventorylevels")}
        rebound = ReboundStore(self._home / "rebound.sqlite3")
        rebound.add_returns(scenario.returns)
        rebound.close()
        with self.aliases.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([("alias", "sku"), *scenario.catalogue.aliases()])
        self._kept = {
            "advanced_hours": 0,
            "late": late,
            "stock": stock,
            "order_states": {order.identifier: order.state for order in scenario.orders},
            "settings": self._identity(),
        }
        self._remember()

    def _dispatch(self) -> None:
        internal, shipping = statuses(OrderState.SHIPPED, 0, self._settings.profile)
        waiting = []
        for order_id, at in self._kept["late"]:
            if datetime.fromisoformat(at) > self.now():
                waiting.append([order_id, at])
                continue
            moment = datetime.fromisoformat(at).astimezone(UTC)
            self.oro.change(
                "orders",
                order_id,
                {"updatedAt": moment.strftime("%Y-%m-%dT%H:%M:%SZ")},
                {"internalStatus": internal, "shippingStatus": shipping},
            )
        self._kept["late"] = waiting


def _lock(home: Path) -> IO[str]:
    """Claim a home for this process, as long as the file is open."""
    home.mkdir(parents=True, exist_ok=True)
    lock = (home / "sandbox.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise HomeInUseError(
            f"another sandbox runs on {home}: stop `rebound-oro dev`, or what else runs it, first, or use another "
            "folder: set REBOUND_ORO_HOME, or --home of `rebound-oro sandbox`"
        ) from None
    return lock


def _seed_shop(scenario: Scenario, store: OroStore) -> list[tuple[str, str]]:
    """Fill the shop; return the orders that are shipped later, with the moment."""
    catalogue = scenario.catalogue
    customers = [store.add_customer({"name": customer.name}) for customer in catalogue.customers]
    simple = [product for product in catalogue.products if not product.parts]
    products = store.add_products(simple_product(product) for product in simple)
    kits = [product for product in catalogue.products if product.parts]
    products += store.add_products([kit_product(product, products) for product in kits])
    writer = OrderWriter(
        catalogue=catalogue,
        profile=scenario.settings.profile,
        until=scenario.settings.until,
        customer_ids=customers,
        product_ids=products,
        kit_item_ids={
            (item.relations["productKit"], item.attributes["sortOrder"]): str(item.id)
            for item in store.records("productkititems")
        },
    )
    ids = store.add_orders(writer.write(order) for order in scenario.orders)
    return [
        (order_id, order.dispatch_at.isoformat())
        for order_id, order in zip(ids, scenario.orders, strict=True)
        if order.dispatch_at is not None
    ]
