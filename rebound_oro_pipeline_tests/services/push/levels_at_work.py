"""What the tests of pushing stock levels share: requests, a shop that sells meanwhile, what was recorded."""

import threading
from collections.abc import Callable

import httpx

from rebound_oro_pipeline_tests.services.push.shop_at_work import Box, Hook

BATCH = ("PATCH", "/inventorylevels")
SINGLE = ("PATCH", "/inventorylevels/")


def busy(seconds: int, *sales: Callable[[], object]) -> Hook:
    """Refuse a request for so long, and sell while the pipeline waits."""

    def refuse(request: httpx.Request) -> httpx.Response:
        for sale in sales:
            threading.Timer(seconds / 2, sale).start()
        return httpx.Response(429, headers={"Retry-After": str(seconds)}, request=request)

    return refuse


def writes(box: Box) -> list[tuple[str, str, str]]:
    """Return before, target and state of every recorded write."""
    return box.execute(
        "select quantity_before::text, quantity_target::text, state from outbox.level_writes order by level_write_id"
    ).fetchall()
