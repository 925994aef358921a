"""What a sandbox shows, read over HTTP for the rules' oracle, which shares nothing with the pipeline."""

import csv
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import httpx

from rebound_oro_pipeline_tests.oracle.decide import World, world
from rebound_oro_pipeline_tests.rules.deciding import seeds
from rebound_oro_pipeline_tests.sandbox_process import Box

INCLUDED = "lineItems,lineItems.kitItemLineItems,discounts,shippingTrackings"
"""What is read of an order besides the order itself."""


def world_of(box: Box, orders: Iterable[dict[str, Any]] | None = None) -> World:
    """Return what the oracle sees of a sandbox; orders as they are given, or as they are now."""
    with box.aliases.open(encoding="utf-8") as file:
        aliases = [(row["alias"], row["sku"]) for row in csv.DictReader(file)]
    return world(
        pages(box, "orders", INCLUDED) if orders is None else orders,
        [each["document"] for each in box.state("returns")["returns"]],
        pages(box, "products", "unitPrecisions"),
        aliases,
        {},
        seeds(),
    )


def pages(box: Box, resource: str, include: str) -> Iterator[dict[str, Any]]:
    """Yield the documents of a list, page by page."""
    headers = {
        "Authorization": f"Bearer {box.oro_token()}",
        "Accept": "application/vnd.api+json",
        "X-Include": "noHateoas",
    }
    for number in range(1, 1000):
        query = {"page[size]": "500", "page[number]": str(number), "sort": "id", "include": include}
        answer = httpx.get(f"{box.oro_url}/admin/api/{resource}", params=query, headers=headers, timeout=120)
        document: dict[str, Any] = json.loads(answer.raise_for_status().text, parse_float=Decimal)
        if not document["data"]:
            return
        yield document
