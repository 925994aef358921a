"""ReBound's client: forms out, errors with status 200 in."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import httpx
import pytest

from rebound_oro_pipeline.clients import errors
from rebound_oro_pipeline.clients.rebound import ReboundClient

DAY = date(2026, 11, 3)


def error(code: str, *message: str) -> dict:
    return {"error": {"code": code, "message": list(message)}}


def form(request: httpx.Request) -> dict[str, str]:
    return dict(httpx.QueryParams(request.content.decode()))


def test_a_search_is_a_form_with_json_in_it(network, answer, rebound):
    network.script(answer(200, {"success": {"id": ["7", 8, "7"]}}))
    assert rebound.search_returns(DAY, date(2026, 11, 9)) == ["7", "8"]
    request = network.requests[0]
    assert (request.method, request.url.path) == ("POST", "/api/returns/search/json")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert form(request) == {
        "login": "the-login",
        "api_key": "the-api-key",
        "request": '{"filter":{"date_from":"2026/11/03","date_to":"2026/11/09"}}',
    }


def test_no_rows_is_an_error_that_is_none(network, answer, rebound):
    network.script(answer(200, error("empty", "No returns found")))
    assert rebound.search_returns(DAY, DAY) == []


def test_a_wrong_path_is_not_taken_for_no_rows(network, answer, rebound):
    network.script(answer(404, None))
    with pytest.raises(errors.NotFound):
        rebound.search_returns(DAY, DAY)


def test_a_single_id_may_stand_alone(network, answer, rebound):
    network.script(answer(200, {"success": {"id": "7"}}))
    assert rebound.search_returns(DAY, DAY) == ["7"]


def test_a_return_is_kept_as_it_was_answered_but_for_its_label(network, rebound):
    text = '{"success": {"id": "7", "label": "JVBERi0=", "item": [{"quantity": "2", "price": 1.10}]}}'
    network.script(httpx.Response(200, content=text))
    document = rebound.get_return("7")
    assert document == {"id": "7", "item": [{"quantity": "2", "price": Decimal("1.10")}]}
    assert json.loads(form(network.requests[0])["request"]) == {"return": {"id": "7", "type": "id"}}


def test_a_missing_return_is_not_found(network, answer, rebound):
    network.script(answer(200, error("empty")))
    with pytest.raises(errors.NotFound):
        rebound.get_return("7")


def test_a_parcel_is_asked_for_by_its_code(network, answer, rebound):
    network.script(answer(200, {"success": {"tracking_code": "T", "track": []}}))
    assert rebound.get_tracking("T")["track"] == []
    assert network.requests[0].url.path == "/api/tracking/get/json"
    assert json.loads(form(network.requests[0])["request"]) == {"tracking": {"code": "T"}}


def test_an_order_is_pushed_with_decimals_as_strings(network, answer, rebound):
    network.script(answer(200, {"success": "ok"}))
    order = {"order_reference": "Ä-1 & 2", "item": [{"price": Decimal("1.10")}]}
    assert rebound.push_order(order, request_id="our-id") == "ok"
    assert json.loads(form(network.requests[0])["request"]) == {
        "order": {"order_reference": "Ä-1 & 2", "item": [{"price": "1.10"}]}
    }
    assert network.requests[0].headers["X-Request-Id"] == "our-id"


def test_where_orders_are_pushed_to_is_a_setting(network, answer):
    network.script(answer(200, {"success": {"id": "1"}}))
    transport = httpx.MockTransport(network)
    with ReboundClient("https://r.example", "l", "k", order_path="o/new", transport=transport) as client:
        client.push_order({})
    assert network.requests[0].url.path == "/api/o/new"


@pytest.mark.parametrize("code", ["access_denied", "ip_blocked", "login_empty", "api_key_empty"])
def test_after_a_refused_login_nothing_more_is_sent(code, network, answer, rebound):
    """`ip_blocked` follows many wrong log-ins."""
    network.script(answer(200, error(code, "Access denied")))
    with pytest.raises(errors.AuthenticationError, match=f"{code}: Access denied; check the login"):
        rebound.search_returns(DAY, DAY)
    for _ in range(3):
        with pytest.raises(errors.AuthenticationError, match=code):
            rebound.get_return("7")
    assert len(network.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_by_status_is_final_too(status, network, answer, rebound):
    network.script(answer(status, None))
    for _ in range(2):
        with pytest.raises(errors.AuthenticationError):
            rebound.get_return("7")


def test_an_internal_error_is_tried_again(network, answer, rebound):
    network.script(answer(200, error("internal")), answer(500, None), answer(200, {"success": {"id": []}}))
    assert rebound.search_returns(DAY, DAY) == []


def test_a_pushed_order_is_not_sent_twice(network, answer, rebound):
    network.script(answer(200, error("internal")))
    with pytest.raises(errors.ServerError) as caught:
        rebound.push_order({})
    assert caught.value.outcome_unknown


@pytest.mark.parametrize(
    "code", ["request_wrong", "request_empty", "json_invalid", "unknown_call", "new_code"]
)
def test_other_errors_are_refusals_with_their_words(code, network, answer, rebound):
    network.script(answer(200, error(code, "first", "second")))
    with pytest.raises(errors.Refused, match=f"{code}: first second") as caught:
        rebound.get_return("7")
    assert caught.value.reasons == (errors.Reason(code, "first second"),)


@pytest.mark.parametrize("message", [None, "one text", ["one", "text"], [], 5])
def test_a_message_may_have_any_shape(message, network, answer, rebound):
    network.script(answer(200, {"error": {"code": "request_wrong", "message": message}}))
    with pytest.raises(errors.Refused):
        rebound.get_return("7")


@pytest.mark.parametrize(
    "body", ["", "<html>", "[]", "null", "{}", '{"success": null}', '{"success": []}', '{"error": "x"}']
)
def test_another_shape_is_malformed(body, network, rebound):
    network.script(httpx.Response(200, content=body))
    with pytest.raises(errors.MalformedAnswer):
        rebound.get_return("7")


@pytest.mark.parametrize("ids", [None, [None], {"a": 1}, [["7"]]])
def test_ids_are_texts_or_numbers(ids, network, answer, rebound):
    network.script(answer(200, {"success": {"id": ids, "more": 1}}))
    with pytest.raises(errors.MalformedAnswer, match="without a list of ids"):
        rebound.search_returns(DAY, DAY)


def test_words_that_no_database_can_hold_are_told_so_that_it_can(network, answer, rebound):
    """What became of the messages of a claim is written at once: it would be refused, and all be sent again."""
    network.script(answer(200, error("wrong\0code", "torn\0 \ud800", "x" * 10_000)))
    with pytest.raises(errors.Refused) as refused:
        rebound.push_order({})
    [reason] = refused.value.reasons
    assert str(reason).startswith("wrong\ufffdcode: torn\ufffd \ufffd xxx")
    assert len(str(reason)) < 2_100
    assert "\0" not in str(refused.value)


def test_a_plain_url_is_refused():
    """The key travels in the body."""
    with pytest.raises(ValueError, match="must begin with https"):
        ReboundClient("http://intelligentreturns.example", "l", "k")
