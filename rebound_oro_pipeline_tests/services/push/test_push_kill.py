"""A real `kill -9` of a pushing process, and a plain second run right after it."""

import os
import random
import signal
import subprocess
import sys
import time
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline.services.push_inventory_levels import push_inventory_levels
from rebound_oro_pipeline_tests.services.push.shop_at_work import AT_ONCE, Shop, put_delta, put_notes, states

PUSH = """
import os
from dataclasses import replace
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline.services.push_inventory_levels import push_inventory_levels
from rebound_oro_pipeline.services.sending import SendingRules

url, database = os.environ["SHOP"], os.environ["DATABASE"]
rules = SendingRules(claim_limit=5, workers=2, mode=os.environ["MODE"])
with OroClient(url, "main", "secret") as oro:
    push_inventory_levels(oro, database, run_id="killed", rules=rules)
    push_credit_notes(oro, database, run_id="killed", rules=rules)
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_process_leaves_nothing_twice_and_nothing_behind(
    seed: int, shop: Shop, oro: OroClient, box: psycopg.Connection[Any], database_url: str
) -> None:
    numbers = put_notes(box, shop.order_id, 40)
    for number in range(40):
        put_delta(box, f"N{number}:1", f"SKU-{number % 8 + 1}", "1")
    environment = {
        **os.environ,
        "SHOP": shop.url,
        "DATABASE": database_url,
        "MODE": "single" if seed % 2 else "batch",
    }
    process = subprocess.Popen([sys.executable, "-c", PUSH], env=environment)
    try:
        wait_for_a_write(shop, process)
        time.sleep(random.Random(seed).uniform(0.0, 0.06))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    notes = push_credit_notes(oro, database_url, run_id="again", rules=AT_ONCE)
    levels = push_inventory_levels(oro, database_url, run_id="again", rules=AT_ONCE)
    assert (notes.remaining, levels.remaining) == (0, 0)
    assert set(states(box).values()) == {"confirmed"}
    assert shop.notes() == numbers
    assert [shop.level(f"SKU-{sku}") for sku in range(1, 9)] == [Decimal(1005)] * 8


def wait_for_a_write(shop: Shop, process: "subprocess.Popen[bytes]") -> None:
    """Return as soon as the process has changed something in the shop."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        if any(quantity == "1005" for quantity in shop.store.stock().values()):
            return
        time.sleep(0.002)
    raise AssertionError("the process changed nothing in the shop")
