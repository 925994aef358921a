"""Subscribes the receiver to OroCommerce's own webhooks (6.1.10 and later), which announce orders that changed.

The thin format suffices: it names the order, which is then read. The secret is accepted at creation only and never
shown again, so a subscription that exists is left as it is. Source: the recorded exchanges webhook_*.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from rebound_oro_pipeline.clients.errors import Forbidden, NotFound
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.jsonapi_resources import related_id

TOPICS: Final = ("order.created", "order.updated", "order.deleted")
PATH: Final = "/webhooks/oro"
"""Where the receiver takes them."""


class SubscriptionError(ValueError):
    """OroCommerce cannot be subscribed to; the message says what to do."""


@dataclass(frozen=True)
class Subscription:
    """A subscription as it is now. `is_new`: made just now; a disabled one sends nothing."""

    topic: str
    webhook_id: str
    notification_url: str
    enabled: bool
    is_new: bool


def subscribe_webhooks(oro: OroClient, receiver_url: str, secret: str) -> list[Subscription]:
    """Subscribe to what is not subscribed to yet; `receiver_url` is the receiver's, as OroCommerce reaches it.

    Raises SubscriptionError where nothing could be sent to the URL, this OroCommerce has no webhooks, orders do not
    announce themselves, or the permission is missing; the other errors of the client as they are.
    """
    url = _checked(receiver_url).rstrip("/")
    url = url if url.endswith(PATH) else url + PATH
    try:
        return list(_subscribed(oro, url, secret))
    except NotFound:
        raise SubscriptionError(
            "this OroCommerce has no webhooks: they came with 6.1.10; the nightly catch-up stands in for them"
        ) from None
    except Forbidden as error:
        raise SubscriptionError(
            f"{error}; give the user of the pipeline view and create on Webhook"
        ) from None


def _checked(url: str) -> str:
    try:
        parsed = urlsplit(url.strip())
    except ValueError:
        parsed = urlsplit("")
    if parsed.scheme not in {"http", "https"} or not parsed.hostname:
        raise SubscriptionError(
            f"{url!r} is no address of the receiver; give one like https://pipeline.example"
        )
    if parsed.username or parsed.password or parsed.query or parsed.fragment:
        # OroCommerce shows the address to whoever may see webhooks.
        raise SubscriptionError(
            f"the address of the receiver on {parsed.hostname} must hold no user, password, query or fragment"
        )
    return parsed.geturl()


def _subscribed(oro: OroClient, url: str, secret: str) -> Iterator[Subscription]:
    known = {
        str(topic["id"]) for page in oro.pages("webhooktopics", page_size=None) for topic in page["data"]
    }
    missing = [topic for topic in TOPICS if topic not in known]
    if missing:
        raise SubscriptionError(
            f"OroCommerce knows no topic {', '.join(missing)}: set Webhook Accessible to Yes for Order "
            "(System, Entities, Entity Management), then subscribe again"
        )
    held = [webhook for page in oro.pages("webhooks") for webhook in page["data"]]
    by_topic = {related_id(each, "topic"): each for each in held if _url(each) == url}
    for topic in TOPICS:
        if topic in by_topic:
            yield _told(by_topic[topic], topic, is_new=False)
        else:
            made = oro.create("webhooks", _document(topic, url, secret))
            yield _told(made["data"], topic, is_new=True)


def _document(topic: str, url: str, secret: str) -> dict[str, Any]:
    return {
        "data": {
            "type": "webhooks",
            "attributes": {
                "notificationUrl": url,
                "secret": secret,
                "enabled": True,
                "verifySsl": True,
            },
            "relationships": {
                "topic": {"data": {"type": "webhooktopics", "id": topic}},
                "format": {"data": {"type": "webhookformats", "id": "thin"}},
            },
        }
    }


def _told(webhook: Mapping[str, Any], topic: str, *, is_new: bool) -> Subscription:
    return Subscription(
        topic, str(webhook["id"]), _url(webhook), bool(webhook["attributes"].get("enabled")), is_new
    )


def _url(webhook: Mapping[str, Any]) -> str:
    return str(webhook["attributes"].get("notificationUrl"))
