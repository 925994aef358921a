"""What happens to a shop between two decisions: parcels are recounted or withdrawn; orders ship, change, arrive."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from rebound_oro_pipeline_tests.rules.generate import Shop

LATER = "2026-11-21T08:00:00Z"


def split(made: Shop, random: Random) -> tuple[Shop, Shop]:
    """Return the shop as it is seen first, without some orders that arrive later, and as it is seen then."""
    early = tuple(each for each in made.orders if random.random() < 0.9)
    return replace(made, orders=early), made


def changed(made: Shop, random: Random) -> Shop:
    """Return the same shop some time later: about a third of its returns and orders say something else."""
    return replace(
        made,
        orders=tuple(_order(each, random) if random.random() < 0.3 else each for each in made.orders),
        returns=tuple(
            _return(each, random, made.orders) if random.random() < 0.4 else each for each in made.returns
        ),
    )


def _order(document: Mapping[str, Any], random: Random) -> dict[str, Any]:
    later = deepcopy(dict(document))
    attributes, relationships = later["data"]["attributes"], later["data"]["relationships"]
    attributes["updatedAt"] = LATER
    what = random.random()
    if what < 0.5 and "internalStatus" in relationships:
        status = random.choice(("open", "shipped", "closed", "cancelled"))
        relationships["internalStatus"] = {"data": {"type": "orderinternalstatuses", "id": status}}
        if "shippingStatus" in relationships:
            relationships["shippingStatus"] = {"data": {"type": "ordershippingstatuses", "id": "shipped"}}
    elif what < 0.8:
        attributes["totalValue"] = str(Decimal(attributes["totalValue"]) + random.choice((1, 5, -1)))
    else:
        for each in later["included"]:
            if each["type"] == "orderlineitems":
                each["attributes"]["value"] = str(Decimal(each["attributes"]["value"]) + 1)
    return later


def _return(
    document: Mapping[str, Any], random: Random, orders: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    later = deepcopy(dict(document))
    what = random.random()
    if what < 0.2:
        later["current_tracking_status"] = random.choice(("cancelled", "at_hub", "delivered"))
    elif what < 0.4:
        later["current_tracking_status"] = "processed"
    if len(later["item"]) > 1 and random.random() < 0.2:
        later["item"].remove(random.choice(later["item"]))
    if random.random() < 0.1:
        later["order_reference"] = random.choice(orders)["data"]["attributes"]["identifier"]
    if random.random() < 0.2:
        _listed_otherwise(later["item"], random)
    for item in later["item"]:
        _item(item, random)
    return later


def _item(item: dict[str, Any], random: Random) -> None:
    if random.random() < 0.1:
        item["unit_code"] = random.choice(("item", "Box", "kg", "set"))
    if random.random() < 0.1:
        item["sku_code"] = str(item.get("sku_code") or "").swapcase()
    if random.random() < 0.6:
        item["quantity_received"] = str(random.choice((0, 1, 2, 3, 5, 8, 13)))
    if random.random() < 0.2:
        item["final_disposition"] = random.choice(("restock", "damaged"))


def _listed_otherwise(items: list[dict[str, Any]], random: Random) -> None:
    """List the same goods in another sequence, split, with ids, without, or each under the id of its neighbour."""
    ids = [each.get("id") for each in items]
    match random.randrange(5):
        case 0:
            random.shuffle(items)
        case 1 if items:
            items.append({**random.choice(items), "id": f"split {random.random()}"})
        case 2:
            for number, each in enumerate(items):
                each["id"] = f"given {number}"
        case 3:
            for each in items:
                each.pop("id", None)
        case _:
            for each, neighbours in zip(items, ids[1:] + ids[:1], strict=True):
                each["id"] = neighbours
