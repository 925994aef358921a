"""OAuth tokens of the client-credentials grant, and what a client's user may do."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from rebound_oro_pipeline.sandbox.oro.calls import Answer, Call
from rebound_oro_pipeline.sandbox.oro.catalogue import Catalogue
from rebound_oro_pipeline.sandbox.oro.errors import NO_ACCESS, Fault, Refused, Wordless
from rebound_oro_pipeline.sandbox.oro.store import HiddenFields, OroStore, Permissions

TOKEN_PATH = "/oauth2-token"  # noqa: S105
_GRANT = "client_credentials"
_DENIED = "Client authentication failed"


@dataclass(frozen=True, slots=True)
class Rights:
    """What one client's user may do; `permissions` None: everything."""

    catalogue: Catalogue
    permissions: Permissions | None
    hidden: HiddenFields = field(default_factory=dict)

    def may(self, type_name: str, right: str) -> bool:
        """Tell whether a right (view, create, edit, delete) is held on a resource type."""
        resource = self.catalogue.get(type_name)
        permission = resource.permission if resource is not None else None
        if self.permissions is None or permission is None:
            return True
        return right in self.permissions.get(permission, ())

    def viewable(self, type_name: str) -> bool:
        """Tell whether records of a type are shown behind relations and filters."""
        return self.may(type_name, "view")

    def require(self, type_name: str, right: str) -> None:
        """Raise Refused where the right is missing."""
        if not self.may(type_name, right):
            raise Refused(NO_ACCESS)

    def require_batches(self) -> None:
        """Raise Refused where the right to send batches is missing: one of its own, asked first."""
        if not self.may("asyncoperations", "create"):
            detail = "No access to create the asynchronous operation."
            raise Refused(Fault(NO_ACCESS.status, NO_ACCESS.title, detail))


@dataclass(frozen=True, slots=True)
class Access:
    """Gives out tokens and recognises them."""

    store: OroStore
    clock: Callable[[], datetime]
    expires_in: int
    """Seconds that a token is good for."""

    def token(self, call: Call) -> Answer:
        """Answer a request for a token: JSON, or a form with the client in HTTP Basic."""
        given = _credentials(call)
        if given.get("grant_type") != _GRANT:
            return Answer(500, {"code": 500}, {"Content-Type": "application/json"})
        client_id, secret = given.get("client_id", ""), given.get("client_secret", "")
        client = self.store.client(client_id)
        if client is None or not hmac.compare_digest(client["secret"].encode(), secret.encode()):
            body = {"error": "invalid_client", "error_description": _DENIED, "message": _DENIED}
            return Answer(401, body, {"Content-Type": "application/json"})
        now = self.clock()
        token = _jwt(client_id, now, self.expires_in)
        self.store.add_token(token, client_id, now + timedelta(seconds=self.expires_in))
        granted = {"token_type": "Bearer", "expires_in": self.expires_in, "access_token": token}
        return Answer(200, granted, {"Content-Type": "application/json; charset=UTF-8"})

    def rights(self, call: Call, catalogue: Catalogue) -> Rights:
        """Return the rights of the bearer; raises Wordless (401) without a token that is good."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Wordless(401, {"WWW-Authenticate": "Bearer"})
        client = self.store.client_of_token(token.strip(), self.clock())
        if client is None:
            raise Wordless(401)
        return Rights(catalogue, client["permissions"], client.get("hidden", {}))


def _credentials(call: Call) -> dict[str, str]:
    try:
        text = call.body.decode()
        if call.headers.get("content-type", "").startswith("application/json"):
            given = json.loads(text)
        else:
            given = dict(parse_qsl(text))
        scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
            given = {**given, "client_id": client_id, "client_secret": secret}
    except (ValueError, binascii.Error):
        return {}
    return {name: str(value) for name, value in given.items()} if isinstance(given, dict) else {}


def _jwt(client_id: str, now: datetime, expires_in: int) -> str:
    """Return something that looks like the RS256 token of Oro; it is recognised by being remembered."""
    issued = int(now.timestamp())
    payload = {"aud": client_id, "jti": secrets.token_hex(20), "iat": issued, "exp": issued + expires_in}
    parts = (json.dumps(part).encode() for part in ({"typ": "JWT", "alg": "RS256"}, payload))
    signature = secrets.token_bytes(64)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, signature))
