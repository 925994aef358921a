"""The command that receives webhooks: `rebound-oro webhook`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rebound_oro_pipeline.settings import Settings


def register(group: click.Group, settings: Callable[[], Settings]) -> None:
    """Add the command to a group; `settings` reads the settings, or ends the command with what is wrong in them."""

    @group.command()
    @click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
    @click.option(
        "--port",
        default=8080,
        show_default=True,
        type=click.IntRange(0, 65535),
        help="Port to listen on; 0 takes a free one.",
    )
    @click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Processes.")
    def webhook(host: str, port: int, workers: int) -> None:
        """Receive webhooks of ReBound and OroCommerce, and store them, until stopped.

        Run `rebound-oro migrate` before. docs/webhooks.md tells what to set.

        Example: rebound-oro webhook --port 8080 --workers 2
        """
        from rebound_oro_pipeline import wiring
        from rebound_oro_pipeline.webhook.configuration import configuration
        from rebound_oro_pipeline.webhook.server import listen, serve

        given = settings()
        configuration(given)  # a fault in it ends the command, not each of its workers in turn
        with listen(host, port) as listener, wiring.running_database(given):
            name = f"[{host}]" if ":" in host else host
            click.echo(f"listening on http://{name}:{listener.getsockname()[1]}")
            serve(listener, workers=workers, trusted_proxies=given.webhook_trusted_proxies)
