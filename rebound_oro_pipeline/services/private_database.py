"""A database for one question: made, filled, asked and dropped again, beside the pipeline's own."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from psycopg import sql

from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.sqlmodels.relations import create_views
from rebound_oro_pipeline.sqlmodels.seeds import load_seeds
from rebound_oro_pipeline.warehouse import statements
from rebound_oro_pipeline.warehouse.connection import connect, describe_url, normalise_url
from rebound_oro_pipeline.warehouse.errors import WarehouseError
from rebound_oro_pipeline.warehouse.migrate import migrate

_SQL = statements.load("private_database")
_SETTINGS = {"synchronous_commit": "off", "work_mem": "128MB"}
"""Nothing outlives the question, so no commit waits for the disk; and there is one question, so it may take memory."""
_MAKER = "rebound-oro "
"""Begins the application names; that of the session which made a private database ends in the database's name."""
_log = logging.getLogger(__name__)


class PrivateDatabaseError(WarehouseError):
    """The server does not let this user create a database."""


@contextmanager
def private_database(server_url: str, models: Models, *, purpose: str) -> Iterator[psycopg.Connection]:
    """Give a connection to a fresh database with all tables, seeds and views, and nothing else.

    `server_url` is any database of the server; its user must be allowed to create databases, else
    PrivateDatabaseError. `purpose` begins the name of the new one. What a process of the same purpose left that was
    killed is dropped first.
    """
    name = f"{purpose}_{uuid4().hex}"
    application = f"{_MAKER}{purpose}"
    # The session that makes the database bears its name as long as its process lives, so that others leave it alone.
    with connect(server_url, autocommit=True, application_name=f"{_MAKER}{name}") as server:
        _drop_abandoned(server, purpose)
        _create(server, name, server_url)
        try:
            url = _with_database(server_url, name)
            migrate(url)
            with connect(url, application_name=application) as conn:
                load_seeds(conn, models)
                create_views(conn, models)
                conn.commit()
                yield conn
        finally:
            drop_database(server, name)


def analyse_landed(conn: psycopg.Connection) -> None:
    """Tell the planner how much was landed, before everything is decided at once."""
    conn.execute(_SQL["analyse"])


def drop_database(server: psycopg.Connection, name: str) -> None:
    """Drop a database, whoever of our role is connected; `server` is connected to another one, in autocommit mode."""
    # Not `with (force)`: that refuses to end a vacuum of the server's own, which a plain drop stops by itself.
    drop = sql.SQL("drop database {}").format(sql.Identifier(name))
    server.execute(_SQL["end_sessions"], {"database": name})
    try:
        server.execute(drop)
    except psycopg.errors.ObjectInUse:
        # Somebody connected in between.
        server.execute(_SQL["end_sessions"], {"database": name})
        server.execute(drop)


def _drop_abandoned(server: psycopg.Connection, purpose: str) -> None:
    for (name,) in server.execute(_SQL["abandoned"], {"purpose": purpose, "maker": _MAKER}).fetchall():
        # Never by force: somebody may look at it, and another process may drop it at the same time.
        with suppress(psycopg.errors.ObjectInUse, psycopg.errors.InvalidCatalogName):
            server.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))
            _log.info("Dropped the database %s, which a process that was killed had left", name)


def _create(server: psycopg.Connection, name: str, url: str) -> None:
    try:
        server.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise PrivateDatabaseError(
            f"{server.info.user} may not create a database at {describe_url(url)}; let it "
            "(alter role … createdb), or leave REBOUND_ORO_DATABASE_URL empty to use the embedded server"
        ) from error
    for setting, value in _SETTINGS.items():
        server.execute(
            sql.SQL("alter database {} set {} to {}").format(
                sql.Identifier(name), sql.Identifier(setting), sql.Literal(value)
            )
        )


def _with_database(url: str, name: str) -> str:
    parts = urlsplit(normalise_url(url))
    return f"{parts.scheme}://{parts.netloc}/{name}{'?' if parts.query else ''}{parts.query}"
