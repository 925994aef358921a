"""The shop's own webhooks: subscriptions, and the topics and formats that there are."""

from __future__ import annotations

from rebound_oro_pipeline.sandbox.oro.schema import Attribute, Kind, Relation, Resource
from rebound_oro_pipeline.sandbox.oro.vocabulary import NO, ORGANIZATION, OWNER, TEXT, TIME, WRITE

TOPICS = {
    "order.created": "Order created",
    "order.updated": "Order updated",
    "order.deleted": "Order deleted",
    "order.payment_status_updated": "Order payment status updated",
}
"""Of the one entity that is set to be accessible by webhooks."""
FORMATS = {"default": "Default (JSON:API)", "thin": "Thin payload"}


def webhooks() -> list[Resource]:
    """Describe `webhooks`, `webhooktopics` and `webhookformats`."""
    switch = Attribute(kind=Kind.BOOLEAN, default=True, writable=True)
    subscriptions = Resource(
        type="webhooks",
        attributes={
            "notificationUrl": Attribute(writable=True),
            "secret": Attribute(writable=True, secret=True),
            "enabled": switch,
            "verifySsl": switch,
            "system": NO,
            "createdAt": TIME,
            "updatedAt": TIME,
        },
        relations={
            "owner": OWNER,
            "organization": ORGANIZATION,
            "topic": Relation(target="webhooktopics", filterable=True, writable=True, unchecked=True),
            "format": Relation(target="webhookformats", writable=True, unchecked=True),
        },
        actions=WRITE,
        permission="webhooks",
        keyed=True,
    )
    return [subscriptions, _named("webhooktopics", TOPICS), _named("webhookformats", FORMATS)]


def _named(type_name: str, labels: dict[str, str]) -> Resource:
    return Resource(
        type=type_name,
        attributes={"label": TEXT},
        rows={name: {"label": label} for name, label in labels.items()},
        paging=False,
    )
