"""The bundle and our client agree: what is sent is known, stored in full, and refused with a 400 where it is wrong."""

import json
import re
from pathlib import Path

import pytest

from rebound_oro_pipeline.contracts.credit_note_names import LINE_FIELDS, NOTE_FIELDS, CreditNoteNames
from rebound_oro_pipeline_tests.deploy.orocommerce_bundle import (
    LINE,
    NOTE,
    api,
    constraints,
    entity,
    installed,
    installed_indexes,
    installed_references,
    load,
)

NAMES = CreditNoteNames()
SENT = {NOTE: set(NOTE_FIELDS.values()), LINE: set(LINE_FIELDS.values())}
REQUIRED = {
    NOTE: {
        *("creditNoteNumber", "returnId", "currency", "netAmount", "taxAmount", "shippingAmount"),
        *("totalAmount", "order"),
    },
    LINE: {"returnLineKey", "sku", "quantity", "netAmount", "taxAmount", "totalAmount", "creditNote"},
}
BY_TRAITS = {
    NOTE: {"organization_id": "SET NULL", "created_at": None, "updated_at": None},
    LINE: {},
}
"""Columns that Oro's traits add to an entity, and what becomes of a reference when its target is deleted."""
KEYS = {NOTE: "creditNoteNumber", LINE: "returnLineKey"}
EXCHANGES = Path(__file__).parents[1] / "recorded" / "exchanges"

both = pytest.mark.parametrize("name", [NOTE, LINE], ids=["note", "line"])


@both
def test_every_field_that_we_send_is_a_property(name: str) -> None:
    assert SENT[name] <= entity(name).properties.keys()


def test_every_relation_that_we_send_is_a_property() -> None:
    note, line = entity(NOTE), entity(LINE)
    assert note.references[NAMES.order_relation].target == "Order"
    assert note.collections[NAMES.lines_relation] == "CreditNoteLine"
    assert line.references[str(NAMES.order_line_relation)].target == "OrderLineItem"


def test_types_are_called_as_we_call_them() -> None:
    aliases = load("Resources/config/oro/entity.yml")["oro_entity"]["entity_aliases"]
    assert aliases[NOTE]["plural_alias"] == NAMES.note_type
    assert aliases[LINE]["plural_alias"] == NAMES.line_type


@both
def test_recorded_documents_would_be_taken(name: str) -> None:
    """The shapes were recorded with a trial entity, whose relation to the order line had another name."""
    for path in sorted(EXCHANGES.glob("note_*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))["request"]["body"] or {"data": {}}
        rows = [body["data"]] if name == NOTE else body.get("included", [])
        for row in rows:
            assert row.get("attributes", {}).keys() <= entity(name).properties.keys(), path.name
            if row.get("attributes") and name == LINE:
                assert REQUIRED[LINE] - {"creditNote"} <= row["attributes"].keys(), path.name


@both
def test_the_installer_creates_the_columns_that_the_entity_maps(name: str) -> None:
    mapped, created = entity(name), installed()[entity(name).table]
    of_references = {reference.column for reference in mapped.references.values()}
    assert created.keys() == mapped.columns.keys() | of_references | BY_TRAITS[name].keys()
    for column, expected in mapped.columns.items():
        found = created[column]
        assert (found.type, found.length, found.nullable, found.unique) == (
            expected.type,
            expected.length,
            expected.nullable,
            expected.unique,
        ), column


@both
def test_references_are_emptied_or_deleted_by_the_same_rule_in_entity_and_installer(name: str) -> None:
    mapped = entity(name)
    rules = {reference.column: reference.on_delete for reference in mapped.references.values()}
    rules |= {column: rule for column, rule in BY_TRAITS[name].items() if rule}
    assert installed_references()[mapped.table] == rules
    for reference in mapped.references.values():
        assert installed()[mapped.table][reference.column].nullable == reference.nullable


@both
def test_indexes_are_those_of_the_mapping_and_their_names_are_short_enough(name: str) -> None:
    """OroMigrationBundle has refused names of more than 30 characters, and names on its own what has none."""
    mapped = entity(name)
    created = installed_indexes()[mapped.table]
    for column, index in re.findall(r"ORM\\Index\(columns: \['(\w+)'], name: '(\w+)'\)", mapped.source):
        assert created[index] == column
    of_references = {reference.column for reference in mapped.references.values()}
    unique = {column for column, given in mapped.columns.items() if given.unique}
    assert of_references | unique <= set(created.values())
    assert all(len(index) <= 30 for index in created)
    assert all(len(word) <= 30 for word in (mapped.table, *mapped.columns))


def test_a_note_outlives_its_order_and_its_order_lines() -> None:
    assert entity(NOTE).references["order"].on_delete == "SET NULL"
    assert entity(LINE).references["orderLine"].on_delete == "SET NULL"
    assert "orderIdentifier" in entity(NOTE).properties


def test_lines_live_and_die_with_their_note() -> None:
    source = entity(NOTE).source
    assert "cascade: ['persist', 'remove']" in source
    assert "orphanRemoval: true" in source
    assert entity(LINE).references["creditNote"].on_delete == "CASCADE"


@both
def test_keys_are_unique_by_their_column(name: str) -> None:
    """The column alone: a validation would answer 400 where our client waits for 409, and would not hold in a race."""
    assert entity(name).columns[entity(name).properties[KEYS[name]]].unique
    assert api(name)["upsert"]["add"] == [[KEYS[name]]]
    assert "UniqueEntity" not in json.dumps(load("Resources/config/validation.yml"))


@both
def test_what_is_required_is_refused_when_it_is_missing(name: str) -> None:
    """What the database requires and nothing fills would end as a 500 otherwise."""
    mapped = entity(name)
    needed = {
        property_
        for property_, column in mapped.properties.items()
        if property_ != "id" and not mapped.columns[column].nullable
    }
    needed |= {property_ for property_, reference in mapped.references.items() if not reference.nullable}
    blank = {property_ for property_, given in constraints(name).items() if "NotBlank" in given}
    assert needed | REQUIRED[name] == blank
    filled = {
        property_ for property_, column in mapped.properties.items() if mapped.columns[column].has_default
    }
    assert blank - filled == REQUIRED[name]


def test_an_order_is_required_of_a_new_note_only() -> None:
    """A note whose order was deleted can still be changed."""
    assert entity(NOTE).references["order"].nullable
    [group] = constraints(NOTE)["order"]["NotBlank"]["groups"]
    assert group in api(NOTE)["actions"]["create"]["form_options"]["validation_groups"]
    assert "update" not in api(NOTE)["actions"]


@both
def test_lengths_are_those_of_the_columns(name: str) -> None:
    mapped = entity(name)
    lengths = {
        property_: mapped.columns[column].length
        for property_, column in mapped.properties.items()
        if mapped.columns[column].type == "string" and property_ != "orderIdentifier"
    }
    checked = {
        property_: given["Length"]["max"]
        for property_, given in constraints(name).items()
        if "Length" in given
    }
    assert checked == lengths


def test_the_copied_order_number_is_as_long_as_an_order_number_may_be() -> None:
    assert entity(NOTE).columns["order_identifier"].length == 255


@both
def test_amounts_are_money_and_are_refused_before_anything_would_round_them(name: str) -> None:
    """Oro's form rounds an amount of five digits wrongly, so it must not be the one that comes with "money"."""
    mapped = entity(name)
    amounts = {
        property_ for property_, column in mapped.properties.items() if mapped.columns[column].type == "money"
    }
    assert amounts == {property_ for property_ in mapped.properties if property_.endswith("Amount")}
    for amount in amounts:
        configured = api(name)["fields"][amount]
        assert configured == {"form_type": "Oro\\Bundle\\ApiBundle\\Form\\Type\\NumberType"}
        assert "Regex" in constraints(name)[amount]


@pytest.mark.parametrize(
    ("amount", "taken"),
    [
        ("100.0000", True),
        ("-3.5", True),
        ("0", True),
        ("1.50000", True),
        ("999999999999999.9999", True),
        ("1.01234", False),
        ("1000000000000000", False),
        ("1e3", False),
        ("1,5", False),
        ("", False),
        ("1\n", False),
    ],
)
def test_an_amount_fits_its_column_or_is_refused(amount: str, taken: bool) -> None:
    delimited = constraints(NOTE)["netAmount"]["Regex"]["pattern"]
    pattern = delimited.removeprefix("/^").removesuffix("$/D")
    assert (re.fullmatch(pattern, amount, re.ASCII) is not None) == taken


def test_a_quantity_is_a_number_as_recorded_and_above_zero() -> None:
    assert entity(LINE).columns["quantity"].type == "float"
    assert {"NotBlank", "Positive", "LessThan"} == constraints(LINE)["quantity"].keys()


def test_a_currency_is_checked_by_its_code() -> None:
    assert "Currency" in constraints(NOTE)["currency"]


@both
def test_every_writable_property_takes_null(name: str) -> None:
    """Else PHP refuses null with a TypeError, a 500, before the validation could refuse it with a 400."""
    declared = {
        property_: type_
        for type_, property_ in re.findall(r"private (\??[\\\w]+) \$(\w+)", entity(name).source)
    }
    assert all(declared[property_].startswith("?") for property_ in entity(name).properties)
    for parameter in re.findall(r"function set\w+\(([^)]*) \$", entity(name).source):
        assert parameter.startswith("?") or "null" in parameter.split("|"), parameter


def test_notes_are_written_in_batches_and_dry_runs_and_found_by_lists_of_numbers() -> None:
    configured = api(NOTE)
    assert configured["actions"]["update_list"] is True
    assert configured["enable_validation"] is True
    assert configured["filters"]["fields"][NAMES.number_field] == {"allow_array": True}
    assert configured["fields"]["lines"] == {"max_results": -1}


def test_no_field_that_we_send_is_read_only() -> None:
    for name in (NOTE, LINE):
        read_only = {
            field
            for field, given in api(name)["fields"].items()
            if (given or {}).get("form_options", {}).get("mapped") is False
        }
        assert not read_only & (SENT[name] | {"order", "lines", "orderLine"})


def test_lines_are_protected_by_the_permission_for_notes() -> None:
    acls = load("Resources/config/oro/acls.yml")["acls"]
    actions = api(LINE)["actions"]
    assert {
        action: acls[actions[action]["acl_resource"]]["permission"] for action in ("get", "get_list")
    } == {
        "get": "VIEW",
        "get_list": "VIEW",
    }
    assert acls[actions["create"]["acl_resource"]]["permission"] == "CREATE"
    assert acls[actions["update"]["acl_resource"]]["permission"] == "EDIT"
    assert actions["delete"] is False
    assert actions["delete_list"] is False
    assert {acl["class"] for acl in acls.values()} == {NOTE}
