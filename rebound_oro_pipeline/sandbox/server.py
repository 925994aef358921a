"""The sandbox as a process: OroCommerce, ReBound and control served on loopback until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from rebound_oro_pipeline.sandbox import control
from rebound_oro_pipeline.sandbox.faults import CuttableProtocol, Faults
from rebound_oro_pipeline.sandbox.front import Front
from rebound_oro_pipeline.sandbox.oro.app import create_app as create_oro
from rebound_oro_pipeline.sandbox.rebound.app import Account
from rebound_oro_pipeline.sandbox.rebound.app import create_app as create_rebound
from rebound_oro_pipeline.sandbox.scenario import ScenarioSettings
from rebound_oro_pipeline.sandbox.world import World

HOST = "127.0.0.1"
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - of an imitation that only this machine reaches
ACCOUNT = Account(login="sandbox", api_key="sandbox-key")
_GRACE_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """How a sandbox process is run; a port of 0 lets the system choose."""

    home: Path
    scenario: ScenarioSettings
    oro_port: int = 0
    rebound_port: int = 0
    control_port: int = 0
    latency_scale: float = 0.0
    queue_wait_seconds: float = 25.0
    token_expires_in: int = 3600


class Sandbox:
    """Both systems and what controls them, before they are served."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self.world = World(settings.home, settings.scenario)
        self.faults = Faults()
        scale = settings.latency_scale
        self.fronts = {
            "oro": Front("oro", self._oro(), self.faults, scale),
            "rebound": Front("rebound", self._rebound(), self.faults, scale),
        }

    def reset(self) -> None:
        """Make both systems anew, without faults."""
        self.faults.clear()
        self.world.reset()
        self.fronts["oro"].app = self._oro()
        self.fronts["rebound"].app = self._rebound()
        for front in self.fronts.values():
            front.forget()

    def _oro(self) -> ASGIApp:
        self.world.oro.add_client(CLIENT_ID, CLIENT_SECRET)
        return create_oro(
            self.world.oro,
            profile=self._settings.scenario.profile,
            clock=self.world.now,
            queue_wait_seconds=self._settings.queue_wait_seconds,
            token_expires_in=self._settings.token_expires_in,
        )

    def _rebound(self) -> ASGIApp:
        return create_rebound(self.world.rebound, ACCOUNT, self.world.now)


class _Server(uvicorn.Server):
    """A server that leaves signals to the process, which has three of them, and tells when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening."""
        await super().startup(sockets)
        self.serving.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: the process listens to signals itself."""
        yield


async def run(settings: SandboxSettings, ready: Callable[[Mapping[str, str]], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is told addresses and credentials once requests are taken."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    sockets = {
        "oro": _listen(settings.oro_port),
        "rebound": _listen(settings.rebound_port),
        "control": _listen(settings.control_port),
    }
    sandbox = Sandbox(settings)
    apps: dict[str, ASGIApp] = {**sandbox.fronts, "control": control.create_app(sandbox)}
    servers = {name: _Server(_config(app)) for name, app in apps.items()}
    serving = [asyncio.create_task(server.serve(sockets=[sockets[name]])) for name, server in servers.items()]
    try:
        for server in servers.values():
            await server.serving.wait()
        ready(_addresses(sandbox, {name: each.getsockname()[1] for name, each in sockets.items()}))
        await stopped.wait()
    finally:
        for server in servers.values():
            server.should_exit = True
        await asyncio.gather(*serving)
        sandbox.world.close()


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=CuttableProtocol,
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=60,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )


def _listen(port: int) -> socket.socket:
    # Named as TCP, else asyncio does not switch off Nagle's algorithm and every answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise OSError(
            f"port {port} of {HOST} cannot be used ({error.strerror}): choose another one"
        ) from None
    return listener


def _addresses(sandbox: Sandbox, ports: Mapping[str, int]) -> Mapping[str, str]:
    return {
        "oro_url": f"http://{HOST}:{ports['oro']}",
        "rebound_url": f"http://{HOST}:{ports['rebound']}",
        "control_url": f"http://{HOST}:{ports['control']}/control",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "login": ACCOUNT.login,
        "api_key": ACCOUNT.api_key,
        "aliases": str(sandbox.world.aliases),
        "until": sandbox.world.settings.until.isoformat(),
    }
