"""A PostgreSQL server of our own in a folder: made, started, found again, recovered after a crash, stopped.

Used where no other database is configured. Several processes share one server: all of them may call `start`,
even at once, and nothing stops it behind their backs. It listens on 127.0.0.1 only, by password. In `home`:

    pg.lock           locked while a process starts or stops the server
    pg/server.lock    locked by the server itself, and by what is left of a killed one, as long as they live
    pg/data/          the data directory, the server account's alone
    pg/password       generated, mode 0600
    pg/port           chosen once
    pg/server.log
"""

import fcntl
import logging
import random
import secrets
import shlex
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal

import psycopg

from rebound_oro_pipeline.warehouse import server_place
from rebound_oro_pipeline.warehouse.cluster import (
    ADMINISTRATOR,
    DATABASES,
    OWNER,
    make_data_directory,
    make_missing_databases,
)
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.errors import EmbeddedPostgresError
from rebound_oro_pipeline.warehouse.postmaster import (
    end_orphans,
    has_orphans,
    live_postmaster,
    lock_file,
    release_abandoned_lock,
)
from rebound_oro_pipeline.warehouse.server_account import Account, account_for, owner_of

_START_SECONDS: Final = 120
_RECOVERY_SECONDS: Final = 45
_ELSEWHERE_SECONDS: Final = 5
"""How long to wait for a lock that nobody here holds: a server may be just ending, or just beginning."""
_LOG_BYTES: Final = 10_000_000
# Below the ports that systems use for outgoing connections, so that a stored one is not taken by chance.
_PORTS: Final = range(20_000, 30_000)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerStatus:
    """What can be said of a server without touching it; `version` is PostgreSQL's major version.

    `elsewhere`: it runs, but not among the processes of this machine or container.
    """

    state: Literal["absent", "stopped", "crashed", "running", "elsewhere"]
    pid: int | None
    port: int | None
    version: str | None
    data_directory: Path
    log: Path


class EmbeddedPostgres:
    """The server whose files lie in `home`.

    `settings` are handed to the server when this object starts it, and win over postgresql.conf.
    `elsewhere` is where root puts what the server's account cannot reach in `home`.
    All methods raise EmbeddedPostgresError.
    """

    def __init__(
        self,
        home: Path,
        *,
        settings: Mapping[str, str] | None = None,
        elsewhere: Path = server_place.ELSEWHERE,
    ) -> None:
        self.home = home.absolute()
        self._settings = dict(settings or {})
        self._elsewhere = elsewhere
        self._folder = self.home / "pg"
        self._data = self._folder / "data"
        self._log_file = self._folder / "server.log"

    def __repr__(self) -> str:
        return f"EmbeddedPostgres({str(self.home)!r})"

    def start(self) -> bool:
        """Make sure that the server runs and answers queries; return whether this call started it.

        Makes it on first use, and recovers it after a crash.
        """
        account = account_for(self._data)
        with self._locked():
            server_place.folder_for(self.home, account, self._elsewhere)
            if self._is_ready():
                return False
            programs = server_place.programs_for(account, self._elsewhere)
            if not self._data.exists():
                self._make(account, programs)
            self._require_version(account, programs)
            self._start_postmaster(account, programs)
            return True

    def stop(self) -> bool:
        """Stop the server: sessions end, what was committed stays. Return whether it was running."""
        if owner_of(self.home) is None:
            return False
        with self._locked():
            return self._stop()

    def remove(self) -> None:
        """Stop the server and delete its files, with everything in its databases."""
        if owner_of(self.home) is not None:
            with self._locked():
                self._stop()
                self._require_nobody_elsewhere()
                server_place.remove_folder(self.home)

    def status(self) -> ServerStatus:
        """Return the state of the server, without waiting for anybody."""
        if owner_of(self._data) is None:
            return ServerStatus("absent", None, None, None, self._data, self._log_file)
        account_for(self._data)  # refuses another user, to whom the files are closed
        pid = live_postmaster(self._data)
        state: Literal["stopped", "crashed", "running", "elsewhere"] = "running"
        if pid is None:
            state = "crashed" if lock_file(self._data).exists() else "stopped"
            if self._server_lock_file.exists():
                with self._server_lock() as lock:
                    if lock is None and not has_orphans(self._data):
                        state = "elsewhere"
        return ServerStatus(
            state=state,
            pid=pid,
            port=int(self._read("port")),
            version=self._data_version(),
            data_directory=self._data.resolve(),
            log=self._log_file.resolve(),
        )

    def url(self, database: str = DATABASES[0]) -> str:
        """Return the URL of a database, the password in it. The server must have been started once."""
        return self._url(OWNER, database)

    def _make(self, account: Account, programs: Path) -> None:
        if not (self._folder / "password").exists():
            self._write("password", secrets.token_urlsafe(24))
        if not (self._folder / "port").exists():
            self._write("port", str(_free_port()))
        durable = self._settings.get("fsync") != "off"
        make_data_directory(self._folder, account, programs, password=self._read("password"), durable=durable)

    def _is_ready(self) -> bool:
        """Wait until a server that is running answers; return False where none runs, or it ends meanwhile."""
        deadline = time.monotonic() + _START_SECONDS
        while live_postmaster(self._data) is not None:
            try:
                with connect(self._url(ADMINISTRATOR, "postgres"), autocommit=True) as conn:
                    make_missing_databases(conn, self._read("password"))
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise EmbeddedPostgresError(
                        f"The server in {self._data} refuses the password in {self._folder / 'password'}. "
                        "Restore that file, or remove the server with its data."
                    ) from None
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(
                        f"The server in {self._data} runs but does not answer yet: {error}. "
                        f"See {self._log_file}; recovering from a crash may take a while."
                    ) from error
                time.sleep(0.05)
            else:
                return True
        return False

    def _start_postmaster(self, account: Account, programs: Path) -> None:
        """Start the server; after a crash, try on while its remains (zombie, children, memory) disappear."""
        recovering = lock_file(self._data).exists()
        give_up = time.monotonic() + _RECOVERY_SECONDS
        pause = 0.1
        while True:
            end_orphans(self._data)
            self._require_nobody_elsewhere()
            with self._server_lock() as lock:
                problem: str | None = f"{self._server_lock_file} is locked"
                if lock is not None:
                    release_abandoned_lock(self._data)
                    if not lock_file(self._data).exists():
                        self._leave_taken_port()
                    problem = self._launch(account, programs, lock)
            if self._is_ready():  # even where we failed: a starter that was killed may have gone before us
                return
            if (lock is not None and not recovering) or time.monotonic() > give_up:
                raise EmbeddedPostgresError(
                    f"PostgreSQL does not start in {self._data}: {problem or f'see {self._log_file}'}"
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 2)

    def _launch(self, account: Account, programs: Path, lock: int) -> str | None:
        """Start the postmaster and wait until it accepts connections; return what went wrong, if anything.

        It inherits the open file `lock`, and with it the lock, as long as it or a process of it lives.
        """
        if self._log_file.exists() and self._log_file.stat().st_size > _LOG_BYTES:
            self._log_file.replace(self._log_file.with_suffix(".log.1"))
        self._log_file.touch(mode=0o600)
        account.own(self._log_file)
        settings = {
            **self._settings,
            "listen_addresses": "127.0.0.1",
            "port": self._read("port"),
            "unix_socket_directories": "",  # its path would have to be shorter than a home's may be
        }
        options = shlex.join(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        outcome = account.run(
            [programs / "pg_ctl", "-D", self._data.resolve(), "-l", self._log_file.resolve(),
             "-w", "-t", str(_START_SECONDS), "-o", options, "start"],
            keeps=[lock],
        )  # fmt: skip
        if outcome.returncode == 0:
            return None
        log = self._log_file.read_text(errors="replace").splitlines()
        return "\n".join([outcome.stderr.strip(), f"{self._log_file} ends with:", *log[-5:]])

    def _stop(self) -> bool:
        if live_postmaster(self._data) is None:
            self._require_nobody_elsewhere()
            return False
        account = account_for(self._data)
        programs = server_place.programs_for(account, self._elsewhere)
        outcome = account.run(
            [programs / "pg_ctl", "-D", self._data.resolve(), "-m", "fast", "-w", "-t", "120", "stop"]
        )
        if live_postmaster(self._data) is not None:
            raise EmbeddedPostgresError(f"PostgreSQL did not stop in {self._data}: {outcome.stderr.strip()}")
        return True

    def _require_version(self, account: Account, programs: Path) -> None:
        installed = account.run([programs / "postgres", "--version"]).stdout.split()[-1].partition(".")[0]
        if (version := self._data_version()) != installed:
            raise EmbeddedPostgresError(
                f"The data in {self._data} are PostgreSQL {version}'s, the installed server is {installed}. "
                f"With the programs of {version}: pg_ctl -D {self._data} start; pg_dumpall > all.sql; "
                f"pg_ctl -D {self._data} stop. Then move {self._folder} away, start again, and load all.sql "
                "with psql."
            )

    def _leave_taken_port(self) -> None:
        if not _is_free(int(port := self._read("port"))):
            self._write("port", str(_free_port()))
            _log.warning("Port %s is another program's; PostgreSQL moves to %s", port, self._read("port"))

    @property
    def _server_lock_file(self) -> Path:
        return self._folder / "server.lock"

    @contextmanager
    def _server_lock(self) -> Iterator[int | None]:
        """Give the number of an open file that holds the server's lock; None: a server, or what is left of one, has it.

        A process id means nothing in another container; a lock of a file holds wherever the file is the same.
        """
        try:
            self._server_lock_file.touch(mode=0o600)
            file = self._server_lock_file.open("a")
        except OSError as error:
            raise EmbeddedPostgresError(
                f"{self._server_lock_file} cannot be written ({error.strerror})."
            ) from error
        with file:
            yield file.fileno() if _try_to_lock(file) else None

    def _require_nobody_elsewhere(self) -> None:
        """Raise where a server holds the lock that is none of our processes, and keeps it."""
        give_up = time.monotonic() + _ELSEWHERE_SECONDS
        while self._folder.exists() and live_postmaster(self._data) is None and not has_orphans(self._data):
            with self._server_lock() as lock:
                if lock is not None:
                    return
            if time.monotonic() > give_up:
                raise EmbeddedPostgresError(
                    f"The server in {self._data} is run by another container or machine: it has "
                    f"{self._server_lock_file} locked, and no process here serves it. Two servers would destroy "
                    "the data. Stop it there, give this one another folder with REBOUND_ORO_HOME, or have both "
                    "use one server by REBOUND_ORO_DATABASE_URL."
                )
            time.sleep(0.05)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self.home / "pg.lock"
        deadline = time.monotonic() + _START_SECONDS + _RECOVERY_SECONDS
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            file = path.open("a")
        except OSError as error:
            raise EmbeddedPostgresError(
                f"{path} cannot be written ({error.strerror}). Work as its owner, or choose another folder "
                "with REBOUND_ORO_HOME."
            ) from error
        with file:
            while not _try_to_lock(file):
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(f"Another process keeps {path} locked.")
                time.sleep(0.02)
            yield

    def _data_version(self) -> str:
        return (self._data / "PG_VERSION").read_text().strip()

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{self._read('password')}@127.0.0.1:{self._read('port')}/{database}"

    def _read(self, name: str) -> str:
        try:
            return (self._folder / name).read_text().strip()
        except FileNotFoundError:
            raise EmbeddedPostgresError(
                f"{self._folder / name} is missing; start the server first."
            ) from None
        except PermissionError:
            raise EmbeddedPostgresError(f"{self._folder / name} may be read by its owner only.") from None

    def _write(self, name: str, text: str) -> None:
        new = self._folder / f"{name}.new"
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_text(f"{text}\n")
        new.replace(self._folder / name)


def _try_to_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise EmbeddedPostgresError(
            f"{file.name} cannot be locked ({error.strerror}), and without locks nothing keeps two servers apart. "
            "Choose a folder on a local disk with REBOUND_ORO_HOME."
        ) from error
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the server does: connections of the one before, which are still closing, are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    for port in random.sample(_PORTS, k=len(_PORTS)):
        if _is_free(port):
            return port
    raise EmbeddedPostgresError(f"No port is free between {_PORTS.start} and {_PORTS.stop - 1}.")
