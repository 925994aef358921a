"""JSON text: no digit is lost, and everything can be stored as jsonb."""

import json
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebound_oro_pipeline.contracts.documents import DocumentError, canonical, digest, parse, raw_text

JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(min_value=-(10**40), max_value=10**40),
        st.decimals(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)


@pytest.mark.parametrize("number", ["4.4955", "0.10", "1E+2", "-0.0000", "12345678901234567890.123456789"])
def test_numbers_keep_every_digit_and_stay_numbers(number: str) -> None:
    assert canonical(parse(f'{{"a":{number}}}')) == f'{{"a":{number}}}'


def test_the_order_of_keys_does_not_matter() -> None:
    assert canonical(parse('{"b": 1, "a": [2]}')) == canonical(parse('{"a":[2],"b":1}')) == '{"a":[2],"b":1}'


@given(JSON_VALUES)
def test_canonical_text_is_json_and_its_own_canonical_form(value: Any) -> None:
    text = canonical(value)
    assert canonical(parse(text)) == text
    assert digest(text) == digest(canonical(parse(text)))


@pytest.mark.parametrize(
    ("given_text", "stored"),
    [
        (r'{"a": "x\u0000y"}', '{"a":"x\ufffdy"}'),
        (r'{"\u0000": 1}', '{"\ufffd":1}'),
        (r'{"a": "\ud800"}', '{"a":"\ufffd"}'),
        (r'{"a": "\\u0000"}', r'{"a":"\\u0000"}'),
        (r'{"a": "\ud83d\ude00"}', '{"a":"\U0001f600"}'),
        ('{"a": 1e999999}', '{"a":"1E+999999"}'),
        (f'{{"a": 0.{"1" * 16_384}}}', f'{{"a":"0.{"1" * 16_384}"}}'),
    ],
)
def test_what_jsonb_cannot_hold_is_replaced_and_nothing_else(
    conn: psycopg.Connection, given_text: str, stored: str
) -> None:
    text = canonical(parse(given_text))
    assert text == stored
    assert conn.execute("select %s::jsonb", (text,)).fetchone() == (json.loads(stored),)


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"\xff", "is not UTF-8"),
        ("{", "is not JSON: .* at line 1, column 2"),
        ("", "is not JSON"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": -Infinity}', "-Infinity is no JSON number"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5_000, "is not JSON"),
        ('{"a": 1E99999999999999999999}', "is not JSON: a number has an exponent that no number can have"),
    ],
)
def test_what_is_no_json_says_why(raw: bytes | str, complaint: str) -> None:
    with pytest.raises(DocumentError, match=complaint):
        parse(raw)


def test_a_byte_order_mark_is_no_fault() -> None:
    assert parse(b'\xef\xbb\xbf{"a":1}') == parse('\ufeff{"a":1}') == {"a": 1}


def test_whatever_arrived_can_be_kept_as_text() -> None:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    assert raw_text(b"\xff\x00a") == "\ufffd\ufffda"
    assert raw_text({"a": Decimal("1.10")}) == '{"a":1.10}'
    assert raw_text(deep) == "a list that cannot be written as JSON"
