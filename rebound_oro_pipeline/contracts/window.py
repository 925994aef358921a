"""The unit of work: a half-open stretch of time, by the moment at which ReBound registered a return."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Self

_LAST: Final = datetime.max.replace(tzinfo=UTC)
_SHORTEST: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open `[start, end)` of aware datetimes, kept in UTC; ValueError if naive, empty or reversed."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            moment: datetime = getattr(self, name)
            if moment.tzinfo is None:
                raise ValueError(
                    f"window {name} {moment.isoformat()} has no time zone; give one, UTC for instance"
                )
            object.__setattr__(self, name, moment.astimezone(UTC))
        if self.start >= self.end:
            raise ValueError(
                f"window start {self.start.isoformat()} is not before its end {self.end.isoformat()}"
            )

    @classmethod
    def day(cls, day: date) -> Self:
        """Return the window of one UTC day."""
        return cls.days(day, day)

    @classmethod
    def days(cls, first: date, last: date) -> Self:
        """Return the window of whole UTC days, both included."""
        midnight = datetime.combine(first, time.min, UTC)
        return cls(midnight, _after(datetime.combine(last, time.min, UTC), timedelta(days=1)))

    @classmethod
    def moments(cls, first: datetime, last: datetime) -> Self:
        """Return the window from one moment to another, both included."""
        return cls(min(first, _LAST - _SHORTEST), _after(last, _SHORTEST))

    @classmethod
    def moment(cls, moment: datetime) -> Self:
        """Return the window of what was registered at one moment."""
        return cls.moments(moment, moment)

    @property
    def bounds(self) -> dict[str, object]:
        """What stands for the window in a statement: `window_start` and `window_end`."""
        return {"window_start": self.start, "window_end": self.end}

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def spans(self, days: int) -> list[tuple[date, date]]:
        """List the UTC days the window touches as inclusive (first, last) spans of at most `days` days."""
        first_day, last_day = self.start.date().toordinal(), (self.end - _SHORTEST).date().toordinal()
        return [
            (date.fromordinal(first), date.fromordinal(min(first + days - 1, last_day)))
            for first in range(first_day, last_day + 1, days)
        ]


ALWAYS: Final = Window(datetime.min.replace(tzinfo=UTC), _LAST)
"""The window in which everything lies."""


def _after(moment: datetime, length: timedelta) -> datetime:
    # What has landed with an absurd date must stop nothing else; the calendar ends with the year 9999.
    return moment + length if moment < _LAST - length else _LAST
