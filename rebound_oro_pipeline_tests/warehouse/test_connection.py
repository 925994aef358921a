"""Reading database URLs, and connecting."""

from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest

from rebound_oro_pipeline.warehouse import connection
from rebound_oro_pipeline.warehouse.connection import (
    connect,
    dagster_url,
    describe_url,
    normalise_url,
)
from rebound_oro_pipeline.warehouse.errors import DatabaseUrlError, UnsupportedServerError

REST = "finance:s3cr%40t@db.example.com:6432/returns?sslmode=require"


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2", "POSTGRES"]
)
def test_every_usual_form_of_url_names_the_driver_that_its_reader_needs(scheme: str) -> None:
    """A bare postgresql:// means another driver to SQLAlchemy 2.0 than to 2.1."""
    url = f" {scheme}://{REST}\n"
    assert normalise_url(url) == f"postgresql://{REST}"
    assert dagster_url(url) == f"postgresql+psycopg2://{REST}"
    assert describe_url(url) == "db.example.com:6432/returns"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3cret",
        "mysql://finance:s3cret@db/returns",
        "host=db password=s3cret",
        "postgresql://finance:s3cret@more@db/returns",
        "postgresql://finance:s3cret/more@db/returns",
        "postgresql://finance:s3cret%zz@db/returns",
        "postgresql://finance@db:s3cret/returns",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_quoting_the_password(url: str) -> None:
    with pytest.raises(DatabaseUrlError, match="percent-encoded") as failure:
        connect(url)
    cause = failure.value.__cause__ or failure.value.__context__
    assert "s3cret" not in f"{failure.value}{cause if not failure.value.__suppress_context__ else ''}"


def test_a_session_works_in_utc_and_waits_for_no_lock_for_ever(database_url: str) -> None:
    with connect(database_url, application_name="a test") as conn:
        assert conn.autocommit is False
        assert conn.execute("show application_name").fetchone() == ("a test",)
        assert conn.execute("show lock_timeout").fetchone() == ("5min",)
        conn.rollback()
        assert conn.execute("show lock_timeout").fetchone() == ("5min",)
        at = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
        row = conn.execute("select %s::timestamptz, (%s::timestamptz)::text", (at, at)).fetchone()
        assert row == (at, "2026-03-29 01:30:00+00")
        assert row[0].utcoffset() is not None


def test_fractions_in_json_are_read_exactly(conn: psycopg.Connection) -> None:
    """0.1 + 0.2 is 0.3 where money is concerned."""
    row = conn.execute("""select '{"total": 1234567890123.4567}'::jsonb""").fetchone()
    assert row == ({"total": Decimal("1234567890123.4567")},)


def test_an_older_server_is_refused_with_both_versions(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MINIMUM_SERVER_VERSION", 99)
    with pytest.raises(UnsupportedServerError, match="is version 18; 99 or later is needed"):
        connect(database_url)


def test_a_database_in_another_encoding_is_refused_with_the_remedy(postgres_url: str) -> None:
    with connect(postgres_url, autocommit=True) as admin:
        admin.execute(
            "create database latin encoding 'LATIN1' locale_provider libc locale 'C' template template0"
        )
        with pytest.raises(UnsupportedServerError, match="keeps text as LATIN1, UTF8 is needed"):
            connect(postgres_url.replace("/postgres", "/latin"))
        admin.execute("drop database latin with (force)")


def test_a_refused_password_is_not_repeated(database_url: str) -> None:
    password = psycopg.conninfo.conninfo_to_dict(database_url)["password"]
    with pytest.raises(psycopg.OperationalError, match="authentication failed") as failure:
        connect(database_url.replace(str(password), "s3cret"))
    assert "s3cret" not in str(failure.value)
