"""Credit notes arrive once although connections break, the shop is busy, and workers die."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from rebound_oro_pipeline.clients.errors import AuthenticationError, Refused
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline.services.sending import PushCounts, SendingRules
from rebound_oro_pipeline.warehouse import outbox
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.services.push.shop_at_work import (
    AT_ONCE,
    ONE_TRY,
    Box,
    Network,
    Shop,
    answer,
    cut,
    error,
    kill,
    killed_at_the_latest_before_settling,
    lost,
    make_due,
    open_shop,
    put_note,
    put_notes,
    states,
)

BATCH = ("PATCH", "/reboundcreditnotes")
SINGLE = ("POST", "/reboundcreditnotes")
READ = ("GET", "/reboundcreditnotes")


def no_route(_: httpx.Request) -> None:
    raise httpx.ConnectError("no route to host")


@pytest.mark.parametrize("count", [1, 3], ids=["single", "batch"])
@pytest.mark.parametrize("requests", [SINGLE, BATCH], ids=["POST", "PATCH"])
def test_an_answer_lost_after_the_write_is_found_by_reading(
    requests: tuple[str, str], count: int, shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    numbers = put_notes(box, shop.order_id, count)
    shop.network.after(*requests, lost)
    counts = push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert (counts.confirmed, counts.write_requests, shop.notes()) == (count, 1, numbers)


@pytest.mark.parametrize("count", [1, 3], ids=["single", "batch"])
def test_a_connection_cut_before_the_write_leads_to_a_second_try(
    count: int, shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    numbers = put_notes(box, shop.order_id, count)
    shop.network.before(*SINGLE, cut)
    shop.network.before(*BATCH, cut)
    counts = push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    assert (counts.confirmed, counts.write_requests, shop.notes()) == (count, 2, numbers)


def test_a_server_error_after_the_write_is_found_by_reading(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_notes(box, shop.order_id, 1)
    shop.network.after(*SINGLE, answer(502))
    counts = push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert (counts.confirmed, len(shop.notes())) == (1, 1)


def test_what_cannot_be_read_back_stays_unknown_and_is_read_before_it_is_sent_again(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    numbers = put_notes(box, shop.order_id, 3)
    shop.network.before(*READ, answer(503), times=2)
    first = push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert (first.unknown, shop.notes()) == (3, numbers)
    box.execute("update outbox.messages set next_attempt_at = now()")
    second = push_credit_notes(oro, database_url, run_id="2", rules=ONE_TRY)
    assert (second.confirmed, second.write_requests) == (3, 0)


def test_a_note_that_cannot_be_given_does_not_keep_the_others_unknown(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    numbers = put_notes(box, shop.order_id, 12)
    broken = numbers[4]

    def stumble(request: httpx.Request) -> object:
        asked = request.url.params.get("filter[creditNoteNumber]", "").split(",")
        return answer(500)(request) if broken in asked else None

    shop.network.before(*READ, stumble, times=60)
    first = push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert (first.confirmed, first.unknown, first.stopped_by) == (11, 1, None)
    assert {number for number, state in states(box).items() if state == "unknown"} == {broken}


def test_where_no_note_can_be_given_little_is_asked(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_notes(box, shop.order_id, 40)
    shop.network.before(*READ, answer(500), times=1000)
    counts = push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert (counts.unknown, counts.confirmed) == (40, 0)
    assert counts.stopped_by is not None
    assert shop.network.count(*READ) < 60, "two tries each"


@pytest.mark.parametrize("moment", ["before the write", "after the write", "before reading back"])
@pytest.mark.parametrize("count", [1, 3], ids=["single", "batch"])
def test_a_worker_killed_at_any_moment_leaves_nothing_twice_and_nothing_behind(
    count: int, moment: str, shop: Shop, box: Box, database_url: str
) -> None:
    """A plain second run, at once: the dead worker's claims have ended with its session."""
    numbers = put_notes(box, shop.order_id, count)
    dying = Network()
    for method, path in (SINGLE, BATCH):
        if moment == "before the write":
            dying.before(method, path, kill)
        elif moment == "after the write":
            dying.after(method, path, kill)
    if moment == "before reading back":
        dying.before(*READ, kill)
    with shop.client(network=dying) as oro, killed_at_the_latest_before_settling():
        push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert set(states(box).values()) == {"sending"}
    with shop.client() as oro:
        counts = push_credit_notes(oro, database_url, run_id="2", rules=AT_ONCE)
    assert (counts.confirmed, counts.remaining, shop.notes()) == (count, 0, numbers)


def test_a_busy_shop_is_left_alone_for_as_long_as_it_asks(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_notes(box, shop.order_id, 2)
    shop.network.before(*BATCH, answer(429, **{"Retry-After": "120"}))
    counts = push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert (counts.confirmed, counts.put_off, counts.to_be_continued) == (0, 2, True)
    assert counts.next_attempt_at is not None
    assert 115 < (counts.next_attempt_at - datetime.now(UTC)).total_seconds() < 430
    assert "429" in (counts.stopped_by or "")
    again = push_credit_notes(oro, database_url, run_id="2", rules=ONE_TRY)
    assert (again.write_requests, again.remaining) == (0, 2)
    assert shop.network.count(*BATCH) == 1


def test_a_short_retry_after_is_waited_for_within_the_run(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    numbers = put_notes(box, shop.order_id, 2)
    shop.network.before(*BATCH, answer(429, **{"Retry-After": "1"}))
    began = datetime.now(UTC)
    counts = push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    assert (counts.confirmed, shop.notes()) == (2, numbers)
    assert (datetime.now(UTC) - began).total_seconds() >= 1


def test_repeated_failure_opens_the_circuit_and_the_run_ends_as_to_be_continued(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    numbers = put_notes(box, shop.order_id, 20)
    rules = SendingRules(
        mode="single", first_delay=0.0, longest_delay=0.0, workers=1, failures_before_break=3
    )
    shop.network.before(*SINGLE, answer(503), times=3)
    first = push_credit_notes(oro, database_url, run_id="1", rules=rules)
    assert (first.confirmed, first.remaining, first.write_requests) == (0, 20, 3)
    assert first.stopped_by is not None
    assert first.next_attempt_at is not None
    assert first.next_attempt_at > datetime.now(UTC)
    second = push_credit_notes(oro, database_url, run_id="2", rules=rules)
    assert (second.write_requests, second.stopped_by) == (0, "the circuit is open")
    box.execute("update outbox.circuits set open_until = now()")
    third = push_credit_notes(oro, database_url, run_id="3", rules=rules)
    assert (third.confirmed, third.remaining, shop.notes()) == (20, 0, numbers)
    assert box.execute("select count(*) from outbox.circuits").fetchone() == (0,)


OUTAGE = SendingRules(
    first_delay=0.0,
    longest_delay=0.0,
    patience=0.0,
    workers=1,
    failures_before_break=1,
    shortest_break=0.0,
    longest_break=0.0,
)
"""Ends a run with the first failure, and lets the next one begin at once."""


def shop_fails_for(number: str) -> Callable[[httpx.Request], object]:
    """Answer 503 to requests that carry this note, and let the others through."""
    return lambda request: httpx.Response(503, request=request) if number.encode() in request.read() else None


@pytest.mark.parametrize(
    ("failure", "tries"),
    [(answer(429), 1), (answer(503), 1), (cut, 1), (no_route, 2)],
    ids=["429", "503", "cut", "no route"],
)
def test_failures_of_an_outage_are_not_the_records_own(
    failure: Callable[[httpx.Request], object],
    tries: int,
    shop: Shop,
    oro: OroClient,
    box: Box,
    database_url: str,
) -> None:
    """Nothing passes seven times; then one fails beside another that passes: that is its first failure."""
    put_note(box, "CN-1", shop.order_id)
    for run in range(7):
        shop.network.before(*SINGLE, failure, times=tries)
        push_credit_notes(oro, database_url, run_id=f"outage {run}", rules=OUTAGE)
    assert box.execute("select attempts, own_failures from outbox.messages").fetchone() == (7, 0)
    put_note(box, "CN-0", shop.order_id)
    box.execute(
        "update outbox.messages set next_attempt_at = now() - interval '1 hour' where business_key = 'CN-0'"
    )
    shop.network.before(*SINGLE, shop_fails_for("CN-1"), times=2)
    single = SendingRules(mode="single", first_delay=300.0, patience=0.0, workers=1)
    push_credit_notes(oro, database_url, run_id="after", rules=single)
    assert states(box) == {"CN-0": "confirmed", "CN-1": "pending"}
    assert box.execute("select own_failures from outbox.messages where business_key = 'CN-1'").fetchone() == (
        1,
    )


def test_a_note_is_rejected_after_eight_failures_while_others_pass_and_not_before(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_note(box, "bad", shop.order_id)
    rules = SendingRules(mode="single", first_delay=60.0, longest_delay=60.0, patience=0.0, workers=1)
    seen = []
    for run in range(8):
        put_note(box, f"good {run}", shop.order_id)
        shop.network.before(*SINGLE, shop_fails_for("bad"), times=2)
        push_credit_notes(oro, database_url, run_id=f"{run}", rules=rules)
        seen.append(states(box)["bad"])
        make_due(box)
    assert seen == ["pending"] * 7 + ["rejected"]
    assert "503" in error(box, "bad")


@pytest.mark.parametrize(("failure", "tries"), [(answer(429), 1), (no_route, 2)], ids=["429", "no route"])
def test_a_batch_that_was_refused_unseen_stays_one(
    failure: Callable[[httpx.Request], object],
    tries: int,
    shop: Shop,
    oro: OroClient,
    box: Box,
    database_url: str,
) -> None:
    """A shop that limits us is not helped by fifty requests instead of one."""
    put_notes(box, shop.order_id, 50)
    for run in range(2):
        shop.network.before(*BATCH, failure, times=tries)
        push_credit_notes(oro, database_url, run_id=f"limited {run}", rules=OUTAGE)
    counts = push_credit_notes(oro, database_url, run_id="after", rules=AT_ONCE)
    assert (counts.confirmed, counts.write_requests) == (50, 1)


def test_a_batch_that_failed_twice_is_sent_one_by_one(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    numbers = put_notes(box, shop.order_id, 3)
    shop.network.before(*BATCH, answer(500), times=2)
    counts = push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    assert (counts.confirmed, shop.notes()) == (3, numbers)
    assert (shop.network.count(*BATCH), shop.network.count(*SINGLE)) == (2, 3)


def test_an_expired_token_is_renewed_and_nothing_is_lost(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    numbers = put_notes(box, shop.order_id, 3)
    shop.network.before(*BATCH, lambda _: shop.store.expire_tokens())
    counts = push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert (counts.confirmed, shop.notes()) == (3, numbers)
    assert shop.network.count("POST", "/oauth2-token") == 2


def test_refused_credentials_stop_the_run_and_leave_the_notes_to_the_next(
    shop: Shop, box: Box, database_url: str
) -> None:
    put_notes(box, shop.order_id, 3)
    with shop.client("unknown") as oro, pytest.raises(AuthenticationError):
        push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    with shop.client() as oro:
        counts = push_credit_notes(oro, database_url, run_id="2", rules=AT_ONCE)
    assert (counts.confirmed, counts.remaining) == (3, 0)


def no_permission(request: httpx.Request) -> httpx.Response:
    reason = {"status": "403", "title": "access denied exception", "detail": "No access to the entity."}
    return httpx.Response(403, json={"errors": [reason]}, request=request)


REFUSALS = {"401": answer(401), "403": no_permission, "404": answer(404), "405": answer(405)}


@pytest.mark.parametrize("single", [True, False], ids=["single", "batch"])
@pytest.mark.parametrize("status", REFUSALS)
def test_notes_of_a_push_that_is_refused_as_a_whole_are_due_again_at_once(
    status: str, single: bool, shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    """Nothing of them was written, so nothing need be read before they are sent."""
    numbers = put_notes(box, shop.order_id, 1 if single else 3)
    for method in (SINGLE, BATCH):
        shop.network.before(*method, REFUSALS[status], times=4)
    with pytest.raises((AuthenticationError, Refused)):
        push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert states(box) == dict.fromkeys(numbers, "pending")
    assert outbox.due(box, "oro_credit_note") == len(numbers)
    assert shop.network.count(*READ) == 0


def test_two_processes_at_once_send_every_note_once(shop: Shop, box: Box, database_url: str) -> None:
    numbers = put_notes(box, shop.order_id, 120)
    rules = SendingRules(claim_limit=20, workers=2, first_delay=0.0, longest_delay=0.0)
    results: list[PushCounts] = []

    def push(name: str) -> None:
        with shop.client(network=Network()) as oro:
            results.append(push_credit_notes(oro, database_url, run_id=name, rules=rules))

    processes = [threading.Thread(target=push, args=(name,)) for name in ("one", "two")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert shop.notes() == numbers
    assert sum(result.confirmed for result in results) == 120
    assert set(states(box).values()) == {"confirmed"}


def test_a_claim_whose_worker_dies_a_moment_later_is_waited_for(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    """A killed process may still seem to hold its claims when the next run begins."""
    put_notes(box, shop.order_id, 1)
    dying = connect(database_url, autocommit=True)
    outbox.Claimant("oro_credit_note", "dying").claim(dying, 1)
    end = threading.Timer(0.3, dying.close)
    end.start()
    counts = push_credit_notes(oro, database_url, run_id="1", rules=SendingRules(first_delay=0.0))
    end.join()
    assert (counts.confirmed, counts.remaining) == (1, 0)


def test_two_processes_that_race_for_the_same_note_create_one(
    tmp_path: Path, shop: Shop, box: Box, database_url: str
) -> None:
    """A worker that hangs beyond its lease: its note is sent by another one, and then by itself."""
    put_note(box, "A", shop.order_id)

    def overtake(_: httpx.Request) -> None:
        box.execute("update outbox.messages set claimed_until = now() - interval '1 s'")
        with shop.client(network=Network()) as other:
            push_credit_notes(other, database_url, run_id="2", rules=AT_ONCE)

    shop.network.before(*SINGLE, overtake)
    with shop.client() as oro:
        counts = push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    assert (counts.confirmed, counts.rejected, shop.notes()) == (0, 0, ["A"])
    assert states(box) == {"A": "confirmed"}


def test_secrets_and_tokens_are_in_no_row_of_the_outbox(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    put_notes(box, shop.order_id, 2)
    shop.network.before(*BATCH, answer(500))
    push_credit_notes(oro, database_url, run_id="1", rules=ONE_TRY)
    rows = box.execute(
        "select m::text from outbox.messages m union all select a::text from outbox.audit_log a"
    ).fetchall()
    text = "\n".join(row for (row,) in rows)
    assert "500" in error(box, "CN-000")
    assert "secret" not in text
    assert "Bearer" not in text


def test_expired_tokens_of_a_short_life_do_no_harm(tmp_path: Path, box: Box, database_url: str) -> None:
    (tmp_path / "short").mkdir()
    with open_shop(tmp_path / "short", token_expires_in=1) as shop, shop.client() as oro:
        numbers = put_notes(box, shop.order_id, 60)
        rules = SendingRules(mode="single", workers=2, claim_limit=30)
        counts = push_credit_notes(oro, database_url, run_id="1", rules=rules)
        assert (counts.confirmed, shop.notes()) == (60, numbers)
