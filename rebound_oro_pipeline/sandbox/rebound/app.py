"""The legacy calls of ReBound as an ASGI app: always POST, a form with `login`, `api_key` and `request` (JSON).

Everything is answered with status 200: `{"success": …}` or `{"error": {"code", "message"}}`. Calls, fields and error
codes are those of ReBound's public documentation and of public clients; not public, and so of our choosing, are the
name of the order push, the answer for a return or parcel that does not exist (`empty`), and after how many wrong
log-ins an address is blocked.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from rebound_oro_pipeline.sandbox.rebound.documents import return_document, tracking_document
from rebound_oro_pipeline.sandbox.rebound.portal import check_items
from rebound_oro_pipeline.sandbox.rebound.store import ReboundStore

WRONG_LOGINS_ALLOWED = 10
"""An address that logged in wrongly so often is blocked."""
_LONGEST_TEXT = 255
_ORDER_DATES = ("%m/%d/%Y", "%Y/%m/%d")
_REQUIRED_OF_ORDER = ("order_reference", "order_date", "currency_code")

_MESSAGES = {
    "login_empty": "Login is empty",
    "api_key_empty": "API key is empty",
    "ip_blocked": "Your IP address is blocked because of many incorrect log in attempts",
    "access_denied": "Login or API key is incorrect",
    "request_empty": "Request is empty",
    "json_invalid": "Request is not valid JSON",
    "unknown_call": "There is no such call",
    "empty": "Nothing found",
}


class CallError(Exception):
    """An error of the API: code and message as they are answered."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message or _MESSAGES[code]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The one account that may log in."""

    login: str
    api_key: str


def create_app(store: ReboundStore, account: Account, clock: Callable[[], datetime]) -> Starlette:
    """Return the app; `clock` tells the present (UTC), which decides how far returns have moved on."""
    api = _Api(store, account, clock)
    return Starlette(routes=[Route("/{path:path}", api.answer, methods=["GET", "POST"])])


class _Api:
    def __init__(self, store: ReboundStore, account: Account, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._account = account
        self._clock = clock
        self._calls: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
            "/api/returns/search/json": self._search_returns,
            "/api/returns/get/json": self._get_return,
            "/api/tracking/get/json": self._get_tracking,
            "/api/orders/push/json": self._push_order,
        }

    async def answer(self, request: Request) -> JSONResponse:
        """Answer any request."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        try:
            self._log_in(form, request.client.host if request.client else "")
            call = self._calls.get(request.url.path if request.method == "POST" else "", _unknown_call)
            return JSONResponse({"success": call(_parse(form.get("request", "")))})
        except CallError as error:
            return JSONResponse({"error": {"code": error.code, "message": [error.message]}})

    def _log_in(self, form: Mapping[str, str], address: str) -> None:
        if not form.get("login"):
            raise CallError("login_empty")
        if not form.get("api_key"):
            raise CallError("api_key_empty")
        if self._store.wrong_logins(address) >= WRONG_LOGINS_ALLOWED:
            raise CallError("ip_blocked")
        known = self._account
        right = hmac.compare_digest(
            f"{form['login']}\0{form['api_key']}".encode(), f"{known.login}\0{known.api_key}".encode()
        )
        if not right:
            self._store.wrong_login(address)
            raise CallError("access_denied")

    def _search_returns(self, request: Mapping[str, Any]) -> object:
        period = _part(request, "filter")
        first, last = _day(period, "date_from"), _day(period, "date_to")
        ids = self._store.search(first, last, self._clock())
        if not ids:
            raise CallError("empty")
        return {"id": ids}

    def _get_return(self, request: Mapping[str, Any]) -> object:
        wanted = _part(request, "return")
        if wanted.get("type", "id") != "id":
            raise CallError("request_wrong", "return.type must be id")
        now = self._clock()
        found = self._store.find(_text(wanted, "return", "id"), now)
        if found is None:
            raise CallError("empty")
        return return_document(found.template, now)

    def _get_tracking(self, request: Mapping[str, Any]) -> object:
        code = _text(_part(request, "tracking"), "tracking", "code")
        now = self._clock()
        found = self._store.of_parcel(code, now)
        if found is None:
            raise CallError("empty")
        return tracking_document(found.template, code, now)

    def _push_order(self, request: Mapping[str, Any]) -> object:
        order = dict(_part(request, "order"))
        for name in _REQUIRED_OF_ORDER:
            _text(order, "order", name)
        _order_date(str(order["order_date"]))
        try:
            check_items(order.get("item", []))
        except ValueError as error:
            raise CallError("request_wrong", str(error)) from None
        overwrite = str(order.get("overwrite_data", "")).strip().upper() in {"TRUE", "1"}
        reference = str(order["order_reference"]).strip()
        if not self._store.push_order(reference, order, overwrite=overwrite, at=self._clock()):
            raise CallError("request_wrong", "order.order_reference must be unique")
        return {"order_reference": reference}


def _unknown_call(_: Mapping[str, Any]) -> object:
    raise CallError("unknown_call")


def _parse(text: str) -> Mapping[str, Any]:
    if not text.strip():
        raise CallError("request_empty")
    try:
        request = json.loads(text)
    except ValueError:
        raise CallError("json_invalid") from None
    if not isinstance(request, dict):
        raise CallError("request_wrong", "request must be an object")
    return request


def _part(request: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = request.get(name)
    if not isinstance(part, dict):
        raise CallError("request_wrong", f"{name} is missing")
    return part


def _text(part: Mapping[str, Any], of: str, name: str) -> str:
    value = part.get(name)
    text = "" if value is None else str(value).strip()
    if not text or len(text) > _LONGEST_TEXT:
        raise CallError("request_wrong", f"{of}.{name} must have 1 to {_LONGEST_TEXT} characters")
    return text


def _day(period: Mapping[str, Any], name: str) -> date:
    text = _text(period, "filter", name)
    try:
        return datetime.strptime(text, "%Y/%m/%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise CallError("request_wrong", f"filter.{name} must be a date YYYY/MM/DD") from None


def _order_date(text: str) -> None:
    """Refuse what is neither mm/dd/yyyy nor yyyy/mm/dd nor a Unix time."""
    if text.strip().isdigit():
        return
    for pattern in _ORDER_DATES:
        try:
            datetime.strptime(text.strip(), pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
        return
    raise CallError("request_wrong", "order.order_date must be mm/dd/yyyy, yyyy/mm/dd or a Unix time")
