#!/usr/bin/env python
"""Health of the service that runs in this container, told by its first process: exit status 0 if it does its work."""

import http.client
import os
import subprocess
import sys
from pathlib import Path

SECONDS = 8
_WEB = {"dagster-webserver": (3000, "/server_info"), "rebound-oro": (8080, "/health")}
_COMMANDS = {
    "dagster": ["dagster", "api", "grpc-health-check", "--port", "4000"],
    "dagster-daemon": ["dagster-daemon", "liveness-check"],
}


def main(words: list[str]) -> int:
    """Check the service whose command line is this."""
    program = next((name for name in map(_name, words[:3]) if name in (*_WEB, *_COMMANDS, "celery")), None)
    if program in _WEB:
        return _answers(*_WEB[program])
    if program == "celery":
        # The worker of this container, by the name it gives itself.
        app = ["celery", "--app", "rebound_oro_pipeline.defs.celery_worker"]
        return _succeeds(
            [*app, "inspect", "ping", "--timeout", "5", "--destination", f"celery@{os.uname().nodename}"]
        )
    return _succeeds(_COMMANDS[program]) if program else 0


def _name(word: str) -> str:
    return Path(word).name


def _answers(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", path)
        return 0 if connection.getresponse().status == 200 else 1
    except OSError:
        return 1


def _succeeds(command: list[str]) -> int:
    try:
        return subprocess.run(command, capture_output=True, timeout=SECONDS, check=False).returncode  # noqa: S603 - of the table above
    except subprocess.TimeoutExpired:
        return 1


if __name__ == "__main__":
    running = Path("/proc/1/cmdline").read_bytes().rstrip(b"\0").decode().split("\0")
    sys.exit(main(running))
