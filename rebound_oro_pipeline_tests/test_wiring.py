"""From settings to connections: which database, which storage for Dagster, and who stops the server."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.settings import MissingSetting, Settings
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres
from rebound_oro_pipeline_tests.prepared import models

GIVEN = "postgres://user:p%40ss@db.example:5433/shop?sslmode=require"
SYSTEMS: dict[str, Any] = {
    "rebound_url": "https://returns.example",
    "rebound_login": "us",
    "rebound_api_key": "hush",
    "oro_url": "https://shop.example",
    "oro_client_id": "us",
    "oro_client_secret": "hush",
}


def options(url: str) -> str:
    return parse_qs(urlsplit(url).query).get("options", [""])[0]


def test_a_given_database_is_used_and_no_server_started(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=GIVEN)
    assert wiring.embedded_server(settings) is None
    with wiring.running_database(settings) as url:
        assert url == "postgresql://user:p%40ss@db.example:5433/shop?sslmode=require"
    assert list(tmp_path.iterdir()) == []


def test_dagster_lives_in_a_schema_of_a_given_database() -> None:
    url = wiring.dagster_storage_url(Settings(database_url=GIVEN))
    assert url.startswith("postgresql+psycopg2://user:p%40ss@db.example:5433/shop?")
    assert parse_qs(urlsplit(url).query)["sslmode"] == ["require"]
    assert options(url) == "-csearch_path=dagster"


def test_options_that_a_given_url_has_are_kept() -> None:
    given = "postgresql://db.example/shop?options=-cstatement_timeout%3D5s"
    url = wiring.dagster_storage_url(Settings(database_url=given), durable=False)
    assert options(url) == "-cstatement_timeout=5s -csearch_path=dagster -csynchronous_commit=off"


def test_dagster_may_have_a_database_of_its_own() -> None:
    settings = Settings(database_url=GIVEN, dagster_database_url="postgresql+psycopg://db.example/dagster")
    assert wiring.dagster_storage_url(settings) == "postgresql+psycopg2://db.example/dagster"


def test_the_embedded_server_has_a_second_database_for_dagster_and_is_stopped_by_who_started_it(
    open_folder: Path,
) -> None:
    settings = Settings(home=open_folder / "home", database_url=None)
    server = EmbeddedPostgres(settings.home)
    with wiring.running_database(settings) as url:
        assert url.endswith("/pipeline")
        with wiring.running_database(settings):
            pass
        assert server.status().state == "running"
        storage = wiring.dagster_storage_url(settings)
        assert storage.startswith("postgresql+psycopg2://")
        assert urlsplit(storage).path == "/dagster"
        for database_url in (url, storage):
            with connect(database_url) as conn:
                assert conn.execute("select 1").fetchone() == (1,)
    assert server.status().state == "stopped"


def test_preparing_a_database_again_changes_nothing(database_url: str) -> None:
    settings = Settings(database_url=database_url)
    assert wiring.prepare_database(settings, models()) == []
    with connect(database_url) as conn:
        before = conn.execute("select oid, xmin::text from pg_class order by oid").fetchall()
    assert wiring.prepare_database(settings, models()) == []
    with connect(database_url) as conn:
        assert conn.execute("select oid, xmin::text from pg_class order by oid").fetchall() == before
        schemas = conn.execute("select nspname from pg_namespace where nspname = 'dagster'")
        assert schemas.fetchall() == [("dagster",)]


def test_a_run_needs_all_six_settings_of_both_systems() -> None:
    wiring.require_systems(Settings(**SYSTEMS))
    for name in SYSTEMS:
        without = {key: value for key, value in SYSTEMS.items() if key != name}
        with pytest.raises(MissingSetting, match=name.upper()):
            wiring.require_systems(Settings(**without))


@pytest.mark.parametrize("verify_tls", [True, False])
def test_certificates_are_verified_by_both_clients_unless_the_setting_says_otherwise(
    caplog: pytest.LogCaptureFixture, *, verify_tls: bool
) -> None:
    settings = Settings(**SYSTEMS, verify_tls=verify_tls)
    with wiring.oro_client(settings), wiring.rebound_client(settings):
        assert caplog.text.count("TLS certificates are NOT verified") == (0 if verify_tls else 2)


def test_a_policy_is_stored_once_and_known_again(database_url: str) -> None:
    settings = Settings(database_url=database_url)
    with wiring.connect_database(settings) as conn:
        assert wiring.save_policy(settings, conn) == wiring.save_policy(settings, conn)
