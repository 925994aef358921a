"""What an audit reads from both systems into its private database, and what the rules say of every order in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from rebound_oro_pipeline.clients.errors import Forbidden
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping
from rebound_oro_pipeline.contracts.window import ALWAYS, Window
from rebound_oro_pipeline.services.land_oro_inventory_levels import land_levels_of
from rebound_oro_pipeline.services.land_oro_orders import land_orders_created, land_oro_orders
from rebound_oro_pipeline.services.land_oro_products import land_products_of
from rebound_oro_pipeline.services.land_rebound_returns import land_rebound_returns
from rebound_oro_pipeline.services.private_database import analyse_landed
from rebound_oro_pipeline.sqlmodels.build import Builder
from rebound_oro_pipeline.sqlmodels.graph import ancestors
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.warehouse import reference, statements
from rebound_oro_pipeline.warehouse.landed import Goods, goods_at_hand

RUN = "audit"

_SQL = statements.load("audit_landing")
_PROBED_AT = datetime.min.replace(tzinfo=UTC)
_PROBES = Window(_PROBED_AT, _PROBED_AT + timedelta(seconds=1))
"""When probes are registered: at a moment at which nothing else was."""


def land_everything(
    conn: psycopg.Connection[Any],
    rebound: ReboundClient,
    oro: OroClient,
    window: Window,
    *,
    policy: Policy,
    mapping: ReboundMapping,
    now: datetime,
    with_subtotals: bool,
    all_orders: bool,
    say: Callable[[str], None],
) -> None:
    """Land the window's returns, their orders and (`all_orders`) those created in it, and the goods on all of them.

    Both systems are only read. What may not be viewed of the goods is a gap by itself, so it is passed over. Raises the
    errors of the clients otherwise.
    """
    stamp: dict[str, Any] = {"now": now, "run_id": RUN}
    say("reading returns from ReBound")
    land_rebound_returns(rebound, conn, window, mapping, **stamp)
    say("reading the orders of these returns from OroCommerce")
    land_oro_orders(oro, conn, ALWAYS, policy, with_subtotals=with_subtotals, **stamp)
    if all_orders:
        say("reading the other orders of the window from OroCommerce")
        land_orders_created(oro, conn, window, with_subtotals=with_subtotals, **stamp)
    say("reading products and stock levels from OroCommerce")
    goods = _goods(conn)
    with suppress(Forbidden):
        land_products_of(oro, conn, goods, **stamp)
    with suppress(Forbidden):
        land_levels_of(oro, conn, goods.product_ids, **stamp)
    analyse_landed(conn)
    conn.commit()


def ask_rules_about_orders(
    conn: psycopg.Connection[Any], models: Models, policy: Policy, *, now: datetime
) -> None:
    """Keep what the rules say of every landed order, in the temporary table audit_orders."""
    with _probes(conn):
        probe_policy = policy.model_copy(update={"order_reference": ("externalId",)})
        version = reference.save_policy(conn, probe_policy.document())
        build_upto(
            conn,
            models,
            "intermediate.int_return_lines_gated",
            {**parameters(version, now), **_PROBES.bounds},
        )
        answers = conn.execute(_SQL["probe_answers"]).fetchall()
    conn.execute(_SQL["make_orders"])
    with conn.cursor() as cursor, cursor.copy(_SQL["copy_orders"]) as copy:
        for answer in answers:
            copy.write_row(answer)
    conn.execute("analyze audit_orders")
    conn.commit()


def parameters(policy_version: int, now: datetime) -> dict[str, object]:
    """Return the parameters of a decision about everything that is there."""
    return {
        **ALWAYS.bounds,
        "decided_at": now,
        "policy_version": policy_version,
        "decision_id": 1,
        "run_id": RUN,
    }


def build_upto(
    conn: psycopg.Connection[Any], models: Models, relation: str, values: dict[str, object]
) -> None:
    """Build a relation and all it is made of, as a decision would, without deciding anything."""
    wanted = ancestors(models, relation) | {relation}
    Builder(conn, models).build_all((models[each] for each in models if each in wanted), values)


@contextmanager
def _probes(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """Put a return of every order into the database, for the time of the block."""
    with conn.transaction(force_rollback=True):
        for name in ("probe_orders", "probe_returns", "probe_lines", "probe_releases"):
            conn.execute(_SQL[name], {"registered_at": _PROBED_AT})
        yield


def _goods(conn: psycopg.Connection[Any]) -> Goods:
    """Return the goods on all landed orders, and the SKUs that came back besides."""
    with _probes(conn):
        goods = goods_at_hand(conn, ALWAYS)
    conn.commit()
    return goods
