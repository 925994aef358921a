"""What is answered 202 is stored, once, as it came."""

import asyncio
import hashlib
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.warehouse import inbox
from rebound_oro_pipeline.webhook.authentication import OroSignature
from rebound_oro_pipeline.webhook.configuration import Configuration
from rebound_oro_pipeline.webhook.refusals import Refusal
from rebound_oro_pipeline.webhook.writer import InboxWriter
from rebound_oro_pipeline_tests.webhook.deliveries import (
    BY_HMAC,
    NOW,
    body_of,
    envelope,
    receiver,
    recorded,
    signed,
    stored,
)

PATH = "/webhooks/rebound"
ORO = Configuration({"rebound": None, "oro": OroSignature(b"s3cret", timedelta(days=1))})


def deliver(
    url: str, bodies: list[bytes], configuration: Configuration = BY_HMAC, at_once: int = 50
) -> list[int]:
    async def run() -> list[int]:
        async with receiver(url, configuration) as client:
            gate = asyncio.Semaphore(at_once)

            async def post(body: bytes) -> int:
                async with gate:
                    return (await client.post(PATH, content=body, headers=signed(body))).status_code

            return await asyncio.gather(*(post(body) for body in bodies))

    return asyncio.run(run())


def test_a_number_that_no_number_can_be_is_stored_like_all_else(
    database_url: str, conn: psycopg.Connection[Any]
) -> None:
    """The sender would send again and again what is refused, and nobody would see it."""
    body = body_of(envelope(1, weight=0)).replace(b'"weight": 0', b'"weight": 1E99999999999999999999')
    assert deliver(database_url, [body]) == [202]
    assert [row["body"] for row in stored(conn)] == [body]


def test_the_raw_body_is_stored_with_what_tells_it_from_others(
    database_url: str, conn: psycopg.Connection[Any]
) -> None:
    body = body_of(envelope()).replace(b": ", b" :   ")
    assert deliver(database_url, [body]) == [202]
    [row] = stored(conn)
    assert row["body"] == body
    assert row["content_hash"] == hashlib.sha256(body).digest()
    assert (row["source"], row["event_id"], row["event_type"]) == ("rebound", "event-1", "return.processed")
    assert row["received_at"] == NOW
    assert row["headers"]["content-type"] == "application/json"
    assert not {name.lower() for name in row["headers"]} & {"x-rebound-signature", "authorization"}
    assert row["processed_at"] is None


def test_duplicates_are_taken_and_stored_once_whatever_their_order(
    database_url: str, conn: psycopg.Connection[Any]
) -> None:
    bodies = [body_of(envelope(number)) for number in range(60)] * 4
    random.Random(1).shuffle(bodies)
    assert set(deliver(database_url, bodies)) == {202}
    assert {row["event_id"] for row in stored(conn)} == {f"event-{number}" for number in range(60)}
    assert set(deliver(database_url, bodies[:20])) == {202}
    assert len(stored(conn)) == 60


def test_a_known_id_with_another_body_is_another_delivery(
    database_url: str, conn: psycopg.Connection[Any]
) -> None:
    """Ids may name the return: its later states came under the same one, and were dropped."""
    moved_on = [envelope(1, occurred_at=f"2026-11-24T1{hour}:00:00Z") for hour in range(3)]
    bodies = [body_of(each) for each in moved_on]
    assert deliver(database_url, [*bodies, *bodies]) == [202] * 6
    rows = stored(conn)
    assert {row["event_id"] for row in rows} == {"event-1"}
    assert sorted(row["body"] for row in rows) == sorted(bodies)


@pytest.mark.parametrize(
    "body",
    [
        b'{"return": {"id": "R-1"}}',
        b'{"event_id": "", "return": {}}',
        b'{"event_id": {}, "return": {}}',
        b'{"event_id": "' + b"x" * 300 + b'"}',
        b"[1]",
        b"no JSON at all",
        b'{"event_id": "\xff"}',
        b'{"n": ' + b"9" * 5000 + b"}",
        b"",
    ],
)
def test_without_a_readable_id_the_same_body_is_the_same_event(
    body: bytes, database_url: str, conn: psycopg.Connection[Any]
) -> None:
    """What its sender signed is kept whatever it is: processing tells people what is wrong with it."""
    assert deliver(database_url, [body, body + b" ", body]) == [202] * 3
    rows = stored(conn)
    assert {row["body"] for row in rows} == {body, body + b" "}
    assert [row["event_id"] for row in rows] == [None, None]


def test_ids_with_unstorable_characters_do_not_stop_their_neighbours(
    database_url: str, conn: psycopg.Connection[Any]
) -> None:
    bodies = [
        b'{"event_id": "a\\u0000b"}',
        b'{"event_id": "\\ud800"}',
        body_of(envelope(1, event_id='quote"and\\backslash')),
    ]
    assert deliver(database_url, bodies) == [202] * 3
    assert len(stored(conn)) == 3


def test_recorded_deliveries_of_a_shop_are_stored_once_for_both_formats(
    database_url: str, conn: psycopg.Connection[Any]
) -> None:
    async def run() -> list[int]:
        async with receiver(database_url, ORO) as client:
            return [
                (await client.post("/webhooks/oro", content=body, headers=headers)).status_code
                for headers, body in (
                    recorded("webhook_delivery_thin"),
                    recorded("webhook_delivery_default"),
                    recorded("webhook_delivery_thin"),
                )
            ]

    assert asyncio.run(run()) == [202] * 3
    [row] = stored(conn)
    assert row["body"] == recorded("webhook_delivery_thin")[1]
    assert (row["event_type"], row["headers"]["webhook-topic"]) == ("order.updated", "order.updated")


def test_a_replayed_delivery_of_a_shop_is_refused(database_url: str) -> None:
    async def run() -> int:
        headers, body = recorded("webhook_delivery_thin")
        async with receiver(database_url, ORO, NOW + timedelta(days=2)) as client:
            return (await client.post("/webhooks/oro", content=body, headers=headers)).status_code

    assert asyncio.run(run()) == 401


def test_a_database_that_is_down_is_a_503_and_what_was_answered_202_stays(
    database_url: str, postgres_url: str, conn: psycopg.Connection[Any]
) -> None:
    """The server's sessions are cut while deliveries are under way, and it takes no new ones for a while."""
    name = conn.info.dbname
    bodies = [body_of(envelope(number)) for number in range(200)]

    async def run() -> tuple[list[int], list[int], list[int], int, int]:
        async with receiver(database_url) as client:

            async def post(body: bytes) -> int:
                return (await client.post(PATH, content=body, headers=signed(body))).status_code

            async def all_of(chosen: list[bytes]) -> list[int]:
                return await asyncio.gather(*(post(body) for body in chosen))

            before = await all_of(bodies[:50])
            with psycopg.connect(postgres_url, autocommit=True) as admin:
                admin.execute(f'alter database "{name}" allow_connections false')
                during = asyncio.create_task(all_of(bodies[50:150]))
                admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
                )
                middle = await during
                down = (await client.get("/ready")).status_code
                assert (await client.get("/health")).status_code == 200
                admin.execute(f'alter database "{name}" allow_connections true')
            after = await all_of(bodies[50:])
            await asyncio.sleep(1.1)  # readiness is asked at most once a second
            return before, middle, after, down, (await client.get("/ready")).status_code

    conn.rollback()
    before, middle, after, down, up = asyncio.run(run())
    assert set(before) == set(after) == {202}
    assert set(middle) == {503}
    assert (down, up) == (503, 200)
    with psycopg.connect(database_url) as again:
        assert sorted(row["event_id"] for row in stored(again)) == sorted(f"event-{n}" for n in range(200))


def test_a_database_that_cannot_be_found_is_a_503_and_says_nothing_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = "postgresql://somebody:pa55word@127.0.0.1:1/pipeline"
    assert deliver(url, [body_of(envelope())]) == [503]
    assert "could not be stored" in caplog.text
    assert "pa55word" not in caplog.text


def test_more_than_can_wait_is_sent_away_and_nothing_taken_is_lost(
    database_url: str, conn: psycopg.Connection[Any]
) -> None:
    def delivery(number: int) -> inbox.Delivery:
        body = str(number).encode()
        return inbox.Delivery("rebound", str(number), None, NOW, {}, body, hashlib.sha256(body).digest())

    async def run() -> list[bool]:
        writer = InboxWriter(database_url, writers=1, most_waiting=5)
        await writer.open()

        async def store(number: int) -> bool:
            try:
                await writer.store(delivery(number))
            except Refusal as refusal:
                return refusal.status != 503
            return True

        answers = await asyncio.gather(*(store(number) for number in range(20)))
        await writer.close()
        return answers

    answers = asyncio.run(run())
    assert True in answers
    assert False in answers
    assert {row["event_id"] for row in stored(conn)} == {
        str(number) for number, taken in enumerate(answers) if taken
    }


def test_closing_stores_what_is_waiting(database_url: str, conn: psycopg.Connection[Any]) -> None:
    async def run() -> None:
        writer = InboxWriter(database_url)
        await writer.open()
        body = b"{}"
        waiting = asyncio.create_task(
            writer.store(inbox.Delivery("oro", "1", None, NOW, {}, body, hashlib.sha256(body).digest()))
        )
        await asyncio.sleep(0)
        await writer.close()
        await waiting

    asyncio.run(run())
    assert len(stored(conn)) == 1


def test_it_is_ready_with_a_database_and_a_secret_only(database_url: str) -> None:
    async def status(configuration: Configuration, url: str) -> int:
        async with receiver(url, configuration) as client:
            assert (await client.get("/health")).status_code == 200
            return (await client.get("/ready")).status_code

    assert asyncio.run(status(BY_HMAC, database_url)) == 200
    assert asyncio.run(status(Configuration({"rebound": None, "oro": None}), database_url)) == 503
    assert asyncio.run(status(replace(BY_HMAC), "postgresql://x:y@127.0.0.1:1/z")) == 503
