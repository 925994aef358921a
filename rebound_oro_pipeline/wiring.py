"""From settings to connections and clients: the one place where the parts are put together.

Building any of them opens nothing that needs the network, but `connect_database`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg

from rebound_oro_pipeline.clients.alerts import AlertChannel
from rebound_oro_pipeline.clients.http import checked_url
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.credit_note_names import CreditNoteNames, load_names
from rebound_oro_pipeline.contracts.policy import Policy, load_policy
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping, load_mapping
from rebound_oro_pipeline.services.follow_up import Follower
from rebound_oro_pipeline.settings import PREFIX, MissingSetting, Settings, WrongSetting
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.sqlmodels.relations import create_views, ensure_schema
from rebound_oro_pipeline.sqlmodels.seeds import load_seeds
from rebound_oro_pipeline.warehouse import reference
from rebound_oro_pipeline.warehouse.connection import connect, dagster_url, normalise_url
from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres
from rebound_oro_pipeline.warehouse.migrate import migrate

DAGSTER_SCHEMA = "dagster"
"""Where Dagster's storage lies in a database that it shares with the data."""

_NEEDED = ("rebound_url", "rebound_login", "rebound_api_key", "oro_url", "oro_client_id", "oro_client_secret")


def embedded_server(settings: Settings) -> EmbeddedPostgres | None:
    """Return the supervisor of the embedded server, or None where another PostgreSQL is set."""
    return EmbeddedPostgres(settings.home) if settings.secret("database_url") is None else None


@contextmanager
def running_database(settings: Settings) -> Iterator[str]:
    """Give the URL of the pipeline's database; an embedded server that was not running is stopped again at the end."""
    server = embedded_server(settings)
    started = server.start() if server else False
    try:
        yield database_url(settings)
    finally:
        if server and started:
            server.stop()


def database_url(settings: Settings) -> str:
    """Return the URL of the pipeline's database, password included. Raises where no server was ever made."""
    given = settings.secret("database_url")
    return normalise_url(given) if given is not None else EmbeddedPostgres(settings.home).url("pipeline")


def dagster_storage_url(settings: Settings, *, durable: bool = True) -> str:
    """Return the URL of Dagster's storage: a second database of the embedded server, else a schema.

    Unless `durable`, commits do not wait for the disk: a crash of the server may take the last events with it.
    """
    given, own = settings.secret("dagster_database_url"), settings.secret("database_url")
    options = [] if durable else ["-csynchronous_commit=off"]
    if given is not None:
        url = given
    elif own is None:
        url = EmbeddedPostgres(settings.home).url("dagster")
    else:
        url = own
        options.insert(0, f"-csearch_path={DAGSTER_SCHEMA}")
    return _with_options(dagster_url(url), options)


def _with_options(url: str, options: Sequence[str]) -> str:
    """Add to the options that a URL sets for its sessions."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    said = " ".join([*filter(None, [query.get("options")]), *options])
    if said:
        query["options"] = said
    return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))


def connect_database(settings: Settings, *, application_name: str = "rebound-oro") -> psycopg.Connection:
    """Connect to the pipeline's database; not in autocommit."""
    return connect(database_url(settings), application_name=application_name)


def prepare_database(settings: Settings, models: Models) -> list[str]:
    """Bring the database up to this version: migrations, seeds, views; returns the migrations run."""
    applied = migrate(database_url(settings))
    with connect_database(settings, application_name="rebound-oro migrate") as conn, conn.transaction():
        ensure_schema(conn, DAGSTER_SCHEMA)
        load_seeds(conn, models)
        create_views(conn, models)
    return applied


def policy(settings: Settings) -> Policy:
    """Return the policy in force: the defaults, and what policy.yaml says otherwise."""
    return load_policy(settings.policy_file)


def save_policy(settings: Settings, conn: psycopg.Connection) -> int:
    """Store the policy in force, if it is new, and return its version."""
    return reference.save_policy(conn, policy(settings).document())


def rebound_mapping(settings: Settings) -> ReboundMapping:
    """Return the mapping of ReBound's documents."""
    return load_mapping(settings.rebound_mapping_file)


def credit_note_names(settings: Settings) -> CreditNoteNames:
    """Return how OroCommerce's credit-note entity is called."""
    return load_names(
        settings.oro_credit_note_names_file,
        note_type=settings.oro_credit_note_type,
        line_type=settings.oro_credit_note_line_type,
    )


def follower(
    settings: Settings,
    oro: OroClient,
    rebound: ReboundClient,
    conn: psycopg.Connection,
    models: Models,
    *,
    now: datetime,
    run_id: str,
    decide_only: bool = False,
) -> Follower:
    """Return what looks at single returns again, by the policy in force, which is stored; commits."""
    version = save_policy(settings, conn)
    conn.commit()
    return Follower(
        oro=oro,
        rebound=rebound,
        conn=conn,
        models=models,
        mapping=rebound_mapping(settings),
        policy=policy(settings),
        policy_version=version,
        now=now,
        run_id=run_id,
        with_subtotals=settings.oro_subtotals,
        decide_only=decide_only,
    )


def alert_channel(settings: Settings) -> AlertChannel | None:
    """Return where alerts go; None where nobody is to be told. Raises AlertUrlError."""
    urls = settings.secret("alert_urls")
    return AlertChannel(urls.split()) if urls else None


def require_systems(settings: Settings) -> None:
    """Raise MissingSetting or WrongSetting, before anything is started, for those of ReBound and OroCommerce."""
    for name in _NEEDED:
        settings.required(name)
    for name in ("rebound_url", "oro_url"):
        _base_url(settings, name)


def _base_url(settings: Settings, name: str) -> str:
    try:
        return checked_url(settings.required(name))
    except MissingSetting:
        raise
    except ValueError as error:
        raise WrongSetting(f"{PREFIX}{name.upper()}: {error}") from None


def oro_client(settings: Settings) -> OroClient:
    """Return a client of OroCommerce; use it as a context manager. Raises MissingSetting, WrongSetting."""
    return OroClient(
        _base_url(settings, "oro_url"),
        settings.required("oro_client_id"),
        settings.required("oro_client_secret"),
        api_prefix=settings.oro_api_prefix,
        max_connections=settings.oro_connections,
        verify_tls=settings.verify_tls,
    )


def rebound_client(settings: Settings) -> ReboundClient:
    """Return a client of ReBound; use it as a context manager. Raises MissingSetting, WrongSetting."""
    return ReboundClient(
        _base_url(settings, "rebound_url"),
        settings.required("rebound_login"),
        settings.required("rebound_api_key"),
        order_path=settings.rebound_order_path,
        max_connections=settings.rebound_connections,
        verify_tls=settings.verify_tls,
    )
