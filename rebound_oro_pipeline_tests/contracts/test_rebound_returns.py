"""ReBound returns at the door: values as they occur in the wild, and faults that stop nothing else."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.rebound import ReturnDocument, ReturnLine, read_return
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping

MAPPING = default_mapping()


def item(**values: Any) -> dict[str, Any]:
    return {
        "sku_code": "SKU-1",
        "quantity": "2",
        "quantity_received": "1",
        "final_disposition": "restock",
        "reason": [{"reason": "unwanted", "action": "refund", "wish": "voucher"}],
        **values,
    }


def document(*items: Any, **values: Any) -> dict[str, Any]:
    return {
        "id": "R1",
        "display_id": "RMA-1",
        "order_reference": "SO-1",
        "date_added": "2026/11/03 10:20:30",
        "current_tracking_status": "processed",
        "carrier": "DPD",
        "tracking": "T1",
        "item": list(items),
        **values,
    }


def good(raw: Any) -> ReturnDocument:
    found = read_return(raw, MAPPING)
    assert isinstance(found, ReturnDocument), found
    return found


def bad(raw: Any) -> Fault:
    found = read_return(raw, MAPPING)
    assert isinstance(found, Fault), found
    return found


def line(**values: Any) -> ReturnLine:
    (only,) = good(document(item(**values))).lines
    return only


def test_a_return_is_read_with_its_lines() -> None:
    found = good(json.dumps(document(item(tracking="T2", verification_entity="hub-3"))))
    values = found._asdict()
    assert {name: values[name] for name in values if name not in ("document", "document_hash", "lines")} == {
        "return_id": "R1",
        "display_id": "RMA-1",
        "order_reference": "SO-1",
        "registered_at": datetime(2026, 11, 3, 10, 20, 30, tzinfo=UTC),
        "status": "processed",
        "carrier": "DPD",
        "tracking_number": "T1",
    }
    assert found.lines == (
        ReturnLine(
            position=1,
            return_line_key="R1:SKU-1:1",
            sku="SKU-1",
            quantity=Decimal(2),
            quantity_received=Decimal(1),
            disposition="restock",
            reason_code="unwanted",
            reason_action="refund",
            reason_wish="voucher",
            verification_entity="hub-3",
            tracking_number="T2",
        ),
    )


@pytest.mark.parametrize("blank", [None, "", " "])
def test_blank_received_quantity_stays_open(blank: Any) -> None:
    """It means all that were announced; 0 would mean that nothing came."""
    assert line(quantity_received=blank).quantity_received is None
    assert line(quantity_received="0").quantity_received == 0


def test_codes_are_read_as_they_are_compared() -> None:
    found = good(document(item(final_disposition=" ReStock "), current_tracking_status=" At_Hub"))
    assert (found.status, found.lines[0].disposition) == ("at_hub", "restock")


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ([{"reason": " Damaged "}, {"reason": "late"}], "damaged"),
        ([None, "", {"reason": "late"}], "late"),
        ({"reason": "late"}, "late"),
        ("Late ", "late"),
        (["late"], "late"),
        ([], None),
        (None, None),
        ("", None),
        ([{"action": "refund"}], None),
    ],
)
def test_the_first_reason_counts_whatever_its_shape(reason: Any, code: str | None) -> None:
    found = line(reason=reason)
    assert (found.reason_code, found.fault) == (code, None)


def test_a_line_is_known_by_its_id_or_else_by_its_place_among_its_sku() -> None:
    lines = good(
        document(item(), item(sku_code=" SKU-1 "), item(id=" 77 "), item(), item(sku_code="X"))
    ).lines
    assert [found.return_line_key for found in lines] == [
        "R1:SKU-1:1",
        "R1:SKU-1:2",
        "77",
        "R1:SKU-1:4",
        "R1:X:1",
    ]
    assert [found.position for found in lines] == [1, 2, 3, 4, 5]


def test_one_line_id_twice_is_left_to_the_rules() -> None:
    """duplicate_line is a decision with a reason, not a document that cannot be read."""
    assert [found.return_line_key for found in good(document(item(id="7"), item(id="7"))).lines] == ["7", "7"]


@pytest.mark.parametrize(
    ("values", "path", "fault"),
    [
        ({"quantity": "-1"}, "item[0].quantity", "is negative: -1"),
        ({"quantity": "two"}, "item[0].quantity", "is not an exact number but 'two'"),
        (
            {"quantity": "1,5"},
            "item[0].quantity",
            "is not an exact number but '1,5'; write decimals with a point, and no mark between thousands",
        ),
        ({"quantity": "NaN"}, "item[0].quantity", "is not an exact number but 'NaN'"),
        ({"quantity": "Infinity"}, "item[0].quantity", "is not an exact number but 'Infinity'"),
        ({"quantity": ""}, "item[0].quantity", "is missing"),
        ({"quantity": None}, "item[0].quantity", "is missing"),
        ({"quantity_received": "-0.5"}, "item[0].quantity_received", "is negative: -0.5"),
        ({"quantity_received": "1e99"}, "item[0].quantity_received", "has more digits than any"),
        ({"sku_code": None}, "item[0].sku_code", "is missing"),
        ({"sku_code": "  "}, "item[0].sku_code", "is missing"),
        ({"sku_code": ["A"]}, "item[0].sku_code", "is not a text but a list"),
        ({"sku_code": "x" * 256}, "item[0].sku_code", "is longer than 255 bytes"),
        ({"final_disposition": {}}, "item[0].final_disposition", "is not a text but an object"),
        ({"reason": 7}, "item[0].reason", "is not a reason but a number"),
        ({"reason": [True]}, "item[0].reason[0]", "is not a reason but true or false"),
        ({"reason": [{"reason": []}]}, "item[0].reason[0].reason", "is not a text but a list"),
        ({"id": {}}, "item[0].id", "is not a text but an object"),
    ],
)
def test_a_fault_in_an_item_is_that_lines_alone(values: dict[str, Any], path: str, fault: str) -> None:
    first, second = good(document(item(**values), item(sku_code="GOOD"))).lines
    assert first.fault_path == path
    assert first.fault is not None
    assert first.fault.startswith(fault)
    assert (second.sku, second.fault) == ("GOOD", None)


@pytest.mark.parametrize("broken", [None, "text", 7, [], True])
def test_an_item_that_is_no_object_is_a_faulty_line(broken: Any) -> None:
    first, second = good(document(broken, item())).lines
    assert first.fault_path == "item[0]"
    assert second.fault is None


def test_a_faulty_line_keeps_what_could_be_read() -> None:
    """People look for it by SKU, and the units that are known are counted."""
    found = line(quantity_received="-1")
    assert (found.sku, found.quantity, found.quantity_received) == ("SKU-1", Decimal(2), None)
    assert found.return_line_key == "R1:SKU-1:1"


@pytest.mark.parametrize(
    ("values", "path", "message"),
    [
        ({"id": None}, "id", "is missing"),
        ({"id": {"a": 1}}, "id", "is not a text but an object"),
        ({"id": "x" * 300}, "id", "is longer than 255 bytes"),
        ({"date_added": ""}, "date_added", "is missing"),
        (
            {"date_added": "03/11/2026"},
            "date_added",
            "is not a date and time: '03/11/2026'; write 2026-10-30 or 2026-10-30T14:05:00+01:00",
        ),
        (
            {"date_added": "9999-12-31"},
            "date_added",
            "is not in the years 1990 to 2200: '9999-12-31'; correct it where it was entered",
        ),
        (
            {"date_added": "0001-01-01T00:00:00Z"},
            "date_added",
            "is not in the years 1990 to 2200: '0001-01-01T00:00:00Z'; correct it where it was entered",
        ),
        ({"order_reference": ["SO-1"]}, "order_reference", "is not a text but a list"),
        ({"current_tracking_status": {}}, "current_tracking_status", "is not a text but an object"),
        ({"item": "SKU-1"}, "item", "is not a list but a text"),
        ({"item": {"sku_code": "SKU-1"}}, "item", "is not a list but an object"),
    ],
)
def test_a_fault_in_the_header_is_the_whole_documents(
    values: dict[str, Any], path: str, message: str
) -> None:
    fault = bad(document(item(), **values))
    assert (fault.source_system, fault.resource, fault.path) == ("rebound", "returns", path)
    assert fault.message.startswith(message)


def test_a_fault_is_known_by_the_id_where_that_can_be_read() -> None:
    fault = bad(document(date_added="never"))
    assert (fault.document_id, fault.document_key) == ("R1", "R1")
    assert json.loads(fault.document)["order_reference"] == "SO-1"


def test_a_fault_without_an_id_is_known_by_its_content() -> None:
    """So that the same broken document, sent again and again, is one row."""
    first, again, other = (bad(document(id=None, carrier=carrier)) for carrier in ("DPD", "DPD", "UPS"))
    assert first.document_id is None
    assert first.document_key == again.document_key != other.document_key


def test_a_fault_tells_the_day_where_that_can_be_read() -> None:
    assert bad(document(id="")).registered_at == datetime(2026, 11, 3, 10, 20, 30, tzinfo=UTC)
    assert bad(document(date_added="")).registered_at is None


@pytest.mark.parametrize(
    "raw", ["", "{", "[]", "null", "7", '"text"', b"\xff\xfe", '{"id": "R1", "weight": NaN}', "[" * 50_000]
)
def test_what_is_no_return_at_all_is_a_fault(raw: str | bytes) -> None:
    fault = bad(raw)
    assert fault.path == "$"
    assert fault.message


@pytest.mark.parametrize("items", [None, []])
def test_a_return_without_items_is_legal(items: Any) -> None:
    """A label from the box is known to ReBound before anybody registers what is in it."""
    assert good(document(item=items)).lines == ()


def test_unknown_fields_are_kept_but_do_not_disturb() -> None:
    found = good(document(item(hs_code="1234", grade={"a": 1}), flow="hub"))
    assert found.lines[0].fault is None
    assert '"flow":"hub"' in found.document


def test_nul_is_taken_for_a_character_that_can_be_stored() -> None:
    found = good(
        r'{"id":"R\u00001","date_added":"2026-11-03","item":[{"sku_code":"A\u0000","quantity":"1"}]}'
    )
    assert found.return_id == "R\ufffd1"
    assert found.lines[0].sku == "A\ufffd"
    assert "\\u0000" not in found.document


def test_the_same_content_has_the_same_hash() -> None:
    turned = dict(reversed(document(item()).items()))
    assert good(document(item())).document_hash == good(json.dumps(turned, indent=2)).document_hash
    assert good(document(item())).document_hash != good(document(item(quantity="3"))).document_hash


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)
FIELDS = [
    "id",
    "date_added",
    "item",
    "sku_code",
    "quantity",
    "quantity_received",
    "reason",
    "carrier",
    "unit",
]
SHAPED = st.dictionaries(
    st.sampled_from(FIELDS),
    st.one_of(
        ANYTHING,
        st.sampled_from(["R1", "2026-11-03", "1793701230", "-1"]),
        st.lists(st.one_of(ANYTHING, st.dictionaries(st.sampled_from(FIELDS), ANYTHING)), max_size=3),
    ),
)


@given(st.one_of(ANYTHING, SHAPED))
def test_reading_never_raises_whatever_arrives(raw: Any) -> None:
    """One strange document must not stop the thousand behind it."""
    found = read_return(raw, MAPPING)
    if isinstance(found, ReturnDocument):
        for each in found.lines:
            assert (each.fault is None) == (each.fault_path is None)
            assert each.fault is not None or (each.sku and each.quantity is not None and each.quantity >= 0)
        found.document.encode()
    else:
        assert found.path
        assert found.message
        found.document.encode()


@given(st.one_of(st.text(), st.binary()))
def test_reading_never_raises_whatever_bytes_arrive(raw: str | bytes) -> None:
    assert read_return(raw, MAPPING)
