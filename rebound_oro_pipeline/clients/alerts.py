"""Where alerts go: a webhook, Slack, e-mail and a hundred others, by the URLs of the library apprise."""

import logging
import warnings
from collections.abc import Sequence

_LOG = logging.getLogger(__name__)


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
            self._targets = [apprise.Apprise() for _ in urls]
            known = [target.add(url) for target, url in zip(self._targets, urls, strict=True)]
        for place, is_known in enumerate(known, start=1):
            if not is_known:
                raise AlertUrlError(
                    f"alert URL {place} is none that apprise knows; write json://host/path, slack://… or mailto://…"
                )

    def send(self, title: str, body: str) -> bool:
        """Send to every target; whether any of them took it.

        One that did not is logged, by its place: were all to be told again because of it, those that work would get
        the same message until it is mended.
        """
        took = [bool(target.notify(title=title, body=body, body_format="text")) for target in self._targets]
        for place, taken in enumerate(took, start=1):
            if not taken:
                _LOG.warning("alert URL %s did not take a message", place)
        return any(took)
