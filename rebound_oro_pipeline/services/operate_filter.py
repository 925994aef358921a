"""What the filters of the operators' commands share."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from rebound_oro_pipeline.services.operate_deed import OperatorError


def require_known(name: str, given: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Raise OperatorError where what a filter names is in no row's first column: a typing error finds nothing."""
    known = sorted(str(row[0]) for row in rows)
    if given not in known:
        raise OperatorError(f"there is no {name} {given}; known: {', '.join(known)}")


@dataclass(frozen=True)
class Filter:
    """Which rows are meant; a field that is None does not narrow."""

    @property
    def is_empty(self) -> bool:
        """Whether it would pick every row."""
        return all(value is None for value in asdict(self).values())
