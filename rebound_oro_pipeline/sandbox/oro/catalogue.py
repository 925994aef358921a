"""The resource types that are imitated, as each release shows them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from rebound_oro_pipeline.sandbox.oro.note_resources import credit_notes
from rebound_oro_pipeline.sandbox.oro.order_resources import lines, order_parts, orders
from rebound_oro_pipeline.sandbox.oro.product_resources import customers, levels, products
from rebound_oro_pipeline.sandbox.oro.profiles import PROFILES, Profile
from rebound_oro_pipeline.sandbox.oro.schema import Attribute, Kind, Resource
from rebound_oro_pipeline.sandbox.oro.vocabulary import INTEGER, NO, NUMBER, ORGANIZATION, OWNER, TEXT
from rebound_oro_pipeline.sandbox.oro.webhook_resources import webhooks

Catalogue = Mapping[str, Resource]


@cache
def catalogue(profile_name: str) -> Catalogue:
    """Return the resource types of a release by name; KeyError for one that is not known."""
    profile = PROFILES[profile_name]
    resources = [
        orders(profile),
        lines(profile),
        *order_parts(profile),
        *products(),
        levels(profile),
        customers(profile),
        *_enumerations(profile),
        *credit_notes(),
        _operations(),
        *(webhooks() if profile.webhooks else ()),
    ]
    return {resource.type: resource for resource in resources}


def _enumerations(profile: Profile) -> list[Resource]:
    def enumeration(type_name: str, *options: tuple[str, int, bool]) -> Resource:
        return Resource(
            type=type_name,
            attributes={"priority": INTEGER, "default": NO, "name": TEXT},
            rows={
                option: {"priority": priority, "default": default, "name": option.replace("_", " ").title()}
                for option, priority, default in options
            },
            paging=profile.enum_paging,
        )

    priorities = {
        "archived": 5,
        "cancelled": 2,
        "closed": 3,
        "open": 1,
        "pending": 1,
        "processing": 2,
        "shipped": 4,
    }
    found = [
        enumeration(
            "prodinventorystatuses",
            ("discontinued", 3, False),
            ("in_stock", 1, True),
            ("out_of_stock", 2, False),
        )
    ]
    if profile.internal_statuses:
        statuses = ((status, priorities[status], False) for status in profile.internal_statuses)
        found += [enumeration("orderinternalstatuses", *statuses), enumeration("orderstatuses")]
    if profile.shipping_status:
        found.append(
            enumeration(
                "ordershippingstatuses",
                ("not_shipped", 1, True),
                ("partially_shipped", 3, False),
                ("shipped", 2, False),
            )
        )
    return found


def _operations() -> Resource:
    return Resource(
        type="asyncoperations",
        attributes={
            "status": TEXT,
            "progress": NUMBER,
            "createdAt": Attribute(kind=Kind.DATETIME),
            "updatedAt": Attribute(kind=Kind.DATETIME),
            "elapsedTime": INTEGER,
            "entityType": TEXT,
            "summary": Attribute(kind=Kind.JSON),
        },
        relations={"owner": OWNER, "organization": ORGANIZATION},
        actions=frozenset({"get"}),
        permission="asyncoperations",
    )
