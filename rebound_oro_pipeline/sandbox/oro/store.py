"""The shop's state: what a seed fills, what tests read, and the switches of its queue and tokens.

    store = OroStore(home / "oro.sqlite3")
    customer = store.add_customer({"name": "Acme"})
    product = store.add_product(
        ProductRecord(attributes={"sku": "A-1"}, units=[UnitRecord(code="item", quantity="9")])
    )
    [order_id] = store.add_orders([OrderRecord(attributes={...}, customer=customer, lines=[LineRecord(...)])])
    store.add_client("id", "secret")
    store.count("orders"), store.records("reboundcreditnotes"), store.stock()

The store knows no version: what 5.1, 6.0, 6.1 and 7.0 show of it is the app's profile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from rebound_oro_pipeline.sandbox.oro import seeding
from rebound_oro_pipeline.sandbox.oro.database import Change, Database, Record, Transaction
from rebound_oro_pipeline.sandbox.oro.records import Attributes, OrderRecord, ProductRecord, ShopTerms
from rebound_oro_pipeline.sandbox.oro.wire import to_text

Misbehaviour = Literal["success_without_writing", "lying_create_count", "failed_without_errors"]
Permissions = Mapping[str, Collection[str]]
"""Resource type → what is allowed on it (view, create, edit, delete); a type that is missing is forbidden."""

HiddenFields = Mapping[str, Collection[str]]
"""Resource type → attributes and relations that field permissions leave out of every answer."""

LIMITED: Permissions = dict.fromkeys(
    ("orders", "customers", "products", "inventorylevels", "reboundcreditnotes"), ("view",)
)
"""A user who may look but neither write nor send batches, as behind the recorded `limited_*` exchanges."""


class OroStore:
    """State of one imitated shop in one SQLite file; safe to use from many threads, kept over restarts."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self._closers: list[Callable[[], None]] = []
        self._listeners: list[Callable[[Sequence[Change]], None]] = []
        self._misbehaviour: Misbehaviour | None = None
        self._consuming = True
        self.terms = ShopTerms()
        """Taxes and promotions as the shop is set to today; not kept over restarts."""
        self.queue_changed = threading.Condition()
        """Notified when a message comes, an operation ends, or the consumer is switched."""

    def add_customer(self, attributes: Attributes) -> str:
        """Store a customer (`name`, …) and return its id."""
        with self.write() as transaction:
            return str(transaction.insert("customers", attributes, {"organization": seeding.ORGANIZATION}))

    def add_product(self, product: ProductRecord) -> str:
        """Store one product with units, levels and kit items; return its id."""
        return self.add_products([product])[0]

    def add_products(self, products: Iterable[ProductRecord]) -> list[str]:
        """Store many products in one transaction; return their ids in order."""
        with self.write() as transaction:
            rows = seeding.Rows(transaction)
            ids = [seeding.add_product(rows, product) for product in products]
            rows.write()
            return ids

    def add_order(self, order: OrderRecord) -> str:
        """Store one order with everything that hangs on it; return its id."""
        return self.add_orders([order])[0]

    def add_orders(self, orders: Iterable[OrderRecord]) -> list[str]:
        """Store many orders in one transaction; return their ids in order. A repeated identifier raises."""
        with self.write() as transaction:
            rows = seeding.Rows(transaction)
            ids = [seeding.add_order(rows, order) for order in orders]
            rows.write()
            return ids

    def load_document(self, document: Mapping[str, Any]) -> None:
        """Store the records of a JSON:API document (`data`, `included`) under their own ids."""
        with self.write() as transaction:
            seeding.load(transaction, document)

    def change(
        self,
        type_name: str,
        record_id: str,
        attributes: Attributes | None = None,
        relations: Mapping[str, Any] | None = None,
    ) -> None:
        """Overwrite attributes and relations of a record behind the API's back, as the shop itself would.

        For an order that is shipped or closed, a level that a sale decrements. `updatedAt` is the caller's
        business. An order, or an order one of whose lines is changed, counts as changed. Raises KeyError where there
        is no such record.
        """
        with self.write() as transaction:
            record = transaction.get(type_name, record_id)
            if record is None:
                raise KeyError(f"no {type_name} {record_id}")
            before = (dict(record.attributes), dict(record.relations))
            record.attributes.update(attributes or {})
            record.relations.update(relations or {})
            if (record.attributes, record.relations) == before:
                return
            transaction.update(record)
            owners = record.relations.get("orders") or [] if type_name == "orderlineitems" else []
            changed = [record, *(transaction.get("orders", order_id) for order_id in owners)]
            transaction.changes += [("updated", each) for each in changed if each is not None]

    def count(self, type_name: str) -> int:
        """Return how many records of a type there are."""
        with self.read() as transaction:
            return transaction.count(type_name)

    def records(self, type_name: str) -> list[Record]:
        """Return all records of a type, by id."""
        with self.read() as transaction:
            return transaction.select(type_name)

    def record(self, type_name: str, record_id: str) -> Record | None:
        """Return one record by id, or None."""
        with self.read() as transaction:
            return transaction.get(type_name, record_id)

    def find(self, type_name: str, attribute: str, value: object) -> Record | None:
        """Return the first record whose attribute has exactly this value, or None."""
        with self.read() as transaction:
            return transaction.find(type_name, attribute, value)

    def stock(self) -> dict[tuple[str, str], str]:
        """Return all stock levels: (sku, unit) → quantity as text."""
        with self.read() as transaction:
            skus = {str(record.id): record.attributes["sku"] for record in transaction.select("products")}
            units = {
                str(record.id): record.relations["unit"]
                for record in transaction.select("productunitprecisions")
            }
            return {
                (
                    skus[level.relations["product"]],
                    units[level.relations["productUnitPrecision"]],
                ): level.attributes["quantity"]
                for level in transaction.select("inventorylevels")
            }

    @property
    def consuming(self) -> bool:
        """Whether the consumer of the message queue runs."""
        return self._consuming

    @consuming.setter
    def consuming(self, running: bool) -> None:
        with self.queue_changed:
            self._consuming = running
            self.queue_changed.notify_all()

    def misbehave_once(self, kind: Misbehaviour) -> None:
        """Make the next operation that the consumer takes end in a way that Oro has been seen to end them.

        `success_without_writing`: success, nothing written. `lying_create_count`: everything that was read is
        counted as created. `failed_without_errors`: failed, nothing written, no error to read.
        """
        self._misbehaviour = kind

    def take_misbehaviour(self, *, synchronous: bool) -> Misbehaviour | None:
        """Return the ordered misbehaviour, once; counts are not seen by who waits for the records."""
        kind = self._misbehaviour
        if synchronous and kind == "lying_create_count":
            return None
        self._misbehaviour = None
        return kind

    def add_client(
        self,
        client_id: str,
        secret: str,
        permissions: Permissions | None = None,
        hidden: HiddenFields | None = None,
    ) -> None:
        """Register (or change) an OAuth client; `permissions` None means an administrator's rights."""
        allowed = (
            None if permissions is None else {kind: list(rights) for kind, rights in permissions.items()}
        )
        attributes = {
            "clientId": client_id,
            "secret": secret,
            "permissions": allowed,
            "hidden": {kind: list(names) for kind, names in (hidden or {}).items()},
        }
        with self.write() as transaction:
            record = transaction.find("clients", "clientId", client_id)
            if record is None:
                transaction.insert("clients", attributes)
            else:
                record.attributes = attributes
                transaction.update(record)

    def client(self, client_id: str) -> Attributes | None:
        """Return a client's `clientId`, `secret`, `permissions` and `hidden` fields, or None."""
        record = self.find("clients", "clientId", client_id)
        return record.attributes if record else None

    def add_token(self, token: str, client_id: str, expires_at: datetime) -> None:
        """Remember an access token."""
        with self.write() as transaction:
            attributes = {"token": token, "clientId": client_id, "expiresAt": to_text(expires_at)}
            transaction.insert("tokens", attributes)

    def client_of_token(self, token: str, now: datetime) -> Attributes | None:
        """Return the client that holds a token, or None where it is unknown or has expired."""
        record = self.find("tokens", "token", token)
        if record is None or record.attributes["expiresAt"] <= to_text(now):
            return None
        return self.client(record.attributes["clientId"])

    def expire_tokens(self) -> None:
        """Make every token that was given out useless from now on."""
        with self.write() as transaction:
            for record in transaction.select("tokens"):
                transaction.delete("tokens", record.id)

    def read(self) -> AbstractContextManager[Transaction]:
        """Open a reading transaction."""
        return self._database.read()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open the one writing transaction; it is undone when its block raises, else its changes are told."""
        with self._database.write() as transaction:
            yield transaction
        if transaction.changes:
            for listener in self._listeners:
                listener(transaction.changes)

    def rehearse(self) -> AbstractContextManager[Transaction]:
        """Open a writing transaction that is undone in any case."""
        return self._database.rehearse()

    def on_change(self, listener: Callable[[Sequence[Change]], None]) -> None:
        """Have something told of what is committed, in the thread that wrote it: it must not wait nor raise."""
        self._listeners.append(listener)

    def on_close(self, closer: Callable[[], None]) -> None:
        """Have something stopped before the store closes."""
        self._closers.append(closer)

    def close(self) -> None:
        """Stop the consumer and close the database."""
        for closer in self._closers:
            closer()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
