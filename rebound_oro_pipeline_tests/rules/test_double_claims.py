"""No unit is credited twice, not even by two runs at the same moment: the database itself refuses."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.decide import decide
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.rules.deciding import DECIDED_AT
from rebound_oro_pipeline_tests.rules.sql_runner import land
from rebound_oro_pipeline_tests.services.operators_shop import a_return, open_shop, order

CLAIM_AGAIN = """
insert into ledger.claims
select (jsonb_populate_record(claims, jsonb_build_object(
    'return_id', %(return_id)s::text, 'units', %(units)s::text, 'received_units', 1
))).*
from ledger.claims as claims
where claims.return_id = 'R1'
"""


@pytest.fixture
def shop(conn: psycopg.Connection) -> psycopg.Connection:
    """One shirt of three came back and is credited: the claim is [0, 1)."""
    open_shop(conn, [order()], [a_return("R1")])
    return conn


@pytest.mark.parametrize("units", ["[0,1)", "[0,3)", "[2,4)", "[3,4)", "[-1,0)"])
def test_a_claim_on_taken_units_or_beyond_the_order_is_refused(shop: psycopg.Connection, units: str) -> None:
    with pytest.raises(psycopg.errors.IntegrityError):
        shop.execute(CLAIM_AGAIN, {"return_id": "R2", "units": units})


def test_of_two_transactions_that_claim_the_same_unit_one_is_refused(
    shop: psycopg.Connection, database_url: str
) -> None:
    """The second waits until the first has committed, and is then told."""
    with (
        connect(database_url) as first,
        connect(database_url) as second,
        ThreadPoolExecutor(1) as pool,
    ):
        first.execute(CLAIM_AGAIN, {"return_id": "R2", "units": "[1,2)"})
        waiting = pool.submit(second.execute, CLAIM_AGAIN, {"return_id": "R3", "units": "[1,2)"})
        try:
            _until_it_waits(shop, second.info.backend_pid)
        finally:
            first.commit()
        with pytest.raises(psycopg.errors.IntegrityError):
            waiting.result(timeout=10)
        second.rollback()
    assert shop.execute("select return_id from ledger.claims order by units").fetchall() == [("R1",), ("R2",)]


def test_two_decisions_at_once_on_one_order_credit_no_unit_twice(
    shop: psycopg.Connection, database_url: str
) -> None:
    """Five days return two shirts each of the two that are left; the days are decided side by side."""
    first_day = datetime(2026, 11, 2, tzinfo=UTC)
    days = [first_day + timedelta(days=day) for day in range(5)]
    land(
        shop,
        [],
        [a_return(f"D{day:%d}", {"quantity": "2"}, date_added=f"{day:%Y-%m-%dT%H:%M:%SZ}") for day in days],
    )
    [(version,)] = shop.execute("select max(policy_version) from reference.policies").fetchall()
    shop.commit()
    together = threading.Barrier(len(days))

    def decide_day(day: datetime) -> Any:
        with connect(database_url) as conn:
            together.wait(10)
            return decide(
                conn,
                models(),
                Window(day, day + timedelta(days=1)),
                policy_version=version,
                decided_at=DECIDED_AT,
                run_id=str(day),
            )

    with ThreadPoolExecutor(len(days)) as pool:
        decisions = list(pool.map(decide_day, days))
    assert sum(decision.notes for decision in decisions) in (1, 2)
    claims = shop.execute("select sum(upper(units) - lower(units)), count(*) from ledger.claims").fetchone()
    assert claims is not None
    assert claims[0] == 3
    places = dict(
        shop.execute(
            "select destination, sum(quantity) from marts.return_line_destinations"
            " where registered_at >= %s group by destination",
            (first_day,),
        ).fetchall()
    )
    assert places == {"credited": 2, "quarantined": 8}


def _until_it_waits(conn: psycopg.Connection, process: int) -> None:
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        conn.rollback()
        if conn.execute("select 1 where cardinality(pg_blocking_pids(%s)) > 0", (process,)).fetchone():
            return
    raise AssertionError("the second claim does not wait for the first")
