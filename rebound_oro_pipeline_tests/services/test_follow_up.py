"""A look that breaks off leaves what it did not finish to the next one; the sandbox answers over HTTP."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
import stamina

from rebound_oro_pipeline.clients.errors import ApiError
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.services import follow_up as service
from rebound_oro_pipeline.services.follow_up import (
    FollowedUp,
    Follower,
    catch_up,
    follow_history,
    follow_open_returns,
    follow_up,
)
from rebound_oro_pipeline.services.operate_quarantine import settle
from rebound_oro_pipeline.warehouse import follow_up as asked
from rebound_oro_pipeline.warehouse import inbox, reference
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.rules.deciding import DECIDED_AT
from rebound_oro_pipeline_tests.sandbox_process import UNTIL, Box, sandbox
from rebound_oro_pipeline_tests.services.operators_shop import (
    DEED,
    NOW,
    a_return,
    land,
    open_shop,
    order,
    quarantined,
    rules,
)

ASKED = datetime(UNTIL.year, UNTIL.month, UNTIL.day, 12, tzinfo=UTC)
Look = Callable[[Follower], FollowedUp]
Follow = Callable[[int, Look], FollowedUp]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with sandbox(tmp_path_factory.mktemp("shop"), orders=40, returns=12, days=4) as box:
        yield box


@pytest.fixture
def follow(box: Box, conn: psycopg.Connection[Any]) -> Follow:
    """Return what looks, an hour later with each number."""
    version = reference.save_policy(conn, Policy().document())
    conn.commit()

    def call(number: int, look: Look) -> FollowedUp:
        with (
            stamina.set_testing(testing=True),
            OroClient(box.oro_url, box.client_id, box.client_secret) as oro,
            ReboundClient(box.rebound_url, box.login, box.api_key) as rebound,
        ):
            return look(
                Follower(
                    oro=oro,
                    rebound=rebound,
                    conn=conn,
                    models=models(),
                    mapping=default_mapping(),
                    policy=Policy(),
                    policy_version=version,
                    now=ASKED + timedelta(hours=number),
                    run_id=f"run {number}",
                )
            )

    return call


def test_a_return_with_an_absurd_date_that_has_landed_stops_no_look(
    follow: Follow, conn: psycopg.Connection[Any]
) -> None:
    """Such a date is refused now; versions before took it, and no look at anything ended any more."""
    conn.execute(
        """
        insert into inbox.deliveries (source, event_id, received_at, headers, body, content_hash, processed_at,
            processed_by, outcome, document_id, registered_at)
        select 'rebound', registered_at::text, now(), '{}', '', '', now(), 'test', 'landed', 'R', registered_at
        from (
            select timestamptz '2026-11-01Z' + day * interval '1 day' from generate_series(1, 20) as day
            union all
            values (timestamptz '0001-01-01 00:00Z'), ('9999-12-31 23:59:59.999999Z')
        ) as moments (registered_at)
        """
    )
    conn.commit()
    found = follow(1, follow_up)
    assert found.occasions["webhooks"] == 22
    assert (found.days[0], found.days[-1]) == (date.min, date.max)
    assert not inbox.waiting(conn)


def test_a_notice_of_an_id_that_no_order_can_have_stops_no_look(
    follow: Follow, conn: psycopg.Connection[Any]
) -> None:
    """OroCommerce refuses the whole list of ids for it. Versions before took such a notice for one of an order."""
    notice = {"topic": "order.updated", "eventData": {"data": {"type": "orders", "id": "abc"}}}
    conn.execute(
        """
        insert into inbox.deliveries (source, event_id, received_at, headers, body, content_hash, processed_at,
            processed_by, outcome, document_id)
        values
            ('oro', 'new', now(), '{}', %(body)s, '', null, null, null, null),
            ('oro', 'old', now(), '{}', %(body)s, '', now(), 'test', 'order_changed', 'abc')
        """,
        {"body": json.dumps(notice).encode()},
    )
    conn.commit()
    follow(1, follow_up)
    assert not inbox.waiting(conn)


@pytest.mark.parametrize("look", [catch_up, follow_open_returns])
def test_what_landed_before_a_look_broke_off_is_decided_by_the_next_one(
    box: Box, conn: psycopg.Connection[Any], follow: Follow, look: Look
) -> None:
    if look is follow_open_returns:
        follow(0, catch_up)
        conn.execute("update landing.rebound_returns set document_hash = '', status = 'created'")
        conn.commit()
    box.control("faults", {"kind": "500", "system": "oro", "count": 100})
    with pytest.raises(ApiError):
        follow(1, look)
    conn.rollback()
    box.clear_faults()
    landed = conn.execute(
        "select count(distinct registered_at) from landing.rebound_returns where landed_by = 'run 1'"
    ).fetchone()
    assert landed is not None
    assert landed[0] > 0
    again = follow(2, look)
    assert (
        sum(again.occasions[name] for name in ("missed", "changed") if name in again.occasions) >= landed[0]
    )
    after = follow(3, look)
    assert not after.occasions.get("missed")
    assert not after.occasions.get("changed")


@pytest.mark.parametrize("singly", [True, False])
def test_a_return_that_cannot_be_decided_stops_no_other(
    follow: Follow, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, *, singly: bool
) -> None:
    """It would be met first at every further look, and nothing behind it be decided any more."""
    monkeypatch.setattr(service, "SINGLE_MOMENTS", 20 if singly else 0)
    times = {f"R{number}": f"2026-11-01T1{number}:00:00Z" for number in range(3)}
    land(conn, [order()], [a_return(each, date_added=time) for each, time in times.items()])
    for each, time in times.items():
        conn.execute(
            """
            insert into inbox.deliveries (source, event_id, received_at, headers, body, content_hash, processed_at,
                processed_by, outcome, document_id, registered_at)
            values ('rebound', %(id)s, now(), '{}', '', '', now(), 'test', 'landed', %(id)s, %(at)s)
            """,
            {"id": each, "at": time},
        )
    conn.execute("alter table ledger.claims add constraint refused check (return_id <> 'R1')")
    conn.commit()
    for number in (1, 2):
        with pytest.raises(psycopg.errors.CheckViolation, match="refused"):
            follow(number, follow_up)
        assert _claimed(conn) == {"R0", "R2"}
        assert inbox.waiting(conn).unsettled == 1
    conn.execute("alter table ledger.claims drop constraint refused")
    conn.commit()
    assert follow(3, follow_up).occasions["webhooks"] == 1
    assert _claimed(conn) == {"R0", "R1", "R2"}
    assert not inbox.waiting(conn)


def test_what_is_refused_for_all_is_not_tried_with_each(
    follow: Follow, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_REFUSED", 2)
    times = {f"R{number}": f"2026-11-0{number}T10:00:00Z" for number in range(1, 6)}
    land(conn, [order()], [a_return(each, date_added=time) for each, time in times.items()])
    conn.execute("alter table ledger.claims add constraint refused check (return_id = 'R5')")
    conn.commit()
    with pytest.raises(psycopg.errors.CheckViolation, match="refused"):
        follow(1, lambda look: follow_history(look, list(map(datetime.fromisoformat, times.values()))))
    assert _claimed(conn) == set()


def _claimed(conn: psycopg.Connection[Any]) -> set[str]:
    return {return_id for (return_id,) in conn.execute("select return_id from ledger.claims")}


def test_what_was_dated_anew_is_looked_at_where_it_lies_now(conn: psycopg.Connection[Any]) -> None:
    """Where it lay nothing of it would be decided, and its hold be due for ever."""
    early = {"shipping_status": "not_shipped"}
    known, moved = (a_return("R1", date_added=f"2026-11-0{day}T10:00:00Z") for day in (1, 5))
    old = a_return("R2", {"sku_code": "OLD"}, order_reference="ORD-2")
    there = open_shop(conn, [order(**early), order(2)], [known, old])
    settle(conn, quarantined(conn, return_id="R2"), "rejected", DEED, rules(there))
    land(conn, [order(**early)], [moved, old | {"date_added": "2026-11-06T10:00:00Z"}])
    fifth = datetime(2026, 11, 5, 10, tzinfo=UTC)
    assert list(asked.due_holds(conn, NOW + timedelta(days=1))) == [fifth]
    assert list(asked.held_for_changed_orders(conn, DECIDED_AT)) == [fifth]
    assert list(asked.interventions(conn, NOW - timedelta(hours=1))) == [fifth + timedelta(days=1)]
    held = inbox.held_returns(conn, ["1"])
    assert [(each.return_id, each.registered_at) for each in held] == [("R1", fifth)]
