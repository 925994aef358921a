"""The doctor against the imitated shop: every finding names what is missing, and nothing stays behind."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import pytest
import stamina

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.credit_note_names import LINE_FIELDS, CreditNoteNames
from rebound_oro_pipeline.sandbox.oro.records import KitLineRecord, LineRecord, OrderRecord
from rebound_oro_pipeline.sandbox.oro.store import LIMITED, HiddenFields, Permissions
from rebound_oro_pipeline.services.credit_notes import Note, NoteLine
from rebound_oro_pipeline.services.doctor import Finding, examine_database, examine_rebound, has_failure
from rebound_oro_pipeline.services.doctor_oro import examine_oro
from rebound_oro_pipeline.services.oro_documents import single_document
from rebound_oro_pipeline.warehouse import outbox
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.services.push.shop_at_work import Shop, open_shop

NAMES = CreditNoteNames()
REFERENCES = ("identifier", "poNumber")
EVERYTHING: Permissions = {
    "orders": ("view",),
    "products": ("view",),
    "customers": ("view",),
    "inventorylevels": ("view", "edit"),
    "reboundcreditnotes": ("view", "create"),
    "asyncoperations": ("view", "create"),
}
"""What the API's user needs, and nothing else."""


@pytest.fixture(autouse=True)
def _no_waiting_between_tries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Yield a shop for all tests: nothing they ask stays behind."""
    with open_shop(tmp_path_factory.mktemp("shop")) as opened:
        fill(opened)
        yield opened


def fill(shop: Shop) -> None:
    customer = shop.store.add_customer({"name": "Acme"})
    product = shop.store.find("products", "sku", "SKU-1")
    assert product is not None
    line = LineRecord(
        attributes={"productSku": "SKU-1", "quantity": "1"},
        product=str(product.id),
        kit_items=[KitLineRecord(attributes={"productSku": "SKU-2", "quantity": "1"})],
    )
    order = OrderRecord(
        attributes={"identifier": "O-2"},
        customer=customer,
        lines=[line],
        discounts=[{"amount": "1.0000"}],
        subtotals=[{"orderSubtotalType": "subtotal", "amount": "1.0000"}],
    )
    shop.store.add_order(order)


def ask(
    shop: Shop,
    client_id: str = "main",
    names: CreditNoteNames = NAMES,
    *,
    references: tuple[str, ...] = REFERENCES,
    with_subtotals: bool = False,
    notes: int = 0,
) -> dict[str, Finding]:
    """Return the findings by subject, the worst of each."""
    rank = {"ok": 0, "warning": 1, "failure": 2}
    found: dict[str, Finding] = {}
    with shop.client(client_id) as oro:
        for finding in examine_oro(oro, names, references, with_subtotals=with_subtotals, queue_patience=0.5):
            if finding.subject not in found or rank[finding.level] > rank[found[finding.subject].level]:
                found[finding.subject] = finding
    assert len(shop.notes()) == notes
    assert all(finding.remedy for finding in found.values() if finding.level != "ok")
    return found


def allow(shop: Shop, permissions: Permissions) -> None:
    shop.store.add_client("limited", "secret", permissions)


def hide(shop: Shop, fields: HiddenFields) -> None:
    shop.store.add_client("limited", "secret", EVERYTHING, fields)


def put_note_there(shop: Shop) -> None:
    amounts = dict.fromkeys(("net_amount", "discount_amount", "tax_amount", "total_amount"), Decimal(1))
    line = NoteLine(
        line_key="CN-1:1", sku="SKU-1", quantity=Decimal(1), unit_code="item", reason_code="x", **amounts
    )
    note = Note(
        credit_note_number="CN-1",
        return_id="R-1",
        order_id=shop.order_id,
        currency="USD",
        shipping_amount=Decimal(0),
        shipping_tax_amount=Decimal(0),
        fee_amount=Decimal(0),
        decided_at=datetime(2026, 11, 2, tzinfo=UTC),
        lines=(line,),
        **amounts,
    )
    with shop.client() as oro:
        oro.create(NAMES.note_type, single_document(note, NAMES))


def test_a_complete_shop_is_ok_and_nothing_stays_behind(shop: Shop) -> None:
    before = shop.store.stock()
    found = ask(shop)
    assert {finding.level for finding in found.values()} == {"ok"}, found
    assert found["release"].found == "behaves as 6.1"
    assert shop.store.stock() == before


@pytest.mark.parametrize(("hours", "told"), [(2, "120 min ahead of"), (-1, "60 min behind")])
def test_clocks_that_differ_are_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, hours: int, told: str
) -> None:
    monkeypatch.setattr(OroClient, "clock_ahead", timedelta(hours=hours))
    clock = ask(shop)["clock"]
    assert (clock.level, clock.found) == ("warning", f"ours is {told} OroCommerce's")


def test_the_permissions_that_are_needed_are_all_that_is_needed(shop: Shop) -> None:
    allow(shop, EVERYTHING)
    assert not has_failure(ask(shop, "limited").values())


@pytest.mark.parametrize(
    "missing", ["orders", "products", "customers", "inventorylevels", "reboundcreditnotes"]
)
def test_a_type_that_may_not_be_viewed_is_named(shop: Shop, missing: str) -> None:
    allow(shop, {kind: rights for kind, rights in EVERYTHING.items() if kind != missing})
    found = ask(shop, "limited")
    assert found[missing].level == "failure"
    assert "View" in found[missing].remedy


def test_a_user_who_may_only_look_may_neither_edit_nor_create_nor_send_batches(shop: Shop) -> None:
    allow(shop, LIMITED)
    found = ask(shop, "limited")
    assert "Edit" in found["editing inventorylevels"].remedy
    assert "Create" in found["creating reboundcreditnotes"].remedy
    assert found["batches"].level == "warning"


def test_a_user_who_may_send_batches_and_not_look_at_them_is_told(shop: Shop) -> None:
    """A push would stop at the first batch that is queued."""
    allow(shop, {**EVERYTHING, "asyncoperations": ("create",)})
    found = ask(shop, "limited")["batches"]
    assert found.level == "failure"
    assert "View on asynchronous operations" in found.remedy


def test_a_user_who_may_send_batches_and_not_edit_levels_lacks_that_alone(shop: Shop) -> None:
    allow(shop, {**EVERYTHING, "inventorylevels": ("view",)})
    found = ask(shop, "limited")
    assert found["editing inventorylevels"].level == "failure"
    assert found["batches"].level == "ok"


def test_what_is_hidden_in_silence_is_noticed(shop: Shop) -> None:
    allow(shop, {kind: rights for kind, rights in EVERYTHING.items() if kind != "customers"})
    hidden = ask(shop, "limited")["orders as shown"]
    assert hidden.level == "failure"
    assert "customer" in hidden.found


def test_a_complete_order_is_looked_at_with_all_that_hangs_on_it(shop: Shop) -> None:
    found = ask(shop)
    assert found["fields of orders"].found == "every field that is asked for is shown"
    assert found["fields of inventorylevels"].found == "every field that is asked for is shown"


@pytest.mark.parametrize(
    ("resource", "kind", "field"),
    [
        ("orders", "orders", "totalValue"),
        ("orders", "orders", "lineItems"),
        ("orders", "orders", "internalStatus"),
        ("orders", "orders", "shippingStatus"),
        ("orders", "orderlineitems", "rowTotalAfterDiscountExcludingTax"),
        ("orders", "orderlineitems", "product"),
        ("orders", "orderproductkititemlineitems", "quantity"),
        ("orders", "orderdiscounts", "amount"),
        ("orders", "ordersubtotals", "amount"),
        ("products", "products", "inventory_status"),
        ("products", "productunitprecisions", "conversionRate"),
        ("inventorylevels", "inventorylevels", "quantity"),
        ("inventorylevels", "products", "productType"),
        ("inventorylevels", "productunitprecisions", "unit"),
    ],
)
def test_a_field_that_is_left_out_of_answers_is_named_with_the_permission(
    shop: Shop, resource: str, kind: str, field: str
) -> None:
    """Amounts, statuses and units would be taken for empty."""
    hide(shop, {kind: [field]})
    finding = ask(shop, "limited", with_subtotals=True)[f"fields of {resource}"]
    assert (finding.level, finding.found) == ("failure", f"left out of answers: {field} of {kind}")
    assert "permission to view these fields" in finding.remedy


def test_all_that_is_hidden_is_told_at_once(shop: Shop) -> None:
    hide(shop, {"orders": ["totalValue", "currency"], "orderlineitems": ["value"]})
    told = ask(shop, "limited")["fields of orders"].found
    assert told == "left out of answers: value of orderlineitems; currency, totalValue of orders"


def test_a_hidden_relation_is_not_mistaken_for_records_that_may_not_be_viewed(shop: Shop) -> None:
    hide(shop, {"orders": ["customer"]})
    found = ask(shop, "limited")
    assert found["orders as shown"].level == "ok"
    assert found["fields of orders"].found == "left out of answers: customer of orders"


@pytest.mark.parametrize(("references", "level"), [(REFERENCES, "warning"), (("poNumber",), "failure")])
def test_one_of_several_references_can_be_done_without(
    shop: Shop, references: tuple[str, ...], level: str
) -> None:
    hide(shop, {"orders": ["poNumber"]})
    finding = ask(shop, "limited", references=references)["fields of orders"]
    assert finding.level == level
    assert "poNumber of orders" in finding.found


def test_subtotals_are_missed_only_by_who_asks_for_them(shop: Shop) -> None:
    hide(shop, {"orders": ["orderSubtotals"]})
    assert ask(shop, "limited")["fields of orders"].level == "ok"
    assert ask(shop, "limited", with_subtotals=True)["fields of orders"].level == "failure"


def test_fields_of_notes_are_told_once_there_is_a_note(tmp_path: Path) -> None:
    """By some of them a note is compared in any case, by others where they are shown."""
    with open_shop(tmp_path) as opened:
        subject = f"fields of {NAMES.note_type}"
        assert ask(opened)[subject].found == f"cannot be told: no {NAMES.note_type} to look at yet"
        put_note_there(opened)
        assert ask(opened, notes=1)[subject].found == "every field that is asked for is shown"
        hide(opened, {NAMES.note_type: ["taxAmount"]})
        spared = ask(opened, "limited", notes=1)[subject]
        assert (spared.level, "taxAmount of reboundcreditnotes" in spared.found) == ("warning", True)
        hide(opened, {NAMES.line_type: ["quantity"], NAMES.note_type: ["order"]})
        needed = ask(opened, "limited", notes=1)[subject]
        assert needed.level == "failure"
        assert "quantity of reboundcreditnotelines; order of reboundcreditnotes" in needed.found


def test_a_shop_without_records_tells_what_it_cannot_tell(tmp_path: Path) -> None:
    with open_shop(tmp_path) as opened:
        found = ask(opened)["fields of orders"]
    assert found.level == "ok"
    assert "cannot be told of orderdiscounts, orderlineitems, orderproductkititemlineitems" in found.found


@pytest.mark.parametrize(
    ("profile", "level"), [("5.1", "warning"), ("6.0", "ok"), ("6.1", "ok"), ("7.0", "ok")]
)
def test_a_release_is_known_by_what_it_has(tmp_path: Path, profile: str, level: str) -> None:
    with open_shop(tmp_path, profile=profile) as opened:
        fill(opened)
        found = ask(opened)
    assert found["release"].level == level
    assert {name: each for name, each in found.items() if name.startswith("fields of")}.keys() == {
        f"fields of {kind}" for kind in ("orders", "products", "inventorylevels", NAMES.note_type)
    }
    assert all(each.level == "ok" for name, each in found.items() if name.startswith("fields of")), found
    assert found["release"].found.startswith(f"behaves as {profile}")


@pytest.mark.parametrize("profile", ["5.1", "6.0"])
def test_no_dry_run_is_sent_to_a_release_that_would_store_it(tmp_path: Path, profile: str) -> None:
    with open_shop(tmp_path, profile=profile) as opened:
        found = ask(opened)
        assert found["dry run"].level == "warning"
        assert found["creating reboundcreditnotes"].level == "ok"


def test_without_a_consumer_batches_are_a_failure(tmp_path: Path) -> None:
    with open_shop(tmp_path, wait=0.2) as opened:
        opened.store.consuming = False
        found = ask(opened)
        assert found["batches"].level == "failure"
        assert "consumer" in found["batches"].remedy


def test_an_entity_that_lacks_a_field_is_told_which(shop: Shop) -> None:
    fields = MappingProxyType({**LINE_FIELDS, "unit_code": "unitOfMeasure"})
    found = ask(shop, names=replace(NAMES, line_fields=fields))
    assert "unitOfMeasure" in found["creating reboundcreditnotes"].found


def test_a_credit_note_type_that_does_not_exist_is_a_failure(shop: Shop) -> None:
    found = ask(shop, names=replace(NAMES, note_type="othernotes"))
    assert found["othernotes"].level == "failure"
    assert "bundle" in found["othernotes"].remedy


def test_refused_credentials_end_it_at_once_and_say_nothing_secret(shop: Shop) -> None:
    with OroClient(shop.url, "main", "wr0ng-s3cret") as oro:
        [finding] = examine_oro(oro, NAMES, REFERENCES)
    assert finding.level == "failure"
    assert "wr0ng-s3cret" not in str(finding)


def test_a_shop_that_cannot_be_reached_ends_it_at_once() -> None:
    with OroClient("http://127.0.0.1:1", "main", "secret") as oro:
        [finding] = examine_oro(oro, NAMES, REFERENCES)
    assert (finding.subject, finding.level) == ("OroCommerce", "failure")


def test_rebound_that_cannot_be_reached_is_a_failure() -> None:
    with ReboundClient("http://127.0.0.1:1", "login", "k3y-of-rebound") as rebound:
        finding = examine_rebound(rebound, date(2026, 11, 2))
    assert finding.level == "failure"
    assert "k3y-of-rebound" not in str(finding)


def test_a_migrated_database_is_ok(database_url: str) -> None:
    assert {finding.level for finding in examine_database(database_url)} == {"ok"}


def test_a_database_without_migrations_is_told_how_to_get_them(postgres_url: str) -> None:
    [_, migrations] = examine_database(postgres_url)
    assert migrations.level == "failure"
    assert "rebound-oro migrate" in migrations.remedy


def test_an_open_circuit_is_a_warning(database_url: str) -> None:
    with connect(database_url, autocommit=True) as conn:
        outbox.open_circuit(conn, "oro_credit_note", "down", least=60, longest=60)
    finding = examine_database(database_url)[-1]
    assert finding.level == "warning"
    assert "oro_credit_note" in finding.subject


def test_a_database_that_refuses_us_does_not_show_the_password() -> None:
    [finding] = examine_database("postgresql://user:s3cret-word@127.0.0.1:1/pipeline")
    assert finding.level == "failure"
    assert "s3cret-word" not in str(finding)
