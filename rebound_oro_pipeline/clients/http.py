"""The one way to talk HTTP: pooled connections, explicit timeouts, retries with jitter, quiet logs.

Only what may be repeated is repeated: reads on every retryable error, writes where nothing was sent. What
waits and what tries again is bounded by `attempts`, `patience` and `LONGEST_WAIT`.
"""

from __future__ import annotations

import ipaddress
import logging
import random
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache, partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, Self, TypedDict, TypeVar, Unpack

import httpx
import stamina

from rebound_oro_pipeline.clients.errors import AnswerLost, ApiError, Call, MalformedAnswer, NotSent
from rebound_oro_pipeline.clients.lending import AnswerTooLarge, LendingTransport

log = logging.getLogger(__name__)
# httpx logs every URL with its query at INFO; ours go without.
logging.getLogger("httpx").setLevel(logging.WARNING)

T = TypeVar("T")

# A synchronous batch is answered after 25 s when no message consumer runs, so reading must outlast that.
TIMEOUT: Final = httpx.Timeout(connect=5.0, read=60.0, write=30.0, pool=60.0)
LONGEST_WAIT: Final = 60.0
"""Seconds a `Retry-After` may ask for; who asks for more gets no second request from this call."""
LONGEST_RETRY_AFTER: Final = 3600.0
"""Seconds at which `retry_after` is capped, so that an absurd date does not park a message for years."""
# Below the five seconds after which common servers drop an idle connection: a write on a dropped one is in
# doubt.
_KEEPALIVE_SECONDS: Final = 3.0
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class HttpOptions(TypedDict, total=False):
    """How a client talks; every key has a default.

    timeout: seconds for connect, read, write and waiting for a free connection.
    max_connections: requests under way at once; more callers wait for a connection.
    attempts: tries per call, the first included.     patience: seconds after which no further try begins.
    verify_tls: False only on purpose, and warned of in the log.
    transport: stands in for the network (tests).
    """

    timeout: httpx.Timeout
    max_connections: int
    attempts: int
    patience: float
    verify_tls: bool
    transport: httpx.BaseTransport | None


class Channel:
    """The connections to one system; safe to use from many threads."""

    def __init__(self, system: str, base_url: str, **options: Unpack[HttpOptions]) -> None:
        self.system = system
        self.base_url = checked_url(base_url)
        self.max_connections = options.get("max_connections", 8)
        self._attempts = options.get("attempts", 5)
        self._patience = options.get("patience", 120.0)
        self.clock_ahead = timedelta(0)
        """By how much our clock was ahead of theirs when they answered last; negative: behind."""
        verify_tls = options.get("verify_tls", True)
        if not verify_tls:
            log.warning("%s: TLS certificates are NOT verified, as the settings ask", system)
        one_connection = partial(
            httpx.Client,
            verify=_tls(verify=verify_tls),
            limits=httpx.Limits(
                max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEPALIVE_SECONDS
            ),
            # A session cookie would take the token's place.
            cookies=_no_cookies(),
            event_hooks={"request": [_in_time]},
            # A proxy for the outside world cannot reach this machine's own loopback.
            trust_env=not is_loopback(httpx.URL(self.base_url).host),
        )
        self._client = httpx.Client(
            timeout=options.get("timeout", TIMEOUT),
            transport=options.get("transport") or LendingTransport(one_connection, self.max_connections),
            headers={"User-Agent": "rebound-oro-pipeline", "Accept": "application/json"},
            cookies=_no_cookies(),
            event_hooks={"request": [_in_time]},
        )

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(
        self,
        call: Call,
        read: Callable[[Call, httpx.Response], T],
        *,
        repeatable: bool,
        not_after: float | None = None,
        **request: Any,
    ) -> T:
        """Send and return what `read` makes of the answer; `read` raises the ApiError that it means.

        `repeatable`: whether the request changes nothing, so that it may be sent again after any retryable
        error; else it is sent again only where nothing was sent (`NotSent`). `not_after`: the time by
        `time.monotonic()` at which it is no longer sent, whatever it waited for; raises NotSent.
        `request`: what httpx takes (params, headers, content, data, auth).
        """
        for attempt in stamina.retry_context(
            on=partial(_wait_before_next, repeatable=repeatable, not_after=not_after),
            attempts=self._attempts,
            timeout=self._patience,
            wait_initial=0.2,
            wait_max=10.0,
            wait_jitter=1.0,
        ):
            with attempt:
                return read(call, self.exchange(call, not_after=not_after, **request))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def exchange(
        self,
        call: Call,
        *,
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        data: Mapping[str, str] | None = None,
        auth: httpx.Auth | None = None,
        timeout: httpx.Timeout | None = None,
        not_after: float | None = None,
    ) -> httpx.Response:
        """Send once, unless it is after `not_after`, and return the whole answer, whatever its status.

        Raises NotSent, AnswerLost, or MalformedAnswer where it cannot be decompressed or is too large.
        """
        began = time.monotonic()
        failure: ApiError | None = None
        try:
            response = self._client.request(
                call.method,
                self.base_url + call.path,
                params=list(params) or None,
                headers={**(headers or {}), "X-Request-Id": call.request_id},
                content=content,
                data=data,
                auth=auth,
                timeout=timeout or httpx.USE_CLIENT_DEFAULT,
                extensions={"not_after": not_after},
            )
        except httpx.HTTPError as error:
            failure = _failure(call, error)
        elapsed = (time.monotonic() - began) * 1000
        # Raised here and not above: httpx' own exception carries the request with its credentials.
        if failure is not None:
            log.info("%s after %d ms (request %s)", failure, elapsed, call.request_id)
            raise failure
        if (date := _moment_of(response.headers.get("Date", ""))) is not None:
            self.clock_ahead = datetime.now(UTC) - date
        log.debug("%s -> %d in %d ms (request %s)", call, response.status_code, elapsed, call.request_id)
        return response


@cache
def _tls(*, verify: bool) -> ssl.SSLContext:
    # Reading the certificates of all authorities takes some 40 ms; contexts may be shared.
    return httpx.create_ssl_context(verify=verify)


def _no_cookies() -> CookieJar:
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def _in_time(request: httpx.Request) -> None:
    """Raise PoolTimeout for a request that is too late; let the others wait no longer than they may."""
    # Called twice: with the token at hand, and when a connection is free.
    not_after = request.extensions.get("not_after")
    if not_after is None:
        return
    left = not_after - time.monotonic()
    if left <= 0:
        raise httpx.PoolTimeout("its time is over", request=request)
    timeout = request.extensions["timeout"]
    for wait in ("pool", "connect"):
        timeout[wait] = left if timeout[wait] is None else min(left, timeout[wait])


def _wait_before_next(error: Exception, *, repeatable: bool, not_after: float | None = None) -> bool | float:
    """Return whether to try again: no, yes, or yes after so many seconds."""
    if not isinstance(error, ApiError) or not error.retryable:
        return False
    if not (repeatable or isinstance(error, NotSent)):
        return False
    longest = LONGEST_WAIT if not_after is None else not_after - time.monotonic()
    if (error.retry_after or 0.0) > longest:
        return False
    if error.retry_after is None:
        return True
    # Many threads are told the same second: let them come back one by one.
    return error.retry_after + random.uniform(0, 1)  # noqa: S311


def _log_retry(details: stamina.instrumentation.RetryDetails) -> None:
    log.warning("%s; trying again in %.1f s", details.caused_by, details.wait_for)


# By default stamina prints through structlog where that is installed, into the output of our commands.
stamina.instrumentation.set_on_retry_hooks([_log_retry])


def _failure(call: Call, error: httpx.HTTPError) -> ApiError:
    """Return our error for httpx' own."""
    # A LocalProtocolError may quote a header.
    words = "" if isinstance(error, httpx.LocalProtocolError) else f": {error}"
    text = f"{type(error).__name__}{words}"
    if isinstance(error, _NOT_SENT):
        return NotSent(f"{call} was not sent: {text}", request_id=call.request_id)
    if isinstance(error, httpx.DecodingError):
        return MalformedAnswer(
            f"{call}: the answer cannot be decompressed: {text}", request_id=call.request_id
        )
    if isinstance(error, AnswerTooLarge):
        return MalformedAnswer(f"{call}: the answer is too large: {error}", request_id=call.request_id)
    return AnswerLost(f"{call}: the answer was lost: {text}", request_id=call.request_id)


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that `Retry-After` asks for (number or HTTP date), or None.

    Never less than 0 nor more than LONGEST_RETRY_AFTER.
    """
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        seconds = float(value)
    elif (when := _moment_of(value)) is not None:
        seconds = (when - datetime.now(UTC)).total_seconds()
    else:
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _moment_of(http_date: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(http_date)
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def checked_url(url: str) -> str:
    """Return a base URL without its last slash; raise ValueError for one that secrets must not be sent to."""
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL:
        raise ValueError("the base URL cannot be read; give one like https://shop.example") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError("the base URL must begin with https:// and name a host")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ValueError(f"the base URL of {parsed.host} must hold no user, password, query or fragment")
    if parsed.scheme == "http" and not is_loopback(parsed.host):
        raise ValueError(
            f"the base URL of {parsed.host} must begin with https://; plain http is for this machine only"
        )
    return str(parsed).rstrip("/")
