"""ReBound's legacy calls: forms in, everything with status 200 out, errors by their public codes."""

import asyncio
import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from rebound_oro_pipeline.sandbox.rebound.app import WRONG_LOGINS_ALLOWED, Account, create_app
from rebound_oro_pipeline.sandbox.rebound.records import (
    ItemRecord,
    ParcelRecord,
    ReturnRecord,
    Step,
    TrackRecord,
)
from rebound_oro_pipeline.sandbox.rebound.store import ReboundStore

REGISTERED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PROCESSED = REGISTERED + timedelta(days=4)
ACCOUNT = Account(login="shop", api_key="key")
FORM = {"login": "shop", "api_key": "key"}
ORDER = {"order_reference": "SO1", "order_date": "2026/03/01", "currency_code": "USD"}


class Clock:
    """A present that tests move."""

    now = PROCESSED

    def __call__(self) -> datetime:
        return self.now


def record(return_id: str, registered_at: datetime) -> ReturnRecord:
    return ReturnRecord(
        return_id=return_id,
        registered_at=registered_at,
        fields={"order_reference": "SO1", "date_added": "2026-03-02 09:30:00", "phone": None},
        statuses=[Step(registered_at, "created"), Step(PROCESSED, "processed")],
        items=[
            ItemRecord(
                fields={"sku_code": "A-1", "quantity": "3"},
                received=[Step(PROCESSED, "2"), Step(PROCESSED + timedelta(days=1), "3")],
                disposition=[Step(PROCESSED, "restock")],
            )
        ],
        parcels=[
            ParcelRecord(
                tracking_code=f"T{return_id}",
                carrier="UPS",
                track=[
                    TrackRecord(registered_at, "created", "GB", "Leeds"),
                    TrackRecord(PROCESSED, "processed", "GB", "Hull"),
                ],
            )
        ],
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReboundStore]:
    store = ReboundStore(tmp_path / "rebound.sqlite3")
    store.add_returns([record("10", REGISTERED), record("11", datetime(2026, 3, 3, 23, 59, 59, tzinfo=UTC))])
    yield store
    store.close()


class Client:
    """Requests to an app without a socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def request(self, method: str, path: str, data: dict[str, str]) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://rebound.example") as client:
                return await client.request(method, path, data=data)

        return asyncio.run(send())

    def post(self, path: str, data: dict[str, str]) -> httpx.Response:
        return self.request("POST", path, data)


@pytest.fixture
def client(store: ReboundStore, clock: Clock) -> Client:
    return Client(create_app(store, ACCOUNT, clock))


def ask(client: Client, call: str, request: object) -> dict[str, Any]:
    form = {**FORM, "request": request if isinstance(request, str) else json.dumps(request)}
    answer = client.post(f"/api/{call}/json", data=form)
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def code(told: dict[str, Any]) -> str:
    assert isinstance(told["error"]["message"], list)
    return str(told["error"]["code"])


def period(first: str, last: str) -> dict[str, Any]:
    return {"filter": {"date_from": first, "date_to": last}}


def test_a_search_returns_the_ids_of_whole_days_both_included(client: Client) -> None:
    assert ask(client, "returns/search", period("2026/03/02", "2026/03/03")) == {
        "success": {"id": ["10", "11"]}
    }
    assert ask(client, "returns/search", period("2026/03/03", "2026/03/03")) == {"success": {"id": ["11"]}}


def test_a_search_that_finds_nothing_is_the_error_empty(client: Client) -> None:
    assert code(ask(client, "returns/search", period("2026/02/01", "2026/02/28"))) == "empty"


def test_a_return_is_not_there_before_it_is_registered(client: Client, clock: Clock) -> None:
    clock.now = REGISTERED - timedelta(seconds=1)
    assert code(ask(client, "returns/search", period("2026/03/02", "2026/03/02"))) == "empty"
    assert code(ask(client, "returns/get", {"return": {"id": "10", "type": "id"}})) == "empty"


def test_a_document_tells_what_is_known_by_now(client: Client, clock: Clock) -> None:
    def document() -> tuple[object, ...]:
        told = ask(client, "returns/get", {"return": {"id": "10", "type": "id"}})["success"]
        [item] = told["item"]
        return told["current_tracking_status"], item["quantity_received"], item["final_disposition"]

    clock.now = REGISTERED
    assert document() == ("created", None, None)
    clock.now = PROCESSED
    assert document() == ("processed", "2", "restock")
    clock.now = PROCESSED + timedelta(days=2)
    assert document() == ("processed", "3", "restock")


def test_every_value_is_a_text_or_null_and_the_label_is_base64(client: Client) -> None:
    told = ask(client, "returns/get", {"return": {"id": "10", "type": "id"}})["success"]
    assert base64.b64decode(told["label"], validate=True).startswith(b"%PDF")
    values = [*told.pop("item")[0].values(), *told.values()]
    assert all(value is None or isinstance(value, str) for value in values)


def test_tracking_tells_where_a_parcel_has_been_so_far(client: Client, clock: Clock) -> None:
    clock.now = REGISTERED + timedelta(days=1)
    told = ask(client, "tracking/get", {"tracking": {"code": "T10"}})["success"]
    assert (told["tracking_code"], told["carrier_name"]) == ("T10", "UPS")
    assert told["track"] == [
        {
            "dt": "2026-03-02 09:30:00",
            "status": "created",
            "location": {"country": "GB", "state": None, "city": "Leeds"},
        }
    ]
    assert code(ask(client, "tracking/get", {"tracking": {"code": "T99"}})) == "empty"


def test_an_order_is_pushed_once_unless_it_may_be_overwritten(client: Client, store: ReboundStore) -> None:
    assert ask(client, "orders/push", {"order": ORDER}) == {"success": {"order_reference": "SO1"}}
    again = ask(client, "orders/push", {"order": ORDER | {"overwrite_data": "FALSE"}})
    assert code(again) == "request_wrong"
    assert "unique" in again["error"]["message"][0]
    changed = ORDER | {"overwrite_data": "TRUE", "currency_code": "EUR"}
    assert "success" in ask(client, "orders/push", {"order": changed})
    [pushed] = store.pushed_orders()
    assert (pushed.reference, pushed.pushes, pushed.document["currency_code"]) == ("SO1", 2, "EUR")


@pytest.mark.parametrize("date", ["03/01/2026", "2026/03/01", "1772323200"])
def test_an_order_may_be_dated_in_each_of_the_public_forms(client: Client, date: str) -> None:
    assert "success" in ask(client, "orders/push", {"order": ORDER | {"order_date": date}})


@pytest.mark.parametrize(
    ("call", "request_", "expected"),
    [
        ("returns/search", "", "request_empty"),
        ("returns/search", "{", "json_invalid"),
        ("returns/search", "[]", "request_wrong"),
        ("returns/search", {}, "request_wrong"),
        ("returns/search", period("2026-03-01", "2026/03/02"), "request_wrong"),
        ("returns/get", {"return": {"id": "10", "type": "rma"}}, "request_wrong"),
        ("returns/get", {"return": {"id": "99", "type": "id"}}, "empty"),
        ("returns/list", {}, "unknown_call"),
        ("orders/push", {"order": {"order_reference": "X"}}, "request_wrong"),
        ("orders/push", {"order": ORDER | {"order_date": "1 March"}}, "request_wrong"),
        ("orders/push", {"order": ORDER | {"order_reference": "X" * 256}}, "request_wrong"),
    ],
)
def test_a_wrong_request_is_told_by_its_code(
    client: Client, call: str, request_: object, expected: str
) -> None:
    assert code(ask(client, call, request_)) == expected


def test_credentials_are_checked_before_anything_else(client: Client) -> None:
    def answer(**form: str) -> str:
        return code(client.post("/api/returns/search/json", data=form).json())

    assert answer(api_key="key") == "login_empty"
    assert answer(login="shop") == "api_key_empty"
    assert answer(login="shop", api_key="wrong") == "access_denied"


def test_only_post_is_a_call(client: Client) -> None:
    answer = client.request("GET", "/api/returns/search/json", data={**FORM, "request": "{}"})
    assert code(answer.json()) == "unknown_call"


def test_an_address_that_logs_in_wrongly_too_often_is_blocked(client: Client, store: ReboundStore) -> None:
    """So nobody may retry on access_denied: then the right key does not help any more."""
    for _ in range(WRONG_LOGINS_ALLOWED):
        answer = client.post("/api/returns/search/json", data={"login": "shop", "api_key": "wrong"})
        assert code(answer.json()) == "access_denied"
    assert code(ask(client, "returns/search", period("2026/03/02", "2026/03/03"))) == "ip_blocked"
    store.forgive()
    assert "success" in ask(client, "returns/search", period("2026/03/02", "2026/03/03"))
