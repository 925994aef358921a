"""Processes that a command starts end with it, however it ends."""

import importlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rebound_oro_pipeline.processes import accepts_connections, orderly_end, port_to_listen_on, running

SLEEPER = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")
STUBBORN = (
    *(sys.executable, "-c"),
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
)
PARENT = f"""
import signal, subprocess, sys, time
from rebound_oro_pipeline.processes import orderly_end, running
try:
    with orderly_end(), running({SLEEPER!r}, stdout=subprocess.PIPE) as (child,):
        child.stdout.readline()
        print(child.pid, flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print("cleaned up", flush=True)
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_block_in_order_and_its_processes_with_it(number: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(number)
    said, _ = parent.communicate(timeout=30)
    assert said == "cleaned up\n"
    assert parent.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_only_the_first_signal_counts_so_that_cleaning_up_is_finished() -> None:
    @contextmanager
    def cleaning_up() -> Iterator[None]:
        try:
            yield
        finally:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            cleaned.append("all")

    cleaned: list[str] = []
    with pytest.raises(KeyboardInterrupt), orderly_end(), cleaning_up():
        signal.raise_signal(signal.SIGTERM)
    assert cleaned == ["all"]


INTERRUPTED_AMID = """
import os, signal, weakref

class Thing:
    pass

thing = Thing()
kept = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGTERM))
del thing  # a callback, in which whatever is raised is lost
"""


def test_what_interrupts_an_import_waits_for_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "interrupted_amid.py").write_text(INTERRUPTED_AMID)
    monkeypatch.syspath_prepend(tmp_path)
    imported = []

    def work() -> None:
        with orderly_end():
            imported.append(importlib.import_module("interrupted_amid"))
            time.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert imported


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with orderly_end():
        pass
    with pytest.raises(KeyboardInterrupt), orderly_end():
        signal.raise_signal(signal.SIGHUP)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_process_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rebound_oro_pipeline.processes.PATIENCE_SECONDS", 0.2)
    began = time.monotonic()
    with running(STUBBORN, stdout=subprocess.PIPE) as (process,):
        assert process.stdout is not None
        process.stdout.readline()
    assert process.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 10


def test_the_first_process_ends_where_the_second_does_not_start() -> None:
    with pytest.raises(FileNotFoundError), running(SLEEPER, ("/no/such/program",)):
        raise AssertionError("unreachable")


def test_a_taken_port_is_refused_and_zero_gives_a_free_one() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        taken = server.getsockname()[1]
        assert accepts_connections(taken)
        with pytest.raises(ValueError, match=f"^{taken}$"):
            port_to_listen_on(taken, lambda port: ValueError(str(port)))
    free = port_to_listen_on(0, lambda port: ValueError(str(port)))
    assert free > 0
    assert not accepts_connections(free)
