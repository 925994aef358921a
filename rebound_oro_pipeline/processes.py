"""Processes of this machine that a command starts: all of them end with it, however it ends."""

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

PATIENCE_SECONDS = 15.0
"""How long a process that was asked to stop may take before it is killed."""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LATER_SECONDS = 0.05


@contextmanager
def orderly_end() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the block as Ctrl+C does: as KeyboardInterrupt, so that it cleans up.

    Only the first signal does; the cleaning up is not to be disturbed by further ones. One that comes amid an import
    waits for its end: Python is often in a callback of its own there, and what is raised in one is lost.
    """

    def interrupt(_number: int, frame: FrameType | None) -> None:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)
        if _is_importing(frame):
            signal.setitimer(signal.ITIMER_REAL, _LATER_SECONDS)
        else:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (*_ENDING, signal.SIGALRM)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


@contextmanager
def running(*commands: Sequence[str], **options: Any) -> Iterator[list["subprocess.Popen[str]"]]:
    """Run commands beside this process (`options` are Popen's); at the end of the block they are asked to stop."""
    processes: list[subprocess.Popen[str]] = []
    try:
        for command in commands:
            processes.append(subprocess.Popen(command, text=True, **options))  # noqa: PERF401, S603 - ended, if a later one fails
        yield processes
    finally:
        _stop(processes)


def _stop(processes: Sequence["subprocess.Popen[str]"]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def port_to_listen_on(wanted: int, taken: Callable[[int], Exception]) -> int:
    """Return the wanted port of this machine, or for 0 a free one; raises what `taken` makes where it is in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            raise taken(wanted) from None
        return int(probe.getsockname()[1])


def accepts_connections(port: int) -> bool:
    """Return whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
