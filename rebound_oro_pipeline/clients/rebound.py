"""ReBound's legacy API: form POSTs whose `request` field holds JSON, and errors that come with status 200.

Known publicly are the searches, the reads and the error codes; where a return is missing, or how an order
is pushed, is not, so the path of the push is a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, Self, Unpack

import httpx

from rebound_oro_pipeline.clients import jsonapi
from rebound_oro_pipeline.clients.errors import (
    ApiError,
    AuthenticationError,
    Call,
    MalformedAnswer,
    NotFound,
    Reason,
    Refused,
    ServerError,
    from_status,
    said,
)
from rebound_oro_pipeline.clients.http import Channel, HttpOptions, retry_after

# `ip_blocked` follows many wrong log-ins, so none of these is ever sent a second time.
_WHO_ARE_YOU: Final = frozenset({"access_denied", "ip_blocked", "login_empty", "api_key_empty"})


class _Empty(NotFound):
    """The error code `empty`: the question was fine and there are no rows."""


class ReboundClient:
    """The API's words, one method each; synchronous, and safe to use from many threads.

    Every method raises the errors of `clients.errors`. Once the credentials were refused the client sends
    nothing more.
    """

    def __init__(
        self,
        base_url: str,
        login: str,
        api_key: str,
        *,
        order_path: str = "orders/push/json",
        **options: Unpack[HttpOptions],
    ) -> None:
        self._channel = Channel("rebound", base_url, **options)
        self._credentials = {"login": login, "api_key": api_key}
        self._order_path = order_path.strip("/")
        self._refusal: str | None = None

    @property
    def connections(self) -> int:
        """How many requests may be under way at once."""
        return self._channel.max_connections

    def close(self) -> None:
        """Close all connections."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def search_returns(self, day_from: date, day_to: date) -> list[str]:
        """Return the ids of the returns registered from one day to another (UTC, both included)."""
        period = {"date_from": f"{day_from:%Y/%m/%d}", "date_to": f"{day_to:%Y/%m/%d}"}
        call = self._call("returns/search/json")
        try:
            found = self._ask_mapping(call, {"filter": period}).get("id")
        except _Empty:
            return []
        ids = found if isinstance(found, list) else [found]
        if not all(isinstance(each, str | int) for each in ids):
            raise MalformedAnswer(f"{call} was answered without a list of ids", request_id=call.request_id)
        return list(dict.fromkeys(str(each) for each in ids))

    def get_return(self, return_id: str) -> dict[str, Any]:
        """Return a return's document as it was answered, without the printing label. Raises NotFound."""
        request = {"return": {"id": return_id, "type": "id"}}
        document = self._ask_mapping(self._call("returns/get/json"), request)
        document.pop("label", None)  # base64, larger than all the rest
        return document

    def get_tracking(self, code: str) -> dict[str, Any]:
        """Return what is known of a parcel. Raises NotFound."""
        return self._ask_mapping(self._call("tracking/get/json"), {"tracking": {"code": code}})

    def push_order(self, order: Mapping[str, Any], *, request_id: str | None = None) -> Any:
        """Tell ReBound of an order whose items may come back; decimals go as strings.

        Returns what it says on success.
        """
        return self._ask(self._call(self._order_path, request_id), {"order": order}, repeatable=False)

    def _call(self, path: str, request_id: str | None = None) -> Call:
        return Call.new("rebound", "POST", f"/api/{path}", request_id)

    def _ask_mapping(self, call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._ask(call, request, repeatable=True)
        if isinstance(answer, dict):
            return answer
        raise MalformedAnswer(
            f"{call} was answered with a success that is no object", request_id=call.request_id
        )

    def _ask(self, call: Call, request: Mapping[str, Any], *, repeatable: bool) -> Any:
        """Send a request and return the `success` member of its answer."""
        if self._refusal is not None:
            raise AuthenticationError(self._refusal, request_id=call.request_id)
        form = {**self._credentials, "request": jsonapi.encode(request).decode()}
        try:
            return self._channel.send(call, self._read, repeatable=repeatable, data=form)
        except AuthenticationError as error:
            self._refusal = str(error)
            raise

    def _read(self, call: Call, response: httpx.Response) -> Any:
        status = response.status_code
        if status == 403:
            raise AuthenticationError(
                f"{call} was answered 403: is this address allowed?",
                status=status,
                request_id=call.request_id,
            )
        if not response.is_success:
            raise from_status(call, status, retry_after=retry_after(response))
        answer = jsonapi.parse(call, response)
        if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
            raise self._error(call, answer["error"])
        if isinstance(answer, dict) and answer.get("success") is not None:
            return answer["success"]
        raise MalformedAnswer(
            f"{call} was answered with neither success nor error", request_id=call.request_id
        )

    def _error(self, call: Call, error: Mapping[str, Any]) -> ApiError:
        code = said(error.get("code") or "error")
        message = error.get("message")
        words = " ".join(str(each) for each in (message if isinstance(message, list) else [message or ""]))
        for secret in filter(None, self._credentials.values()):
            words = words.replace(secret, "***")
        hint = ""
        if code in _WHO_ARE_YOU:
            kind: type[ApiError] = AuthenticationError
            hint = "; check the login and the API key (nothing more is sent, lest the address be blocked)"
        elif code == "empty":
            kind = _Empty
        else:
            kind = ServerError if code == "internal" else Refused
        reason = Reason(title=code, detail=said(words) or None)
        return kind(
            f"{call} was refused: {reason}{hint}", status=200, request_id=call.request_id, reasons=[reason]
        )
