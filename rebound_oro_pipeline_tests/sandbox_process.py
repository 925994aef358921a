"""The sandbox as tests use it: a process of its own, started, talked to, and stopped.

with sandbox(tmp_path, seed=1, orders=200, returns=60, days=10) as box:
    box.oro_url, box.rebound_url, box.client_id, box.client_secret, box.login, box.api_key
    box.control("faults", {"kind": "429", "system": "oro", "count": 2, "retry_after": 1})
    box.state("credit_notes", "inventory_levels")["credit_notes"]
"""

import json
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx

UNTIL = date(2026, 3, 16)
"""End of the scenario where a test does not say: any fixed Monday, so that a test's days do not depend on its own."""
_SECONDS_TO_START = 300  # for the largest scenario of a storm, on a busy machine
_SECONDS_TO_STOP = 15
# Connections are not kept: sandboxes come and go. Without TLS no certificates of authorities are read.
_HTTP = httpx.Client(verify=False, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


@dataclass(frozen=True)
class Box:
    """A running sandbox."""

    oro_url: str
    rebound_url: str
    control_url: str
    client_id: str
    client_secret: str
    login: str
    api_key: str
    aliases: Path
    until: str
    process: "subprocess.Popen[str]" = field(repr=False)

    def control(self, action: str, wanted: Mapping[str, Any] | None = None) -> Any:
        """Tell the sandbox to do something (see `sandbox.control`) and return what it says."""
        answer = _HTTP.post(f"{self.control_url}/{action}", json=wanted or {}, timeout=60)
        assert answer.is_success, answer.text
        return answer.json()

    def clear_faults(self) -> None:
        """Take all faults back."""
        _HTTP.delete(f"{self.control_url}/faults").raise_for_status()

    def faults(self) -> list[dict[str, Any]]:
        """Return the ordered faults with how often each has fired."""
        ordered: list[dict[str, Any]] = _HTTP.get(f"{self.control_url}/faults").raise_for_status().json()
        return ordered

    def state(self, *parts: str) -> dict[str, Any]:
        """Return the sandbox's own truth (see `sandbox.truth`): all of it, or these parts and request counts."""
        asked = {"parts": ",".join(parts)} if parts else {}
        answer = _HTTP.get(f"{self.control_url}/state", params=asked, timeout=60).raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def oro_token(self) -> str:
        """Return a fresh access token of the shop."""
        grant = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        answer = _HTTP.post(f"{self.oro_url}/oauth2-token", json=grant).raise_for_status()
        return str(answer.json()["access_token"])

    def subscribe(self, url: str, form: str, secret: str, topic: str = "order.updated") -> None:
        """Have the shop announce changed orders to an address, in a format, signed with a secret."""
        subscription = {
            "type": "webhooks",
            "attributes": {"notificationUrl": url, "secret": secret},
            "relationships": {
                "topic": {"data": {"type": "webhooktopics", "id": topic}},
                "format": {"data": {"type": "webhookformats", "id": form}},
            },
        }
        headers = {
            "Authorization": f"Bearer {self.oro_token()}",
            **dict.fromkeys(("Accept", "Content-Type"), "application/vnd.api+json"),
        }
        _HTTP.post(
            f"{self.oro_url}/admin/api/webhooks", json={"data": subscription}, headers=headers
        ).raise_for_status()

    def rebound(self, call: str, request: Mapping[str, Any]) -> Any:
        """Make one call of ReBound's API (`returns/search`, …) and return its whole answer."""
        form = {"login": self.login, "api_key": self.api_key, "request": json.dumps(request)}
        return _HTTP.post(f"{self.rebound_url}/api/{call}/json", data=form).raise_for_status().json()


@contextmanager
def sandbox(
    home: Path,
    *,
    seed: int = 1,
    orders: int = 200,
    returns: int = 60,
    days: int = 10,
    until: date = UNTIL,
    profile: str = "6.1",
    **options: object,
) -> Iterator[Box]:
    """Run a sandbox under a home; further options are those of its command line (`latency_scale=1`, …)."""
    settings = {
        "home": home / "sandbox",
        "seed": seed,
        "orders": orders,
        "returns": returns,
        "days": days,
        "until": until.isoformat(),
        "profile": profile,
        **options,
    }
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "rebound_oro_pipeline.sandbox", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        told = json.loads(_first_line(process))
        yield Box(**{**told, "aliases": Path(told["aliases"])}, process=process)
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            if process.stdout:
                process.stdout.close()


def _first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], _SECONDS_TO_START)[0]:
        raise TimeoutError(f"the sandbox was not ready after {_SECONDS_TO_START} s")
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"the sandbox ended with status {process.wait()} before it was ready")
    return line
