"""Queries and documents: what is sent is what OroCommerce understands, what is read is exact."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebound_oro_pipeline.clients import errors, jsonapi

CALL = errors.Call("oro", "GET", "/x", "id-1")
WHOLE = (
    '{"data": [{"type": "t", "id": "1", "attributes": {"név": "\\u00e9", "v": 1.50, "w": true, "x": null}}], '
    '"included": [], "meta": {}}'
).encode()
MORNING = datetime(2026, 11, 23, 13, 20, tzinfo=UTC)


def parse(text: str | bytes):
    return jsonapi.parse(CALL, httpx.Response(200, content=text))


def test_a_query_says_all_it_has_to_say():
    assert jsonapi.query(
        "orders",
        filters={
            "identifier": ["A-1", "B 2"],
            "updatedAt": {"gte": MORNING, "lt": MORNING + timedelta(hours=1)},
            "external": False,
            "customer": 5,
        },
        selection=jsonapi.Selection(
            include=["lineItems", "lineItems.kitItemLineItems"],
            fields={"orders": ["identifier", "lineItems"], "orderlineitems": ["kitItemLineItems"]},
        ),
        sort=["-updatedAt", "id"],
    ) == [
        ("filter[identifier]", "A-1,B 2"),
        ("filter[updatedAt][gte]", "2026-11-23T13:20:00Z"),
        ("filter[updatedAt][lt]", "2026-11-23T14:20:00Z"),
        ("filter[external]", "false"),
        ("filter[customer]", "5"),
        ("include", "lineItems,lineItems.kitItemLineItems"),
        ("fields[orders]", "identifier,lineItems"),
        ("fields[orderlineitems]", "kitItemLineItems"),
        ("sort", "-updatedAt,id"),
    ]


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (
            {"selection": jsonapi.Selection(include=["lineItems"], fields={"orders": ["identifier"]})},
            r"fields\[orders\] lacks 'lineItems'",
        ),
        ({"sort": ["updatedAt"]}, "must end with 'id'"),
        ({"filters": {"identifier": []}}, "empty list"),
        ({"filters": {"identifier": ["A", " "]}}, "cannot ask for ' ' in a list"),
        ({"filters": {"identifier": ["A,B"]}}, "cannot ask for 'A,B' in a list"),
        ({"filters": {"updatedAt": datetime(2026, 1, 1)}}, "needs a time with its zone"),  # noqa: DTZ001
        ({"filters": {"total": Decimal("NaN")}}, "no number"),
    ],
)
def test_a_query_that_would_be_answered_wrongly_in_silence_is_refused(asked, complaint):
    with pytest.raises(ValueError, match=complaint):
        jsonapi.query("orders", **asked)


@pytest.mark.parametrize(
    ("operator", "second"), [("gte", "00"), ("gt", "00"), ("eq", "00"), ("lt", "01"), ("lte", "01")]
)
def test_no_row_falls_out_of_a_window_by_rounding(operator, second):
    """Times are kept there to the second."""
    bound = MORNING.replace(microsecond=1).astimezone(timezone(timedelta(hours=5)))
    assert jsonapi.query("orders", filters={"updatedAt": {operator: bound}}) == [
        (f"filter[updatedAt][{operator}]", f"2026-11-23T13:20:{second}Z")
    ]


@given(st.lists(st.text(min_size=1, max_size=30)), st.integers(1, 10), st.integers(1, 300))
def test_lists_hold_every_value_once_and_fit(values, count, length):
    lists = list(jsonapi.in_lists(values, count=count, length=length))
    flat = [value for each in lists for value in each]
    assert flat == list(dict.fromkeys(value for value in values if jsonapi.is_listable(value)))
    for each in lists:
        assert 0 < len(each) <= count
        url = sum(len(str(httpx.QueryParams({"": value}))) for value in each)
        assert len(each) == 1 or url <= length
        jsonapi.query("orders", filters={"identifier": each})


@pytest.mark.parametrize("number", ["0.1", "1234567890123456789.123456789", "1.10", "1e2", "-0.0"])
def test_fractions_are_read_exactly(number):
    value = parse(f'{{"v": {number}}}')["v"]
    assert isinstance(value, Decimal)
    assert str(value) == str(Decimal(number))


def test_whole_numbers_stay_whole():
    value = parse("[12345678901234567890]")[0]
    assert isinstance(value, int)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_goes_and_comes_back_as_it_was(value):
    text = json.loads(jsonapi.encode({"v": [value]}))["v"][0]
    assert isinstance(text, str)
    assert "e" not in text.lower()
    assert Decimal(text) == value


def test_a_float_is_never_sent():
    with pytest.raises(TypeError, match=r"float 0\.1 is not exact"):
        jsonapi.encode({"data": {"attributes": {"amount": 0.1}}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        '{"data": [}',
        '{"data": 1} }',
        '{"v": Infinity}',
        b"\xff\xfe\x00",
        "[" * 100_000,
        "1" * 5000,
        "1e9999999999999999999999",
    ],
    ids=lambda text: repr(text[:10]),
)
def test_what_is_no_json_is_malformed(text):
    with pytest.raises(errors.MalformedAnswer, match="no JSON"):
        parse(text)


@given(cut=st.integers(1, len(WHOLE) - 1))
def test_a_document_that_is_cut_short_is_a_lost_answer(cut):
    """A read of it is tried again, a write is read back."""
    with pytest.raises(errors.AnswerLost, match="ends too early"):
        parse(WHOLE[:cut])


def test_a_web_page_says_what_to_check():
    with pytest.raises(errors.MalformedAnswer, match="a web page; are the base URL and the API prefix right"):
        parse("  <!DOCTYPE html><html>")


@pytest.mark.parametrize("text", ["{}", "[]", "null", '{"errors": []}', '{"Data": 1}'])
def test_a_document_has_data(text):
    with pytest.raises(errors.MalformedAnswer, match="without a 'data' member"):
        jsonapi.read_document(CALL, httpx.Response(200, content=text))


@pytest.mark.parametrize("text", ['{"data": {}}', '{"data": null}', '{"data": [1]}', '{"data": [{}]}'])
def test_a_page_is_a_list_of_records(text):
    with pytest.raises(errors.MalformedAnswer, match="something else than a list of records"):
        jsonapi.read_page(CALL, httpx.Response(200, content=text))


@pytest.mark.parametrize(("header", "total"), [("170", 170), ("", None), ("many", None), (None, None)])
def test_the_total_stands_in_a_header(header, total):
    headers = {} if header is None else {"X-Include-Total-Count": header}
    page = jsonapi.read_page(CALL, httpx.Response(200, content='{"data": []}', headers=headers))
    assert page.total == total
