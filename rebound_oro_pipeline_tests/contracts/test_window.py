"""The unit of work is half-open and in UTC, so that windows neither overlap nor leave gaps."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from rebound_oro_pipeline.contracts.window import Window

DAY = date(2026, 11, 3)


def test_a_day_holds_its_midnight_but_not_the_next() -> None:
    window = Window.day(DAY)
    assert datetime(2026, 11, 3, tzinfo=UTC) in window
    assert datetime(2026, 11, 3, 23, 59, 59, 999999, tzinfo=UTC) in window
    assert datetime(2026, 11, 4, tzinfo=UTC) not in window


def test_days_is_its_days_side_by_side() -> None:
    window = Window.days(DAY, date(2026, 11, 5))
    assert window == Window(Window.day(DAY).start, Window.day(date(2026, 11, 5)).end)
    assert Window.day(DAY).end == Window.day(date(2026, 11, 4)).start


def test_bounds_are_kept_in_utc_whatever_zone_they_came_in() -> None:
    east = timezone(timedelta(hours=2))
    window = Window(datetime(2026, 11, 3, 2, tzinfo=east), datetime(2026, 11, 4, 2, tzinfo=east))
    assert window == Window.day(DAY)
    assert window.start.tzinfo is UTC


@pytest.mark.parametrize(
    ("start", "end", "complaint"),
    [
        (datetime(2026, 11, 3), datetime(2026, 11, 4, tzinfo=UTC), "start .* no time zone"),  # noqa: DTZ001
        (datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 4), "end .* no time zone"),  # noqa: DTZ001
        (datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC), "not before"),
        (datetime(2026, 11, 4, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC), "not before"),
    ],
)
def test_naive_empty_and_reversed_windows_are_refused(start: datetime, end: datetime, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Window(start, end)


def test_spans_cover_every_day_touched_once() -> None:
    window = Window(datetime(2026, 11, 3, 12, tzinfo=UTC), datetime(2026, 11, 18, 0, 0, 1, tzinfo=UTC))
    assert window.spans(7) == [
        (date(2026, 11, 3), date(2026, 11, 9)),
        (date(2026, 11, 10), date(2026, 11, 16)),
        (date(2026, 11, 17), date(2026, 11, 18)),
    ]


def test_a_day_that_ends_at_midnight_does_not_touch_the_next_day() -> None:
    assert Window.day(DAY).spans(7) == [(DAY, DAY)]


def test_no_day_and_no_moment_of_the_calendar_overflows() -> None:
    """A return with a date such as 9999-12-31 stopped every look for good."""
    first, last = date.min, date.max
    assert Window.days(last, last).start == datetime(9999, 12, 31, tzinfo=UTC)
    assert Window.days(last, last).spans(31) == [(last, last)]
    assert Window.day(first).spans(31) == [(first, first)]
    assert Window.days(date(9999, 12, 1), last).spans(30) == [
        (date(9999, 12, 1), date(9999, 12, 30)),
        (last, last),
    ]
    earliest, latest = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    for moment in (earliest, datetime(2026, 11, 3, tzinfo=UTC), latest - timedelta(microseconds=1)):
        assert moment in Window.moment(moment)
    assert Window.moment(latest).end == latest
