"""Single values at the door: exact, in UTC, storable."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebound_oro_pipeline.contracts.values import (
    read_code,
    read_decimal,
    read_key,
    read_moment,
    read_text,
    storable,
)


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        ("5", "5"),
        (" 5 ", "5"),
        (5, "5"),
        (Decimal("4.4955"), "4.4955"),
        ("+1.50", "1.50"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-0.01", "-0.01"),
        ("1e3", "1000"),
        ("1.5E-3", "0.0015"),
        (Decimal("1E+2"), "100"),
        ("0.00012899677366311", "0.00012899677366311"),
    ],
)
def test_numbers_are_read_as_they_are_written(given_value: object, expected: str) -> None:
    assert str(read_decimal(given_value)) == expected


@pytest.mark.parametrize(
    "given_value",
    [
        *("NaN", "Infinity", "-inf", "1,5", "1 000", "1_000", "0x10", "٣", "five", "--1", "1e", True, 1.5),
        *("1e999", "1" * 31, [], {}, Decimal("NaN"), Decimal("Infinity"), Decimal("1E+40")),
    ],
)
def test_what_is_no_exact_number_is_refused(given_value: object) -> None:
    with pytest.raises(ValueError, match=r"number|digits"):
        read_decimal(given_value)


@pytest.mark.parametrize("read", [read_decimal, read_text, read_code, read_key, read_moment])
@pytest.mark.parametrize("blank", [None, "", "  ", "\u00a0\t\n"])
def test_blank_is_nothing(read: Any, blank: object) -> None:
    assert read(blank) is None


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        ("2026-11-03T10:20:30Z", datetime(2026, 11, 3, 10, 20, 30, tzinfo=UTC)),
        ("2026-11-03T10:20:30+02:00", datetime(2026, 11, 3, 8, 20, 30, tzinfo=UTC)),
        ("2026-11-03T10:20:30-0530", datetime(2026, 11, 3, 15, 50, 30, tzinfo=UTC)),
        ("2026-11-03T10:20:30", datetime(2026, 11, 3, 10, 20, 30, tzinfo=UTC)),
        ("2026-11-03T10:20:30.125Z", datetime(2026, 11, 3, 10, 20, 30, 125000, tzinfo=UTC)),
        ("2026-11-03 10:20:30", datetime(2026, 11, 3, 10, 20, 30, tzinfo=UTC)),
        ("2026-11-03 10:20:30 +01:00", datetime(2026, 11, 3, 9, 20, 30, tzinfo=UTC)),
        ("2026/11/03 10:20:30", datetime(2026, 11, 3, 10, 20, 30, tzinfo=UTC)),
        ("2026/11/03 10:20", datetime(2026, 11, 3, 10, 20, tzinfo=UTC)),
        ("2026-11-03", datetime(2026, 11, 3, tzinfo=UTC)),
        ("2026/11/03", datetime(2026, 11, 3, tzinfo=UTC)),
        ("1793701230", datetime(2026, 11, 3, 10, 20, 30, tzinfo=UTC)),
        (1793701230, datetime(2026, 11, 3, 10, 20, 30, tzinfo=UTC)),
        (" 2026-11-03 ", datetime(2026, 11, 3, tzinfo=UTC)),
    ],
)
def test_dates_are_read_in_the_forms_that_occur_and_are_utc(given_value: object, expected: datetime) -> None:
    assert read_moment(given_value) == expected
    assert read_moment(given_value).tzinfo is UTC  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "given_value",
    [
        *("03/11/2026", "2026-13-01", "2026-02-30", "2026-11-03T25:00:00", "2026-11/03", "20261103", "soon"),
        *("1793701230123", "0001-01-01T00:00:00+05:00", "٢٠٢٦-٠٣-٠٣", True, [], "2026-11-03T10:20:30Zulu"),
    ],
)
def test_what_is_no_date_is_refused(given_value: object) -> None:
    """Day and month swapped in silence would move a return to another day; milliseconds to another age."""
    with pytest.raises(ValueError, match="is not a"):
        read_moment(given_value)


def test_codes_are_trimmed_and_in_lower_case() -> None:
    assert read_code(" At_Hub ") == "at_hub"


def test_keys_fit_the_indexes_they_stand_in() -> None:
    assert read_key("é" * 127) == "é" * 127
    with pytest.raises(ValueError, match="255 bytes"):
        read_key("é" * 128)


@given(st.text())
def test_storable_text_is_storable(text: str) -> None:
    """PostgreSQL takes neither NUL nor lone surrogates."""
    stored = storable(text)
    assert "\x00" not in stored
    assert stored.encode().decode() == stored
    assert len(stored) == len(text)


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.decimals()))
def test_readers_give_a_value_or_say_why_not(value: object) -> None:
    for read in (read_decimal, read_text, read_code, read_key, read_moment):
        try:
            read(value)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - both ends are right
