"""Who does what by hand, and why: every write of an operator begins with a deed and ends in the audit log."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from rebound_oro_pipeline.warehouse import statements

_SQL = statements.load("operators")


class OperatorError(ValueError):
    """What an operator asked for cannot be done; the message says why, and what to do instead."""


@dataclass(frozen=True)
class Deed:
    """Name of the person and the reason, both required. Raises OperatorError where one is blank."""

    who: str
    why: str

    def __post_init__(self) -> None:
        if not self.who.strip() or not self.why.strip():
            raise OperatorError("who decides and why are both required")

    def log(
        self, conn: psycopg.Connection[Any], action: str, subjects: Iterable[str], **detail: object
    ) -> None:
        """Write one row per subject into outbox.audit_log; values of `detail` that JSON lacks become text."""
        conn.execute(
            _SQL["log"],
            {
                "who": self.who.strip(),
                "why": self.why.strip(),
                "action": action,
                "subjects": list(subjects),
                "detail": Jsonb({name: _plain(value) for name, value in detail.items()}) if detail else None,
            },
        )


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | str | list) else str(value)
