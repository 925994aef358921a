"""Claiming and settling: nobody's message twice, nobody's message lost."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.warehouse import outbox
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.outbox import Claimant, MessageState, Outcome
from rebound_oro_pipeline_tests.sessions import wait_for_locks_of_others_to_go

KIND = "oro_credit_note"
DAY = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture
def first(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def second(database_url: str) -> Iterator[psycopg.Connection]:
    with connect(database_url, autocommit=True) as connection:
        yield connection


def put(conn: psycopg.Connection, *keys: str, ordering_key: str = "1", kind: str = KIND) -> None:
    for key in keys:
        conn.execute(
            """
            insert into outbox.messages (kind, business_key, ordering_key, registered_at, payload)
            values (%s, %s, %s, %s, '{"quantity": "1"}')
            """,
            (kind, key, ordering_key, DAY),
        )


def states(conn: psycopg.Connection) -> dict[str, str]:
    return dict(conn.execute("select business_key, state::text from outbox.messages").fetchall())


def one(conn: psycopg.Connection, column: str) -> Any:
    row = conn.execute(f"select {column} from outbox.messages").fetchone()
    assert row is not None
    return row[0]


def test_two_workers_never_claim_the_same_message(
    first: psycopg.Connection, second: psycopg.Connection
) -> None:
    put(first, "A", "B", "C")
    with first.transaction():
        taken = Claimant(KIND, "one").claim(first, 2)
        others = Claimant(KIND, "two").claim(second, 2)  # while the first has not committed
    assert [message.business_key for message in taken] == ["A", "B"]
    assert [message.business_key for message in others] == ["C"]


def test_only_messages_of_the_kind_are_claimed(first: psycopg.Connection) -> None:
    put(first, "A")
    put(first, "other", kind="oro_inventory_delta")
    claimed = Claimant(KIND, "w").claim(first, 10)
    assert [message.business_key for message in claimed] == ["A"]


def test_a_message_put_off_is_not_due_until_its_time_comes(first: psycopg.Connection) -> None:
    put(first, "A")
    worker = Claimant(KIND, "w")
    [message] = worker.claim(first, 1)
    worker.settle(first, [Outcome.retry(message, "busy", 3600.0)])
    assert worker.claim(first, 1) == []
    first.execute("update outbox.messages set next_attempt_at = next_attempt_at - interval '1 hour'")
    assert len(worker.claim(first, 1)) == 1


def test_all_due_messages_of_a_key_are_claimed_together_and_none_while_one_is_under_way(
    first: psycopg.Connection, second: psycopg.Connection
) -> None:
    put(first, "A", "B", ordering_key="x")
    put(first, "C", ordering_key="y")
    one, two = Claimant(KIND, "one"), Claimant(KIND, "two")
    assert [message.business_key for message in one.claim_keys(first, 1)] == ["A", "B"]
    put(first, "D", ordering_key="x")
    assert [message.business_key for message in two.claim_keys(second, 5)] == ["C"]


def test_keys_that_another_worker_is_just_claiming_are_passed_over(
    first: psycopg.Connection, second: psycopg.Connection
) -> None:
    put(first, "A", "B", ordering_key="x")
    put(first, "C", "D", ordering_key="y")
    with first.transaction():
        taken = Claimant(KIND, "one").claim_keys(first, 1)
        others = Claimant(KIND, "two").claim_keys(second, 1)
    assert [message.business_key for message in taken] == ["A", "B"]
    assert [message.business_key for message in others] == ["C", "D"]


def test_the_claims_of_a_worker_whose_session_ends_become_unknown_at_once(
    database_url: str, first: psycopg.Connection
) -> None:
    put(first, "A")
    with connect(database_url, autocommit=True) as dying:
        Claimant(KIND, "dying").claim(dying, 1)
        assert outbox.expire_claims(first, KIND) == 0
    wait_for_locks_of_others_to_go(first)
    assert outbox.expire_claims(first, KIND) == 1
    assert states(first) == {"A": "unknown"}


def test_what_a_living_worker_holds_is_not_due_and_what_a_dead_one_left_is(
    database_url: str, first: psycopg.Connection
) -> None:
    """Else nobody would be woken for it."""
    put(first, "A", "B")
    with connect(database_url, autocommit=True) as dying:
        Claimant(KIND, "dying").claim(dying, 1)
        assert outbox.due(first, KIND) == 1
        [message] = Claimant(KIND, "other").claim(first, 1)
        assert outbox.due(first, KIND) == 0
        Claimant(KIND, "other").settle(first, [Outcome.unknown(message, "lost", 0.0)])
        assert outbox.due(first, KIND) == 1
    wait_for_locks_of_others_to_go(first)
    assert outbox.due(first, KIND) == 2


def test_the_claims_of_a_living_worker_expire_with_their_lease(first: psycopg.Connection) -> None:
    put(first, "A")
    Claimant(KIND, "slow", lease=-1.0).claim(first, 1)
    assert outbox.expire_claims(first, KIND) == 1


def test_what_was_settled_by_its_new_owner_is_not_settled_by_the_one_that_lost_it(
    first: psycopg.Connection,
) -> None:
    put(first, "A")
    late = Claimant(KIND, "late", lease=-1.0)
    [message] = late.claim(first, 1)
    outbox.expire_claims(first, KIND)
    [again] = Claimant(KIND, "new").claim_unknown(first)
    assert late.settle(first, [Outcome.rejected(message, "no")]) == {}
    Claimant(KIND, "new").settle(first, [Outcome.confirmed(again, "7")])
    assert states(first) == {"A": "confirmed"}


def test_an_unknown_message_stays_unknown_while_it_is_being_read_and_counts_its_readings(
    first: psycopg.Connection, second: psycopg.Connection
) -> None:
    put(first, "A")
    worker = Claimant(KIND, "w")
    [message] = worker.claim(first, 1)
    worker.settle(first, [Outcome.unknown(message, "queued", 0.0, ("31", 4))])
    [reading] = worker.claim_unknown(first)
    assert (reading.operation_id, reading.operation_index, reading.attempts, reading.checks) == (
        "31",
        4,
        1,
        1,
    )
    assert states(first) == {"A": "unknown"}
    assert Claimant(KIND, "other").claim_unknown(second) == []


def test_a_message_given_back_untouched_has_not_used_up_an_attempt(first: psycopg.Connection) -> None:
    put(first, "A")
    worker = Claimant(KIND, "w")
    [message] = worker.claim(first, 1)
    worker.settle(first, [Outcome.released(message)])
    assert one(first, "attempts") == 0
    assert first.execute("select count(*) from outbox.audit_log").fetchone() == (0,)


def test_failures_are_counted_by_whose_they_are_and_forgotten_when_an_operator_sends_again(
    first: psycopg.Connection,
) -> None:
    put(first, "A")
    worker = Claimant(KIND, "w")
    counted = []
    for failure in (None, "shared", "own"):
        [message] = worker.claim(first, 1)
        worker.settle(first, [Outcome.retry(message, "no", 0.0, failure=failure)])
        counted.append((one(first, "attempts"), one(first, "failures"), one(first, "own_failures")))
    assert counted == [(1, 0, 0), (2, 1, 0), (3, 2, 1)]
    [message] = worker.claim(first, 1)
    assert (message.attempts, message.failures, message.own_failures) == (4, 2, 1)
    worker.settle(first, [Outcome.rejected(message, "no")])
    outbox.retry(first, KIND, ["A"], actor="mia", reason="again")
    assert (one(first, "attempts"), one(first, "failures"), one(first, "own_failures")) == (0, 0, 0)


def test_every_settled_write_is_in_the_audit_log(first: psycopg.Connection) -> None:
    put(first, "A", "B")
    worker = Claimant(KIND, "run 7/1")
    accepted, refused = worker.claim(first, 2)
    settled = worker.settle(
        first,
        [
            Outcome.confirmed(accepted, "12", "request-1"),
            Outcome.rejected(refused, "form constraint", request_id="request-2"),
        ],
    )
    assert settled == {MessageState.CONFIRMED: 1, MessageState.REJECTED: 1}
    rows = first.execute(
        "select actor, action, subject, reason, request_id, detail ->> 'remote_id' from outbox.audit_log order by 3"
    ).fetchall()
    assert rows == [
        ("run 7/1", "oro_credit_note confirmed", "A", None, "request-1", "12"),
        ("run 7/1", "oro_credit_note rejected", "B", "form constraint", "request-2", None),
    ]


def test_an_open_circuit_stays_open_for_every_process_and_opens_longer_each_time(
    first: psycopg.Connection, second: psycopg.Connection
) -> None:
    put(first, "A")
    assert outbox.due(second, KIND) == 1
    outbox.open_circuit(first, KIND, "503", least=60.0, longest=600.0)
    assert outbox.circuit_open_until(second, KIND) is not None
    assert outbox.due(second, KIND) == 0
    spans = []
    for _ in range(5):
        first.execute("update outbox.circuits set open_until = now() - interval '1 s'")
        outbox.open_circuit(first, KIND, "503", least=60.0, longest=600.0)
        row = first.execute(
            "select round(extract(epoch from open_until - now())) from outbox.circuits"
        ).fetchone()
        assert row is not None
        spans.append(int(row[0]))
    assert spans == [120, 240, 480, 600, 600]
    first.execute("update outbox.circuits set open_until = now() - interval '1 s'")
    outbox.close_circuit(first, KIND)
    assert first.execute("select count(*) from outbox.circuits").fetchone() == (0,)


def test_an_operator_sends_a_rejected_message_again_with_name_and_reason(first: psycopg.Connection) -> None:
    put(first, "A", "B")
    worker = Claimant(KIND, "w")
    refused, _ = worker.claim(first, 2)
    worker.settle(first, [Outcome.rejected(refused, "no such order")])
    assert outbox.retry(first, KIND, ["A", "B"], actor="mia", reason="order restored") == ["A"]
    assert states(first) == {"A": "pending", "B": "sending"}
    row = first.execute(
        "select actor, action, subject, reason from outbox.audit_log order by audit_id desc limit 1"
    ).fetchone()
    assert row == ("mia", "oro_credit_note pending", "A", "order restored")
    with pytest.raises(ValueError, match="needs the name"):
        outbox.retry(first, KIND, ["A"], actor=" ", reason="x")


def test_an_operator_cannot_abandon_what_is_being_sent(first: psycopg.Connection) -> None:
    put(first, "A", "B")
    Claimant(KIND, "w").claim(first, 1)
    assert outbox.abandon(first, KIND, ["A", "B"], actor="mia", reason="test data") == ["B"]
    assert states(first) == {"A": "sending", "B": "abandoned"}


def test_a_refusal_is_seen_by_the_quarantine(first: psycopg.Connection) -> None:
    first.execute(
        """
        insert into outbox.messages (kind, business_key, ordering_key, registered_at, payload)
        values ('oro_credit_note', 'N-1', '1', %s,
            '{"return_id": "R1", "lines": [{"quantity": "2"}, {"quantity": "0.5"}]}')
        """,
        (DAY,),
    )
    worker = Claimant(KIND, "w")
    [message] = worker.claim(first, 1)
    worker.settle(first, [Outcome.rejected(message, "form constraint: not valid")])
    row = first.execute(
        "select subject, reason, detail, quantity::text, return_id, return_line_key, registered_at from push.refusals"
    ).fetchone()
    assert row == ("N-1", "push_rejected", "form constraint: not valid", "2.5", "R1", None, DAY)
