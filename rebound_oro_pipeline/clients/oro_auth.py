"""OAuth 2 client credentials for OroCommerce's back office.

`POST {host}/oauth2-token` with a JSON body answers `{"token_type": "Bearer", "expires_in": 3600,
"access_token": …}`; there is no refresh token in this grant, so a new one is asked for shortly before the
old one ends, or after a 401.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Generator
from typing import Final

import httpx

from rebound_oro_pipeline.clients import jsonapi
from rebound_oro_pipeline.clients.errors import (
    AnswerLost,
    ApiError,
    AuthenticationError,
    Call,
    MalformedAnswer,
    NoToken,
    NotSent,
)
from rebound_oro_pipeline.clients.http import Channel, retry_after

log = logging.getLogger(__name__)

TOKEN_PATH: Final = "/oauth2-token"  # noqa: S105 - a path
_TIMEOUT: Final = httpx.Timeout(connect=5.0, read=15.0, write=5.0, pool=60.0)
_LIFETIME: Final = 300.0  # seconds, where the answer names none
_MARGIN: Final = (
    60.0  # seconds before its end at which a token is replaced, or a tenth of its life if that is less
)
_HEADER_SAFE: Final = re.compile(r"[\x21-\x7e]+")


class ClientCredentials(httpx.Auth):
    """Puts the token on every request; one token serves all threads, and one thread at a time asks for it.

    A 401 renews the token once and repeats the request once: it was refused, so it was not executed.
    Credentials that are refused are not tried again by this object.
    """

    def __init__(
        self,
        channel: Channel,
        client_id: str,
        client_secret: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._renew_at = 0.0
        self._refusal: str | None = None

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send with the token at hand; after a 401 once more with a new one."""
        token = self._current()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == 401:
            response.read()  # gives the connection back, which asking for the token may need
            request.headers["Authorization"] = f"Bearer {self._current(refused=token)}"
            yield request

    def _current(self, refused: str | None = None) -> str:
        """Return a token other than the refused one."""
        with self._lock:
            if self._refusal is not None:
                raise AuthenticationError(self._refusal)
            if self._token is None or self._token == refused or self._clock() >= self._renew_at:
                asked_at = self._clock()
                try:
                    self._token, lifetime = self._ask()
                except AuthenticationError as error:
                    self._refusal = str(error)
                    raise
                self._renew_at = asked_at + lifetime - min(_MARGIN, lifetime / 10)
                log.info("%s: new access token, good for %d s", self._channel.system, lifetime)
            return self._token

    def _ask(self) -> tuple[str, float]:
        """Return a new token and its life in seconds."""
        call = Call.new(self._channel.system, "POST", TOKEN_PATH)
        grant = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
        }
        problem: ApiError | None = None
        try:
            response = self._channel.exchange(
                call,
                content=json.dumps(grant).encode(),
                headers={"Content-Type": "application/json"},
                timeout=_TIMEOUT,
            )
        except (NotSent, AnswerLost) as error:
            problem = NoToken(f"no access token: {error}", request_id=call.request_id)
        if problem is not None:
            raise problem
        return self._read(call, response)

    def _read(self, call: Call, response: httpx.Response) -> tuple[str, float]:
        status = response.status_code
        if status == 429 or status >= 500:
            raise NoToken(
                f"no access token: {call} was answered {status}; OroCommerce does so while it is down, "
                "and always when its encryption keys are missing or the request is malformed",
                status=status,
                request_id=call.request_id,
                retry_after=retry_after(response),
            )
        try:
            answer = jsonapi.parse(call, response)
        except (MalformedAnswer, AnswerLost) as error:
            if response.is_success and isinstance(error, AnswerLost):
                words = f"no access token: {error}"
                raise NoToken(words, status=status, request_id=call.request_id) from None
            answer = None
        answer = answer if isinstance(answer, dict) else {}
        if not response.is_success or not isinstance(answer.get("access_token"), str):
            raise AuthenticationError(
                self._explain(call, status, answer.get("error")), status=status, request_id=call.request_id
            )
        token = answer["access_token"]
        if not _HEADER_SAFE.fullmatch(token):
            raise AuthenticationError(
                f"{call} answered a token that fits no header", status=status, request_id=call.request_id
            )
        lifetime = answer.get("expires_in")
        return token, float(lifetime) if isinstance(lifetime, int) and lifetime > 0 else _LIFETIME

    def _explain(self, call: Call, status: int, code: object) -> str:
        if isinstance(code, str):
            # The code is a word of the OAuth standard; whatever else stands there might echo what was sent.
            word = code if re.fullmatch(r"[a-z_]{1,40}", code) else "error"
            return (
                f"{call} was answered {status} {word}: check the client id and the client secret, "
                "and that the OAuth application and its user are active"
            )
        return (
            f"{call} was answered {status} with something else than a token, perhaps a login page: "
            "check the base URL (the shop's own, without /admin), and that the API is switched on"
        )
