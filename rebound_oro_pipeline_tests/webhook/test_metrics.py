"""`GET /metrics`: every figure of sync health in Prometheus' format, for who knows the token, read seldom."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from rebound_oro_pipeline.services.sync_health import DESCRIPTIONS, Figure, figures
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.webhook import metrics
from rebound_oro_pipeline.webhook.app import create_app
from rebound_oro_pipeline.webhook.metrics import KEPT_SECONDS, PREFIX, metrics_endpoint
from rebound_oro_pipeline.webhook.writer import InboxWriter
from rebound_oro_pipeline_tests.services.operators_shop import a_return, open_shop, order
from rebound_oro_pipeline_tests.webhook.deliveries import BY_HMAC

MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"


@pytest.fixture(scope="module")
def template_database(prepared_database: str) -> str:
    return prepared_database


@pytest.fixture
def shop(conn: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """One note waits to be sent, one line is quarantined, one is held."""
    open_shop(
        conn,
        [order(), order(2, shipping_status="not_shipped")],
        [a_return("R1"), a_return("R2", {"sku_code": "XK-404"}), a_return("R3", order_reference="ORD-2")],
    )
    return conn


@contextmanager
def receiver(
    url: str, token: bytes | None = b"hush", clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[..., list[httpx.Response]]]:
    """Give what asks one receiver so many times at once."""
    app = create_app(BY_HMAC, InboxWriter(url), metrics=metrics_endpoint(url, token, clock))

    async def run(times: int, address: str, headers: Mapping[str, str]) -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app, client=(address, 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
            return await asyncio.gather(*(client.get("/metrics", headers=headers) for _ in range(times)))

    with asyncio.Runner() as runner:

        def ask(
            times: int = 1, *, header: str | None = "Bearer hush", address: str = "127.0.0.1"
        ) -> list[httpx.Response]:
            return runner.run(run(times, address, {"Authorization": header} if header else {}))

        yield ask


@pytest.mark.usefixtures("shop")
def test_every_figure_is_shown_with_its_meaning(database_url: str) -> None:
    with receiver(database_url) as ask:
        [answer] = ask()
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
        (b"hush", "10.0.0.7", "Bearer hush", 200),
        (b"hush", "10.0.0.7", "Bearer hus", 401),
        (b"hush", "10.0.0.7", None, 401),
        # A proxy on this machine makes everybody come from it; an address is no proof of anything.
        (b"hush", "127.0.0.1", None, 401),
        (None, "127.0.0.1", None, 401),
        (None, "::1", None, 401),
        (None, "127.0.0.1", "Bearer ", 401),
        (None, "127.0.0.1", "Bearer None", 401),
    ],
)
@pytest.mark.usefixtures("shop")
def test_strangers_are_shown_nothing(
    database_url: str, token: bytes | None, address: str, header: str | None, status: int
) -> None:
    with receiver(database_url, token) as ask:
        [answer] = ask(address=address, header=header)
    assert answer.status_code == status
    assert bool(answer.content) == (status == 200)


@pytest.mark.usefixtures("shop")
def test_the_database_is_asked_once_however_many_ask(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = [0]

    def counted(conn: psycopg.Connection[Any]) -> list[Figure]:
        read[0] += 1
        return figures(conn)

    monkeypatch.setattr(metrics, "figures", counted)
    now = [1000.0]
    with receiver(database_url, clock=lambda: now[0]) as ask:
        assert [answer.status_code for answer in ask(20, header="Bearer guess")] == [401] * 20
        assert read == [0]
        assert {(answer.status_code, answer.content) for answer in ask(20)} == {(200, ask()[0].content)}
        assert read == [1]
        now[0] += KEPT_SECONDS - 1
        ask(5)
        assert read == [1]
        now[0] += 1
        ask(5)
        assert read == [2]


@pytest.mark.usefixtures("shop")
def test_a_database_that_is_down_is_a_503_without_a_word(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures of before are not shown, and the database is left alone for a while."""
    now, down = [1000.0], [False]
    asked = []

    def connecting(url: str, **given: Any) -> psycopg.Connection[Any]:
        asked.append(url)
        return connect("postgresql://nobody:hush@127.0.0.1:1/none" if down[0] else url, **given)

    monkeypatch.setattr(metrics, "connect", connecting)
    with receiver(database_url, clock=lambda: now[0]) as ask:
        assert ask()[0].status_code == 200
        now[0], down[0] = now[0] + KEPT_SECONDS, True
        assert {(answer.status_code, answer.content) for answer in ask(5)} == {(503, b"")}
        down[0] = False
        assert ask()[0].status_code == 503
        assert len(asked) == 2
        now[0] += KEPT_SECONDS
        assert ask()[0].status_code == 200


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
