"""Decide a window of returns: match, gate, clip, price, and enqueue what has to be sent, in one transaction.

The rules are the SQL models; this module gives them their parameters, runs them in their order, and lets
nothing through that breaks an invariant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import tuple_row

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.sqlmodels.build import Builder, BuildResult
from rebound_oro_pipeline.sqlmodels.checks import Check, CheckResult, checks_of, refusals, run_checks
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.warehouse import statements

_SQL = statements.load("decisions")


class DecisionRefused(RuntimeError):  # noqa: N818 - an outcome, named like one
    """An invariant would have been broken; the transaction was rolled back and nothing was decided.

    `checks` are all results, the failing ones with a sample of rows.
    """

    def __init__(self, window: Window, checks: Sequence[CheckResult]) -> None:
        self.checks = tuple(checks)
        super().__init__(f"the decision of {window} was rolled back, because it breaks: {refusals(checks)}")


@dataclass(frozen=True)
class Decision:
    """What a decision did: rows written per relation, and the checks it passed.

    `decision_id` is None if nothing was added.
    """

    window: Window
    decision_id: int | None
    built: Mapping[str, BuildResult]
    checks: tuple[CheckResult, ...]

    @property
    def notes(self) -> int:
        """Credit notes added."""
        return self.built["ledger.credit_notes"].rows_written


def decide(
    conn: psycopg.Connection,
    models: Models,
    window: Window,
    *,
    policy_version: int,
    decided_at: datetime,
    run_id: str,
    decide_only: bool = False,
) -> Decision:
    """Decide the returns registered in `window` under a policy, as of `decided_at` (aware).

    `decide_only`: what would be sent is held back in the outbox until an operator releases it.

    One decision at a time: a second one waits on a lock, because two must not claim the same units (and the database
    would refuse the later one). Raises DecisionRefused if a blocking check fails.
    """
    with conn.transaction():
        conn.execute(_SQL["lock"])
        conn.execute(_SQL["settings"])
        decision_id = _number(conn, "next_id")
        newest_message = _number(conn, "newest_message")
        parameters = {
            **window.bounds,
            "decided_at": decided_at,
            "policy_version": policy_version,
            "decision_id": decision_id,
            "run_id": run_id,
        }
        built = Builder(conn, models).build_all(models.of_step("returns"), parameters)
        checks = tuple(run_checks(conn, checks_of_decisions(models), parameters))
        if refusals(checks):
            raise DecisionRefused(window, checks)
        if decide_only:
            conn.execute(_SQL["hold_back"], {"newest_message": newest_message})
        added = any(
            built[model.relation].rows_written
            for model in models.of_step("returns")
            if model.materialized == "append"
        )
        if added:
            conn.execute(_SQL["record"], parameters)
    return Decision(window, decision_id if added else None, built, checks)


def checks_of_decisions(models: Models) -> tuple[Check, ...]:
    """Return the checks that every decision must pass: the tests, and what headers promise of the window it writes.

    What else they promise would be read in full each time; those checks run beside.
    """
    offered = {model.relation for model in models.of_step("offers")}
    written = {
        model.relation for model in models.of_step("returns") if model.materialized in ("partition", "state")
    }
    return tuple(
        check
        for check in checks_of(models)
        if (check.relation in written if check.is_promise else check.relation not in offered)
    )


def _number(conn: psycopg.Connection, name: str) -> int:
    with conn.cursor(row_factory=tuple_row) as cursor:
        [(number,)] = cursor.execute(_SQL[name]).fetchall()
    return int(number)
