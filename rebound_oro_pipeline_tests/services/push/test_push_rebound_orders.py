"""Offers reach ReBound once in effect, whatever breaks; the sandbox answers over a real socket."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import stamina
from click.testing import CliRunner
from psycopg.types.json import Jsonb

from rebound_oro_pipeline.cli import main
from rebound_oro_pipeline.clients.errors import AuthenticationError, Refused
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping, default_mapping
from rebound_oro_pipeline.services import push_rebound_orders as service
from rebound_oro_pipeline.services.operate_deed import Deed, OperatorError
from rebound_oro_pipeline.services.operate_outbox import resume
from rebound_oro_pipeline.services.push_rebound_orders import KIND, push_rebound_orders
from rebound_oro_pipeline.services.sending import PushCounts, SendingRules
from rebound_oro_pipeline.warehouse import outbox
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox
from rebound_oro_pipeline_tests.services.push.shop_at_work import (
    AT_ONCE,
    ONE_TRY,
    Killed,
    Network,
    answer,
    cut,
    kill,
    lost,
)

PUSH = ("POST", "/orders/push")
MADE = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def rebound_box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with sandbox(tmp_path_factory.mktemp("rebound"), orders=5, returns=1) as box:
        yield box


@pytest.fixture
def box(rebound_box: Box) -> Box:
    rebound_box.control("reset")
    return rebound_box


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def rebound(box: Box, network: Network) -> Iterator[ReboundClient]:
    with (
        stamina.set_testing(testing=True),
        ReboundClient(box.rebound_url, box.login, box.api_key, transport=network) as client,
    ):
        yield client


@pytest.fixture
def books(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url, autocommit=True) as conn:
        conn.execute("insert into reference.policies (document, document_hash) values ('{}', 'test')")
        yield conn


def item(quantity: str = "2", **more: object) -> dict[str, object]:
    told = {
        "sku": "LAMP",
        "quantity": quantity,
        "price": "40.00",
        "non_returnable": False,
        "days_for_return": 60,
    }
    return {**told, **more}


def offer(
    books: psycopg.Connection[Any],
    order: int = 1,
    version: int = 1,
    *,
    state: str = "offered",
    items: list[dict[str, object]] | None = None,
    reference: str | None = None,
    made: datetime = MADE,
) -> str:
    """Put a version of an offer into ledger and outbox, as the models do."""
    given = [item()] if items is None else items
    reference = reference or f"SO-{order}"
    books.execute(
        "insert into ledger.offers (order_id, version, order_reference, order_date, currency, state, reason, items,"
        " document_hash, offered_at, policy_version)"
        " select %s, %s, %s, '2026-11-01', 'USD', %s, %s, %s, '', %s, max(policy_version) from reference.policies",
        (
            str(order),
            version,
            reference,
            state,
            "order_cancelled" if state == "withdrawn" else None,
            Jsonb(given),
            made,
        ),
    )
    payload = {
        "order_id": str(order),
        "version": version,
        "order_reference": reference,
        "order_date": "2026-11-01",
        "currency": "USD",
        "state": state,
        "items": given,
    }
    key = f"{order}:{version}"
    books.execute(
        "insert into outbox.rebound_orders (kind, business_key, ordering_key, registered_at, payload)"
        " values ('rebound_order', %s, %s, %s, %s)",
        (key, str(order), MADE, Jsonb(payload)),
    )
    return key


def states(books: psycopg.Connection[Any]) -> dict[str, str]:
    return dict(
        books.execute("select business_key, state::text from outbox.messages order by message_id").fetchall()
    )


def push(
    rebound: ReboundClient,
    database_url: str,
    rules: SendingRules = AT_ONCE,
    *,
    run_id: str = "1",
    mapping: ReboundMapping | None = None,
) -> PushCounts:
    return push_rebound_orders(
        rebound, database_url, mapping or default_mapping(), run_id=run_id, rules=rules
    )


def held(box: Box) -> dict[str, dict[str, Any]]:
    """Return reference → what ReBound holds of an order, and how often it was told."""
    return {
        each["order_reference"]: {**each["document"], "pushes": each["pushes"]}
        for each in box.state("rebound_orders")["rebound_orders"]
    }


def test_an_order_is_told_in_the_words_of_the_call(
    rebound: ReboundClient, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    offer(
        books,
        items=[item(description="Desk lamp", unit_code="item"), item("0", sku="BULB", non_returnable=True)],
    )
    assert push(rebound, database_url).confirmed == 1
    assert held(box)["SO-1"] == {
        "order_reference": "SO-1",
        "order_date": "2026/11/01",
        "currency_code": "USD",
        "overwrite_data": "TRUE",
        "item": [
            {
                "sku_code": "LAMP",
                "sku_desc": "Desk lamp",
                "quantity": "2",
                "price": "40.00",
                "non_returnable": "FALSE",
                "days_for_return": "60",
            },
            {
                "sku_code": "BULB",
                "quantity": "0",
                "price": "40.00",
                "non_returnable": "TRUE",
                "days_for_return": "60",
            },
        ],
        "pushes": 1,
    }
    assert push(rebound, database_url, run_id="2").write_requests == 0


def test_of_several_versions_only_the_latest_is_sent(
    rebound: ReboundClient, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    for version in (1, 2, 3):
        offer(books, version=version, items=[item(str(3 - version))])
    offer(books, order=2)
    counts = push(rebound, database_url)
    assert (counts.confirmed, counts.skipped, counts.write_requests) == (2, 2, 2)
    assert states(books) == {"1:1": "skipped", "1:2": "skipped", "1:3": "confirmed", "2:1": "confirmed"}
    assert held(box)["SO-1"]["item"][0]["quantity"] == "0"


def test_an_order_is_withdrawn_under_one_reference_and_offered_under_another(
    rebound: ReboundClient, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    """ReBound holds both: a later version says nothing of what stands under another reference."""
    offer(books, reference="PO")
    push(rebound, database_url)
    offer(books, version=2, state="withdrawn", reference="PO", items=[item("0", non_returnable=True)])
    offer(books, version=3, reference="SO-1")
    assert push(rebound, database_url, run_id="2").confirmed == 2
    assert {name: order["item"][0]["quantity"] for name, order in held(box).items()} == {
        "PO": "0",
        "SO-1": "2",
    }


def test_a_withdrawal_that_waited_takes_nothing_from_an_order_that_was_offered_there_since(
    network: Network, rebound: ReboundClient, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    offer(books, reference="PO")
    push(rebound, database_url)
    offer(books, version=2, state="withdrawn", reference="PO", items=[item("0", non_returnable=True)])
    network.before(*PUSH, answer(503))
    assert push(rebound, database_url, ONE_TRY, run_id="2").unknown == 1
    offer(books, order=2, reference="PO", made=MADE + timedelta(hours=1))
    push(rebound, database_url, ONE_TRY, run_id="3")
    books.execute("update outbox.messages set next_attempt_at = now()")
    push(rebound, database_url, run_id="4")
    assert states(books) == {"1:1": "confirmed", "1:2": "skipped", "2:1": "confirmed"}
    assert held(box)["PO"]["item"][0]["quantity"] == "2"
    [(words,)] = books.execute("select last_error from outbox.messages where business_key = '1:2'")
    assert words == "Order 2 is offered under PO by now."


def test_two_withdrawals_under_one_reference_both_go(
    rebound: ReboundClient, books: psycopg.Connection[Any], database_url: str
) -> None:
    for order in (1, 2):
        made = MADE + timedelta(hours=order)
        offer(books, order=order, reference="PO", made=made)
        offer(books, order=order, version=2, state="withdrawn", reference="PO", made=MADE + timedelta(days=1))
    push(rebound, database_url)
    assert states(books) == {"1:1": "skipped", "1:2": "confirmed", "2:1": "skipped", "2:2": "confirmed"}


def test_a_refused_withdrawal_does_not_give_way_to_an_offer_under_another_reference(
    rebound: ReboundClient, books: psycopg.Connection[Any], database_url: str
) -> None:
    offer(books, state="withdrawn", reference="PO", items=[item(sku=" ")])
    offer(books, version=2, reference="SO-1")
    push(rebound, database_url)
    assert states(books) == {"1:1": "rejected", "1:2": "confirmed"}


def test_an_update_and_a_withdrawal_overwrite_what_was_told_before(
    rebound: ReboundClient, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    offer(books)
    push(rebound, database_url)
    gone = [item("0", non_returnable=True)]
    offer(books, version=2, state="withdrawn", items=gone)
    push(rebound, database_url, run_id="2")
    told = held(box)["SO-1"]
    assert (told["pushes"], told["item"][0]["quantity"], told["item"][0]["non_returnable"]) == (
        2,
        "0",
        "TRUE",
    )
    offer(books, version=3, state="withdrawn", items=gone)
    without_items = default_mapping().model_copy(update={"withdrawal": "no_items"})
    push(rebound, database_url, run_id="3", mapping=without_items)
    assert held(box)["SO-1"]["item"] == []


@pytest.mark.parametrize("failure", [lost, cut, answer(503), answer(429)], ids=["lost", "cut", "503", "429"])
def test_what_was_not_answered_is_told_again_and_is_there_once(
    failure: Any,
    network: Network,
    rebound: ReboundClient,
    box: Box,
    books: psycopg.Connection[Any],
    database_url: str,
) -> None:
    offer(books)
    where = network.after if failure is lost else network.before
    where(*PUSH, failure)
    counts = push(rebound, database_url)
    assert (counts.confirmed, counts.remaining) == (1, 0)
    assert states(books) == {"1:1": "confirmed"}
    assert held(box)["SO-1"]["pushes"] == (2 if failure is lost else 1)


def test_an_offer_is_rejected_for_its_failures_beside_others_and_not_for_those_of_an_outage(
    network: Network, rebound: ReboundClient, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    offer(books, 1)
    ends_at_once = replace(ONE_TRY, failures_before_break=1, shortest_break=0.0, longest_break=0.0)
    for run in range(8):
        network.before(*PUSH, answer(503 if run % 2 else 429))
        push(rebound, database_url, ends_at_once, run_id=f"outage {run}")
        books.execute("update outbox.messages set next_attempt_at = now()")
    seen = []
    for run in range(9):
        offer(books, 2 + run)
        network.before(
            *PUSH, lambda request: answer(503)(request) if b"SO-1%22" in request.read() else None, times=2
        )
        push(rebound, database_url, ONE_TRY, run_id=f"after {run}")
        books.execute("update outbox.messages set next_attempt_at = now()")
        seen.append(states(books)["1:1"])
    # It goes first each time: that others pass is known at the end of a run.
    assert seen == ["unknown"] * 8 + ["rejected"]


def test_no_later_version_goes_while_an_earlier_one_is_in_doubt(
    network: Network, rebound: ReboundClient, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    offer(books)
    network.after(*PUSH, lost)
    assert push(rebound, database_url, ONE_TRY).unknown == 1
    offer(books, version=2, items=[item("1")])
    assert push(rebound, database_url, ONE_TRY, run_id="2").write_requests == 0
    books.execute("update outbox.messages set next_attempt_at = now()")
    counts = push(rebound, database_url, run_id="3")
    assert (counts.confirmed, counts.skipped) == (1, 1)
    assert states(books) == {"1:1": "skipped", "1:2": "confirmed"}
    assert held(box)["SO-1"]["item"][0]["quantity"] == "1"


def test_a_worker_that_dies_between_the_call_and_its_record_leaves_nothing_lost(
    network: Network, rebound: ReboundClient, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    offer(books)
    offer(books, order=2)
    network.after(*PUSH, kill)
    with pytest.raises(Killed):
        push(rebound, database_url)
    assert states(books) == {"1:1": "unknown", "2:1": "pending"}
    assert push(rebound, database_url, run_id="2").confirmed == 2
    assert {order["pushes"] for order in held(box).values()} == {1, 2}


def test_a_claim_whose_process_was_killed_is_sent_again(
    rebound: ReboundClient, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    offer(books)
    with connect(database_url, autocommit=True) as dying:
        [claimed] = outbox.Claimant(KIND, "dying/1").claim_keys(dying, 10)
    assert claimed.business_key == "1:1"
    assert push(rebound, database_url).confirmed == 1


def test_two_pushes_at_once_tell_each_order_once(
    rebound: ReboundClient, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    for order in range(1, 41):
        offer(books, order=order)
    with ThreadPoolExecutor(2) as pool:
        rules = SendingRules(workers=2, claim_limit=5, patience=5.0, first_delay=0.0, longest_delay=0.0)
        runs = [pool.submit(push, rebound, database_url, rules, run_id=run_id) for run_id in ("a", "b")]
        assert sum(run.result().confirmed for run in runs) == 40
    assert {order["pushes"] for order in held(box).values()} == {1}


def test_a_refused_offer_waits_for_a_person_and_gives_way_to_a_later_version(
    rebound: ReboundClient, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    offer(books, reference="X" * 255, items=[item(sku="X" * 255)])
    offer(books, order=2, items=[item(sku=" ")])
    offer(books, order=3, items=[item(price="-1")])
    counts = push(rebound, database_url)
    assert (counts.confirmed, counts.rejected) == (1, 2)
    refused = dict(
        books.execute("select subject, detail from push.refusals where kind = 'rebound_order'").fetchall()
    )
    assert "sku_code must have 1 to 255 characters" in refused["2:1"]
    offer(books, order=2, version=2)
    assert push(rebound, database_url, run_id="2").confirmed == 1
    assert states(books)["2:1"] == "abandoned"
    [(why,)] = books.execute(
        "select reason from outbox.audit_log where action = 'rebound_order abandoned'"
    ).fetchall()
    assert why == "version 2 was taken instead"


def test_an_earlier_version_that_an_operator_sends_again_is_skipped(
    rebound: ReboundClient, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    offer(books, items=[item(price="-1")])
    push(rebound, database_url)
    offer(books, version=2, items=[item("1", price="-1")])
    push(rebound, database_url, run_id="2")
    assert outbox.retry(books, KIND, ["1:1"], actor="maria", reason="again") == ["1:1"]
    assert push(rebound, database_url, run_id="3").skipped == 1
    assert "SO-1" not in held(box)


def test_an_offer_that_cannot_be_read_is_rejected_and_holds_up_nobody(
    rebound: ReboundClient, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    offer(books, items=[item(quantity="many")])
    offer(books, order=2)
    counts = push(rebound, database_url)
    assert (counts.rejected, counts.confirmed) == (1, 1)
    [(detail,)] = books.execute("select detail from push.refusals").fetchall()
    assert "items.0.quantity" in detail


def test_refused_credentials_stop_everything_after_one_attempt(
    network: Network, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    """Ten wrong log-ins would block the address for the reading of returns, too."""
    for order in range(1, 11):
        offer(books, order=order)
    for run_id in ("1", "2", "3"):
        with ReboundClient(box.rebound_url, box.login, "wrong", transport=network) as stranger:
            if run_id == "1":
                with pytest.raises(AuthenticationError, match="access_denied"):
                    push(stranger, database_url, ONE_TRY, run_id=run_id)
            else:
                assert (
                    push(stranger, database_url, ONE_TRY, run_id=run_id).stopped_by == "the circuit is open"
                )
    assert len(network.requests) == 1
    assert set(states(books).values()) == {"pending"}
    assert outbox.due(books, KIND) == 0
    until = outbox.circuit_open_until(books, KIND)
    assert until is not None
    assert until - datetime.now(UTC) > timedelta(seconds=service.SHUT_OUT_SECONDS / 2)


def test_an_operator_ends_the_pause_when_the_key_is_right_again(
    rebound: ReboundClient, box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    offer(books)
    with ReboundClient(box.rebound_url, box.login, "wrong") as stranger, pytest.raises(AuthenticationError):
        push(stranger, database_url)
    assert push(rebound, database_url, ONE_TRY, run_id="2").confirmed == 0
    resume(books, KIND, Deed("maria", "new key"))
    assert push(rebound, database_url, run_id="3").confirmed == 1
    with pytest.raises(OperatorError, match="not paused"):
        resume(books, KIND, Deed("maria", "once more"))


def test_a_call_that_rebound_does_not_know_rejects_no_offer(
    box: Box, books: psycopg.Connection[Any], database_url: str
) -> None:
    offer(books)
    with (
        ReboundClient(box.rebound_url, box.login, box.api_key, order_path="orders/tell/json") as client,
        pytest.raises(Refused, match="unknown_call"),
    ):
        push(client, database_url)
    assert states(books) == {"1:1": "pending"}
    assert outbox.circuit_open_until(books, KIND) is not None


def test_the_commands_end_a_pause_and_send_what_waits(
    box: Box, books: psycopg.Connection[Any], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        "DATABASE_URL": database_url,
        "REBOUND_URL": box.rebound_url,
        "REBOUND_LOGIN": box.login,
        "REBOUND_API_KEY": box.api_key,
    }
    for name, value in given.items():
        monkeypatch.setenv(f"REBOUND_ORO_{name}", value)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        return result.output

    offer(books)
    outbox.open_circuit(books, KIND, "access_denied", least=1800, longest=1800)
    assert run("push", "--offers") == (
        "offers: 0 confirmed, 0 rejected, 1 to be continued (stopped: the circuit is open)\n"
    )
    resumed = ("outbox", "resume", KIND, "--who", "maria", "--why", "new key")
    assert "dry run: nothing was changed" in run(*resumed, "--dry-run")
    assert "rebound_order was paused until" in run(*resumed)
    assert run("push", "--offers") == "offers: 1 confirmed, 0 rejected, 0 to be continued\n"
    assert set(held(box)) == {"SO-1"}
    [who] = books.execute(
        "select actor from outbox.audit_log where action = 'outbox resumed'"
    ).fetchone() or [""]
    assert who == "maria"
