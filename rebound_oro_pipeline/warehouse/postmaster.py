"""Whether the server that a data directory's `postmaster.pid` names is alive, and really that directory's.

The file alone proves nothing: after SIGKILL it stays; its process may be a zombie until init reaps it; after
a reboot, or in a restarted container, its number may belong to another program. And a server in another
container has a number that means nothing here: of that one only the lock tells that it keeps open.
"""

import contextlib
import logging
import os
import signal
from itertools import pairwise
from pathlib import Path

_log = logging.getLogger(__name__)
_PROC = Path("/proc")


def lock_file(data: Path) -> Path:
    """Return the path of the lock file, which a running server keeps and a killed one leaves behind."""
    return data / "postmaster.pid"


def live_postmaster(data: Path) -> int | None:
    """Return the process id of the postmaster that serves `data`, or None where none does."""
    pid = _recorded_pid(data)
    if pid is None:
        return None
    if not _PROC.is_dir():
        return pid if _answers_signals(pid) else None
    return pid if _is_postmaster_of(pid, data) else None


def release_abandoned_lock(data: Path) -> bool:
    """Remove a lock file whose process id is taken, but not by a server of `data`; return whether it was.

    PostgreSQL itself overcomes the lock of a process that is gone. It gives up where the number is in use,
    which it cannot tell from a server: by a zombie that init has not reaped (or never will, in a container
    whose first process is no init), or by another program of the same user. The file is removed only where
    no process at all works in `data`, as a killed postmaster's children may, for a moment.
    """
    pid = _recorded_pid(data)
    if pid is None or _state(pid) is None or _is_postmaster_of(pid, data) or _processes_in(data):
        return False
    _log.warning("%s names process %d, which is no server of it; the file is removed", lock_file(data), pid)
    lock_file(data).unlink(missing_ok=True)
    return True


def end_orphans(data: Path) -> None:
    """End the children of a killed postmaster, which keep its memory, and a new server from starting.

    They notice its death only when they next wait for something, which a long query may not do for hours.
    """
    workers = _processes_in(data)
    if any(_is_a_postmaster(pid) for pid in workers):
        return
    for pid in workers:
        if _arguments(pid)[0].startswith("postgres: "):
            _log.warning("Process %d, left at work in %s by a server that was killed, is ended", pid, data)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)


def has_orphans(data: Path) -> bool:
    """Whether children of a killed postmaster still work in `data`, and no postmaster does."""
    workers = _processes_in(data)
    return bool(workers) and not any(_is_a_postmaster(pid) for pid in workers)


def _recorded_pid(data: Path) -> int | None:
    try:
        first_line = lock_file(data).read_text().partition("\n")[0]
    except FileNotFoundError:
        return None
    return int(first_line) if first_line.isdigit() else None


def _state(pid: int) -> str | None:
    """Return the state of a process as one letter (Z: zombie), or None where there is none, or no /proc."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # It follows the command, which stands in parentheses and may itself contain any character.
    return stat.rpartition(")")[2].split()[0]


def _is_postmaster_of(pid: int, data: Path) -> bool:
    if _state(pid) in (None, "Z", "X"):
        return False
    program, *arguments = _arguments(pid)
    return Path(program).name == "postgres" and any(
        option == "-D" and Path(value).resolve() == data.resolve() for option, value in pairwise(arguments)
    )


def _is_a_postmaster(pid: int) -> bool:
    # Of a process that works in the data directory; the name of it in another container's arguments may be another one.
    return Path(_arguments(pid)[0]).name == "postgres"


def _arguments(pid: int) -> list[str]:
    """Return the command line of a process, an empty program where it has ended."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return [""]


def _processes_in(data: Path) -> list[int]:
    found = []
    for process in _PROC.glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == data.resolve():
                found.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended meanwhile, or belongs to a user who may not enter the directory
    return found


def _answers_signals(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
