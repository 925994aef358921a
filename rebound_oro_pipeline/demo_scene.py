"""What a demo plays on: a home, a sandbox of both systems of a certain scale, and the days that it handles."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Self

import psycopg
from psycopg.rows import tuple_row

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.processes import running
from rebound_oro_pipeline.settings import PREFIX, Settings
from rebound_oro_pipeline.warehouse import reference, statements

_SQL = statements.load("demo")
_SYSTEMS = (f"{PREFIX}ORO_", f"{PREFIX}REBOUND_")
_ALSO_OF_A_SANDBOX = {
    f"{PREFIX}{name}" for name in ("ORO_CONNECTIONS", "ORO_SUBTOTALS", "REBOUND_CONNECTIONS")
}


class DemoError(RuntimeError):
    """The demo cannot go on; the message says what to do."""


@dataclass(frozen=True)
class Scale:
    """How large the sandbox is. Everything in it follows from `seed`."""

    days: int = 30
    orders: int = 2000
    returns: int = 600
    seed: int = 1

    def __str__(self) -> str:
        return f"{self.orders} orders, {self.returns} returns, {self.days} days, seed {self.seed}"


@dataclass(frozen=True)
class Scene:
    """A demo in a home: its scale, and the day (excluded) at which its history ends."""

    scale: Scale
    until: date

    @property
    def first_day(self) -> date:
        """The first day of returns."""
        return self.until - timedelta(days=self.scale.days)

    @property
    def last_day(self) -> date:
        """The last day of returns."""
        return self.until - timedelta(days=1)

    @property
    def window(self) -> Window:
        """The days whose returns the demo handles."""
        return Window.days(self.first_day, self.last_day)

    @classmethod
    def saved_in(cls, home: Path) -> Self | None:
        """Return the scene that an earlier demo left in this home; DemoError if its file is not one."""
        path = _file(home)
        if not path.exists():
            return None
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
            until = date.fromisoformat(saved.pop("until"))
            return cls(Scale(**saved), until)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DemoError(f"{path} is not what a demo left; run `make clean`, or remove {home}") from error

    def save(self, home: Path) -> None:
        """Keep the scene, so that a second demo finds the same."""
        home.mkdir(parents=True, exist_ok=True)
        content = {**asdict(self.scale), "until": self.until.isoformat()}
        _file(home).write_text(json.dumps(content) + "\n", encoding="utf-8")


def scene_of(home: Path, scale: Scale) -> Scene:
    """Return the scene of this home, a new one that ends today if it has none; DemoError if its scale is another."""
    scene = Scene.saved_in(home)
    if scene is None:
        return Scene(scale, datetime.now(UTC).date())
    if scene.scale != scale:
        raise DemoError(
            f"{home} holds a demo of another scale ({scene.scale}); run `make clean`, or set another {PREFIX}HOME"
        )
    return scene


def is_of_a_demo(conn: psycopg.Connection) -> bool | None:
    """Return whether a demo filled this database; None if nobody filled it so far."""
    with conn.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_SQL["filled_by"]).fetchone()
    holds_returns, by_a_demo = row or (False, False)
    return True if by_a_demo else False if holds_returns else None


def mark_as_demo(conn: psycopg.Connection, aliases: Path) -> None:
    """Claim a database for the demo, and import the sandbox's aliases; DemoError where it holds others' returns."""
    if is_of_a_demo(conn) is False:
        raise DemoError(
            "the database holds returns that are not a demo's; "
            f"unset {PREFIX}DATABASE_URL, or let it name an empty database"
        )
    conn.execute(_SQL["mark_as_demo"])
    reference.import_aliases(conn, aliases, added_by="demo")
    conn.commit()


@contextmanager
def starting_sandbox(settings: Settings, scene: Scene) -> Iterator["Sandbox"]:
    """Run the sandbox as a process of its own, which makes its data while this one goes on; stop it at the end."""
    scale = scene.scale
    command = [
        *(sys.executable, "-m", "rebound_oro_pipeline.sandbox"),
        *("--home", str(settings.home / "sandbox")),
        *("--seed", str(scale.seed), "--days", str(scale.days)),
        *("--orders", str(scale.orders), "--returns", str(scale.returns)),
        *("--until", scene.until.isoformat()),
    ]
    for name in list(os.environ):
        if name.startswith(_SYSTEMS) and name not in _ALSO_OF_A_SANDBOX:
            del os.environ[name]
    os.environ[f"{PREFIX}HOME"] = str(settings.home)
    os.environ[f"{PREFIX}FIRST_DAY"] = scene.first_day.isoformat()
    with running(command, stdout=subprocess.PIPE) as (process,):
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        yield Sandbox(process.stdout)


class Sandbox:
    """A sandbox that was started."""

    def __init__(self, output: IO[str]) -> None:
        self._output = output
        self._ready: dict[str, str] = {}
        self.variables: Mapping[str, str] = {}
        """What another process must know to work on it, once it answers."""

    def __str__(self) -> str:
        return "OroCommerce {oro_url}, ReBound {rebound_url}, control {control_url}".format(**self._ready)

    def wait(self) -> Path:
        """Wait until it answers, set the variables by which the pipeline finds it, and return its file of aliases."""
        line = self._output.readline()
        if not line:
            raise DemoError("the sandbox did not start; what it says stands above")
        ready = self._ready = json.loads(line)
        found = {
            "ORO_URL": ready["oro_url"],
            "ORO_CLIENT_ID": ready["client_id"],
            "ORO_CLIENT_SECRET": ready["client_secret"],
            "REBOUND_URL": ready["rebound_url"],
            "REBOUND_LOGIN": ready["login"],
            "REBOUND_API_KEY": ready["api_key"],
        }
        self.variables = {f"{PREFIX}{name}": value for name, value in found.items()}
        os.environ.update(self.variables)
        return Path(ready["aliases"])


def _file(home: Path) -> Path:
    return home / "demo.json"
