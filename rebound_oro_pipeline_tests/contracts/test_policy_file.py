"""The policy file: a default for every key, and errors that a person can act on."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rebound_oro_pipeline.contracts.policy import Policy, PolicyError, load_policy

DEFAULT: dict[str, Any] = {
    "order_reference": ["identifier", "poNumber", "externalId"],
    "gate": {
        "dispatched": {
            "6.1": ["shipped", "partially_shipped"],
            "6.0": ["shipped", "closed", "archived"],
            "5.1": ["shipped", "closed", "archived"],
        },
        "confirmed": {"6.1": ["*"], "6.0": ["*"], "5.1": ["*"]},
        "not_confirmed": ["pending"],
        "cancelled": ["cancelled"],
        "partially_shipped": "accept",
        "when_status_missing": "closed_is_dispatched",
        "hold": {"first_retry_minutes": 15, "longest_retry_minutes": 1440, "give_up_after_days": 14},
    },
    "credit": {
        "milestone": "processed",
        "shipping": "pro_rata",
        "duplicate_sku": "cheapest_first",
        "restocking_fee": {},
        "goodwill": {},
    },
    "sla": {"credit_within_hours": 72},
    "send": {"not_before": None},
    "stock": {"saleable": ["restock"], "restore_in_stock": False, "out_of_stock_at": "0"},
    "tax": {"max_rate": "0.35", "without_rows": "quarantine"},
    "offer": {
        "enabled": True,
        "days_for_return": 60,
        "partially_shipped": "hold",
        "free_form_lines": "returnable",
        "non_returnable_skus": [],
    },
}


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    return tmp_path / "policy.yaml"


def read(path: Path, text: str) -> Policy:
    path.write_text(text, encoding="utf-8")
    return load_policy(path)


def faults(path: Path, text: str) -> list[str]:
    with pytest.raises(PolicyError) as raised:
        read(path, text)
    first, *rest = str(raised.value).splitlines()
    assert first == f"{path} cannot be used:"
    return [line.removeprefix("- ") for line in rest]


def test_without_a_file_everything_has_its_default() -> None:
    assert load_policy(None).document() == DEFAULT


def test_the_document_is_json_and_complete() -> None:
    """It is what the SQL reads, and what two versions are compared by."""
    document = Policy().document()
    assert json.loads(json.dumps(document)) == document


def test_an_empty_file_is_the_default_policy(policy_file: Path) -> None:
    assert read(policy_file, "# nothing decided yet\n").document() == DEFAULT


def test_a_file_may_hold_a_single_key(policy_file: Path) -> None:
    document = read(policy_file, "tax: {max_rate: 0.30}\n").document()
    assert document == {**DEFAULT, "tax": {"max_rate": "0.30", "without_rows": "quarantine"}}


def test_numbers_are_read_from_their_text_and_never_from_a_float(policy_file: Path) -> None:
    """0.1 as a float is 0.1000000000000000055511151231257827, which finance did not write."""
    policy = read(
        policy_file, "credit: {restocking_fee: {damaged: {percent: 0.1, flat: 1234567890.123456789}}}"
    )
    assert policy.document()["credit"]["restocking_fee"] == {
        "damaged": {"percent": "0.1", "flat": "1234567890.123456789"}
    }


def test_one_version_of_a_status_list_leaves_the_others(policy_file: Path) -> None:
    dispatched = read(policy_file, "gate: {dispatched: {6.0: [shipped]}}").document()["gate"]["dispatched"]
    assert dispatched == {**DEFAULT["gate"]["dispatched"], "6.0": ["shipped"]}


def test_a_plain_status_list_stands_for_every_version(policy_file: Path) -> None:
    confirmed = read(policy_file, "gate: {confirmed: [open, closed]}").document()["gate"]["confirmed"]
    assert confirmed == {version: ["open", "closed"] for version in ("6.1", "6.0", "5.1")}


def test_seven_behaves_as_six_one(policy_file: Path) -> None:
    dispatched = read(policy_file, "gate: {dispatched: {7.0: [shipped]}}").document()["gate"]["dispatched"]
    assert dispatched["6.1"] == ["shipped"]
    assert faults(policy_file, "gate: {dispatched: {7.0: [shipped], 6.1: [shipped]}}") == [
        "gate.dispatched: 7.0 behaves as 6.1: give one of the two"
    ]


def test_statuses_and_reasons_are_kept_as_they_are_compared(policy_file: Path) -> None:
    policy = read(policy_file, "stock: {saleable: [' Restock ']}\ncredit: {goodwill: {LATE: {flat: 5}}}")
    assert policy.stock.saleable == ("restock",)
    assert list(policy.credit.goodwill) == ["late"]


def test_a_policy_does_not_change() -> None:
    with pytest.raises(ValidationError):
        Policy().tax.without_rows = "by_value"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "stok: {}",
            "stok: no such key; allowed: credit, gate, offer, order_reference, send, sla, stock, tax",
        ),
        ("tax: {rate: 1}", "tax.rate: no such key; allowed: max_rate, without_rows"),
        (
            "gate: {dispatched: {6.2: [shipped]}}",
            "gate.dispatched.6.2: no such key; allowed: 5.1, 6.0, 6.1",
        ),
        (
            "credit: {shipping: sometimes}",
            (
                "credit.shipping: 'sometimes' is not allowed; "
                "allowed: 'pro_rata', 'on_complete_return', 'by_reason', 'never'"
            ),
        ),
        (
            "credit: {milestone: arrived}",
            (
                "credit.milestone: 'arrived' is not allowed; "
                "allowed: 'created', 'in_network', 'at_hub', 'processed', 'delivered'"
            ),
        ),
        (
            "order_reference: [number]",
            "order_reference[0]: 'number' is not allowed; allowed: 'identifier', 'poNumber', 'externalId'",
        ),
        (
            "order_reference: [poNumber, poNumber]",
            "order_reference: named more than once: poNumber",
        ),
        (
            "offer: {days_for_return: 0}",
            "offer.days_for_return: 0 is not allowed; allowed: more than 0",
        ),
        (
            "offer: {partially_shipped: wait}",
            "offer.partially_shipped: 'wait' is not allowed; allowed: 'accept', 'hold'",
        ),
        (
            "offer: {non_returnable_skus: [Lamp, ' lamp ']}",
            "offer.non_returnable_skus: named more than once: lamp",
        ),
        ("tax: 5", "tax: 5 is not allowed; allowed: the keys max_rate, without_rows"),
        ("offer: {enabled: maybe}", "offer.enabled: 'maybe' is not allowed; input should be a valid boolean"),
        ("tax: {max_rate: 35}", "tax.max_rate: 35 is not allowed; allowed: at most 1"),
        ("tax: {max_rate: much}", "tax.max_rate: is not an exact number but 'much'"),
        ("tax: {max_rate: .nan}", "tax.max_rate: is not an exact number but '.nan'"),
        (
            "credit: {restocking_fee: {damaged: {percent: 101}}}",
            "credit.restocking_fee.damaged.percent: 101 is not allowed; allowed: at most 100",
        ),
        (
            "credit: {goodwill: {'*': {flat: -1}}}",
            "credit.goodwill.*.flat: -1 is not allowed; allowed: at least 0",
        ),
        (
            "gate: {hold: {first_retry_minutes: 0}}",
            "gate.hold.first_retry_minutes: 0 is not allowed; allowed: more than 0",
        ),
        (
            "gate: {hold: {first_retry_minutes: 60, longest_retry_minutes: 30}}",
            "gate.hold: longest_retry_minutes 30 is less than first_retry_minutes 60; allowed: at least that",
        ),
        (
            "gate: {dispatched: {6.1: ['*']}}",
            "gate.dispatched.6.1: name each status; '*' is allowed in gate.confirmed only",
        ),
        (
            "gate: {confirmed: [open, pending]}",
            "gate: confirmed and not_confirmed (pending) both name pending; allowed: each status in one of them",
        ),
        (
            "gate: {confirmed: {6.0: [open]}, cancelled: [open, dropped]}",
            "gate: confirmed and cancelled (open, dropped) both name open; allowed: each status in one of them",
        ),
    ],
)
def test_a_fault_names_the_key_its_value_and_what_is_allowed(
    policy_file: Path, text: str, complaint: str
) -> None:
    assert faults(policy_file, text) == [complaint]


def test_all_faults_are_told_at_once(policy_file: Path) -> None:
    assert len(faults(policy_file, "stok: 1\ntax: {max_rate: 2}\ncredit: {shipping: x, milestone: y}")) == 4


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("tax: {max_rate: 0.3\ngate: {}", "line 2: expected ',' or '}'"),
        ("tax: {max_rate: 0.3}\ntax: {max_rate: 0.2}", "line 2: 'tax' is given twice"),
        ("\x00", "is not YAML"),
    ],
)
def test_what_is_not_yaml_is_told_with_its_line(policy_file: Path, text: str, complaint: str) -> None:
    with pytest.raises(PolicyError, match=r"policy\.yaml") as raised:
        read(policy_file, text)
    assert complaint in str(raised.value)


@pytest.mark.parametrize("text", ["[1, 2]", "just words", "7"])
def test_what_is_no_mapping_is_told(policy_file: Path, text: str) -> None:
    (complaint,) = faults(policy_file, text)
    assert complaint.startswith("the file: ")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"none\.yaml cannot be read: No such file"):
        load_policy(tmp_path / "none.yaml")
