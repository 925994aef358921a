"""The receiver's settings as its parts; a source without a secret has no scheme and takes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.warehouse.inbox import Source
from rebound_oro_pipeline.webhook.authentication import Basic, Hmac, OroSignature, Scheme, SecretHeader

MEMORY_BYTES: Final = 128 * 2**20
"""Bodies under way in one worker."""
READ_SECONDS: Final = 10.0
"""How long a sender may take for its body."""

KEPT_HEADERS: Final = (
    "content-type",
    "user-agent",
    "webhook-id",
    "webhook-topic",
    "x-request-id",
)
"""Headers that are stored with the body; none of them is a secret."""
KEPT_CHARACTERS: Final = 500
"""How much of each."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """How deliveries are judged; `schemes` has None for a source of which no secret is configured."""

    schemes: Mapping[Source, Scheme | None]
    body_bytes: int = 2**21
    depth: int = 32
    requests_per_second: float = 1000
    memory_bytes: int = MEMORY_BYTES
    read_seconds: float = READ_SECONDS

    @property
    def takes_anything(self) -> bool:
        """Whether any source is configured."""
        return any(self.schemes.values())


def configuration(settings: Settings) -> Configuration:
    """Read the receiver's part of the settings. Raises MissingSetting where one is half configured."""
    return Configuration(
        schemes={"rebound": _rebound(settings), "oro": _oro(settings)},
        body_bytes=settings.webhook_max_bytes,
        depth=settings.webhook_max_depth,
        requests_per_second=settings.webhook_requests_per_second,
    )


def _rebound(settings: Settings) -> Scheme | None:
    secret = secret_of(settings, "webhook_rebound_secret")
    if secret is None:
        return None
    if settings.webhook_rebound_scheme == "basic":
        return Basic(settings.required("webhook_rebound_user"), secret)
    if settings.webhook_rebound_scheme == "header":
        return SecretHeader(secret, settings.webhook_rebound_header)
    signs_timestamp = settings.webhook_rebound_signed == "timestamp.body"
    return Hmac(
        secret,
        settings.webhook_rebound_header,
        settings.webhook_rebound_encoding,
        # Without it the body alone would be compared, and every delivery refused.
        settings.required("webhook_rebound_timestamp_header")
        if signs_timestamp
        else settings.webhook_rebound_timestamp_header,
        signs_timestamp,
        timedelta(seconds=settings.webhook_rebound_window_seconds),
    )


def _oro(settings: Settings) -> Scheme | None:
    secret = secret_of(settings, "webhook_oro_secret")
    return (
        OroSignature(secret, timedelta(seconds=settings.webhook_oro_window_seconds))
        if secret is not None
        else None
    )


def secret_of(settings: Settings, name: str) -> bytes | None:
    """Return a secret as bytes; None where there is none."""
    value = settings.secret(name)
    return value.encode() if value else None
