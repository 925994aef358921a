"""Everything breaks at random: each note once, each level exact to the unit, whatever the seed."""

import random
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from rebound_oro_pipeline.clients.errors import AuthenticationError
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline.services.push_inventory_levels import push_inventory_levels
from rebound_oro_pipeline.services.sending import PushCounts, SendingRules
from rebound_oro_pipeline_tests.services.push.shop_at_work import (
    Box,
    Network,
    Shop,
    put_delta,
    put_notes,
    states,
)

DAYS = 6
RUNS = 30


class Died(BaseException):
    """Ends the whole run, as a kill of its process does."""


class Storm(Network):
    """Breaks one request in five: before or after it was carried out, now and then for good."""

    def __init__(self, seed: int, shop: Shop) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.shop = shop
        self.deadly = True

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            luck = self.random.random()
        if luck < 0.03:
            raise httpx.ReadError("cut before")
        if luck < 0.05:
            raise httpx.ConnectError("no route")
        if luck < 0.09:
            return httpx.Response(500, request=request)
        if luck < 0.11:
            return httpx.Response(429, headers={"Retry-After": "0"}, request=request)
        if luck < 0.12:
            self.shop.store.expire_tokens()
        response = super().handle_request(request)
        response.read()
        if luck > 0.96:
            raise httpx.ReadError("cut after")
        if luck > 0.93:
            return httpx.Response(502, request=request)
        if luck > 0.92 and self.deadly:
            raise Died
        return response


CALM_ENOUGH = SendingRules(
    claim_limit=15,
    first_delay=0.0,
    longest_delay=0.01,
    shortest_break=0.0,
    longest_break=0.0,
    attempts_at_most=99,
)


@pytest.mark.parametrize("seed", range(8))
def test_notes_arrive_once_through_a_storm(seed: int, shop: Shop, box: Box, database_url: str) -> None:
    numbers: list[str] = []

    def push(oro: OroClient, run: int) -> PushCounts:
        if run < DAYS:
            numbers.extend(put_notes(box, shop.order_id, 15, prefix=f"CN-{run}"))
        return push_credit_notes(oro, database_url, run_id=f"{seed}.{run}", rules=rules(seed))

    weather(seed, shop, push)
    assert shop.notes() == sorted(numbers)
    assert set(states(box).values()) == {"confirmed"}


@pytest.mark.parametrize("seed", range(8))
def test_levels_are_exact_to_the_unit_after_a_storm(
    seed: int, shop: Shop, box: Box, database_url: str
) -> None:
    def push(oro: OroClient, run: int) -> PushCounts:
        if run < DAYS:
            for sku in range(1, 10):
                put_delta(box, f"N{run}:{sku}", f"SKU-{sku}", str(10**run))
        limited = replace(rules(seed), claim_limit=3)
        return push_inventory_levels(oro, database_url, run_id=f"{seed}.{run}", rules=limited)

    weather(seed, shop, push)
    assert set(states(box).values()) == {"confirmed"}
    added = sum(10**run for run in range(DAYS))
    assert [shop.level(f"SKU-{sku}") for sku in range(1, 10)] == [1000 + added] * 9


def rules(seed: int) -> SendingRules:
    """Batches for even seeds, one by one for odd ones."""
    return replace(CALM_ENOUGH, mode="single" if seed % 2 else "batch")


def weather(seed: int, shop: Shop, push: Callable[[OroClient, int], PushCounts]) -> None:
    """Run day after day, through deaths of the process, and then until nothing is left."""
    storm = Storm(seed, shop)
    for run in range(RUNS):
        storm.deadly = run < 2 * DAYS
        try:
            with shop.client(network=storm) as oro:
                counts = push(oro, run)
        except (Died, AuthenticationError):
            continue  # the latter where the token expired twice within one request
        if run >= DAYS and not counts.to_be_continued:
            return
    raise AssertionError(f"not done after {RUNS} runs")
