"""Subscribing to OroCommerce's webhooks, against what a real one answered."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import httpx
import pytest

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.subscribe_webhooks import TOPICS, SubscriptionError, subscribe_webhooks
from rebound_oro_pipeline_tests.clients.conftest import Network, json_answer

RECEIVER = "https://pipeline.example"
Exchange = Callable[[str], dict[str, Any]]


@pytest.fixture
def shop(network: Network, exchange: Exchange) -> list[dict[str, Any]]:
    """Answer as the recorded shop, and keep what is subscribed."""
    held: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        resource = request.url.path.rpartition("/")[2]
        if resource == "webhooktopics":
            return json_answer(200, exchange("webhook_topics")["response"]["body"])
        if request.method == "GET":
            return json_answer(200, {"data": held})
        asked = json.loads(request.content)["data"]
        recorded = exchange("webhook_create_thin")
        assert asked.keys() == recorded["request"]["body"]["data"].keys()
        assert asked["attributes"].keys() >= recorded["request"]["body"]["data"]["attributes"].keys()
        made = deepcopy(recorded["response"]["body"]["data"])
        made["attributes"]["notificationUrl"] = asked["attributes"]["notificationUrl"]
        made["relationships"]["topic"] = asked["relationships"]["topic"]
        made["id"] = f"webhook-{len(held) + 1}"
        held.append(made)
        return json_answer(201, {"data": made})

    network.answer = answer
    return held


def test_every_topic_of_orders_is_subscribed_once(
    oro: OroClient, network: Network, shop: list[dict[str, Any]]
) -> None:
    made = subscribe_webhooks(oro, RECEIVER, "s3cret")
    assert [(each.topic, each.is_new, each.enabled) for each in made] == [
        (topic, True, True) for topic in TOPICS
    ]
    assert {each.notification_url for each in made} == {"https://pipeline.example/webhooks/oro"}
    bodies = [json.loads(request.content) for request in network.requests if request.method == "POST"]
    assert {body["data"]["attributes"]["secret"] for body in bodies} == {"s3cret"}
    assert {body["data"]["relationships"]["format"]["data"]["id"] for body in bodies} == {"thin"}
    again = subscribe_webhooks(oro, f"{RECEIVER}/webhooks/oro", "s3cret")
    assert [each.is_new for each in again] == [False] * len(TOPICS)
    assert len(shop) == len(TOPICS)


@pytest.mark.usefixtures("shop")
def test_another_receiver_is_another_subscription(oro: OroClient) -> None:
    subscribe_webhooks(oro, RECEIVER, "s3cret")
    assert all(each.is_new for each in subscribe_webhooks(oro, "https://other.example", "s3cret"))


def test_a_shop_without_webhooks_is_told(oro: OroClient, network: Network) -> None:
    network.answer = lambda _: json_answer(404, None)
    with pytest.raises(SubscriptionError, match=r"came with 6\.1\.10"):
        subscribe_webhooks(oro, RECEIVER, "s3cret")


def test_orders_that_do_not_announce_themselves_are_told(oro: OroClient, network: Network) -> None:
    network.answer = lambda _: json_answer(200, {"data": []})
    with pytest.raises(SubscriptionError, match="Webhook Accessible"):
        subscribe_webhooks(oro, RECEIVER, "s3cret")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.usefixtures("shop")
def test_a_missing_permission_is_told(oro: OroClient, network: Network, method: str) -> None:
    refusal = {
        "title": "access denied exception",
        "detail": "No access to this type of entities.",
        "status": "403",
    }
    allowed = network.answer
    network.answer = lambda request: (
        json_answer(403, {"errors": [refusal]}) if request.method == method else allowed(request)
    )
    with pytest.raises(SubscriptionError, match="view and create on Webhook"):
        subscribe_webhooks(oro, RECEIVER, "s3cret")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("pipeline.example", "give one like https"),
        ("ftp://pipeline.example", "give one like https"),
        ("https://", "give one like https"),
        ("https://[pipeline", "give one like https"),
        ("https://maria:s3cret@pipeline.example", "on pipeline.example must hold no user"),
        ("https://pipeline.example?token=s3cret", "on pipeline.example must hold no user"),
    ],
)
def test_an_address_to_which_nothing_can_be_sent_is_not_subscribed(
    oro: OroClient, shop: list[dict[str, Any]], url: str, words: str
) -> None:
    """What is subscribed is shown to whoever may see webhooks in OroCommerce."""
    with pytest.raises(SubscriptionError, match=words) as told:
        subscribe_webhooks(oro, url, "-")
    assert "s3cret" not in str(told.value)
    assert shop == []
