"""OroCommerce is asked for what the returns at hand need, in few requests, and for nothing else."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import stamina
from psycopg.types.json import Jsonb

from rebound_oro_pipeline.clients.errors import Forbidden, Refused, ServerError
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound import read_return
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.land_oro_inventory_levels import land_oro_inventory_levels
from rebound_oro_pipeline.services.land_oro_orders import land_oro_orders
from rebound_oro_pipeline.services.land_oro_products import land_oro_products
from rebound_oro_pipeline.warehouse.landing import Landed, land_returns

RECORDED = Path(__file__).parents[1] / "recorded"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = Window.day(date(2026, 11, 3))
PARENTS = {"orders": "lineItems", "products": "unitPrecisions"}


class Shop:
    """Answers lists from recorded documents: one filter of values, pages, an error by parameter."""

    def __init__(self) -> None:
        self.resources: dict[str, list[dict[str, Any]]] = {
            "orders": [],
            "products": [],
            "inventorylevels": [],
        }
        self.included: list[dict[str, Any]] = []
        self.requests: list[httpx.Request] = []
        self.not_supported: set[str] = set()
        self.broken: set[str] = set()
        self.status = 200

    def add(self, document: dict[str, Any]) -> None:
        data = document["data"] if isinstance(document["data"], list) else [document["data"]]
        self.resources[data[0]["type"]] += data
        self.included += document.get("included", [])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth2-token":
            return httpx.Response(200, json={"token_type": "Bearer", "expires_in": 3600, "access_token": "t"})
        self.requests.append(request)
        asked = dict(request.url.params)
        for parameter in self.not_supported & asked.keys():
            return _refused(400, "filter constraint", "The filter is not supported.", parameter)
        if self.status != 200:
            return _refused(self.status, "access denied exception", "No access to this type of entities.")
        (parameter,) = (name for name in asked if name.startswith("filter["))
        wanted = {value.lower() for value in asked[parameter].split(",")}
        field = parameter.removeprefix("filter[").removesuffix("]")
        found = [
            each for each in self.resources[request.url.path.split("/")[-1]] if _value(each, field) in wanted
        ]
        size, number = int(asked["page[size]"]), int(asked.get("page[number]", 1))
        shown = found[(number - 1) * size : number * size]
        if "include" in asked and not self.broken.isdisjoint(each["id"] for each in shown):
            return _refused(500, "runtime exception", "Tax codes can't be merged.")
        # Everything is included, needed or not: it is for the reader to take what belongs to each.
        body = {"data": shown, "included": self.included}
        return httpx.Response(
            200,
            content=json.dumps(body),
            headers={
                "Content-Type": "application/vnd.api+json",
                "X-Include-Total-Count": str(len(found)),
            },
        )

    def asked(self) -> list[tuple[str, str, list[str]]]:
        """Return resource, field and values of every request."""
        return [
            (request.url.path.split("/")[-1], name[7:-1], value.split(","))
            for request in self.requests
            for name, value in request.url.params.items()
            if name.startswith("filter[")
        ]


def _value(resource: dict[str, Any], field: str) -> str | None:
    if field == "id":
        return str(resource["id"])
    relation = resource["relationships"].get(field)
    value = relation["data"]["id"] if relation else resource["attributes"].get(field)
    return value.lower() if value else None


def _refused(status: int, title: str, detail: str, parameter: str | None = None) -> httpx.Response:
    source = {"source": {"parameter": parameter}} if parameter else {}
    error = {"status": str(status), "title": title, "detail": detail, **source}
    return httpx.Response(
        status, json={"errors": [error]}, headers={"Content-Type": "application/vnd.api+json"}
    )


def recorded(name: str) -> dict[str, Any]:
    return json.loads((RECORDED / f"{name}.json").read_bytes())  # type: ignore[no-any-return]


def answer(name: str) -> dict[str, Any]:
    return recorded(f"exchanges/{name}")["response"]["body"]  # type: ignore[no-any-return]


@pytest.fixture
def shop() -> Shop:
    shop = Shop()
    shop.add(recorded("orders"))
    shop.add(answer("order_kit"))
    return shop


def client_of(shop: Shop, *, connections: int = 4) -> OroClient:
    transport = httpx.MockTransport(shop)
    return OroClient("https://oro.example", "id", "secret", transport=transport, max_connections=connections)


@pytest.fixture
def oro(shop: Shop) -> Iterator[OroClient]:
    with stamina.set_testing(testing=True), client_of(shop) as client:
        yield client


def come_back(
    conn: psycopg.Connection, *references: str, skus: tuple[str, ...] = ("SKU-1",), day: int = 3
) -> None:
    items = [{"sku_code": sku, "quantity": "1"} for sku in skus]
    documents = (
        {
            "id": f"R-{day}-{reference}",
            "order_reference": reference,
            "date_added": f"2026-11-{day:02}",
            "item": items,
        }
        for reference in references
    )
    land_returns(
        conn,
        (read_return(document, default_mapping()) for document in documents),
        source="api",
        landed_by="test",
        landed_at=NOW,
    )


def land(oro: OroClient, conn: psycopg.Connection, policy: Policy | None = None, **options: Any) -> Landed:
    return land_oro_orders(oro, conn, DAY, policy or Policy(), now=NOW, run_id="run-1", **options)


def landed_orders(conn: psycopg.Connection) -> list[str]:
    query = "select identifier from landing.oro_orders order by identifier"
    return [identifier for (identifier,) in conn.execute(query)]


def keep(conn: psycopg.Connection, identifier: str) -> None:
    """Let the ledger keep the landed order, as the first credit does."""
    conn.execute(
        """
        with policy as (
            insert into reference.policies (document, document_hash) values (%s, 'x') returning policy_version
        )
        insert into ledger.orders (
            order_id, order_identifier, currency, digits, total_value, net_amount, discount_amount, tax_amount,
            shipping_amount, shipping_tax_amount, prices_include_tax, promotion_reading, document_hash,
            decision_id, policy_version
        )
        select
            order_id, identifier, currency, 2, total_value, total_value, 0, 0, 0, 0, false, 1, document_hash,
            1, policy_version
        from landing.oro_orders cross join policy
        where identifier = %s
        """,
        (Jsonb({}), identifier),
    )
    conn.commit()


def test_the_orders_of_the_returns_land_and_no_others(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    come_back(conn, "A-0-00", " kit-1 ")
    come_back(conn, "A-0-01", day=4)
    assert land(oro, conn) == Landed(received=2, new=2)
    assert landed_orders(conn) == ["A-0-00", "KIT-1"]
    assert shop.asked() == [("orders", "identifier", ["A-0-00", "kit-1"])]


def test_several_returns_of_one_order_ask_for_it_once(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    come_back(conn, "KIT-1", "kit-1", " KIT-1")
    assert land(oro, conn).received == 1
    assert [len(values) for _, _, values in shop.asked()] == [1]


def test_fields_are_named_for_every_type_and_subtotals_left_out(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    """Subtotals are five times as dear as all the rest."""
    come_back(conn, "KIT-1")
    land(oro, conn)
    asked = dict(shop.requests[0].url.params)
    assert asked["include"] == "lineItems,lineItems.kitItemLineItems,discounts"
    assert asked["page[size]"] == "250"
    assert {name for name in asked if name.startswith("fields[")} == {
        "fields[orders]",
        "fields[orderlineitems]",
        "fields[orderproductkititemlineitems]",
        "fields[orderdiscounts]",
    }
    assert "orderSubtotals" not in asked["fields[orders]"]


def test_subtotals_come_along_when_they_are_asked_for(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    come_back(conn, "KIT-1")
    land(oro, conn, with_subtotals=True)
    asked = dict(shop.requests[0].url.params)
    assert asked["include"].endswith(",orderSubtotals")
    assert asked["fields[orders]"].endswith(",orderSubtotals")
    assert asked["page[size]"] == "100"
    assert "data" in asked["fields[ordersubtotals]"]
    assert conn.execute("select count(*) from landing.oro_order_subtotals").fetchone() == (7,)


def test_a_shop_that_knows_no_subtotals_is_asked_without(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    shop.not_supported = {"fields[ordersubtotals]"}
    come_back(conn, "KIT-1")
    assert land(oro, conn, with_subtotals=True).new == 1


def test_what_is_not_found_is_asked_for_under_all_other_fields(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    shop.resources["orders"][5]["attributes"]["externalId"] = "ERP-5"
    come_back(conn, "A-0-00", "po-a-0-01", "erp-5", "NOWHERE")
    assert land(oro, conn) == Landed(received=3, new=3)
    first, *others = [(field, sorted(values)) for _, field, values in shop.asked()]
    assert first == ("identifier", ["A-0-00", "NOWHERE", "erp-5", "po-a-0-01"])
    assert sorted(others) == [
        ("externalId", ["NOWHERE", "erp-5", "po-a-0-01"]),
        ("poNumber", ["NOWHERE", "erp-5", "po-a-0-01"]),
    ]


def test_an_order_that_is_found_under_two_fields_lands_once(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    shop.resources["orders"][1]["attributes"]["externalId"] = "PO-A-0-01"
    come_back(conn, "PO-A-0-01")
    assert land(oro, conn) == Landed(received=2, new=1, unchanged=1)
    assert landed_orders(conn) == ["A-0-01"]


def test_an_order_that_cannot_be_read_is_not_looked_for_under_other_fields(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    shop.resources["orders"][0]["attributes"]["totalValue"] = None
    come_back(conn, "A-0-00")
    assert land(oro, conn) == Landed(received=1, malformed=1)
    assert [field for _, field, _ in shop.asked()] == ["identifier"]


def test_the_policy_says_which_fields_are_asked_and_in_which_sequence(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    come_back(conn, "PO-A-0-00", "A-0-01")
    assert land(oro, conn, Policy(order_reference=("poNumber",))).new == 1
    assert [field for _, field, _ in shop.asked()] == ["poNumber"]


def test_a_field_without_a_filter_is_passed_over(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    """ExternalId exists from 6.1.10 and 7.0.2 on."""
    shop.not_supported = {"filter[externalId]"}
    come_back(conn, "A-0-00", "NOWHERE")
    assert land(oro, conn) == Landed(received=1, new=1)


def test_a_field_without_a_filter_is_asked_for_once(shop: Shop, conn: psycopg.Connection) -> None:
    shop.not_supported = {"filter[poNumber]"}
    come_back(conn, *(f"SO-{number:05}" for number in range(700)))
    with client_of(shop, connections=1) as oro:
        land(oro, conn, Policy(order_reference=("poNumber",)))
    assert len(shop.requests) == 1


def test_without_the_filter_by_identifier_nothing_makes_sense(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    shop.not_supported = {"filter[identifier]"}
    come_back(conn, "A-0-00")
    with pytest.raises(Refused, match="not supported"):
        land(oro, conn)


def test_a_missing_permission_ends_it(shop: Shop, oro: OroClient, conn: psycopg.Connection) -> None:
    shop.status = 403
    come_back(conn, "A-0-00")
    with pytest.raises(Forbidden):
        land(oro, conn)


def test_many_references_are_asked_for_in_few_requests_of_bounded_length(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    come_back(conn, *(f"SO-{number:05}" for number in range(220)), *(f"{n} {'ü' * 90}" for n in range(30)))
    land(oro, conn, Policy(order_reference=("identifier",)))
    assert (
        max(len(values) for _, _, values in shop.asked()) == 56
    )  # of 63 for each worker: addresses are bounded
    assert sum(len(values) for _, _, values in shop.asked()) == 250
    assert max(len(str(request.url)) for request in shop.requests) < 6_000
    assert len(shop.requests) < 12


@pytest.mark.parametrize(
    ("references", "lists"),
    [(20, [20]), (60, [20] * 3), (1_100, [138] * 4 + [137] * 4)],
    ids=["few", "some", "many"],
)
def test_all_workers_have_as_much_to_ask_for(
    references: int, lists: list[int], shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    come_back(conn, *(f"SO-{number:05}" for number in range(references)))
    land(oro, conn, Policy(order_reference=("identifier",)))
    assert sorted((len(values) for _, _, values in shop.asked()), reverse=True) == lists


def test_a_reference_with_a_comma_cannot_be_asked_for(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    """The filter would take it for two, and bring the orders of others."""
    come_back(conn, "A-0-00,A-0-01")
    assert land(oro, conn) == Landed()
    assert shop.requests == []


def test_an_order_that_is_not_kept_yet_is_read_again(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    """It may have been dispatched since."""
    come_back(conn, "A-0-00", "PO-A-0-01")
    land(oro, conn)
    assert land(oro, conn) == Landed(received=2, unchanged=2)


def test_an_order_that_the_ledger_keeps_is_not_read_again(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    """Returns go on by the kept one, whatever becomes of it in the shop."""
    come_back(conn, "A-0-00", "A-0-01")
    land(oro, conn)
    keep(conn, "A-0-00")
    shop.requests.clear()
    assert land(oro, conn).received == 1
    assert shop.asked() == [("orders", "identifier", ["A-0-01"])]


def test_an_order_of_a_held_return_is_read_again(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    come_back(conn, "A-0-00")
    land(oro, conn)
    keep(conn, "A-0-00")
    conn.execute(
        "insert into ledger.holds (subject, reason, return_id, return_line_key, quantity, registered_at,"
        " held_since, attempts, next_check_at, changed_at)"
        " values ('s', 'not_dispatched', 'R-3-A-0-00', 'k', 1, %(at)s, %(at)s, 1, %(at)s, %(at)s)",
        {"at": NOW},
    )
    conn.commit()
    assert land(oro, conn) == Landed(received=1, unchanged=1)


def test_an_order_that_cannot_be_read_does_not_stop_the_others(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    shop.resources["orders"][0]["attributes"]["totalValue"] = None
    come_back(conn, "A-0-00", "A-0-01")
    assert land(oro, conn, Policy(order_reference=("identifier",))) == Landed(received=2, new=1, malformed=1)


def test_an_order_over_which_oro_stumbles_does_not_stop_the_others(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    """It fails the whole page with it, at every try; so its day would never be decided, nor any webhook followed."""
    order = shop.resources["orders"][3]
    references = [each["attributes"]["identifier"] for each in shop.resources["orders"][:40]]
    come_back(conn, *references)
    shop.broken = {order["id"]}
    with client_of(shop, connections=1) as one_at_a_time:
        landed = land(one_at_a_time, conn)
    assert (landed.new, landed.malformed) == (39, 1)
    [(key, path, fault)] = conn.execute(
        "select document_key, fault_path, fault from landing.malformed_documents"
    ).fetchall()
    assert (key, path) == (order["id"], "$")
    assert fault.startswith(
        "OroCommerce cannot give it, its own log says why: oro: GET /admin/api/orders was answered 500"
    )
    assert "Tax codes can't be merged." in fault
    assert len(shop.requests) < 25
    shop.broken.clear()
    assert land(oro, conn).new == 1
    assert not conn.execute("select from landing.malformed_documents").fetchall()


def test_where_oro_stumbles_over_many_orders_it_is_the_system_that_fails(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    shop.broken = {each["id"] for each in shop.resources["orders"]}
    come_back(conn, *(each["attributes"]["identifier"] for each in shop.resources["orders"][:10]))
    with pytest.raises(ServerError, match="Tax codes can't be merged"):
        land(oro, conn)
    assert not conn.execute("select from landing.malformed_documents").fetchall()


@pytest.fixture
def at_hand(shop: Shop, oro: OroClient, conn: psycopg.Connection) -> None:
    """Let a kit and an unknown SKU come back, and the shop have products and levels."""
    come_back(conn, "KIT-1", skus=("SKU-009", "sku-022 ", "STRANGE"))
    land(oro, conn)
    shop.requests.clear()
    shop.add(answer("products_by_sku_list"))
    shop.add(answer("inventorylevels_by_sku_list"))
    return


def ids_on_the_kit_order() -> set[str]:
    return {
        each["relationships"]["product"]["data"]["id"]
        for each in answer("order_kit")["included"]
        if each["type"] in ("orderlineitems", "orderproductkititemlineitems")
    }


@pytest.mark.usefixtures("at_hand")
def test_products_are_asked_for_by_id_where_an_order_names_them_else_by_sku(
    shop: Shop, oro: OroClient, conn: psycopg.Connection
) -> None:
    """An order line keeps the SKU that its product had then."""
    on_order = {
        each["attributes"]["productSku"].lower()
        for each in answer("order_kit")["included"]
        if "productSku" in each["attributes"]
    }
    landed = land_oro_products(oro, conn, DAY, now=NOW, run_id="run-1")
    by_id, by_sku = shop.asked()
    assert (by_id[:2], set(by_id[2])) == (("products", "id"), ids_on_the_kit_order())
    assert by_sku[:2] == ("products", "sku")
    assert {sku.lower() for sku in by_sku[2]} == {"sku-009", "sku-022", "strange"} - on_order
    assert landed.new == landed.received > 0
    units = conn.execute(
        "select unit_code, conversion_rate from landing.oro_product_units where product_id = '22' order by 1"
    ).fetchall()
    assert units == [("item", Decimal(2)), ("piece", Decimal(1))]


@pytest.mark.usefixtures("at_hand")
def test_levels_are_asked_for_by_product(shop: Shop, oro: OroClient, conn: psycopg.Connection) -> None:
    shop.resources["inventorylevels"][0]["relationships"]["product"]["data"]["id"] = min(
        ids_on_the_kit_order()
    )
    landed = land_oro_inventory_levels(oro, conn, DAY, now=NOW, run_id="run-1")
    ((resource, field, values),) = shop.asked()
    assert (resource, field, set(values)) == ("inventorylevels", "product", ids_on_the_kit_order())
    assert landed.new >= 1


def test_without_returns_nothing_is_asked(shop: Shop, oro: OroClient, conn: psycopg.Connection) -> None:
    assert land(oro, conn) == Landed()
    assert land_oro_products(oro, conn, DAY, now=NOW, run_id="run-1") == Landed()
    assert land_oro_inventory_levels(oro, conn, DAY, now=NOW, run_id="run-1") == Landed()
    assert shop.requests == []
