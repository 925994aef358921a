"""An offer as ReBound is told of it: under the names of the mapping, every value a text."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rebound_oro_pipeline.contracts.rebound_mapping import MappingError, default_mapping, load_mapping
from rebound_oro_pipeline.contracts.rebound_order import Offer, order_document

PAYLOAD: dict[str, Any] = {
    "order_id": "7",
    "version": 2,
    "order_reference": "SO-7",
    "order_date": "2026-11-03",
    "currency": "USD",
    "state": "offered",
    "items": [
        {
            "sku": "LAMP",
            "description": "L" * 300,
            "unit_code": "set",
            "quantity": "2.50",
            "price": "40.00",
            "non_returnable": False,
            "days_for_return": 60,
        }
    ],
}


def test_names_may_be_changed_and_fields_left_out(tmp_path: Path) -> None:
    file = tmp_path / "mapping.yaml"
    file.write_text("order: {items: lines}\norder_item: {sku: code, price: ~, unit_code: uom}\n")
    document = order_document(Offer.model_validate(PAYLOAD), load_mapping(file))
    assert document == {
        "order_reference": "SO-7",
        "order_date": "2026/11/03",
        "currency_code": "USD",
        "overwrite_data": "TRUE",
        "lines": [
            {
                "code": "LAMP",
                "sku_desc": "L" * 255,
                "quantity": "2.50",
                "uom": "set",
                "non_returnable": "FALSE",
                "days_for_return": "60",
            }
        ],
    }


def test_names_of_what_is_sent_do_not_make_returns_look_changed(tmp_path: Path) -> None:
    file = tmp_path / "mapping.yaml"
    file.write_text("order: {items: lines}\nwithdrawal: no_items\n")
    assert load_mapping(file).fingerprint == default_mapping().fingerprint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("order_item: {sku: code, price: code}", "two fields would be called code"),
        ("order: {items: ~}", "order.items"),
        ("order: {items: the items}", "order.items"),
        ("order: {lines: item}", "order.lines: no such key; allowed: currency, items, order_date"),
        ("withdrawal: never", "withdrawal: 'never' is not allowed; allowed: 'zero_quantity', 'no_items'"),
    ],
)
def test_a_mapping_that_cannot_be_sent_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mapping.yaml"
    file.write_text(text)
    with pytest.raises(MappingError) as refused:
        load_mapping(file)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "changed", [{"order_reference": "X" * 256}, {"currency": "usd"}, {"order_reference": ""}]
)
def test_what_the_call_cannot_hold_is_not_sent(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Offer.model_validate({**PAYLOAD, **changed})
