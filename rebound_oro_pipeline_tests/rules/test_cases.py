"""The figures of other systems' test suites, decided by the oracle and by the SQL models."""

import json
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from rebound_oro_pipeline_tests.rules.case import Case
from rebound_oro_pipeline_tests.rules.cases import CASES, DIFFERENT, NOT_APPLICABLE
from rebound_oro_pipeline_tests.rules.deciding import decide_with_oracle
from rebound_oro_pipeline_tests.rules.outcomes import Tables
from rebound_oro_pipeline_tests.rules.price import order_document
from rebound_oro_pipeline_tests.rules.sql_runner import decide_with_sql

AMOUNTS = {
    "total": "total_amount",
    "net": "net_amount",
    "tax": "tax_amount",
    "discount": "discount_amount",
    "shipping": "shipping_amount",
    "shipping_tax": "shipping_tax_amount",
    "fee": "fee_amount",
}
BY_NOTE = {"notes": "total_amount", "note_discounts": "discount_amount", "note_taxes": "tax_amount"}
BY_SKU = {"lines": "total_amount", "discounts": "discount_amount"}


def figures(expected: Mapping[str, Any], tables: Tables) -> dict[str, Any]:
    """Return what came out, in the shape of what is expected."""
    found: dict[str, Any] = {}
    sums = tables.sums()
    for name in expected:
        if name in AMOUNTS:
            found[name] = sums[AMOUNTS[name]]
        elif name in BY_NOTE:
            notes = sorted(tables.credit_notes, key=lambda note: note["return_id"])
            found[name] = [note[BY_NOTE[name]] for note in notes]
        elif name in BY_SKU:
            by_sku: dict[str, Decimal] = defaultdict(Decimal)
            for line in tables.credit_note_lines:
                by_sku[line["sku"]] += line[BY_SKU[name]]
            found[name] = dict(by_sku)
        elif name == "quarantined":
            found[name] = {row["reason"]: row["quantity"] for row in tables.quarantine}
        elif name == "restocked":
            found[name] = sum(
                (row["quantity"] for row in tables.inventory_deltas if row["restocks"]), Decimal(0)
            )
    return found


def exact(value: Any) -> Any:
    """Read the texts of an expectation as decimals."""
    if isinstance(value, dict):
        return {name: exact(each) for name, each in value.items()}
    if isinstance(value, list):
        return [exact(each) for each in value]
    return Decimal(value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_oracle_credits_what_the_source_says(case: Case) -> None:
    tables = decide_with_oracle([order_document(case.order(1))], case.documents(1), policy=case.policy)
    check(case, tables)


def check(case: Case, tables: Tables) -> None:
    assert figures(case.expected, tables) == exact(dict(case.expected))
    if "quarantined" not in case.expected:
        assert not tables.quarantine
    assert not tables.held


def test_the_sql_credits_what_the_sources_say(rules_conn: psycopg.Connection[Any]) -> None:
    """All cases of one policy are decided together, as a day's returns would be."""
    by_policy: dict[str, list[Case]] = defaultdict(list)
    for case in CASES:
        by_policy[json.dumps(case.policy)].append(case)
    for policy, cases in by_policy.items():
        numbered = list(enumerate(cases, start=1))
        tables = decide_with_sql(
            rules_conn,
            [order_document(case.order(number)) for number, case in numbered],
            [document for number, case in numbered for document in case.documents(number)],
            policy=json.loads(policy),
        )
        for number, case in numbered:
            check(case, tables.only(f"R{number}x"))


def test_every_case_is_carried_over_or_explained() -> None:
    carried = {case.id for case in CASES}
    assert len(carried) == len(CASES) == 54
    assert len(NOT_APPLICABLE) == 19
    assert not carried & set(NOT_APPLICABLE)
    assert set(DIFFERENT) <= carried
