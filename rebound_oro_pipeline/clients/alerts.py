"""Where alerts go: a webhook, Slack, e-mail and a hundred others, by the URLs of the library apprise."""

import logging
import warnings
from collections.abc import Sequence


class AlertUrlError(ValueError):
    """A URL of an alert that apprise does not know; the message tells which one, by its place, and not its secrets."""


class AlertChannel:
    """Sends messages to all targets. URLs hold secrets, so neither errors nor logs show them."""

    def __init__(self, urls: Sequence[str]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # a plugin of its looks for a module of old Pythons
            import apprise  # noqa: PLC0415 - slow to load, and needed by whoever sends only

            logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would log the URLs
            self._targets = apprise.Apprise()
            known = [self._targets.add(url) for url in urls]
        for place, is_known in enumerate(known, start=1):
            if not is_known:
                raise AlertUrlError(
                    f"alert URL {place} is none that apprise knows; write json://host/path, slack://… or mailto://…"
                )

    def send(self, title: str, body: str) -> bool:
        """Send to every target; whether all took it."""
        return bool(self._targets.notify(title=title, body=body, body_format="text"))
