"""What ReBound is told may come back: never too much, never too early, and the same however it is worked out."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.services.offer_returnable_items import OfferCounts, offer_returnable_items
from rebound_oro_pipeline.services.process_inbox import process_inbox
from rebound_oro_pipeline.warehouse import reference
from rebound_oro_pipeline_tests.prepared import models
from rebound_oro_pipeline_tests.rules.by_hand import came_back, product
from rebound_oro_pipeline_tests.rules.deciding import DECIDED_AT
from rebound_oro_pipeline_tests.rules.generate import Habits, Shop, shop
from rebound_oro_pipeline_tests.rules.laws import days, landed_shop, lawful, shop_seeds
from rebound_oro_pipeline_tests.rules.offering import LATER, dated, offer, offers, rows, three_shirts
from rebound_oro_pipeline_tests.rules.price import Part, Row, Sale, order_document
from rebound_oro_pipeline_tests.rules.sql_runner import Landed, land, landed
from rebound_oro_pipeline_tests.services.operators_shop import a_return

POLICIES: tuple[Mapping[str, Any], ...] = (
    {},
    {"offer": {"partially_shipped": "accept"}, "order_reference": ["poNumber", "externalId", "identifier"]},
    {"gate": {"when_status_missing": "hold"}, "offer": {"free_form_lines": "non_returnable"}},
)


@pytest.fixture
def one_order(rules_conn: psycopg.Connection[Any]) -> Iterator[Landed]:
    with landed(rules_conn, [three_shirts()], [a_return("R1")]) as there:
        yield there


@settings(lawful, max_examples=4)
@given(seed=shop_seeds, number=st.integers(0, len(POLICIES) - 1), mild=st.booleans())
def test_a_change_at_a_time_comes_to_the_same_as_all_at_once(
    rules_conn: psycopg.Connection[Any], seed: int, number: int, mild: bool
) -> None:
    """Day by day decided and offered, after which a sweep over everything finds nothing that is to be changed."""
    made = shop(seed, 150, Habits(mild=mild, days=4))
    made = replace(made, orders=tuple(dated(order) for order in made.orders))
    with landed_shop(rules_conn, made, POLICIES[number]) as there:
        assert offer(there, LATER - timedelta(days=1)).offered > 20
        for place, window in enumerate(days(4)):
            there.decide([window])
            counts = offer(there, LATER + timedelta(days=place))
            # Only the claims of this day may have been looked at: nothing has landed since.
            assert counts.looked_at <= _orders_claimed_since(there)
            check_what_is_offered(there, made, POLICIES[number])
        latest = LATER + timedelta(days=3)
        assert offer(there, latest).looked_at == 0
        there.conn.execute("delete from ledger.offer_progress")
        swept = offer(there, latest)
        assert (swept.offered, swept.updated, swept.withdrawn) == (0, 0, 0)
        check_references(there)


@settings(lawful, max_examples=3)
@given(seed=shop_seeds)
def test_all_that_is_left_is_on_offer_where_whatever_came_back_was_credited(
    rules_conn: psycopg.Connection[Any], seed: int
) -> None:
    """Also where the return lists it in another unit since."""
    random = Random(seed)
    made = shop(seed, 150, Habits(mild=True))
    made = replace(made, orders=tuple(dated(order) for order in made.orders))
    with landed_shop(rules_conn, made, {}) as there:
        there.decide()
        land(there.conn, [], _in_smaller_units(there, made, random))
        there.decide(decided_at=DECIDED_AT + timedelta(hours=1))
        offer(there, DECIDED_AT + timedelta(hours=2))
        left = {
            row["order_id"]: row["left_over"]
            for row in rows(
                there,
                "select order_id, sum(quantity - claimed_quantity) as left_over"
                " from intermediate.int_offer_items where order_id not in"
                " (select meant.order_id from intermediate.int_offer_references as meant"
                "  join staging.stg_rebound__returns as returns on meant.reference_key = returns.order_reference_key"
                "  join marts.return_line_destinations as placed on returns.return_id = placed.return_id"
                "  where meant.order_id is not null and placed.destination <> 'credited')"
                " group by order_id",
            )
        }
        told = {
            row["order_id"]: sum(Decimal(item["quantity"]) for item in row["items"])
            for row in rows(there, "select order_id, items from ledger.offers where state = 'offered'")
            if row["order_id"] in left
        }
        assert len(told) > 20
        assert told == {order_id: left[order_id] for order_id in told}


def _in_smaller_units(there: Landed, made: Shop, random: Random) -> list[dict[str, Any]]:
    """Return about half of the returns with as much of what was credited, in a smaller unit of its product."""
    credited = {
        (row["return_id"], row["position"]): row["units"][0]
        for row in rows(
            there,
            "select lines.return_id, lines.position, array_agg(distinct items.unit_code) as units"
            " from staging.stg_rebound__return_lines as lines"
            " join ledger.claims as claims using (return_id, return_line_key)"
            " join ledger.order_items as items using (item_number)"
            " where lines.unit_code is null and not claims.is_whole_kit and items.product_id is not null"
            " group by lines.return_id, lines.position having count(distinct items.unit_code) = 1",
        )
    }
    smaller = {"box": ("item", 12), "set": ("item", 6), "kg": ("g", 1000)}
    returns = [deepcopy(each) for each in made.returns if random.random() < 0.5]
    for document in returns:
        for position, item in enumerate(document["item"], start=1):
            unit, rate = smaller.get(credited.get((document["id"], position), ""), (None, 1))
            if unit is not None:
                item["unit_code"] = unit
                for name in ("quantity", "quantity_received"):
                    if item.get(name):
                        item[name] = str(Decimal(item[name]) * rate)
    return returns


def _orders_claimed_since(there: Landed) -> int:
    [row] = rows(
        there,
        "select count(distinct order_id) as orders from ledger.claims"
        " where decision_id = (select max(decision_id) from ledger.decisions)",
    )
    return int(row["orders"])


def check_what_is_offered(there: Landed, made: Shop, policy: Mapping[str, Any]) -> None:
    """Hold every offer against the documents themselves, and against what was credited."""
    documents = {order["data"]["id"]: order for order in made.orders}
    credited: dict[str, Decimal] = {}
    for row in rows(
        there,
        "select order_id, sum(upper(units) - lower(units)) as units from ledger.claims group by order_id",
    ):
        credited[row["order_id"]] = row["units"]
    partly = policy.get("offer", {}).get("partially_shipped") == "accept"
    for order_id, told in offers(there).items():
        assert _is_dispatched(documents[order_id], policy, partly=partly), told
        left = _ordered(documents[order_id]) - credited.get(order_id, Decimal(0))
        assert 0 <= sum(told["items"].values()) <= left, told


def _is_dispatched(document: Mapping[str, Any], policy: Mapping[str, Any], *, partly: bool) -> bool:
    """Read the statuses of a document as rules.md tells them."""
    relations = document["data"]["relationships"]
    internal = _status(relations, "internalStatus")
    if internal in ("pending", "cancelled") or ("internalStatus" in relations and internal is None):
        return False
    shipping = _status(relations, "shippingStatus") if "shippingStatus" in relations else internal
    if shipping is None:
        missing = policy.get("gate", {}).get("when_status_missing", "closed_is_dispatched")
        return missing == "closed_is_dispatched" and internal in ("closed", "shipped", "archived")
    dispatched = {"shipped"} if "shippingStatus" in relations else {"shipped", "closed", "archived"}
    return shipping in dispatched | ({"partially_shipped"} if partly else set())


def _status(relations: Mapping[str, Any], name: str) -> str | None:
    data = relations.get(name, {}).get("data")
    return data and data["id"]


def _ordered(document: Mapping[str, Any]) -> Decimal:
    """Return the units of all lines, kits as their components."""
    included = {(each["type"], each["id"]): each for each in document.get("included", ())}
    total = Decimal(0)
    for entry in document["data"]["relationships"]["lineItems"]["data"]:
        line = included[entry["type"], entry["id"]]
        parts = line.get("relationships", {}).get("kitItemLineItems", {}).get("data", ())
        per_kit = [Decimal(str(included[p["type"], p["id"]]["attributes"]["quantity"])) for p in parts]
        total += Decimal(str(line["attributes"]["quantity"])) * (sum(per_kit) if per_kit else 1)
    return total


def check_references(there: Landed) -> None:
    """Hold what a reference means to those who offer against what it means to those who decide."""
    different = rows(
        there,
        "select * from intermediate.int_order_matches as decided"
        " inner join intermediate.int_offer_references as offered"
        " on decided.order_reference_key = offered.reference_key"
        " where (decided.order_id, decided.kind) is distinct from (offered.order_id, offered.kind)",
    )
    assert different == []


def test_each_change_makes_one_version_and_a_repeat_none(one_order: Landed) -> None:
    assert offer(one_order) == OfferCounts(looked_at=1, offered=1, updated=0, withdrawn=0)
    assert offers(one_order)["1"]["items"] == {"SHIRT": 2}  # one is on its way back
    assert offer(one_order) == OfferCounts(looked_at=1, offered=0, updated=0, withdrawn=0)
    one_order.decide()
    assert offer(one_order, LATER).looked_at == 1
    assert offers(one_order)["1"]["version"] == 1  # open or credited, it is one shirt less
    messages = rows(one_order, "select business_key, ordering_key, payload from outbox.rebound_orders")
    assert [(row["business_key"], row["ordering_key"]) for row in messages] == [("1:1", "1")]
    assert messages[0]["payload"]["order_reference"] == "ORD-1"


def test_a_return_that_is_announced_uses_up_what_is_offered_and_gives_it_back_when_withdrawn(
    one_order: Landed,
) -> None:
    offer(one_order)
    land(one_order.conn, [], [a_return("R2", {"quantity": "2"}, current_tracking_status="created")])
    assert offer(one_order).updated == 1
    assert offers(one_order)["1"]["items"] == {"SHIRT": 0}
    land(one_order.conn, [], [a_return("R2", {"quantity": "2"}, current_tracking_status="cancelled")])
    assert offer(one_order).updated == 1
    assert offers(one_order)["1"]["items"] == {"SHIRT": 2}


def test_a_return_whose_webhook_waited_for_days_uses_up_what_is_offered(one_order: Landed) -> None:
    """It lands as of its receipt, long before the last offering; what counts is when it was read."""
    offer(one_order, LATER)
    announced = a_return("R2", {"quantity": "2"}, current_tracking_status="created")
    body = {"event_id": "1", "event_type": "x", "occurred_at": DECIDED_AT.isoformat(), "return": announced}
    one_order.conn.execute(
        "insert into inbox.deliveries (source, event_id, received_at, headers, body, content_hash)"
        " values ('rebound', '1', %s, '{}', %s, '')",
        (DECIDED_AT, json.dumps(body).encode()),
    )
    read_at = LATER + timedelta(hours=1)
    assert process_inbox(one_order.conn, default_mapping(), now=read_at, run_id="run").landed.new == 1
    assert offer(one_order, read_at).updated == 1
    assert offers(one_order)["1"]["items"] == {"SHIRT": 0}


def test_units_that_a_person_rejected_may_come_back_and_those_written_off_may_not(one_order: Landed) -> None:
    offer(one_order)
    for verdict, left in (("written_off", 2), ("rejected", 3)):
        one_order.conn.execute("delete from reference.operator_decisions")
        _decided_by_hand(one_order, verdict)
        offer(one_order, LATER)
        assert offers(one_order)["1"]["items"] == {"SHIRT": left}, verdict


def test_units_whose_sku_is_spelt_otherwise_since_are_not_on_their_way_too(one_order: Landed) -> None:
    """Neither those that were credited, nor those that a person rejected."""
    land(one_order.conn, [], [a_return("R1", {"quantity": "2"})])
    _decided_by_hand(one_order, "rejected")
    one_order.decide()
    land(one_order.conn, [], [a_return("R1", {"quantity": "2", "sku_code": "shirt"})])
    offer(one_order)
    assert offers(one_order)["1"]["items"] == {"SHIRT": 2}


def _decided_by_hand(there: Landed, verdict: str) -> None:
    there.conn.execute(
        "insert into reference.operator_decisions"
        " (subject, reason, return_id, return_line_key, registered_at, verdict, quantity, who, why, decided_at)"
        " values ('R1 / R1:SHIRT:1', 'over_return', 'R1', 'R1:SHIRT:1', now(), %s, 1, 'maria', 'seen', %s)",
        (verdict, LATER),
    )


def test_units_that_are_listed_on_other_lines_since_are_not_on_their_way_too(one_order: Landed) -> None:
    land(one_order.conn, [], [a_return("R1", {"quantity": "2"})])
    one_order.decide()
    split = a_return("R1", {"quantity": "1", "id": "L1"}, {"quantity": "1", "id": "L2"})
    land(one_order.conn, [], [split])
    one_order.decide(decided_at=DECIDED_AT + timedelta(hours=1))
    offer(one_order, DECIDED_AT + timedelta(hours=2))
    assert offers(one_order)["1"]["items"] == {"SHIRT": 1}


BOX = {"sku_code": "TAPE", "quantity": "2", "unit_code": "box", "id": "L1"}
LISTED_SINCE = {
    "as it was": ([BOX], 3),
    "in items": ([BOX | {"quantity": "24", "unit_code": "ITEM"}], 3),
    "in items, and more of them": ([BOX | {"quantity": "36", "unit_code": "item"}], 2),
    "in rolls, of which a box has no whole number": ([BOX | {"quantity": "3.42857", "unit_code": "roll"}], 3),
    "in no unit": ([{key: BOX[key] for key in BOX if key != "unit_code"}], 3),
    "in items, the units of another line in boxes": (
        [BOX | {"quantity": "24", "unit_code": "item"}, BOX | {"quantity": "1", "id": "L2"}],
        2,
    ),
    "under another code of the SKU": ([BOX | {"sku_code": "TAPE-2019"}], 3),
    "in a unit into which nothing can be converted": ([BOX | {"quantity": "1", "unit_code": "crate"}], 2),
}


@pytest.mark.parametrize("name", LISTED_SINCE)
def test_units_that_are_listed_in_another_unit_since_are_not_on_their_way_too(
    rules_conn: psycopg.Connection[Any], name: str
) -> None:
    listed, left = LISTED_SINCE[name]
    tape = Row("TAPE", Decimal(5), Decimal("12.00"), unit="box", product_id="7")
    sale = Sale(id="1", identifier="ORD-1", rows=(tape,))
    units = product(7, "TAPE", item=(0, "1"), roll=(5, "7"), box=(0, "12"))
    with landed(
        rules_conn,
        [dated(order_document(sale))],
        [a_return("R1", BOX)],
        products=[units],
        aliases=[("TAPE-2019", "TAPE")],
    ) as there:
        there.decide()
        land(there.conn, [], [a_return("R1", *listed)])
        offer(there)
        assert offers(there)["1"]["items"] == {"TAPE": left}


@pytest.mark.parametrize("unit", ["item", "ITEM"])
def test_units_on_their_way_are_converted_however_their_unit_is_spelt(
    rules_conn: psycopg.Connection[Any], unit: str
) -> None:
    boxes = Row("TAPE", Decimal(5), Decimal("21.60"), unit="box", product_id="7")
    items = Row("TAPE", Decimal(30), Decimal("2.00"), unit="item", product_id="7")
    sales = [
        Sale(id="1", identifier="ORD-1", rows=(boxes,)),
        Sale(id="2", identifier="ORD-2", rows=(boxes, items)),
    ]
    returns = [
        came_back(f"R{number}", f"ORD-{number}", BOX | {"quantity": "24", "unit_code": unit}, status="at_hub")
        for number in (1, 2)
    ]
    with landed(
        rules_conn,
        [dated(order_document(sale)) for sale in sales],
        returns,
        products=[product(7, "TAPE", item=(0, "1"), box=(0, "12"))],
    ) as there:
        offer(there)
        offered = {
            (row["order_id"], row["unit_code"]): row["quantity"]
            for row in rows(there, "select order_id, unit_code, quantity from marts.returnable_items")
        }
    assert offered == {("1", "box"): 3, ("2", "box"): 5, ("2", "item"): 6}


def test_another_policy_is_applied_to_all_that_was_offered(one_order: Landed) -> None:
    offer(one_order)
    policy = Policy.model_validate({"offer": {"days_for_return": 14, "non_returnable_skus": [" Shirt "]}})
    version = reference.save_policy(one_order.conn, policy.document())
    assert offer(one_order, LATER, version).updated == 1
    [row] = rows(one_order, "select * from marts.returnable_items")
    assert (row["is_returnable"], row["quantity"], row["offer_state"]) == (False, 2, "offered")
    assert row["returnable_until"] - row["order_date"] == timedelta(days=14)


def test_a_reference_that_several_orders_share_is_passed_over(rules_conn: psycopg.Connection[Any]) -> None:
    policy = {"order_reference": ["poNumber", "identifier"]}
    orders = [
        three_shirts(1, po_number="PO"),
        three_shirts(2, po_number="po "),
        three_shirts(3, po_number="PO-3"),
    ]
    with landed(rules_conn, orders, [], policy=policy) as there:
        offer(there)
        told = {order_id: row["order_reference"] for order_id, row in offers(there).items()}
        assert told == {"1": "ORD-1", "2": "ORD-2", "3": "PO-3"}
        # A reference once told stays, or ReBound would hold the order twice.
        land(there.conn, [three_shirts(4, po_number="PO-3")], [])
        land(there.conn, [three_shirts(3, po_number="PO-3", internal_status="cancelled")], [])
        assert offer(there).withdrawn == 1
        assert offers(there)["3"]["order_reference"] == "PO-3"


def test_an_order_without_a_reference_of_its_own_is_counted_and_not_offered(
    rules_conn: psycopg.Connection[Any],
) -> None:
    orders = [three_shirts(1, po_number="PO"), three_shirts(2, po_number="PO"), three_shirts(3)]
    with landed(rules_conn, orders, [], policy={"order_reference": ["poNumber"]}) as there:
        counts = offer(there)
        assert (counts.offered, counts.without_reference) == (0, 3)


def test_lines_of_one_sku_are_one_item_with_the_price_of_the_cheapest_that_is_left(
    rules_conn: psycopg.Connection[Any],
) -> None:
    def bulb(quantity: int, price: str) -> Row:
        return Row("BULB", Decimal(quantity), Decimal(price))

    kit = Row("SET", Decimal(2), Decimal("30.00"), parts=(Part("bulb", Decimal(2), Decimal("5.00")),))
    sale = Sale(id="1", identifier="ORD-1", rows=(bulb(1, "4.00"), bulb(2, "6.00"), kit))
    with landed(rules_conn, [dated(order_document(sale))], [a_return("R1", {"sku_code": "BULB"})]) as there:
        there.decide()
        offer(there)
        [row] = rows(there, "select * from marts.returnable_items")
        assert (row["quantity"], row["price"]) == (6, Decimal("5.00"))


def test_a_kit_that_has_units_of_none_of_its_components_is_offered_as_a_plain_line(
    rules_conn: psycopg.Connection[Any],
) -> None:
    """The check that no more is offered than was ordered refused all offers together with this one."""
    kit = Row("KIT", Decimal(2), Decimal("30.00"), parts=(Part("CAP", Decimal(0), Decimal("5.00")),))
    sale = Sale(id="1", identifier="ORD-1", rows=(kit,))
    with landed(rules_conn, [dated(order_document(sale))], []) as there:
        offer(there)
        assert offers(there)["1"]["items"] == {"KIT": 2}


def test_an_order_that_nothing_can_be_said_of_is_not_offered(rules_conn: psycopg.Connection[Any]) -> None:
    without_sku = Sale(id="1", identifier="ORD-1", rows=(Row(None, Decimal(1), Decimal("10.00")),))
    with landed(rules_conn, [dated(order_document(without_sku))], []) as there:
        assert offer(there).offered == 0
        assert rows(there, "select * from outbox.rebound_orders") == []


class TestUnofferedReturns:
    """What ReBound registered although it was not on offer is listed with what was wrong."""

    @pytest.fixture
    def told(self, rules_conn: psycopg.Connection[Any]) -> Iterator[Landed]:
        """Orders 1 to 4 were offered two days ago, of which 2 was withdrawn a day ago; 5 was never shipped."""
        shipped = [three_shirts(number) for number in (1, 2, 3, 4)]
        waiting = three_shirts(5, shipping_status="not_shipped")
        with landed(
            rules_conn,
            [*shipped, waiting],
            [],
            policy={"offer": {"non_returnable_skus": ["hat"], "days_for_return": 21}},
        ) as there:
            offer(there, DECIDED_AT)
            self.arrive(there, DECIDED_AT)
            land(there.conn, [three_shirts(2, internal_status="cancelled")], [])
            offer(there, DECIDED_AT + timedelta(days=1))
            self.arrive(there, DECIDED_AT + timedelta(days=1))
            yield there

    @staticmethod
    def arrive(there: Landed, at: Any) -> None:
        there.conn.execute(
            "update outbox.messages set state = 'sending', claimed_by = 'w', claimed_until = now()"
            " where state = 'pending'"
        )
        there.conn.execute(
            "update outbox.messages set state = 'confirmed', confirmed_at = %s where state = 'sending'", (at,)
        )

    @staticmethod
    def findings(there: Landed) -> dict[str, str]:
        return {
            row["return_id"]: row["finding"]
            for row in rows(there, "select return_id, finding from marts.unoffered_returns")
        }

    @staticmethod
    def registered(hours: int) -> dict[str, str]:
        return {"date_added": (DECIDED_AT + timedelta(hours=hours)).isoformat()}

    def test_a_return_of_what_was_offered_is_not_listed(self, told: Landed) -> None:
        land(told.conn, [], [a_return("R1", {"quantity": "3"}, **self.registered(1))])
        assert self.findings(told) == {}

    def test_returns_from_before_the_first_offer_arrived_are_not_judged(self, told: Landed) -> None:
        land(told.conn, [], [a_return("R1", order_reference="NOWHERE", **self.registered(-1))])
        assert self.findings(told) == {}

    def test_each_return_is_listed_with_what_was_wrong(self, told: Landed) -> None:
        land(
            told.conn,
            [],
            [
                a_return("NOT-SHIPPED", order_reference="ORD-5", **self.registered(1)),
                a_return("BEFORE-CANCELLED", order_reference="ORD-2", **self.registered(1)),
                a_return("CANCELLED", order_reference="ord-2 ", **self.registered(25)),
                a_return("OTHER-SKU", {"sku_code": "SHOE"}, **self.registered(1)),
                a_return(
                    "MORE",
                    {"quantity": "2"},
                    {"quantity": "2"},
                    order_reference="ORD-3",
                    **self.registered(1),
                ),
                a_return("LATE", order_reference="ORD-4", **self.registered(49)),
                a_return(
                    "GONE", order_reference="ORD-5", current_tracking_status="cancelled", **self.registered(1)
                ),
            ],
        )
        assert self.findings(told) == {
            "NOT-SHIPPED": "order_not_offered",
            "CANCELLED": "offer_withdrawn",
            "OTHER-SKU": "item_not_offered",
            "MORE": "more_than_offered",
            "LATE": "too_late",
        }

    def test_what_had_nothing_left_or_could_not_be_returned_is_told_apart(self, told: Landed) -> None:
        land(told.conn, [], [a_return("R1", {"quantity": "3"}, **self.registered(1))])
        hat = Sale(id="6", identifier="ORD-6", rows=(Row("HAT", Decimal(1), Decimal("10.00")),))
        land(told.conn, [dated(order_document(hat))], [])
        offer(told, DECIDED_AT + timedelta(days=1))
        self.arrive(told, DECIDED_AT + timedelta(hours=5))
        land(
            told.conn,
            [],
            [
                a_return("R2", **self.registered(6)),
                a_return("R3", {"sku_code": "hat"}, order_reference="ORD-6", **self.registered(6)),
            ],
        )
        assert self.findings(told) == {"R2": "nothing_left", "R3": "not_returnable"}

    def test_an_alias_stands_for_its_sku(self, told: Landed) -> None:
        reference.add_alias(told.conn, "OLD-SHIRT", "SHIRT", added_by="test")
        land(told.conn, [], [a_return("R1", {"sku_code": "OLD-SHIRT"}, **self.registered(1))])
        assert self.findings(told) == {}

    def test_units_are_those_of_the_return(self, told: Landed) -> None:
        land(told.conn, [], [], [product(7, "SHIRT", item=(0, "1"), sleeve=(0, "0.5"), pack=(0, "6"))])
        returns = [
            a_return(f"{quantity} {unit}", {"quantity": quantity, "unit_code": unit}, **self.registered(1))
            for quantity, unit in (("6", "SLEEVE"), ("7", "sleeve"), ("1", "pack"), ("3", "crate"))
        ]
        land(told.conn, [], returns)
        assert self.findings(told) == dict.fromkeys(["7 sleeve", "1 pack"], "more_than_offered")

    def test_the_check_warns_and_stops_nothing(self, told: Landed) -> None:
        land(told.conn, [], [a_return("R1", order_reference="ORD-5", **self.registered(1))])
        offering = offer_returnable_items(
            told.conn,
            models(),
            policy_version=told.policy_version,
            decided_at=DECIDED_AT + timedelta(days=1),
            run_id="test",
        )
        [warned] = [check for check in offering.checks if not check.passed]
        assert (warned.name, warned.severity) == ("assert_returns_are_of_offered_items", "warn")
        assert warned.sample[0]["return_id"] == "R1"


def test_what_an_order_lists_no_more_may_not_come_back(rules_conn: psycopg.Connection[Any]) -> None:
    """ReBound keeps what it was told: an item that is left out of the next version would stay returnable."""
    shirts, hats, socks = (
        Row(sku, Decimal(3), Decimal("10.00"), product_id=str(number))
        for number, sku in enumerate(("SHIRT", "HAT", "SOCKS"), start=1)
    )

    def order(*lines: Row) -> dict[str, Any]:
        return dated(order_document(Sale(id="1", identifier="ORD-1", rows=lines)))

    with landed(rules_conn, [order(shirts, hats, socks)], []) as there:
        offer(there)
        assert offers(there)["1"]["items"] == {"SHIRT": 3, "HAT": 3, "SOCKS": 3}
        land(there.conn, [order(shirts, replace(socks, unit="box"))], [])
        offer(there)
        [row] = rows(there, "select items from ledger.offers order by version desc limit 1")
        told = {
            (item["sku"], item["unit_code"]): (Decimal(item["quantity"]), item["non_returnable"])
            for item in row["items"]
        }
        assert told == {
            ("SHIRT", "item"): (3, False),
            ("HAT", "item"): (0, True),
            ("SOCKS", "item"): (0, True),
            ("SOCKS", "box"): (3, False),
        }
