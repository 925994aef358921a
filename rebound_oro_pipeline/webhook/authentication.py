"""Who may deliver: HMAC-SHA256 over the raw body, a secret header, Basic; compared in constant time.

A scheme raises Refusal with status 401, whatever is wrong; what it is goes to the log only.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from rebound_oro_pipeline.contracts.values import read_moment
from rebound_oro_pipeline.contracts.webhooks import Event
from rebound_oro_pipeline.webhook.refusals import Refusal

Encoding = Literal["hex", "base64"]

ORO_SIGNATURE: Final = "Webhook-Signature"
ORO_ALGORITHM: Final = "Webhook-Signature-Algorithm"
_PREFIX: Final = "sha256="  # what some senders write before the digest


class Scheme(Protocol):
    """A way to tell the sender."""

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Raise Refusal unless the delivery is the sender's. Header names are found in any case."""

    def check_event(self, event: Event, now: datetime) -> None:
        """Raise Refusal if the event, which is known to be the sender's, is too old or from the future."""


@dataclass(frozen=True, slots=True)
class Hmac:
    """The hexadecimal or base64 digest of the raw body in a header.

    With `timestamp_header`, that header (unix seconds or ISO 8601) must be within `window` of our clock; it proves
    something only where it is signed too (`signs_timestamp`): then the digest is over `timestamp.body`.
    """

    secret: bytes = field(repr=False)
    header: str
    encoding: Encoding = "hex"
    timestamp_header: str | None = None
    signs_timestamp: bool = False
    window: timedelta = timedelta(minutes=5)

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Compare the digests, then the time."""
        given = headers.get(self.header)
        if given is None:
            raise Refusal(401, "no signature")
        stamp = headers.get(self.timestamp_header) if self.timestamp_header else None
        if self.timestamp_header and stamp is None:
            raise Refusal(401, "no timestamp")
        digest = hmac.new(self.secret, digestmod=hashlib.sha256)
        if self.signs_timestamp and stamp is not None:
            digest.update(f"{stamp}.".encode())
        digest.update(body)
        if not hmac.compare_digest(digest.digest(), self._decoded(given)):
            raise Refusal(401, "the signature does not match")
        if stamp is not None:
            _check_time(_moment(stamp), now, self.window)

    def check_event(self, event: Event, now: datetime) -> None:
        """Accept: an event may be sent again days later, and is known by its id."""

    def _decoded(self, given: str) -> bytes:
        text = given.strip().removeprefix(_PREFIX)
        try:
            return (
                bytes.fromhex(text)
                if self.encoding == "hex"
                else base64.b64decode(text.encode(), validate=True)
            )
        except (ValueError, binascii.Error):
            return b""


@dataclass(frozen=True, slots=True)
class SecretHeader:
    """A header that holds the secret itself."""

    secret: bytes = field(repr=False)
    header: str

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:  # noqa: ARG002
        """Compare the secrets."""
        if not _same(headers.get(self.header, "").encode("latin-1", "replace"), self.secret):
            raise Refusal(401, "the secret header is missing or does not match")

    def check_event(self, event: Event, now: datetime) -> None:
        """Accept: the scheme knows no time."""


@dataclass(frozen=True, slots=True)
class Basic:
    """HTTP Basic (RFC 7617), UTF-8."""

    user: str
    password: bytes = field(repr=False)

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:  # noqa: ARG002
        """Compare user and password together."""
        scheme, _, credentials = headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(credentials.strip().encode(), validate=True)
        except (ValueError, binascii.Error):
            given = b""
        if scheme.lower() != "basic" or not _same(given, self.user.encode() + b":" + self.password):
            raise Refusal(401, "Basic credentials are missing or do not match")

    def check_event(self, event: Event, now: datetime) -> None:
        """Accept: the scheme knows no time."""


@dataclass(frozen=True, slots=True)
class OroSignature:
    """OroCommerce's own: hexadecimal digest of the raw body, its algorithm named, the time inside the body.

    The window has to outlast the shop's retries, which keep the time of the first attempt.
    """

    secret: bytes = field(repr=False)
    window: timedelta

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Compare the digests."""
        if headers.get(ORO_ALGORITHM, "HMAC-SHA256").upper() != "HMAC-SHA256":
            raise Refusal(401, "the signature is of another algorithm than HMAC-SHA256")
        Hmac(self.secret, ORO_SIGNATURE).check(headers, body, now)

    def check_event(self, event: Event, now: datetime) -> None:
        """Compare the time in the body with ours."""
        _check_time(event.sent_at, now, self.window)


def _same(given: bytes, expected: bytes) -> bool:
    # Digests are of one length, so that the time does not tell the secret's.
    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(expected).digest())


def _moment(text: str) -> datetime | None:
    try:
        return read_moment(text)
    except ValueError:
        return None


def _check_time(sent_at: datetime | None, now: datetime, window: timedelta) -> None:
    if sent_at is None:
        raise Refusal(401, "no timestamp that can be read")
    if abs(now - sent_at) > window:
        raise Refusal(401, "the timestamp is outside the window")
