"""docs/operations.md says what to do about all that can call for a person; docs/security.md knows all secrets."""

import csv
import re
from functools import cache

import dagster as dg
import pytest

from rebound_oro_pipeline.definitions import defs
from rebound_oro_pipeline.settings import PREFIX, SECRETS
from rebound_oro_pipeline.sqlmodels.checks import checks_of
from rebound_oro_pipeline.sqlmodels.read import read_models
from rebound_oro_pipeline_tests.docs.tables import DOCS, REASONS, ROOT

MIGRATIONS = ROOT / "rebound_oro_pipeline" / "warehouse" / "migrations"
FINDINGS = ("0052_what_oro_is_to_hold.sql",)
"""Where the views of findings were last made."""
_FINDING = re.compile(r"(?:then|else) '([a-z_]+)'")


@cache
def rows() -> frozenset[str]:
    """Return everything that is set as code in a row of a table, or in a paragraph of checks."""
    return frozenset(re.findall(r"`([^`]+)`", (DOCS / "operations.md").read_text(encoding="utf-8")))


def quarantine_reasons() -> list[str]:
    with REASONS.open(encoding="utf-8", newline="") as file:
        return [row["reason"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("reason", quarantine_reasons())
def test_every_reason_of_the_quarantine_has_a_row(reason: str) -> None:
    assert f"| `{reason}` |" in (DOCS / "operations.md").read_text(encoding="utf-8")


def test_every_check_of_the_data_is_told() -> None:
    missing = {check.name for check in checks_of(read_models())} - rows()
    assert not missing


def test_every_job_schedule_and_sensor_is_told() -> None:
    repository = defs.get_repository_def()
    made = {
        *(job for job in repository.job_names if not job.startswith("__")),
        *(each.name for each in repository.schedule_defs),
        *(each.name for each in repository.sensor_defs if not each.name.startswith("default_")),
    }
    assert made
    assert made - rows() == set()


def test_every_check_of_the_reconciliation_is_told() -> None:
    keys = {
        key.name
        for checks in defs.assets or ()
        if isinstance(checks, dg.AssetsDefinition)
        for key in checks.check_keys
        if key.asset_key.path[0] == "reconciliation"
    }
    assert keys
    assert keys - rows() == set()


def test_every_finding_of_the_reconciliation_is_told() -> None:
    text = "".join((MIGRATIONS / name).read_text(encoding="utf-8") for name in FINDINGS)
    findings = set(_FINDING.findall(text))
    assert {"missing_in_oro", "moved_since", "unexpected_in_oro"} <= findings
    assert findings - rows() == set()


def test_every_discrepancy_is_told() -> None:
    with (ROOT / "dbt_like_sql" / "seeds" / "discrepancy_kinds.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        kinds = {row["kind"] for row in csv.DictReader(file)}
    assert {"order_changed_after_credit", "order_not_credited_in_full"} <= kinds
    told = rows() | {f"note_{finding}" for finding in rows()}
    assert kinds - told == set()


def test_every_example_of_an_alert_is_told() -> None:
    rules = (ROOT / "deploy" / "monitoring" / "alerts.yaml").read_text(encoding="utf-8")
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    assert alerts
    assert alerts - rows() == set()


def test_every_secret_is_named_as_one() -> None:
    text = (DOCS / "security.md").read_text(encoding="utf-8")
    assert [name for name in SECRETS if f"`{PREFIX}{name.upper()}`" not in text] == []
