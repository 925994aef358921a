"""One home, seen by two containers: in each the other's processes have no number, and one server is enough."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres, EmbeddedPostgresError
from rebound_oro_pipeline.warehouse.postmaster import live_postmaster
from rebound_oro_pipeline_tests.warehouse.conftest import SETTINGS, NewServer

CONTAINER = (
    "unshare",
    *([] if os.geteuid() == 0 else ["--user", "--map-current-user"]),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)
STARTS = """
import sys
from pathlib import Path
from rebound_oro_pipeline.warehouse import embedded
from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres, EmbeddedPostgresError
embedded._ELSEWHERE_SECONDS = 0.5
server = EmbeddedPostgres(Path(sys.argv[1]), settings={settings})
for line in sys.stdin:
    try:
        print(getattr(server, line.strip())(), flush=True)
    except EmbeddedPostgresError as error:
        print(error, flush=True)
"""


class Container:
    """A process with process numbers of its own, in which a server can be started and stopped."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def does(self, what: str) -> str:
        """Call a method of the server and return what it said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def is_killed(self) -> None:
        """End it with everything in it, as an engine does."""
        self._process.kill()
        self._process.wait()


@contextmanager
def container(home: Path) -> Iterator[Container]:
    with subprocess.Popen(
        [*CONTAINER, sys.executable, "-c", textwrap.dedent(STARTS).format(settings=SETTINGS), home],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Container(process)
        finally:
            process.kill()


@pytest.fixture
def home(server: EmbeddedPostgres) -> Path:
    if subprocess.run([*CONTAINER, "true"], check=False, capture_output=True).returncode:
        pytest.skip("process numbers of one's own are not allowed here")
    return server.home


def test_a_second_container_starts_no_second_server_on_the_same_data(home: Path) -> None:
    with container(home) as first, container(home) as second:
        assert first.does("start") == "True"
        refused = second.does("start")
        assert "is run by another container or machine" in refused
        assert "REBOUND_ORO_HOME" in refused
        assert "state='elsewhere'" in second.does("status")
        assert "is run by another container" in second.does("stop")
        assert "is run by another container" in second.does("remove")
        assert first.does("start") == "False"
        assert first.does("stop") == "True"
        assert second.does("start") == "True"
        assert second.does("stop") == "True"


def test_a_container_that_is_killed_leaves_its_server_s_data_to_the_next(home: Path) -> None:
    with container(home) as first, container(home) as second:
        first.does("start")
        first.is_killed()
        assert second.does("start") == "True"
        assert second.does("stop") == "True"


def test_the_lock_is_the_server_s_and_outlives_who_started_it(
    server: EmbeddedPostgres, new_server: NewServer
) -> None:
    script = f"""
from pathlib import Path
from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres
EmbeddedPostgres(Path({str(server.home)!r}), settings={SETTINGS!r}).start()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    with server._server_lock() as lock:
        assert lock is None
    assert server.status().state == "running"
    assert new_server(server.home).start() is False
    connect(server.url()).close()
    assert new_server(server.home).stop() is True
    assert server.status().state == "stopped"
    assert server.start() is True
    postmaster = live_postmaster(server.home / "pg/data")
    assert postmaster is not None
    os.kill(postmaster, signal.SIGKILL)
    assert server.start() is True


def test_a_folder_that_cannot_be_locked_is_refused_in_words(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few network file systems know no locks."""

    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    with pytest.raises(EmbeddedPostgresError, match=r"cannot be locked \(Operation not supported\).*HOME"):
        server.start()
