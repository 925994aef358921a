"""The audit finds what was planted in both systems, says what it is worth, and writes to neither of them."""

import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from rebound_oro_pipeline.cli import main
from rebound_oro_pipeline.clients.errors import NoToken
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.audit import audit
from rebound_oro_pipeline.services.audit_gaps import KINDS, plain
from rebound_oro_pipeline.sqlmodels.read import read_models
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, environment, variables
from rebound_oro_pipeline_tests.sandbox_process import UNTIL, Box, sandbox

FIRST, LAST = UNTIL - timedelta(days=10), UNTIL - timedelta(days=1)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Run one sandbox for all tests here: they only read it, besides what each plants."""
    with sandbox(tmp_path_factory.mktemp("audit"), orders=120, returns=40, days=10) as running:
        yield running


def audited(box: Box, url: str, out: Path, *options: str, **settings: str) -> dict[str, Any]:
    days = ("--from", FIRST.isoformat(), "--to", LAST.isoformat())
    with environment(variables(out / "home", url, box, FIRST.isoformat(), **settings)):
        told = CliRunner().invoke(main, ["audit", *days, "--out", str(out), "--json", *options])
    assert told.exit_code == 0, told.output
    document: dict[str, Any] = json.loads(told.stdout)
    return document


def records(document: dict[str, Any], name: str) -> list[dict[str, str]]:
    [gap] = [gap for gap in document["gaps"] if gap["name"] == name]
    with Path(gap["file"]).open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == gap["records"]
    for each in gap["at_stake"]:
        amounts = [
            Decimal(row["amount"])
            for row in found
            if row["currency"] == (each["currency"] or "") and row["amount"]
        ]
        assert (Decimal(each["amount"]) if each["amount"] else None) == (sum(amounts) if amounts else None)
    return found


def test_every_planted_gap_is_found_with_its_money(box: Box, database_url: str, tmp_path: Path) -> None:
    before = audited(box, database_url, tmp_path / "before")
    in_doubt = {row["order_id"] for gap in KINDS for row in records(before, gap.name) if row.get("order_id")}
    clean = [order_id for order_id in orders_of_the_window(box) if order_id not in in_doubt]
    twin, other, unshipped, odd, waiting = clean[:5]
    moved = level_of(box, odd)
    for order_id in (twin, other):
        box.control("oro", {"type": "orders", "id": order_id, "attributes": {"externalId": "=TWICE()"}})
    box.control("oro", {"type": "orders", "id": unshipped, "relations": {"shippingStatus": None}})
    box.control("oro", {"type": "orders", "id": odd, "attributes": {"totalValue": "1.23"}})
    box.control("oro", {"type": "orders", "id": waiting, "relations": {"shippingStatus": "on_a_ship"}})
    box.control(
        "oro",
        {"type": "inventorylevels", "id": moved["id"], "relations": {"product": moved["other_product"]}},
    )
    after = audited(box, database_url, tmp_path / "after")

    doubled = [row for row in records(after, "duplicated_external_ids") if row["reference"] == "'=TWICE()"]
    assert {row["order_id"] for row in doubled} == {twin, other}
    assert {row["field"] for row in doubled} == {"externalId"}
    assert unshipped in {row["order_id"] for row in records(after, "shipping_statuses_null")}
    [unexplained] = [row for row in records(after, "orders_that_do_not_add_up") if row["order_id"] == odd]
    assert unexplained["amount"] == "1.23"
    [unmapped] = [row for row in records(after, "statuses_without_mapping") if row["value"] == "on_a_ship"]
    assert (unmapped["kind"], unmapped["first_document"]) == ("OroCommerce shipping status", waiting)
    assert Decimal(unmapped["amount"]) > 0
    without_level = records(after, "skus_without_levels")
    assert (moved["sku"], moved["unit"]) in {(row["sku"], row["unit_code"]) for row in without_level}
    assert all(Decimal(row["amount"]) > 0 for row in without_level)
    assert "do not explain the total" in unexplained["detail"]


def level_of(box: Box, order_id: str) -> dict[str, str]:
    """Return the level of a plain line of an order, and a product that is another one."""
    truth = box.state("orders", "inventory_levels")
    levels = {(level["product"], level["unit"]): level for level in truth["inventory_levels"]}
    [order] = [order for order in truth["orders"] if order["id"] == order_id]
    level = next(
        level
        for line in order["lines"]
        if not line["kit_items"] and (level := levels.get((line["product"], line["productUnitCode"])))
    )
    other = next(each for each in truth["inventory_levels"] if each["product"] != level["product"])
    return {**level, "other_product": other["product"]}


def orders_of_the_window(box: Box) -> list[str]:
    """List orders that were created in the window and are not cancelled."""
    return [
        order["id"]
        for order in box.state("orders")["orders"]
        if order["createdAt"] >= FIRST.isoformat() and order["internal_status"] != "cancelled"
    ]


def test_gaps_that_the_scenario_holds_are_found(box: Box, database_url: str, tmp_path: Path) -> None:
    """The sandbox's returns are each made to show a trouble; the rules name it in the rehearsal, and so does a gap."""
    document = audited(box, database_url, tmp_path)
    reasons = {each["reason"]: each["lines"] for each in document["rehearsal"]["destinations"]}
    for reason, gap in (
        ("unknown_order", "returns_without_orders"),
        ("unknown_sku", "returned_skus_not_on_their_order"),
        ("malformed_document", "documents_that_cannot_be_read"),
        ("tax_unresolvable", "orders_without_tax_data"),
    ):
        assert reasons[reason] > 0
        assert records(document, gap)
    kinds = {row["kind"] for row in records(document, "statuses_without_mapping")}
    assert {"ReBound status", "disposition"} <= kinds
    assert document["rehearsal"]["refused"] is None
    assert document["read"]["returns"] > 30


def test_a_missing_permission_is_told_apart_from_missing_data(
    box: Box, database_url: str, tmp_path: Path
) -> None:
    box.control(
        "clients",
        {
            "client_id": "blind",
            "client_secret": "blind",
            "permissions": {"orders": ["view"], "inventorylevels": ["view"]},
        },
    )
    document = audited(box, database_url, tmp_path, ORO_CLIENT_ID="blind", ORO_CLIENT_SECRET="blind")
    denied = {each["resource"] for each in document["permissions"] if each["level"] != "ok"}
    assert denied == {"products", "customers"}
    hidden = records(document, "relations_null")
    customers = [row for row in hidden if row["relation"] == "customer of the order"]
    assert len(customers) == int(customers[0]["records_of_this_kind"]) == document["read"]["orders"]
    assert {row["relation"] for row in hidden} >= {"product of the order line"}
    assert records(document, "skus_without_products")
    assert "may not view everything" in (tmp_path / "audit.html").read_text(encoding="utf-8")


def test_nothing_is_written_anywhere(box: Box, database_url: str, tmp_path: Path) -> None:
    """That the private database is gone as well is tested where it is made."""
    before = (truth(box), Loop.versions_in(database_url))
    audited(box, database_url, tmp_path, "--returned-only")
    assert (truth(box), Loop.versions_in(database_url)) == before


def truth(box: Box) -> dict[str, Any]:
    told = box.state("credit_notes", "inventory_levels", "rebound_orders", "orders")
    told.pop("requests")
    return told


def test_the_report_needs_nothing_beside_it(box: Box, database_url: str, tmp_path: Path) -> None:
    document = audited(box, database_url, tmp_path)
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page)
    assert not re.findall(r"url\((?!#|\"#)|@import", page)
    assert page.count("<svg") >= 3
    for link in re.findall(r'href="([\w.]+\.csv)"', page):
        assert (tmp_path / link).exists()
    for gap in document["gaps"]:
        assert gap["title"] in page


def test_aliases_that_were_imported_before_are_known(box: Box, database_url: str, tmp_path: Path) -> None:
    without = records(audited(box, database_url, tmp_path / "without"), "returned_skus_not_on_their_order")
    why = ("--who", "test", "--why", "test")
    with environment(variables(tmp_path, database_url, box, FIRST.isoformat())):
        imported = CliRunner().invoke(main, ["alias", "import", str(box.aliases), *why])
    assert imported.exit_code == 0, imported.output
    with_aliases = records(audited(box, database_url, tmp_path / "with"), "returned_skus_not_on_their_order")
    assert len(with_aliases) < len(without)


def test_an_orocommerce_that_does_not_answer_is_asked_once(database_url: str, tmp_path: Path) -> None:
    """Each question waits for its tries, so that five of them would keep a person for half a minute."""
    asked: list[str] = []

    def nobody(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise httpx.ConnectError("refused", request=request)

    network = httpx.MockTransport(nobody)
    with (
        OroClient("https://shop.example", "id", "secret", transport=network, attempts=1) as oro,
        ReboundClient("https://rebound.example", "login", "key", transport=network, attempts=1) as rebound,
        pytest.raises(NoToken),
    ):
        audit(
            database_url,
            read_models(),
            rebound,
            oro,
            window=Window.days(FIRST, LAST),
            out=tmp_path / "out",
            policy=Policy(),
            mapping=default_mapping(),
            now=datetime(2026, 11, 28, tzinfo=UTC),
        )
    assert asked == ["/oauth2-token"]
    assert not (tmp_path / "out").exists()


def test_the_last_day_may_not_come_before_the_first() -> None:
    days = ("--from", "2026-03-02", "--to", "2026-03-01", "--out", "out")
    told = CliRunner().invoke(main, ["audit", *days])
    assert told.exit_code == 2
    assert "2026-03-02 is after 2026-03-01" in told.output


def test_times_in_files_are_in_utc() -> None:
    assert plain(datetime(2026, 3, 1, 12, tzinfo=UTC)) == "2026-03-01T12:00:00+00:00"
    assert plain(Decimal("1E+2")) == "100"
    assert plain(None) == ""
    assert plain(True) == "yes"
