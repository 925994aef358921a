"""The mapping: changeable by a file, in parts, with errors that name the key."""

from pathlib import Path

import pytest

from rebound_oro_pipeline.contracts.rebound import ReturnDocument, read_return
from rebound_oro_pipeline.contracts.rebound_mapping import (
    MappingError,
    ReboundMapping,
    default_mapping,
    load_mapping,
)


@pytest.fixture
def mapping_file(tmp_path: Path) -> Path:
    return tmp_path / "mapping.yaml"


def read(path: Path, text: str) -> ReboundMapping:
    path.write_text(text, encoding="utf-8")
    return load_mapping(path)


def test_a_file_may_hold_only_what_differs(mapping_file: Path) -> None:
    """Another shape of the same return: nested names, another key for the SKU, the rest as ever."""
    mapping = read(
        mapping_file,
        """
        document: {return_id: return.rma, items: return.lines, tracking_number: parcels.0.tracking}
        item: {sku: [variant.sku, sku_code], currency: $.return.money}
        """,
    )
    document = read_return(
        {
            "return": {
                "rma": "R7",
                "money": "eur",
                "lines": [
                    {"variant": {"sku": "A-1"}, "quantity": "1"},
                    {"variant": {"sku": " "}, "sku_code": "B-2", "quantity": "2"},
                    {"variant": [], "quantity": "3"},
                ],
            },
            "parcels": [{"tracking": "T1"}],
            "date_added": "2026-11-03",
        },
        mapping,
    )
    assert isinstance(document, ReturnDocument)
    assert (document.return_id, document.tracking_number) == ("R7", "T1")
    assert [(line.sku, line.currency) for line in document.lines] == [
        ("A-1", "EUR"),
        ("B-2", "EUR"),
        (None, "EUR"),
    ]
    assert document.lines[2].fault_path == "return.lines[2].variant.sku"


def test_a_field_with_no_path_is_not_read(mapping_file: Path) -> None:
    mapping = read(mapping_file, "item: {line_id: []}")
    document = read_return(
        {"id": "R1", "date_added": "2026-11-03", "item": [{"id": "77", "sku_code": "A", "quantity": "1"}]},
        mapping,
    )
    assert isinstance(document, ReturnDocument)
    assert document.lines[0].return_line_key == "R1:A:1"


def test_what_the_mapping_drops_is_not_kept() -> None:
    """The label is a large image with the customer's address on it."""
    document = read_return({"id": "R1", "date_added": "2026-11-03", "label": "aGVsbG8="}, default_mapping())
    assert isinstance(document, ReturnDocument)
    assert document.document == '{"date_added":"2026-11-03","id":"R1"}'


def test_another_mapping_makes_the_same_document_a_changed_one(mapping_file: Path) -> None:
    """Otherwise returns landed before the mapping was corrected would stay as they were misread."""
    other = read(mapping_file, "document: {carrier: carrier_name}")
    raw = '{"id":"R1","date_added":"2026-11-03"}'
    first, again, otherwise = (
        read_return(raw, each) for each in (default_mapping(), load_mapping(None), other)
    )
    assert isinstance(first, ReturnDocument)
    assert isinstance(again, ReturnDocument)
    assert isinstance(otherwise, ReturnDocument)
    assert first.document_hash == again.document_hash != otherwise.document_hash


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "headers: {}",
            "headers: no such key; allowed: document, drop, item, order, order_item, reason, withdrawal",
        ),
        (
            "reason: {why: reason}",
            "reason.why: no such key; allowed: reason_action, reason_code, reason_wish",
        ),
        ("item: {sku: 'a..b'}", "item.sku: 'a..b' is not a path such as item.quantity"),
        ("item: {sku: [sku, 7]}", "item.sku: 7 is not a path such as item.quantity"),
        ("item: {sku: {a: b}}", "item.sku: {'a': 'b'} is not a path or a list of paths"),
        ("[item]", "it is not a mapping of sections to fields"),
        ("item: {sku: a, sku: b}", "'sku' is given twice"),
    ],
)
def test_a_fault_names_the_key(mapping_file: Path, text: str, complaint: str) -> None:
    with pytest.raises(MappingError, match=r"mapping\.yaml") as raised:
        read(mapping_file, text)
    assert complaint in str(raised.value)
