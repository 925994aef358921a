"""The inbox is read once, in any order of deliveries, and says what has to be looked at because of it."""

import hashlib
import json
import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.contracts.rebound import read_return
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.services.process_inbox import ProcessedInbox, process_inbox
from rebound_oro_pipeline.warehouse import inbox
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.inbox import HeldReturn
from rebound_oro_pipeline.warehouse.landing import land_returns
from rebound_oro_pipeline.warehouse.statements import load
from rebound_oro_pipeline_tests.webhook.deliveries import NOW, body_of, envelope, recorded

CANCELLED = {"current_tracking_status": "cancelled"}
ORDER = "28"
"""The order of the recorded deliveries; its identifier is KIT-1."""


def put(
    conn: psycopg.Connection[Any],
    bodies: Sequence[bytes],
    source: inbox.Source = "rebound",
    received_at: datetime = NOW,
) -> None:
    """Store deliveries as the receiver does; each is an event of its own."""
    ids = [f"{received_at.isoformat()} {number}" for number in range(len(bodies))]
    conn.execute(
        load("inbox")["store"],
        {
            "source": [source] * len(bodies),
            "event_id": ids,
            "event_type": [None] * len(bodies),
            "received_at": [received_at] * len(bodies),
            "headers": ["{}"] * len(bodies),
            "body": list(bodies),
            "content_hash": [hashlib.sha256(body).digest() for body in bodies],
        },
    )
    conn.commit()


def process(conn: psycopg.Connection[Any], batch: int = 500) -> ProcessedInbox:
    done = process_inbox(conn, default_mapping(), now=NOW + timedelta(hours=1), run_id="run", batch=batch)
    conn.commit()
    return done


def days(done: ProcessedInbox) -> set[date]:
    return {moment.date() for moment in done.registered_at}


def statuses(conn: psycopg.Connection[Any]) -> dict[str, str]:
    return dict(conn.execute("select return_id, status from landing.rebound_returns").fetchall())


def notice(order_id: str | int, topic: str = "order.updated", **attributes: Any) -> bytes:
    data = {"type": "orders", "id": order_id} | ({"attributes": attributes} if attributes else {})
    return body_of({"topic": topic, "eventData": {"data": data}, "timestamp": 1, "messageId": str(order_id)})


def hold(conn: psycopg.Connection[Any], return_id: str, reference: str, *, resolved: bool = False) -> None:
    conn.execute(
        """
        insert into landing.rebound_returns (
            return_id, registered_at, document, document_hash, source, landed_at, landed_by
        ) values (%s, %s, '{}', '', 'file', now(), 'test')
        """,
        (return_id, NOW),
    )
    conn.execute(
        """
        insert into ledger.holds (
            subject, reason, return_id, return_line_key, order_reference, quantity, registered_at, held_since,
            attempts, next_check_at, changed_at, resolved_at, resolution
        ) values (%s, 'not_dispatched', %s, '1', %s, 1, %s, now(), 1, now(), now(), %s, %s)
        """,
        (
            f"{return_id} 1",
            return_id,
            reference,
            NOW,
            NOW if resolved else None,
            "decided" if resolved else None,
        ),
    )


def land_order(conn: psycopg.Connection[Any], order_id: str, identifier: str, po_number: str) -> None:
    conn.execute(
        """
        insert into landing.oro_orders (
            order_id, identifier, po_number, currency, subtotal_value, total_value, order_discounts_amount,
            has_internal_status, has_shipping_status, has_shipping_trackings, has_subtotals, document,
            document_hash, source, landed_at, landed_by
        ) values (%s, %s, %s, 'USD', 1, 1, 0, true, true, true, false, '{}', '', 'api', now(), 'run')
        """,
        (order_id, identifier, po_number),
    )


def test_a_number_that_no_number_can_be_stops_nothing_else(conn: psycopg.Connection[Any]) -> None:
    """Whoever reads the inbox next would meet it again."""
    plain, monstrous = b'"weight": 0', (b"1E99999999999999999999", b"0." + b"1" * 20_000)
    bodies = [
        body_of(envelope(n, weight=0)).replace(plain, b'"weight": ' + m) for n, m in enumerate(monstrous)
    ]
    put(conn, [*bodies, body_of(envelope(2))])
    assert process(conn).outcomes == {"malformed": 1, "landed": 2}
    (fault,) = conn.execute("select fault from landing.malformed_documents").fetchall()
    assert "exponent" in fault[0]


def test_returns_land_with_the_time_of_receipt_and_say_their_days(conn: psycopg.Connection[Any]) -> None:
    put(
        conn,
        [body_of(envelope(1)), body_of(envelope(2, date_added="2026-11-22 23:59:59")), body_of(envelope(3))],
    )
    waiting = inbox.waiting(conn)
    assert (waiting.unread, waiting.unsettled) == (3, 3)
    done = process(conn)
    assert done.outcomes == {"landed": 3}
    assert days(done) == {date(2026, 11, 20), date(2026, 11, 22)}
    assert (done.landed.new, done.order_ids, done.held) == (3, (), ())
    rows = conn.execute(
        "select distinct source, landed_at, landed_by from landing.rebound_returns"
    ).fetchall()
    assert rows == [("webhook", NOW, "run")]
    assert conn.execute("select count(*) from landing.rebound_return_lines").fetchone() == (3,)


def test_what_is_not_settled_is_named_again_and_nothing_is_read_twice(conn: psycopg.Connection[Any]) -> None:
    """A run that dies between reading the inbox and deciding must not make anybody forget."""
    put(conn, [body_of(envelope(1))])
    first, second = process(conn), process(conn)
    assert (first.read, second.read) == (1, 0)
    assert second.registered_at == first.registered_at
    assert second.delivery_ids == first.delivery_ids
    assert inbox.waiting(conn)
    assert inbox.settle(conn, first.delivery_ids, now=NOW) == 1
    assert inbox.settle(conn, first.delivery_ids, now=NOW) == 0
    assert not inbox.waiting(conn)
    third = process(conn)
    assert (third.read, third.registered_at, third.delivery_ids) == (0, (), ())


def test_what_arrived_meanwhile_is_not_settled_with_the_rest(conn: psycopg.Connection[Any]) -> None:
    put(conn, [body_of(envelope(1))])
    done = process(conn)
    put(conn, [body_of(envelope(2))], received_at=NOW + timedelta(seconds=1))
    inbox.settle(conn, [*done.delivery_ids, done.delivery_ids[0] + 1], now=NOW)
    assert inbox.waiting(conn).unread == 1
    assert process(conn).delivery_ids == (done.delivery_ids[0] + 1,)


@pytest.mark.parametrize("batch", [1, 3, 500])
@pytest.mark.parametrize("seed", range(4))
def test_the_state_that_occurred_last_stands_whatever_the_order_of_delivery(
    seed: int, batch: int, conn: psycopg.Connection[Any]
) -> None:
    states = ["created", "in_network", "at_hub", "processed", "delivered"]
    bodies = [
        body_of(envelope(number, occurred_at=f"2026-11-23T10:0{at}:00Z", current_tracking_status=status))
        for number in (1, 2)
        for at, status in enumerate(states)
    ]
    random.Random(seed).shuffle(bodies)
    put(conn, bodies)
    done = process(conn, batch)
    assert statuses(conn) == {"R-1": "delivered", "R-2": "delivered"}
    assert done.read == 10
    assert done.outcomes["landed"] >= 2


def test_an_event_that_is_older_than_a_reading_of_ours_is_passed_over(conn: psycopg.Connection[Any]) -> None:
    """Some senders try again for days; what we have read ourselves since then is newer."""
    known = read_return(envelope(1, **CANCELLED)["return"], default_mapping())
    land_returns(conn, [known], source="api", landed_by="poll", landed_at=NOW - timedelta(hours=1))
    put(conn, [body_of(envelope(1, occurred_at=(NOW - timedelta(hours=2)).isoformat()))])
    assert process(conn).outcomes == {"superseded": 1}
    assert statuses(conn) == {"R-1": "cancelled"}
    assert not inbox.waiting(conn)
    put(conn, [body_of(envelope(1, occurred_at=(NOW - timedelta(hours=2)).isoformat()))])
    assert not inbox.waiting(conn), "the same delivery was stored twice"
    put(conn, [body_of(envelope(1, occurred_at=(NOW - timedelta(minutes=59)).isoformat()))])
    assert process(conn).outcomes == {"landed": 1}, "the same id with a later state was dropped"
    assert statuses(conn) == {"R-1": "processed"}


def test_a_file_of_the_past_is_no_later_reading(conn: psycopg.Connection[Any]) -> None:
    known = read_return({**envelope(1)["return"], **CANCELLED}, default_mapping())
    land_returns(conn, [known], source="file", landed_by="import-history", landed_at=NOW - timedelta(hours=1))
    put(conn, [body_of(envelope(1, occurred_at=(NOW - timedelta(hours=2)).isoformat()))])
    assert process(conn).outcomes == {"landed": 1}
    assert statuses(conn) == {"R-1": "processed"}


@pytest.mark.parametrize("occurred_at", ["some day", "0001-01-01T00:00:00", "9999-12-31T23:59:59-12:00"])
def test_an_event_from_the_future_or_without_a_time_counts_from_its_receipt(
    occurred_at: str, conn: psycopg.Connection[Any]
) -> None:
    put(conn, [body_of(envelope(1, occurred_at="2036-01-01T00:00:00Z"))])
    process(conn)
    put(
        conn,
        [body_of(envelope(1, occurred_at=occurred_at, **CANCELLED))],
        received_at=NOW + timedelta(minutes=1),
    )
    assert process(conn).outcomes == {"landed": 1}
    assert statuses(conn) == {"R-1": "cancelled"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"no JSON", "$"),
        (b"\xff", "$"),
        (b"[]", "$"),
        (b'{"event_id": "1"}', "return"),
        (b'{"return": "R-1"}', "return"),
        (body_of(envelope(1, date_added="yesterday")), "date_added"),
        (b"[" * 100_000, "$"),
    ],
)
def test_what_cannot_be_read_is_kept_for_people_and_stops_nobody(
    body: bytes, path: str, conn: psycopg.Connection[Any]
) -> None:
    put(conn, [body, body_of(envelope(2))])
    done = process(conn)
    assert done.outcomes == {"malformed": 1, "landed": 1}
    assert days(done) == {date(2026, 11, 20), NOW.date()}
    rows = conn.execute(
        "select source_system, resource, fault_path, source, registered_at from landing.malformed_documents"
    ).fetchall()
    assert rows == [("rebound", "returns", path, "webhook", NOW)]


def test_orders_that_changed_are_named_with_the_returns_that_wait_for_them(
    conn: psycopg.Connection[Any],
) -> None:
    land_order(conn, "7", "SO-7", "PO-7")
    for return_id, reference in (("R-1", " so-7"), ("R-2", "PO-7"), ("R-3", "SO-8")):
        hold(conn, return_id, reference)
    hold(conn, "R-4", "SO-7", resolved=True)
    conn.commit()
    put(
        conn,
        [notice(7), notice("9"), notice("10", "order.created"), notice("7", "order.payment_status_updated")],
        "oro",
    )
    done = process(conn)
    assert done.outcomes == {"order_changed": 4}
    assert done.order_ids == ("7", "9", "10")
    assert done.held == (HeldReturn("R-1", NOW), HeldReturn("R-2", NOW))
    assert inbox.held_returns(conn, ["9"]) == []


def test_an_order_that_was_never_read_is_known_by_what_the_delivery_says(
    conn: psycopg.Connection[Any],
) -> None:
    hold(conn, "R-1", "KIT-1")
    conn.commit()
    put(conn, [recorded("webhook_delivery_default")[1]], "oro")
    done = process(conn)
    assert (done.order_ids, done.held) == ((ORDER,), (HeldReturn("R-1", NOW),))
    assert process(conn).held == done.held, "a later call knows it too"


def test_a_thin_delivery_names_the_order_only(conn: psycopg.Connection[Any]) -> None:
    hold(conn, "R-1", "KIT-1")
    conn.commit()
    put(conn, [recorded("webhook_delivery_thin")[1]], "oro")
    done = process(conn)
    assert (done.order_ids, done.held) == ((ORDER,), ())
    land_order(conn, ORDER, "KIT-1", "PO-KIT-1")
    assert inbox.held_returns(conn, done.order_ids) == [HeldReturn("R-1", NOW)]


def test_deleted_orders_other_records_and_nonsense_of_a_shop_are_told_apart(
    conn: psycopg.Connection[Any],
) -> None:
    land_order(conn, "7", "SO-7", "PO-7")
    hold(conn, "R-1", "SO-7")
    conn.commit()
    other = json.loads(notice("3"))
    other["eventData"]["data"]["type"] = "customers"
    put(
        conn,
        [notice("7"), notice("7", "order.deleted"), body_of(other), b'{"topic": "order.updated"}'],
        "oro",
    )
    done = process(conn)
    assert done.outcomes == {"order_changed": 1, "order_deleted": 1, "ignored": 1, "malformed": 1}
    assert (done.order_ids, done.deleted_order_ids) == ((), ("7",))
    assert done.held == (HeldReturn("R-1", NOW),)
    assert len(done.delivery_ids) == 3, "nothing follows from what is ignored"
    fault = conn.execute(
        "select source_system, resource, fault_path from landing.malformed_documents"
    ).fetchone()
    assert fault == ("oro", "webhooks", "eventData.data.type")


def test_a_second_reader_waits_and_finds_nothing_left(
    database_url: str, conn: psycopg.Connection[Any]
) -> None:
    put(conn, [body_of(envelope(1))])
    with connect(database_url) as other:
        assert len(inbox.take(other, 10)) == 1
        conn.execute("set lock_timeout to '50ms'")
        conn.commit()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            process(conn)
        conn.rollback()
    assert process(conn).read == 1


def test_of_large_deliveries_fewer_are_read_at_once(conn: psycopg.Connection[Any]) -> None:
    """So that five hundred of two megabytes are never in memory together; a single one is read whatever its size."""
    bodies = [body_of(envelope(number)) for number in range(1, 4)]
    put(conn, bodies)
    for most_bytes, taken in ((1, 1), (len(bodies[0]) + 1, 2), (10**6, 3)):
        assert [each.body for each in inbox.take(conn, 10, most_bytes=most_bytes)] == bodies[:taken]
        conn.rollback()


def test_a_batch_that_fails_leaves_everything_as_it_was(
    conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(conn, [body_of(envelope(1))])

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(inbox, "mark", fail)
        with pytest.raises(RuntimeError, match="power cut"):
            process(conn)
    conn.rollback()
    assert statuses(conn) == {}
    assert inbox.waiting(conn).unread == 1
    assert process(conn).outcomes == {"landed": 1}


def test_an_empty_inbox_is_nothing_to_do(conn: psycopg.Connection[Any]) -> None:
    assert not inbox.waiting(conn)
    done = process(conn)
    assert (done.read, done.delivery_ids, done.registered_at, done.order_ids) == (0, (), (), ())
