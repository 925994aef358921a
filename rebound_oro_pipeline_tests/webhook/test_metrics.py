"""`GET /metrics`: every figure of sync health in Prometheus' format, for this machine or who knows the token."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from rebound_oro_pipeline.services.sync_health import DESCRIPTIONS, figures
from rebound_oro_pipeline.webhook.app import create_app
from rebound_oro_pipeline.webhook.metrics import PREFIX, metrics_endpoint
from rebound_oro_pipeline.webhook.writer import InboxWriter
from rebound_oro_pipeline_tests.services.operators_shop import a_return, open_shop, order
from rebound_oro_pipeline_tests.webhook.deliveries import BY_HMAC

MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"


@pytest.fixture
def shop(conn: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """One note waits to be sent, one line is quarantined, one is held."""
    open_shop(
        conn,
        [order(), order(2, shipping_status="not_shipped")],
        [a_return("R1"), a_return("R2", {"sku_code": "XK-404"}), a_return("R3", order_reference="ORD-2")],
    )
    return conn


def ask(
    url: str,
    *,
    token: bytes | None = None,
    address: str = "127.0.0.1",
    header: str | None = None,
    **headers: str,
) -> httpx.Response:
    headers |= {"Authorization": header} if header else {}

    async def run() -> httpx.Response:
        app = create_app(BY_HMAC, InboxWriter(url), metrics=metrics_endpoint(url, token))
        transport = httpx.ASGITransport(app=app, client=(address, 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
            return await client.get("/metrics", headers=headers)

    return asyncio.run(run())


@pytest.mark.usefixtures("shop")
def test_every_figure_is_shown_with_its_meaning(database_url: str) -> None:
    answer = ask(database_url)
    assert answer.status_code == 200
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert set(families) == {PREFIX + name for name in DESCRIPTIONS}
    values = {
        (sample.name.removeprefix(PREFIX), *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert values["outbox_open_messages", "oro_credit_note"] == 1
    assert values["quarantined_rows", "unknown_sku"] == 1
    assert values["held_lines",] == 1
    assert values["amount_at_stake", "held USD"] == 10
    assert values["circuit_open", "oro_credit_note"] == 0


def test_the_model_gives_no_figure_that_is_not_described(shop: psycopg.Connection[Any]) -> None:
    found = figures(shop)
    assert {each.figure for each in found} <= DESCRIPTIONS.keys()
    assert all(bool(each.label) == bool(DESCRIPTIONS[each.figure][0]) for each in found)
    assert all(each.value >= 0 for each in found)


@pytest.mark.parametrize(
    ("token", "address", "header", "status"),
    [
        (None, "127.0.0.1", None, 200),
        (None, "::1", None, 200),
        (None, "10.0.0.7", None, 401),
        (b"hush", "10.0.0.7", "Bearer hush", 200),
        (b"hush", "10.0.0.7", "Bearer hus", 401),
        (b"hush", "10.0.0.7", None, 401),
        (b"hush", "127.0.0.1", None, 401),
    ],
)
@pytest.mark.usefixtures("shop")
def test_strangers_are_shown_nothing(
    database_url: str, token: bytes | None, address: str, header: str | None, status: int
) -> None:
    answer = ask(database_url, token=token, address=address, header=header)
    assert answer.status_code == status
    assert bool(answer.content) == (status == 200)


@pytest.mark.usefixtures("shop")
def test_what_came_through_a_proxy_is_not_from_this_machine(database_url: str) -> None:
    assert ask(database_url, Forwarded="for=198.51.100.7").status_code == 401
    assert ask(database_url, **{"X-Forwarded-For": "127.0.0.1"}).status_code == 401
    assert ask(database_url, token=b"hush", header="Bearer hush", Via="1.1 proxy").status_code == 200


def test_a_database_that_is_down_is_a_503_without_a_word() -> None:
    answer = ask("postgresql://nobody:hush@127.0.0.1:1/none")
    assert (answer.status_code, answer.content) == (503, b"")


def test_alert_rules_and_dashboard_name_figures_that_exist() -> None:
    known = {PREFIX + name for name in DESCRIPTIONS}
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    dashboard = yaml.safe_load((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
    expressions += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = [
        {
            word
            for word in expression.replace("(", " ").replace("{", " ").replace(")", " ").split()
            if word.startswith(PREFIX)
        }
        for expression in expressions
    ]
    assert all(names and names <= known for names in named)
    assert set().union(*named) == known


def test_every_alert_rule_says_what_to_do() -> None:
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert {"summary", "description"} <= rule["annotations"].keys(), rule["alert"]
            assert rule["labels"]["severity"] in ("page", "ticket")
