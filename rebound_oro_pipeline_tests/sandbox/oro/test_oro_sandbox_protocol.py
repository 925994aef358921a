"""How the imitated shop talks, where no exchange was recorded: tokens, filters, links, rights, plain REST."""

from datetime import timedelta
from typing import Any

import pytest

from rebound_oro_pipeline.sandbox.oro.store import LIMITED

GRANT = {"grant_type": "client_credentials", "client_id": "main", "client_secret": "secret"}


def errors(answer: Any) -> list[tuple[str, str]]:
    return [(error["title"], error["detail"]) for error in answer.json()["errors"]]


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


def test_a_token_is_refused_with_an_empty_body_once_it_has_expired(make_shop: Any) -> None:
    shop = make_shop(expires_in=60)
    assert shop.get("orders").status_code == 200

    shop.now += timedelta(seconds=60)

    answer = shop.get("orders")
    assert (answer.status_code, answer.content) == (401, b"")


def test_all_tokens_can_be_made_to_expire_at_once(shop: Any) -> None:
    old = shop.token()
    shop.store.expire_tokens()
    assert shop.get("orders").status_code == 401

    new = shop.http.request("POST", "/oauth2-token", json=GRANT).json()["access_token"]

    assert new != old
    answer = shop.send(
        "GET", "orders", headers={"Accept": "application/vnd.api+json", "Authorization": f"Bearer {new}"}
    )
    assert answer.status_code == 200


def test_a_token_is_given_for_a_form_with_http_basic_too(shop: Any) -> None:
    answer = shop.http.request(
        "POST", "/oauth2-token", data={"grant_type": "client_credentials"}, auth=("main", "secret")
    )
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"


@pytest.mark.parametrize("grant", ["{", "[]", {"grant_type": "client_credentials", "client_id": "nobody"}])
def test_a_token_request_that_makes_no_sense_is_answered_without_a_token(shop: Any, grant: Any) -> None:
    content = {"content": grant, "headers": {"Content-Type": "application/json"}}
    answer = shop.http.request(
        "POST", "/oauth2-token", **({"json": grant} if isinstance(grant, dict) else content)
    )
    assert answer.status_code in {401, 500}
    assert "access_token" not in answer.json()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("filter[id]=2,4", ["2", "4"]),
        ("filter[id]=2..4", ["2", "3", "4"]),
        ("filter[id][gt]=28", ["29", "30"]),
        ("filter[id][gte]=29&filter[id][lt]=30", ["29"]),
        ("filter[sku]=SKU-003,SKU-007", ["3", "7"]),
        ("filter[sku]=sku-003", []),
        ("filter[id][neq]=1..28&sort=-id", ["30", "29"]),
        ("filter[sku][exists]=no", []),
        ("page[size]=2&page[number]=2&sort=-sku", ["28", "27"]),
    ],
)
def test_filters_and_orders_of_a_list(shop: Any, query: str, expected: list[str]) -> None:
    assert ids(shop.get(f"products?{query}")) == expected


def test_levels_are_found_by_product_and_by_its_sku(shop: Any) -> None:
    assert ids(shop.get("inventorylevels?filter[product]=2,3")) == ["3", "4", "5", "6"]
    assert ids(shop.get("inventorylevels?filter[product.sku]=SKU-002")) == ["3", "4"]
    assert ids(shop.get("inventorylevels?filter[productUnitPrecision]=4")) == ["4"]


def test_a_truth_value_that_was_never_set_is_found_as_its_default(shop: Any) -> None:
    assert ids(shop.get("orders?filter[external]=no")) == ["11"]
    assert ids(shop.get("orders?filter[external]=yes")) == []


def test_lists_have_ten_rows_unless_asked_otherwise(shop: Any) -> None:
    assert len(ids(shop.get("products"))) == 10
    assert len(ids(shop.get("products?page[size]=-1"))) == 30
    assert ids(shop.get("products?page[size]=7&page[number]=9")) == []


@pytest.mark.parametrize(
    ("path", "title", "detail"),
    [
        ("products?filter[nosuch]=1", "filter constraint", "The filter is not supported."),
        ("products?filter[status]=enabled", "filter constraint", "The filter is not supported."),
        ("products?nosuch=1", "filter constraint", "The filter is not supported."),
        ("products?filter[id]=abc", "filter constraint", 'Expected integer value. Given "abc".'),
        ("products?page[size]=ten", "filter constraint", 'Expected integer value. Given "ten".'),
        ("products?filter[sku][gte]=A", "filter constraint", 'The operator "gte" is not supported.'),
        ("products?sort=status", "sort constraint", 'Sorting by "status" field is not supported.'),
        ("products?filter[sku]=%20", "filter constraint", 'Expected not blank string value. Given " ".'),
        ("orderinternalstatuses?page[size]=2", "filter constraint", "The filter is not supported."),
        ("ordersubtotals?filter[order]=1&page[size]=2", "filter constraint", "The filter is not supported."),
    ],
)
def test_parameters_that_oro_does_not_take_are_refused(shop: Any, path: str, title: str, detail: str) -> None:
    answer = shop.get(path)
    assert answer.status_code == 400
    assert errors(answer) == [(title, detail)]


def test_every_parameter_that_is_wrong_is_named(shop: Any) -> None:
    answer = shop.get("orders?filter[updatedAt][gte]=x&filter[nosuch]=1")
    assert [error["source"]["parameter"] for error in answer.json()["errors"]] == [
        "filter[updatedAt][gte]",
        "filter[nosuch]",
    ]


def test_an_include_nobody_knows_includes_nothing(shop: Any) -> None:
    assert "included" not in shop.get("products/1?include=nosuch,category").json()


def test_links_come_unless_they_are_declined(shop: Any) -> None:
    with_links = shop.send(
        "GET", "products?page[size]=1", headers={"Accept": "application/vnd.api+json"}
    ).json()
    assert with_links["links"]["next"].endswith("page%5Bnumber%5D=2&page%5Bsize%5D=1")
    assert with_links["data"][0]["relationships"]["unitPrecisions"]["links"]["related"].endswith(
        "/admin/api/products/1/unitPrecisions"
    )
    assert "links" not in shop.get("products?page[size]=1").text


def test_the_addresses_in_links_can_be_followed(shop: Any) -> None:
    assert ids(shop.get("products/1/unitPrecisions")) == ["1", "2"]
    related = shop.get("inventorylevels/1/relationships/product").json()
    assert related == {"data": {"type": "products", "id": "1"}}
    assert shop.get("products/1/inventory_status").json()["data"]["id"] == "in_stock"
    assert shop.get("products/1/nosuch").status_code == 404


def test_without_the_json_api_media_type_answers_are_flat(shop: Any) -> None:
    answer = shop.send("GET", "inventorylevels/1", headers={"Accept": "*/*"})
    assert answer.headers["Content-Type"] == "application/json"
    level = {"id": "1", "quantity": "1000", "externalId": None}
    assert answer.json() == {**level, "product": "1", "productUnitPrecision": "1", "organization": "1"}

    refused = shop.send("POST", "reboundcreditnotes", shop.note("N"), headers={"Accept": "application/json"})
    assert refused.status_code == 400
    assert refused.json()[0]["title"] == "extra fields constraint"


def test_a_method_that_is_not_offered_says_which_are(shop: Any) -> None:
    answer = shop.send("POST", "products", {})
    assert (answer.status_code, answer.content, answer.headers["Allow"]) == (405, b"", "OPTIONS, GET, PATCH")
    assert shop.send("OPTIONS", "reboundcreditnotes/1").headers["Allow"] == "OPTIONS, GET, PATCH, DELETE"
    assert shop.send("GET", "asyncoperations").status_code == 404
    assert shop.http.request("GET", "/elsewhere").status_code == 404


def test_rights_that_are_missing_behind_a_relation_or_filter_act_in_silence(shop: Any) -> None:
    """A missing permission looks like missing data: why a doctor must ask for the types themselves."""
    rights = {kind: right for kind, right in LIMITED.items() if kind not in {"products", "customers"}}
    shop.store.add_client("blind", "secret", rights)
    shop.store.change("orders", "11", relations={"customer": "1"})

    def get(path: str) -> Any:
        return shop.send("GET", path, client_id="blind").json()

    assert get("orders/11")["data"]["relationships"]["customer"] == {"data": None}
    assert get("inventorylevels/1?include=product")["data"]["relationships"]["product"] == {"data": None}
    assert "included" not in get("inventorylevels/1?include=product")
    assert get("inventorylevels?filter[product.sku]=SKU-001") == {"data": []}
    assert get("products")["errors"][0]["detail"] == "No access to this type of entities."


def test_fields_that_are_hidden_are_left_out_and_all_others_stay(shop: Any) -> None:
    """An empty field is null; a hidden one is absent, asked for or not, and leads to nothing that is included."""
    hidden = {"orders": ["totalValue", "lineItems"], "products": ["sku"]}
    shop.store.add_client("short-sighted", "secret", hidden=hidden)

    def get(path: str) -> Any:
        return shop.send("GET", path, client_id="short-sighted").json()

    asked = "orders/11?fields[orders]=totalValue,currency,lineItems&include=lineItems"
    for path in ("orders/11?include=lineItems", asked):
        order = get(path)
        assert "included" not in order
        assert "currency" in order["data"]["attributes"]
        assert "totalValue" not in order["data"]["attributes"]
        assert "lineItems" not in order["data"].get("relationships", {})
    [product] = get("inventorylevels/1?include=product")["included"]
    assert "sku" not in product["attributes"]
    assert "status" in product["attributes"]


def test_a_user_without_the_right_for_operations_may_not_see_them(shop: Any) -> None:
    assert shop.send("GET", "asyncoperations/1", client_id="limited").status_code == 403


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"data": None}, [("request data constraint", "/data")]),
        (
            {"data": {"attributes": {"sku": "x"}}},
            [("request data constraint", f"/data/{name}") for name in ("type", "id")],
        ),
        ({"meta": {}}, [("request data constraint", "/data")]),
        ({"data": {"type": "products", "id": "2"}}, [("conflict constraint", "/data/id")]),
        (
            {"data": {"type": "products", "id": "1", "relationships": {"brand": {}}}},
            [("request data constraint", "/data/relationships/brand")],
        ),
        ({"data": {"type": "products", "id": "1", "extra": 1}}, [("request data constraint", "/data")]),
    ],
)
def test_documents_of_the_wrong_shape_are_refused(shop: Any, document: Any, expected: Any) -> None:
    found = shop.send("PATCH", "products/1", document).json()["errors"]
    assert [(error["title"], error["source"]["pointer"]) for error in found] == expected
