"""docs/rules.md is true: every worked example in it is decided by the real SQL models."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.docs.notation import Example, Offer, Result, Stage, examples, named
from rebound_oro_pipeline_tests.docs.worked_decisions import Came, decide_examples

EXAMPLES = examples()


@pytest.fixture(scope="module")
def came(clone_database: Any, prepared_database: str) -> Iterator[dict[int, list[Came]]]:
    with clone_database(prepared_database) as url, connect(url) as conn:
        yield decide_examples(conn, EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"rules.md:{example.line}")
def test_a_worked_example_comes_out_as_it_says(example: Example, came: dict[int, list[Came]]) -> None:
    for number, (stage, outcome) in enumerate(
        zip(example.stages, came[example.number], strict=True), start=1
    ):
        where = f"docs/rules.md:{example.line}, decision {number}"
        assert _stated_notes(stage) == set(outcome.notes), where
        assert _stated_places(stage) == outcome.places, where
        for result in named(stage.results, "credit", "stock"):
            _compare(result, outcome, where)
        for taxes in stage.taxes:
            assert outcome.taxes[taxes.name, taxes.applies_to] == taxes.by_rate, (
                f"{where}, taxes {taxes.name}"
            )
        for offer in stage.offers:
            _compare_offer(offer, outcome, where)


def test_the_rules_have_worked_examples_for_every_chapter() -> None:
    assert len(EXAMPLES) >= 40


def _stated_notes(stage: Stage) -> set[str]:
    return {result.name for result in named(stage.results, "credit")}


def _stated_places(stage: Stage) -> dict[tuple[str, str, str | None], dict[str, Decimal]]:
    return {
        (result.kind, result.name, result.reason): {sku: units for (sku, _), units in result.units.items()}
        for result in named(stage.results, "held", "quarantine", "waiting", "withdrawn")
    }


def _compare_offer(offer: Offer, outcome: Came, where: str) -> None:
    state, items = outcome.offers.get(offer.name, ("nothing", {}))
    assert offer.state == state, f"{where}, offer {offer.name}"
    assert {item.sku for item in offer.items} == items.keys(), f"{where}, offer {offer.name}"
    for item in offer.items:
        quantity, price, is_returnable = items[item.sku]
        stated = (item.quantity, price if item.price is None else item.price, item.is_returnable)
        assert stated == (quantity, price, is_returnable), f"{where}, {item.sku} of offer {offer.name}"


def _compare(result: Result, outcome: Came, where: str) -> None:
    if result.kind == "stock":
        assert result.units == outcome.stock[result.name], f"{where}, stock {result.name}"
        return
    if result.line is None:
        found, units = outcome.notes[result.name], {}
    else:
        key = (result.name, result.line)
        found, units = outcome.lines[key], outcome.line_units[key]
        assert {sku: quantity for (sku, _), quantity in result.units.items()} == units, f"{where}, {key}"
    stated = {figure: found[figure] for figure in result.figures}
    assert result.figures == stated, f"{where}, credit {result.name}"
