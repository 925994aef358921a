"""Dagster's UI and daemon on this machine, with the sandbox beside them where a demo made one.

Both talk to one code server; started on the module, each would start one of its own.
"""

import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Thread
from typing import IO

import httpx
import yaml

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.demo_scene import Scene, is_of_a_demo, starting_sandbox
from rebound_oro_pipeline.processes import accepts_connections, port_to_listen_on, running
from rebound_oro_pipeline.settings import PREFIX, Settings
from rebound_oro_pipeline.sqlmodels.read import read_models

HOST = "127.0.0.1"
READY_SECONDS = 120
READER_SECONDS = 2.0
"""How long to wait for the last words of what was stopped: a run that lives on keeps them open."""
_EVENT = re.compile(r"[-+\d:, ]+ - dagster - (?:DEBUG|INFO) - (?!.* - RUN_START - )")


class DevError(RuntimeError):
    """Dagster cannot be served; the message says what to do."""


def run_dev(settings: Settings, port: int) -> int:
    """Serve Dagster's UI and daemon on this home's data until interrupted, which is status 0; port 0 takes a free one.

    Raises DevError, where one of them does not start or ends by itself, DemoError, and the errors of the server.
    """
    listen = port_to_listen_on(port, _taken)
    url = f"http://{HOST}:{listen}"
    try:
        with ExitStack() as stack:
            stack.enter_context(wiring.running_database(settings))
            wiring.prepare_database(settings, read_models())
            scene = _scene(settings)
            if scene is not None:
                sandbox = stack.enter_context(starting_sandbox(settings, scene))
                sandbox.wait()
                _tell(f"Sandbox: {sandbox}")
                _tell("Commands in another terminal work on it with these variables:")
                for name, value in {**sandbox.variables, **_places(settings, scene)}.items():
                    _tell(f"  export {name}={shlex.quote(value)}")
            processes = stack.enter_context(_dagster(settings, listen))
            _wait(processes, lambda: _answers(url), f"Dagster's UI on {url}")
            _tell(f"Dagster: {url}  (Ctrl+C stops everything)")
            while True:
                _all_run(processes)
                time.sleep(0.5)
    except KeyboardInterrupt:
        return 0


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command's answer


def _places(settings: Settings, scene: Scene) -> dict[str, str]:
    return {
        f"{PREFIX}HOME": str(settings.home.absolute()),
        f"{PREFIX}FIRST_DAY": scene.first_day.isoformat(),
    }


@contextmanager
def _dagster(settings: Settings, listen: int) -> Iterator[list["Popen[str]"]]:
    from rebound_oro_pipeline.defs.local import LOCATION, prepare_home  # noqa: PLC0415 - slow import

    workspace = prepare_home(settings) / "workspace.yaml"
    code_port = code_server_port(workspace)
    programs = Path(sys.executable).parent
    location = {"host": HOST, "port": code_port, "location_name": LOCATION}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": location}]}), encoding="utf-8")
    both = ("-w", str(workspace))
    webserver = (
        *(str(programs / "dagster-webserver"), "--dagster-log-level", "warning"),
        *("-h", HOST, "-p", str(listen)),
    )
    daemon = (str(programs / "dagster-daemon"), "run", "--log-level", "error")
    with _quiet_runs(code_server(code_port)) as serving_code:
        _wait(serving_code, lambda: accepts_connections(code_port), "Dagster's code server")
        with running((*webserver, *both), (*daemon, *both)) as serving:
            yield [*serving_code, *serving]


def code_server(port: int) -> tuple[str, ...]:
    """Return the command that serves the code.

    Not `dagster code-server start`: that one ends before its runs do, and cannot tell which of them are still there
    (`defs/launcher.py`).
    """
    return (
        *(str(Path(sys.executable).parent / "dagster"), "api", "grpc", "--log-level", "warning"),
        *("-h", HOST, "-p", str(port), "-m", "rebound_oro_pipeline.definitions"),
    )


def code_server_port(workspace: Path) -> int:
    """Return the port that the workspace names, where it is free, else any free one.

    It is part of the name by which Dagster's list of schedules and sensors finds their last ticks.
    """
    try:
        [location] = yaml.safe_load(workspace.read_text(encoding="utf-8"))["load_from"]
        return port_to_listen_on(int(location["grpc_server"]["port"]), _taken)
    except (OSError, yaml.YAMLError, DevError, LookupError, TypeError, ValueError, OverflowError):
        return port_to_listen_on(0, _taken)


@contextmanager
def _quiet_runs(serving_code: Sequence[str]) -> Iterator[list["Popen[str]"]]:
    """Run the code server, whose children the runs are: Dagster prints all of their events, and its UI shows them."""
    reader: Thread | None = None
    try:
        with running(serving_code, stderr=PIPE, errors="replace") as processes:
            reader = Thread(target=pass_on, args=(processes[0].stderr,), daemon=True)
            reader.start()
            yield processes
    finally:
        if reader is not None:
            reader.join(timeout=READER_SECONDS)


def pass_on(said: IO[str]) -> None:
    """Print what a process says to stderr, but the events of runs that tell no more than how far they are."""
    left_out = False
    for line in said:
        # An event of several lines has all but the first of them indented.
        left_out = _EVENT.match(line) is not None or (left_out and line[:1].isspace())
        if not left_out:
            sys.stderr.write(line)
            sys.stderr.flush()


def _scene(settings: Settings) -> Scene | None:
    """Return the demo's scene if the database is a demo's and no real OroCommerce is set."""
    scene = Scene.saved_in(settings.home)
    if scene is None or settings.oro_url is not None:
        return None
    with wiring.connect_database(settings, application_name="rebound-oro dev") as conn:
        return scene if is_of_a_demo(conn) else None


def _wait(processes: Sequence["Popen[str]"], ready: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + READY_SECONDS
    while not ready():
        _all_run(processes)
        if time.monotonic() > give_up:
            raise DevError(f"{what} did not answer within {READY_SECONDS} s; its messages stand above")
        time.sleep(0.2)


def _all_run(processes: Sequence["Popen[str]"]) -> None:
    for process in processes:
        if process.poll() is not None:
            program = Path(str(process.args[0])).name if isinstance(process.args, tuple) else "a process"
            raise DevError(f"{program} ended with status {process.returncode}; its messages stand above")


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info", timeout=5).is_success
    except httpx.HTTPError:
        return False


def _taken(port: int) -> DevError:
    return DevError(f"port {port} of this machine is taken; choose another with --port, 0 for a free one")
