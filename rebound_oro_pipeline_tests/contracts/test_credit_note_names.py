"""A credit-note entity of the shop's own: its names over the defaults, and what is wrong with a file of them."""

from pathlib import Path

import pytest

from rebound_oro_pipeline.contracts.credit_note_names import LINE_FIELDS, NOTE_FIELDS, NamesError, load_names

TYPES = {"note_type": "acmenotes", "line_type": "acmenotelines"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "names.yaml"


def test_without_a_file_the_names_are_those_of_the_bundle() -> None:
    names = load_names(None, **TYPES)
    assert (names.note_type, names.line_type) == ("acmenotes", "acmenotelines")
    assert (names.order_relation, names.lines_relation, names.order_line_relation) == (
        "order",
        "lines",
        "orderLine",
    )
    assert (names.note_fields, names.line_fields) == (dict(NOTE_FIELDS), dict(LINE_FIELDS))


def test_a_file_names_what_is_called_otherwise_and_what_is_not_there(file: Path) -> None:
    file.write_text(
        "order_relation: salesOrder\norder_line_relation: null\n"
        "note_fields: {total_amount: grandTotal, discount_amount: null}\nline_fields: {sku: item_code}\n"
    )
    names = load_names(file, **TYPES)
    assert (names.order_relation, names.lines_relation, names.order_line_relation) == (
        "salesOrder",
        "lines",
        None,
    )
    assert names.note_fields == {
        **{name: called for name, called in NOTE_FIELDS.items() if name != "discount_amount"},
        "total_amount": "grandTotal",
    }
    assert names.line_fields == {**LINE_FIELDS, "sku": "item_code"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("order: salesOrder", "order: no such key; allowed: line_fields, lines_relation, note_fields"),
        (
            "note_fields: {total_amount: grand total}",
            "note_fields.total_amount: 'grand total' is not allowed",
        ),
        ("note_fields: {total_amount: null}", "'total_amount' is needed to find notes again; name it"),
        ("line_fields: {colour: color}", "credit-note field 'colour' is not one of line_key, sku"),
        ("lines_relation: null", "lines_relation: None is not allowed"),
        ("- a", "the file"),
        ("a: [", "names.yaml, line 2"),
    ],
)
def test_a_faulty_file_is_refused_with_the_key_and_what_is_allowed(
    file: Path, content: str, words: str
) -> None:
    file.write_text(content + "\n")
    with pytest.raises(NamesError) as told:
        load_names(file, **TYPES)
    assert words in str(told.value)
    assert str(file) in str(told.value)


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(NamesError, match="cannot be read"):
        load_names(file, **TYPES)
