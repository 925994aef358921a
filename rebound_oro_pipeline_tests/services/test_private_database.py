"""A private database is gone afterwards, whoever still looks at it."""

import os
import signal
import subprocess
import sys

import psycopg
import pytest
from psycopg import sql

from rebound_oro_pipeline.services.private_database import private_database
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.sessions import wait_for_sessions_to_end

PURPOSE = f"looked_at_{os.getpid()}"
"""Of this worker alone: the others use the same server."""


def left_over(url: str) -> list[str]:
    with connect(url) as conn:
        return [
            name
            for (name,) in conn.execute(
                "select datname from pg_database where starts_with(datname, %s)", (PURPOSE,)
            )
        ]


def test_it_is_dropped_even_while_somebody_else_is_connected_to_it(postgres_url: str) -> None:
    with private_database(postgres_url, models(), purpose=PURPOSE) as conn:
        name = conn.info.dbname
        assert left_over(postgres_url) == [name]
        looking = connect(f"{postgres_url.rpartition('/')[0]}/{name}")
    assert left_over(postgres_url) == []
    with pytest.raises(psycopg.OperationalError):
        looking.execute("select 1")
    looking.close()


def test_it_is_dropped_when_the_question_fails(postgres_url: str) -> None:
    with (
        pytest.raises(RuntimeError, match="no answer"),
        private_database(postgres_url, models(), purpose=PURPOSE),
    ):
        raise RuntimeError("no answer")
    assert left_over(postgres_url) == []


IS_KILLED = """
import os, signal, sys
from rebound_oro_pipeline.services.private_database import private_database
from rebound_oro_pipeline_tests.prepared import models
with private_database(sys.argv[1], models(), purpose=sys.argv[2]):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_dropped_by_the_next_one(postgres_url: str) -> None:
    killed = subprocess.run([sys.executable, "-c", IS_KILLED, postgres_url, PURPOSE], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(left_over(postgres_url)) == 1
    with connect(postgres_url, autocommit=True) as admin:
        wait_for_sessions_to_end(admin, f"rebound-oro {PURPOSE}")
    with private_database(postgres_url, models(), purpose=PURPOSE) as conn:
        assert left_over(postgres_url) == [conn.info.dbname]
    assert left_over(postgres_url) == []


def test_what_another_process_makes_or_uses_is_left_alone(postgres_url: str) -> None:
    """Between making a database and filling it, nobody is connected to it."""
    made = f"{PURPOSE}_{os.urandom(16).hex()}"
    others = f"{PURPOSE}_{os.urandom(16).hex()}_of_others"
    with (
        connect(postgres_url, autocommit=True) as admin,
        private_database(postgres_url, models(), purpose=PURPOSE) as used,
    ):
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(others)))
        with connect(postgres_url, autocommit=True, application_name=f"rebound-oro {made}") as maker:
            maker.execute(sql.SQL("create database {}").format(sql.Identifier(made)))
            with private_database(postgres_url, models(), purpose=PURPOSE):
                assert {made, others, used.info.dbname} <= set(left_over(postgres_url))
        wait_for_sessions_to_end(admin, f"rebound-oro {made}")
        with private_database(postgres_url, models(), purpose=PURPOSE):
            left = left_over(postgres_url)
            assert made not in left
            assert {others, used.info.dbname} <= set(left)
        admin.execute(sql.SQL("drop database {}").format(sql.Identifier(others)))
