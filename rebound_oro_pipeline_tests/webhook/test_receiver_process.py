"""The command as it is run: several workers, a load, and every way to end."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from rebound_oro_pipeline_tests.webhook.deliveries import body_of, envelope, recorded, signed
from rebound_oro_pipeline_tests.webhook.receiver_process import (
    connection,
    request_of,
    running,
    send,
    status_of,
)


def requests_of(numbers: range) -> list[bytes]:
    bodies = (body_of(envelope(number)) for number in numbers)
    return [request_of(body, signed(body)) for body in bodies]


def event_ids(conn: psycopg.Connection[Any]) -> list[str]:
    rows = conn.execute("select event_id from inbox.deliveries order by event_id").fetchall()
    conn.rollback()
    return [event_id for (event_id,) in rows]


def test_a_load_on_two_workers_loses_nothing_and_doubles_nothing(
    database_url: str, conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """Small on purpose: `benchmarks/webhook_load.py` is the large one."""
    requests = requests_of(range(600))
    repeated = [*requests[:100], *requests, *requests[::5]]
    with running(database_url, tmp_path / "log") as receiver:
        answers = asyncio.run(send(receiver.port, repeated, rate=600))
        sessions = conn.execute(
            "select count(*) from pg_stat_activity where application_name = 'rebound-oro webhook'"
        ).fetchone()
        assert receiver.stop() == 0
    assert answers.count(202) == len(repeated)
    assert sorted(event_ids(conn)) == sorted(f"event-{number}" for number in range(600))
    assert sessions is not None
    assert sessions[0] >= 2
    assert "Traceback" not in receiver.log.read_text()


def test_what_is_under_way_at_a_stop_is_finished(
    database_url: str, conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    """One delivery waits for the database, another has sent half of its body."""
    [whole, half] = requests_of(range(2))

    async def run(port: int, process: "subprocess.Popen[str]") -> tuple[int, int]:
        async with connection(port) as (answer, sending), connection(port) as (other_answer, other_sending):
            sending.write(whole)
            other_sending.write(half[:-40])
            for _ in range(500):
                if conn.execute("select from pg_locks where not granted").fetchone() is not None:
                    break
                await asyncio.sleep(0.01)
            process.terminate()
            await asyncio.sleep(1)
            assert process.poll() is None
            conn.rollback()
            other_sending.write(half[-40:])
            return await status_of(answer), await status_of(other_answer)

    with running(database_url, tmp_path / "log", workers=1) as receiver:
        conn.execute("lock table inbox.deliveries in access exclusive mode")
        assert asyncio.run(run(receiver.port, receiver.process)) == (202, 202)
        assert receiver.process.wait(20) == 0
    assert event_ids(conn) == ["event-0", "event-1"]


def test_a_stop_in_the_middle_of_a_load_loses_nothing_that_was_answered(
    database_url: str, conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    async def run(port: int, process: "subprocess.Popen[str]") -> list[int | None]:
        load = asyncio.create_task(send(port, requests_of(range(2000)), rate=800, connections=16))
        await asyncio.sleep(0.7)
        process.terminate()
        return (await load).statuses

    with running(database_url, tmp_path / "log") as receiver:
        statuses = asyncio.run(run(receiver.port, receiver.process))
        assert receiver.process.wait(20) == 0
    answered = {f"event-{number}" for number, status in enumerate(statuses) if status == 202}
    stored = event_ids(conn)
    assert 0 < len(answered) < 2000
    assert answered <= set(stored)
    assert len(stored) == len(set(stored))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the workers in /proc")
def test_a_worker_that_is_killed_is_replaced_and_nothing_answered_is_lost(
    database_url: str, conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    async def run(port: int, victim: int) -> list[int | None]:
        load = asyncio.create_task(send(port, requests_of(range(1500)), rate=600, connections=16))
        await asyncio.sleep(0.5)
        os.kill(victim, signal.SIGKILL)
        return (await load).statuses

    with running(database_url, tmp_path / "log") as receiver:
        before = receiver.workers()
        assert len(before) == 2
        statuses = asyncio.run(run(receiver.port, before[0]))
        answered = {f"event-{number}" for number, status in enumerate(statuses) if status == 202}
        again = asyncio.run(send(receiver.port, requests_of(range(1500))))
        assert again.count(202) == 1500
        after = receiver.workers()
    assert len(after) == 2
    assert before[0] not in after
    assert len(answered) > 100
    assert sorted(event_ids(conn)) == sorted(f"event-{number}" for number in range(1500))


def test_a_shop_is_answered_over_the_wire(
    database_url: str, conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    headers, body = recorded("webhook_delivery_default")
    with running(
        database_url,
        tmp_path / "log",
        workers=1,
        webhook_oro_secret="s3cret",
        webhook_oro_window_seconds="1000000000",
    ) as receiver:
        answer = httpx.post(f"{receiver.url}/webhooks/oro", content=body, headers=headers)
        wrong = httpx.post(f"{receiver.url}/webhooks/oro", content=body + b" ", headers=headers)
        with socket.create_connection(("127.0.0.1", receiver.port), timeout=20) as endless:
            endless.sendall(b"POST /webhooks/oro HTTP/1.1\r\nX-Endless: ")
            with contextlib.suppress(OSError):  # it is hung up on while it sends
                for _ in range(64):
                    endless.sendall(b"x" * 2**16)
                endless.shutdown(socket.SHUT_WR)
            refused = endless.recv(12)
    assert (answer.status_code, wrong.status_code, wrong.content) == (202, 401, b"")
    assert refused == b"HTTP/1.1 431"
    assert "server" not in answer.headers
    assert event_ids(conn) == ["8960dfc5-ea94-461e-8fec-255496bd1250"]
    assert "s3cret" not in receiver.log.read_text()


def test_a_port_that_is_taken_ends_the_command_with_the_remedy(database_url: str) -> None:
    environment = {**os.environ, "REBOUND_ORO_DATABASE_URL": database_url}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "rebound_oro_pipeline", "webhook", f"--port={port}"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert "choose another one" in ended.stderr
    assert "Traceback" not in ended.stderr
