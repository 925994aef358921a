"""A private database is gone afterwards, whoever still looks at it."""

import psycopg
import pytest

from rebound_oro_pipeline.services.private_database import private_database
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.rules.sql_runner import models


def left_over(url: str) -> list[str]:
    with connect(url) as conn:
        return [
            name
            for (name,) in conn.execute("select datname from pg_database where datname like 'looked_at%'")
        ]


def test_it_is_dropped_even_while_somebody_else_is_connected_to_it(postgres_url: str) -> None:
    with private_database(postgres_url, models(), purpose="looked_at") as conn:
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
        private_database(postgres_url, models(), purpose="looked_at"),
    ):
        raise RuntimeError("no answer")
    assert left_over(postgres_url) == []
