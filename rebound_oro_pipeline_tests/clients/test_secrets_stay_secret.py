"""Whatever goes wrong, no credential, token or body is in a log, a message, a repr or a chained exception."""

from __future__ import annotations

import logging
import traceback
from datetime import date

import httpx
import pytest

from rebound_oro_pipeline.clients.errors import ApiError
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient

SECRETS = ["the-client-id", "the-client-secret", "the-login", "the-api-key", "token-", "jane@example.org"]
ECHO = f"you sent {SECRETS}"

TROUBLES = [
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("slow"),
    httpx.RemoteProtocolError("cut"),
    httpx.LocalProtocolError(f"Illegal header value {SECRETS}"),
    (302, ""),
    (400, ""),
    (401, ""),
    (401, '{"error": "' + ECHO + '"}'),
    (403, "<html>"),
    (429, ""),
    (500, '{"code":500}'),
    (200, "<html>" + ECHO),
    (200, ECHO),
    (200, "{}"),
    (200, '{"error": {"code": "access_denied", "message": ["the-login with the-api-key is wrong"]}}'),
]


def everything_told(error: BaseException, logs: str) -> str:
    """Return what a person or a tool would see: the traceback of the chain, reprs, attributes, logs."""
    chain, seen = [], error
    while seen is not None:
        chain += [str(seen), repr(seen), repr(vars(seen))]
        assert not isinstance(seen, httpx.HTTPError), "httpx' exceptions carry the request"
        seen = seen.__cause__ or seen.__context__
    return "\n".join([*chain, *traceback.format_exception(error), logs])


@pytest.mark.parametrize("trouble", TROUBLES, ids=repr)
@pytest.mark.parametrize("where", ["token", "answer"])
@pytest.mark.parametrize("system", ["oro", "rebound"])
def test_nothing_secret_is_told(system, where, trouble, network, oro, rebound, caplog):
    caplog.set_level(logging.DEBUG)

    def respond(_: httpx.Request):
        return trouble if isinstance(trouble, Exception) else httpx.Response(trouble[0], text=trouble[1])

    setattr(network, where, respond)
    try:
        if system == "oro":
            list(oro.pages("orders", filters={"email": SECRETS[-1]}))
            oro.create("orders", {"data": {"attributes": {"email": SECRETS[-1]}}})
        else:
            rebound.search_returns(date(2026, 11, 3), date(2026, 11, 3))
    except ApiError as error:
        told = everything_told(error, caplog.text + repr([vars(r) for r in caplog.records]))
    else:
        assert where == "token"
        assert system == "rebound"
        return
    for secret in SECRETS:
        assert secret not in told


def test_a_client_does_not_show_its_secrets():
    with (
        OroClient("https://oro.example", *SECRETS[:2]) as oro,
        ReboundClient("https://rebound.example", *SECRETS[2:4]) as rebound,
    ):
        for each in (oro, rebound, oro._auth, oro._channel, rebound._channel):
            assert not any(secret in repr(each) for secret in SECRETS)
