"""The receiver as processes: a supervisor and its workers, which share one listening socket."""

import logging.config
import socket
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.webhook.app import create_app
from rebound_oro_pipeline.webhook.configuration import configuration, secret_of
from rebound_oro_pipeline.webhook.metrics import metrics_endpoint
from rebound_oro_pipeline.webhook.protocol import BoundedHeads
from rebound_oro_pipeline.webhook.writer import InboxWriter

GRACE_SECONDS: Final = 20
"""How long requests under way may take to end once a worker is told to stop."""
BACKLOG: Final = 2048
CONNECTIONS: Final = 4000
"""Connections of one worker; more are answered 503."""
_HEALTHCHECK_SECONDS: Final = 30

_LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "uvicorn": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "rebound_oro_pipeline": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}


def create() -> Starlette:
    """Build the application of a worker from the environment."""
    settings = Settings()
    url = wiring.database_url(settings)
    return create_app(
        configuration(settings),
        InboxWriter(url),
        metrics=metrics_endpoint(url, secret_of(settings, "metrics_token")),
    )


def serve(listener: socket.socket, *, workers: int, trusted_proxies: str | None) -> None:
    """Serve until SIGTERM or SIGINT, then end what is under way; a worker that dies is replaced.

    `trusted_proxies`: addresses, separated by commas, whose X-Forwarded-For tells the source for the rate limit.
    """
    logging.config.dictConfig(_LOGGING)
    config = uvicorn.Config(
        "rebound_oro_pipeline.webhook.server:create",
        factory=True,
        http=BoundedHeads,
        workers=workers,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=_LOGGING,
        server_header=False,
        proxy_headers=trusted_proxies is not None,
        forwarded_allow_ips=trusted_proxies or "",
        backlog=BACKLOG,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=_HEALTHCHECK_SECONDS,
    )
    # A single worker has a supervisor too: uvicorn alone would end the process before its caller can tidy up.
    Multiprocess(config, sockets=[listener]).run()


def listen(host: str, port: int) -> socket.socket:
    """Take a port, 0 for any free one. Raises OSError with the remedy."""
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise OSError(
            f"port {port} of {host} cannot be used ({error.strerror}): choose another one"
        ) from None
    listener.set_inheritable(True)
    return listener
