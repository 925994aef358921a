"""The demo: the whole loop over HTTP against the sandbox, through the real definitions, and what came out."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.demo_report import Report, print_report, read_report
from rebound_oro_pipeline.settings import PREFIX, Settings
from rebound_oro_pipeline.sqlmodels.read import read_models
from rebound_oro_pipeline.warehouse import reference

READY_SECONDS = 60


@dataclass(frozen=True)
class Scale:
    """How large the sandbox is. Everything in it follows from `seed`."""

    days: int = 30
    orders: int = 2000
    returns: int = 600
    seed: int = 1


@dataclass(frozen=True)
class Scene:
    """A demo that was set up in a home: its scale, and the day (excluded) at which its history ends."""

    scale: Scale
    until: date

    @property
    def window(self) -> Window:
        """The days whose returns the demo handles."""
        return Window.days(self.until - timedelta(days=self.scale.days), self.until - timedelta(days=1))


class DemoError(RuntimeError):
    """The demo cannot go on; the message says what to do."""


def run_demo(settings: Settings, scale: Scale, *, as_json: bool = False) -> int:
    """Run the demo and print its summary; the exit status is 0 only if every unit and every cent is accounted for.

    A second run on the same home finds everything done and changes nothing.
    """
    console = Console(stderr=as_json)
    started = time.perf_counter()
    timings: dict[str, float] = {}
    scene = open_scene(settings.home, scale)

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        begun = time.perf_counter()
        with console.status(f"{name} …"):
            yield
        timings[name] = time.perf_counter() - begun
        console.print(f"[green]✓[/] {name} [dim]{timings[name]:.1f} s[/]")

    with ExitStack() as stack:
        with stage("PostgreSQL, schema and views"):
            stack.enter_context(wiring.running_database(settings))
            models = read_models()
            wiring.prepare_database(settings, models)
        with stage(f"sandbox: {scale.orders} orders, {scale.returns} returns"):
            ready = stack.enter_context(running_sandbox(settings, scene))
            connected = Settings()
            _import_aliases(connected, Path(ready["aliases"]))
        with stage("Dagster's definitions and storage"):
            from rebound_oro_pipeline.definitions import defs  # noqa: PLC0415
            from rebound_oro_pipeline.defs.jobs import PUSH, PUSH_STOCK, RECONCILE, RETURNS  # noqa: PLC0415 - slow import
            from rebound_oro_pipeline.defs.local import execute, local_instance  # noqa: PLC0415

            instance = stack.enter_context(local_instance(connected))
        days = (scene.window.start.date().isoformat(), (scene.until - timedelta(days=1)).isoformat())
        for name, job, partitions in (
            (f"returns of {scale.days} days: landed, matched, decided", RETURNS, days),
            ("credit notes to OroCommerce", PUSH, None),
            ("stock levels to OroCommerce", PUSH_STOCK, None),
            ("read back from OroCommerce and compared", RECONCILE, None),
        ):
            with stage(name):
                result = execute(defs, instance, job, days=partitions)
            if not result.success:
                console.print(f"[red]run {result.run_id} of {job} failed[/]; open it with `make dev`")
                return 1
        with wiring.connect_database(connected, application_name="rebound-oro demo") as conn:
            report = read_report(conn, scene.window)
    elapsed = time.perf_counter() - started
    if as_json:
        sys.stdout.write(_for_machines(report, timings, elapsed) + "\n")
    else:
        print_report(console, report, timings, elapsed)
    return 0 if report.accounted_for else 1


def run_dev(settings: Settings, port: int) -> int:
    """Serve Dagster's UI and daemon on this home's data, with the sandbox beside them where the demo made one."""
    with ExitStack() as stack:
        stack.enter_context(wiring.running_database(settings))
        wiring.prepare_database(settings, read_models())
        scene = saved_scene(settings.home)
        if scene is not None and settings.oro_url is None:
            stack.enter_context(running_sandbox(settings, scene))
        from rebound_oro_pipeline.defs.local import prepare_home  # noqa: PLC0415 - slow import

        prepare_home(Settings())
        listen = port or free_port()
        bin_folder = Path(sys.executable).parent
        module = ("-m", "rebound_oro_pipeline.definitions")
        children = [
            subprocess.Popen(  # noqa: S603 - Dagster's own command
                [bin_folder / "dagster-webserver", "-h", "127.0.0.1", "-p", str(listen), *module]
            ),
            subprocess.Popen(  # noqa: S603 - Dagster's own command
                [bin_folder / "dagster-daemon", "run", *module]
            ),
        ]
        print(f"Dagster: http://127.0.0.1:{listen}  (Ctrl+C stops everything)", flush=True)  # noqa: T201 - a command's answer
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            while all(child.poll() is None for child in children):
                time.sleep(0.5)
        except (KeyboardInterrupt, SystemExit):
            return 0
        finally:
            stop_all(children)
    return 1


def free_port() -> int:
    """Return a port of this machine that is free now."""
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop_all(children: list[subprocess.Popen[bytes]]) -> None:
    """Ask child processes to stop, and insist after ten seconds."""
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def open_scene(home: Path, scale: Scale) -> Scene:
    """Return the scene of this home, made today if there is none; DemoError if the home holds one of another scale."""
    scene = saved_scene(home)
    if scene is None:
        scene = Scene(scale, datetime.now(UTC).date())
        home.mkdir(parents=True, exist_ok=True)
        _scene_file(home).write_text(
            json.dumps({**asdict(scale), "until": scene.until.isoformat()}), encoding="utf-8"
        )
    elif scene.scale != scale:
        message = f"{home} holds a demo of {scene.scale}; run `make clean`, or set REBOUND_ORO_HOME elsewhere"
        raise DemoError(message)
    return scene


def saved_scene(home: Path) -> Scene | None:
    """Return the scene that an earlier demo left in this home."""
    path = _scene_file(home)
    if not path.exists():
        return None
    saved = json.loads(path.read_text(encoding="utf-8"))
    until = date.fromisoformat(saved.pop("until"))
    return Scene(Scale(**saved), until)


def _scene_file(home: Path) -> Path:
    return home / "demo.json"


@contextmanager
def running_sandbox(settings: Settings, scene: Scene) -> Iterator[dict[str, str]]:
    """Run the sandbox as a process of its own, and set the variables by which the pipeline finds it."""
    scale = scene.scale
    command = [
        *(sys.executable, "-m", "rebound_oro_pipeline.sandbox"),
        *("--home", str(settings.home / "sandbox")),
        *("--seed", str(scale.seed), "--days", str(scale.days)),
        *("--orders", str(scale.orders), "--returns", str(scale.returns)),
        *("--until", scene.until.isoformat()),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
    try:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        line = process.stdout.readline()
        if not line:
            raise DemoError("the sandbox did not start; its message stands above")
        ready: dict[str, str] = json.loads(line)
        os.environ.update(
            {
                f"{PREFIX}HOME": str(settings.home),
                f"{PREFIX}ORO_URL": ready["oro_url"],
                f"{PREFIX}ORO_CLIENT_ID": ready["client_id"],
                f"{PREFIX}ORO_CLIENT_SECRET": ready["client_secret"],
                f"{PREFIX}REBOUND_URL": ready["rebound_url"],
                f"{PREFIX}REBOUND_LOGIN": ready["login"],
                f"{PREFIX}REBOUND_API_KEY": ready["api_key"],
                f"{PREFIX}FIRST_DAY": scene.window.start.date().isoformat(),
            }
        )
        yield ready
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _import_aliases(settings: Settings, path: Path) -> None:
    with wiring.connect_database(settings) as conn:
        reference.import_aliases(conn, path, added_by="demo")
        conn.commit()


def _for_machines(report: Report, timings: dict[str, float], elapsed: float) -> str:
    content: dict[str, Any] = {
        **asdict(report),
        "accounted_for": report.accounted_for,
        "stages": {name: round(seconds, 2) for name, seconds in timings.items()},
        "seconds": round(elapsed, 2),
    }
    return json.dumps(content, indent=2, default=str)
