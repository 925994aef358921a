"""Find out which items of which orders may come back, and enqueue what ReBound has to be told, in one transaction.

The rules are the SQL models of the step `offers`. Only orders of which something landed or was decided since the last
time are looked at; under another policy, all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg.rows import class_row, dict_row

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.sqlmodels.build import Builder, BuildResult
from rebound_oro_pipeline.sqlmodels.checks import Check, CheckResult, checks_of, refusals, run_checks
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.warehouse import statements

_SQL = statements.load("offers")

OVERLAP: Final = timedelta(days=1)
"""What landed in the day before the last offering is looked at again: longer than any landing takes to commit."""
_EVER: Final = datetime(1, 1, 1, tzinfo=UTC)


class OfferRefused(RuntimeError):  # noqa: N818 - an outcome, named like one
    """An invariant would have been broken; the transaction was rolled back and nothing is offered."""

    def __init__(self, checks: tuple[CheckResult, ...]) -> None:
        self.checks = checks
        super().__init__(f"the offers were rolled back, because they break: {refusals(checks)}")


@dataclass(frozen=True, slots=True)
class OfferCounts:
    """Orders: how many were looked at; offered for the first time, offered otherwise than before, withdrawn.

    `without_reference`: dispatched, but a return could not find them by any reference that is theirs alone.
    """

    looked_at: int
    offered: int
    updated: int
    withdrawn: int
    without_reference: int = 0


@dataclass(frozen=True)
class Offering:
    """What an offering did: orders counted, rows written per relation, and the checks."""

    counts: OfferCounts
    built: Mapping[str, BuildResult]
    checks: tuple[CheckResult, ...]


def offer_returnable_items(
    conn: psycopg.Connection[Any],
    models: Models,
    *,
    policy_version: int,
    decided_at: datetime,
    run_id: str,
) -> Offering:
    """Make a new version of every offer that has to change, as of `decided_at` (aware), under a policy.

    Raises OfferRefused if a blocking check fails. Whether offers are made at all is the caller's question.
    """
    with conn.transaction():
        conn.execute(_SQL["lock"])
        with conn.cursor(row_factory=dict_row) as cursor:
            [seen] = cursor.execute(_SQL["seen"], {"policy_version": policy_version}).fetchall()
        landed_until = seen["landed_until"]
        window = Window(
            min(landed_until, decided_at) - OVERLAP if landed_until else _EVER,
            datetime.max.replace(tzinfo=UTC),
        )
        parameters = {
            **window.bounds,
            "decided_at": decided_at,
            "policy_version": policy_version,
            "decision_id": seen["decision_id"],
            "run_id": run_id,
        }
        built = Builder(conn, models).build_all(models.of_step("offers"), parameters)
        checks = tuple(run_checks(conn, checks_of_offers(models), parameters))
        if refusals(checks):
            raise OfferRefused(checks)
        with conn.cursor(row_factory=class_row(OfferCounts)) as cursor:
            [counts] = cursor.execute(_SQL["counted"], parameters).fetchall()
        conn.execute(_SQL["progressed"], {**parameters, "decided_upto": seen["decided_upto"]})
    return Offering(counts, built, checks)


def checks_of_offers(models: Models) -> tuple[Check, ...]:
    """Return the checks that run with every offering: the tests of what it makes, and what headers promise of it.

    What they promise of a ledger would be read in full each time; those checks run beside.
    """
    made = {model.relation: model for model in models.of_step("offers")}
    return tuple(
        check
        for check in checks_of(models, relations=made)
        if not (check.is_promise and made[check.relation].materialized == "append")
    )
