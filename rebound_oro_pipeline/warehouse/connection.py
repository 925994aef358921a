"""Connections to PostgreSQL, wherever it runs: one way to read its URL, one way to connect."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_loads

from rebound_oro_pipeline.warehouse.errors import DatabaseUrlError, UnsupportedServerError

MINIMUM_SERVER_VERSION: Final = 15
"""Oldest major version of PostgreSQL that the migrations and models are written for."""

SESSION_SETTINGS: Final = {
    "TimeZone": "UTC",
    "lock_timeout": "5min",
    "idle_in_transaction_session_timeout": "1h",
}
"""Set in every session: nobody waits for a lock, or keeps one in a forgotten transaction, for ever."""

_SCHEME = re.compile(r"^(?:postgres|postgresql)(?:\+\w+)?://", re.IGNORECASE)
_loads = partial(json.loads, parse_float=Decimal)


def normalise_url(url: str) -> str:
    """Return a database URL as libpq and psycopg read it: `postgresql://…`.

    Accepts `postgres://`, `postgresql://` and SQLAlchemy's forms that name a driver, `postgresql+psycopg://`.
    Raises DatabaseUrlError.
    """
    return _with_scheme(url, "postgresql")


def dagster_url(url: str) -> str:
    """Return the URL for Dagster's storage, over psycopg2.

    With psycopg 3 and SQLAlchemy 2.1, dagster-postgres fails on every event that it writes
    (https://github.com/dagster-io/dagster/issues/33958).
    """
    return _with_scheme(url, "postgresql+psycopg2")


def describe_url(url: str) -> str:
    """Return `host:port/database` of a URL, which is what may be shown to people. Raises DatabaseUrlError."""
    parts = conninfo_to_dict(normalise_url(url))
    return f"{parts.get('host') or 'local socket'}:{parts.get('port') or 5432}/{parts.get('dbname') or ''}"


def connect(
    url: str, *, autocommit: bool = False, application_name: str = "rebound-oro"
) -> psycopg.Connection:
    """Connect to the database at `url`; times are read and written in UTC, JSON fractions as Decimal.

    Raises DatabaseUrlError, UnsupportedServerError, or psycopg.OperationalError where nobody answers.
    """
    connection = psycopg.connect(
        normalise_url(url),
        autocommit=True,
        application_name=application_name,
        client_encoding="UTF8",
        connect_timeout=10,
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
    )
    try:
        _require_supported(connection.info)
        _set(connection, SESSION_SETTINGS)
        set_json_loads(_loads, connection)
        connection.autocommit = autocommit
    except BaseException:
        connection.close()
        raise
    return connection


def renew(connection: psycopg.Connection) -> None:
    """Make a session outside of a transaction what `connect` made of it, whatever it was used for since.

    Raises psycopg.Error where that cannot be done, as when the server has hung up.
    """
    # psycopg keeps the names of prepared statements, and sees that all are discarded the first time only; a rollback
    # makes it forget them.
    connection.read_only = connection.isolation_level = connection.deferrable = None
    connection.autocommit = False
    connection.execute("select 1")
    connection.rollback()
    connection.autocommit = True
    connection.execute("discard all")
    _set(connection, SESSION_SETTINGS)
    connection.autocommit = False


def rename(connection: psycopg.Connection, application_name: str) -> None:
    """Say in pg_stat_activity what an idle session is used for now; psycopg.Error where the server has hung up."""
    _set(connection, {"application_name": application_name})
    connection.commit()


def _set(connection: psycopg.Connection, values: Mapping[str, str]) -> None:
    connection.execute(
        "select set_config(name, value, false) from unnest(%s::text[], %s::text[]) as given(name, value)",
        (list(values), list(values.values())),
    )


def _with_scheme(url: str, scheme: str) -> str:
    rest, found = _SCHEME.subn("", url.strip())
    try:
        parts = conninfo_to_dict(f"postgresql://{rest}") if found else None
    except psycopg.ProgrammingError:
        parts = None
    # A password with a raw @ or / spills into these; libpq would quote them in its errors.
    spilt = parts is None or "@" in f"{parts.get('host')}{parts.get('dbname')}"
    if parts is None or spilt or not re.fullmatch(r"[\d,]*", str(parts.get("port", ""))):
        raise DatabaseUrlError(
            "The database URL cannot be read. Expected postgresql://user:password@host:port/database, "
            "with characters such as @ : / ? # % in the password percent-encoded."
        )
    return f"{scheme}://{rest}"


def _require_supported(info: psycopg.ConnectionInfo) -> None:
    where = f"{info.host}:{info.port}/{info.dbname}"
    if info.server_version < MINIMUM_SERVER_VERSION * 10_000:
        raise UnsupportedServerError(
            f"PostgreSQL at {where} is version {info.server_version // 10_000}; "
            f"{MINIMUM_SERVER_VERSION} or later is needed."
        )
    encoding = info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise UnsupportedServerError(
            f"The database at {where} keeps text as {encoding}, UTF8 is needed; create one with: "
            "create database … encoding 'UTF8' template template0"
        )
