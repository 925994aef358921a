"""Every way to prove who sends, by itself and through the settings."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from rebound_oro_pipeline.contracts.webhooks import Event, read_event
from rebound_oro_pipeline.settings import MissingSetting, Settings
from rebound_oro_pipeline.webhook.authentication import Basic, Hmac, OroSignature, Scheme, SecretHeader
from rebound_oro_pipeline.webhook.configuration import configuration
from rebound_oro_pipeline.webhook.refusals import Refusal
from rebound_oro_pipeline_tests.webhook.deliveries import digest, recorded, signed_base64

BODY = b'{"event_id": "1"}'
KEY = b"s3cret"
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
STAMPED = Hmac(KEY, "X-Signature", timestamp_header="X-Time")
SIGNED_STAMP = Hmac(KEY, "X-Signature", timestamp_header="X-Time", signs_timestamp=True)
UNIX = str(int(NOW.timestamp()))


def passes(
    scheme: Scheme, headers: Mapping[str, str], body: bytes = BODY, event: Event | None = None
) -> bool:
    try:
        scheme.check(Headers(dict(headers)), body, NOW)
        scheme.check_event(event or Event(), NOW)
    except Refusal as refusal:
        return refusal.status != 401
    return True


def over_both(stamp: str, body: bytes = BODY) -> str:
    return hmac.new(KEY, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def basic(text: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize(
    ("scheme", "headers", "accepted"),
    [
        (Hmac(KEY, "X-Signature"), {"x-signature": digest(BODY).hex()}, True),
        (Hmac(KEY, "X-Signature"), {"X-Signature": digest(BODY).hex().upper()}, True),
        (Hmac(KEY, "X-Signature"), {"X-Signature": f"sha256={digest(BODY).hex()}"}, True),
        (Hmac(KEY, "X-Signature"), {"X-Signature": signed_base64(BODY)}, False),
        (Hmac(KEY, "X-Signature"), {"X-Signature": digest(BODY).hex()[:-2]}, False),
        (Hmac(KEY, "X-Signature"), {"X-Signature": "é"}, False),
        (Hmac(KEY, "X-Signature", "base64"), {"X-Signature": signed_base64(BODY)}, True),
        (Hmac(KEY, "X-Signature", "base64"), {"X-Signature": digest(BODY).hex()}, False),
        (Hmac(KEY, "X-Signature"), {"Other": digest(BODY).hex()}, False),
        (STAMPED, {"X-Signature": digest(BODY).hex(), "X-Time": UNIX}, True),
        (STAMPED, {"X-Signature": digest(BODY).hex(), "X-Time": NOW.isoformat()}, True),
        (STAMPED, {"X-Signature": digest(BODY).hex(), "X-Time": str(int(UNIX) - 301)}, False),
        (STAMPED, {"X-Signature": digest(BODY).hex(), "X-Time": str(int(UNIX) + 301)}, False),
        (STAMPED, {"X-Signature": digest(BODY).hex(), "X-Time": "today"}, False),
        (STAMPED, {"X-Signature": digest(BODY).hex()}, False),
        (SIGNED_STAMP, {"X-Signature": over_both(UNIX), "X-Time": UNIX}, True),
        (SIGNED_STAMP, {"X-Signature": over_both(UNIX), "X-Time": str(int(UNIX) + 1)}, False),
        (SIGNED_STAMP, {"X-Signature": digest(BODY).hex(), "X-Time": UNIX}, False),
        (SIGNED_STAMP, {"X-Signature": digest(BODY).hex()}, False),
        (SecretHeader(KEY, "X-Secret"), {"X-Secret": "s3cret"}, True),
        (SecretHeader(KEY, "X-Secret"), {"X-Secret": "s3cre"}, False),
        (SecretHeader(KEY, "X-Secret"), {}, False),
        (Basic("rebound", KEY), basic("rebound:s3cret"), True),
        (Basic("rebound", KEY), {"Authorization": basic("rebound:s3cret")["Authorization"].lower()}, False),
        (Basic("rebound", KEY), basic("rebound:other"), False),
        (Basic("rebound", KEY), basic("other:s3cret"), False),
        (Basic("rebound", KEY), {"Authorization": "Basic §"}, False),
        (Basic("rebound", KEY), {"Authorization": "Bearer s3cret"}, False),
        (Basic("rebound", KEY), {}, False),
    ],
)
def test_a_scheme_takes_its_sender_only(scheme: Scheme, headers: dict[str, str], accepted: bool) -> None:
    assert passes(scheme, headers) == accepted
    assert "s3cret" not in repr(scheme)


@pytest.mark.parametrize("name", ["webhook_delivery_default", "webhook_delivery_thin"])
def test_recorded_deliveries_of_a_shop_are_taken_with_their_secret(name: str) -> None:
    headers, body = recorded(name)
    event = read_event("oro", body)
    assert passes(OroSignature(KEY, timedelta(days=1)), headers, body, event)
    assert not passes(OroSignature(b"other", timedelta(days=1)), headers, body, event)
    assert not passes(OroSignature(KEY, timedelta(minutes=1)), headers, body, event)
    assert not passes(OroSignature(KEY, timedelta(days=1)), headers, body, Event("id", "order.updated"))
    other = {**headers, "Webhook-Signature-Algorithm": "HMAC-SHA1"}
    assert not passes(OroSignature(KEY, timedelta(days=1)), other, body, event)


def test_an_event_is_known_by_what_is_signed() -> None:
    """The header Webhook-Id is outside of the signature: a replay could change it."""
    headers, body = recorded("webhook_delivery_thin")
    assert read_event("oro", body).event_id == headers["Webhook-Id"]


@pytest.mark.parametrize(
    ("given", "scheme"),
    [
        ({"webhook_rebound_secret": "s"}, Hmac(b"s", "X-ReBound-Signature")),
        (
            {
                "webhook_rebound_secret": "s",
                "webhook_rebound_header": "X-Loop-Signature",
                "webhook_rebound_encoding": "base64",
                "webhook_rebound_timestamp_header": "X-Time",
                "webhook_rebound_signed": "timestamp.body",
                "webhook_rebound_window_seconds": "60",
            },
            Hmac(b"s", "X-Loop-Signature", "base64", "X-Time", True, timedelta(minutes=1)),
        ),
        (
            {
                "webhook_rebound_secret": "s",
                "webhook_rebound_scheme": "header",
                "webhook_rebound_header": "X-Key",
            },
            SecretHeader(b"s", "X-Key"),
        ),
        (
            {
                "webhook_rebound_secret": "s",
                "webhook_rebound_scheme": "basic",
                "webhook_rebound_user": "rebound",
            },
            Basic("rebound", b"s"),
        ),
        ({"webhook_rebound_secret": "  "}, None),
        ({}, None),
    ],
)
def test_the_settings_make_the_scheme(given: dict[str, str], scheme: Scheme | None) -> None:
    settings = Settings.model_validate(given)
    assert configuration(settings).schemes == {"rebound": scheme, "oro": None}


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"webhook_rebound_scheme": "basic"}, "REBOUND_ORO_WEBHOOK_REBOUND_USER"),
        ({"webhook_rebound_signed": "timestamp.body"}, "REBOUND_ORO_WEBHOOK_REBOUND_TIMESTAMP_HEADER"),
    ],
)
def test_half_a_scheme_names_the_setting(given: dict[str, str], missing: str) -> None:
    settings = Settings.model_validate({"webhook_rebound_secret": "s", **given})
    with pytest.raises(MissingSetting, match=missing):
        configuration(settings)


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s\n")
    schemes = configuration(Settings.model_validate({"webhook_oro_secret_file": file})).schemes
    assert schemes == {"rebound": None, "oro": OroSignature(b"s", timedelta(days=1))}


def test_an_empty_file_is_no_secret(tmp_path: Path) -> None:
    """Anybody could sign with an empty one."""
    file = tmp_path / "secret"
    file.write_text("\n")
    with pytest.raises(MissingSetting, match="REBOUND_ORO_WEBHOOK_REBOUND_SECRET_FILE"):
        configuration(Settings.model_validate({"webhook_rebound_secret_file": file}))
