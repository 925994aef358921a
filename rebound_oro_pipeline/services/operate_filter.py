"""What the filters of the operators' commands share."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Filter:
    """Which rows are meant; a field that is None does not narrow."""

    @property
    def is_empty(self) -> bool:
        """Whether it would pick every row."""
        return all(value is None for value in asdict(self).values())
