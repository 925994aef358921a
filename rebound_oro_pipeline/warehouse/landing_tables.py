"""Which values of a document go into which tables of the schema landing."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, Literal

import psycopg
from psycopg import sql

from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.oro import (
    KitItem,
    LevelDocument,
    OrderDocument,
    OrderLine,
    ProductDocument,
    ProductUnit,
    Subtotal,
)
from rebound_oro_pipeline.contracts.rebound import ReturnDocument, ReturnLine

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """A table: the columns that documents fill, their rows, and the columns that say how they landed."""

    name: str
    columns: tuple[str, ...]
    rows: Callable[[Any], Iterable[Row]]
    stamp: tuple[str, ...] = ()

    @property
    def names(self) -> dict[str, sql.Composable]:
        """What stands for this table in the statements."""
        columns = [sql.Identifier(column) for column in self.columns + self.stamp]
        return {
            "stored": sql.Identifier("landing", self.name),
            "incoming": sql.Identifier("pg_temp", f"incoming_{self.name}"),
            "columns": sql.SQL(", ").join(columns),
            "excluded": sql.SQL(", ").join(sql.SQL("excluded.{}").format(column) for column in columns),
        }

    def fill(
        self,
        cursor: psycopg.Cursor[Any],
        place: Literal["stored", "incoming"],
        documents: Iterable[Any],
        stamp: Mapping[str, Any],
    ) -> None:
        """Copy the documents' rows into the table, or into its temporary twin, each with its part of the stamp."""
        tail = tuple(str(stamp[column]) for column in self.stamp)
        names = self.names
        with cursor.copy(sql.SQL("copy {} ({}) from stdin").format(names[place], names["columns"])) as copy:
            for document in documents:
                for row in self.rows(document):
                    copy.write_row(row + tail)


@dataclass(frozen=True)
class Kind:
    """What is landed together: documents, found by `key`, and the rows that hang on each.

    batch: documents stored at once, enough to make the fixed cost small, few enough to bound memory and locks.
    """

    name: str
    source_system: str
    resource: str
    key: str
    documents: Table
    rows: tuple[Table, ...] = ()
    keeps_replaced: bool = True
    batch: int = 1000


class _Fields:
    """Fields of a document, which are named like the columns, and a row of their values."""

    def __init__(self, names: Iterable[str], *without: str) -> None:
        self.names = tuple(name for name in names if name not in without)
        self.row: Callable[[Any], Row] = attrgetter(*self.names)


_STAMP = ("source", "landed_at", "landed_by")
_RETURN = _Fields(ReturnDocument._fields, "lines")
_ORDER = _Fields(OrderDocument.model_fields, "lines", "subtotals")
_ORDER_LINE = _Fields(OrderLine.model_fields, "kit_items")
_KIT_ITEM = _Fields(KitItem.model_fields)
_SUBTOTAL = _Fields(Subtotal.model_fields)
_PRODUCT = _Fields(ProductDocument.model_fields, "units")
_PRODUCT_UNIT = _Fields(ProductUnit.model_fields)
_LEVEL = _Fields(LevelDocument.model_fields)


def _return_lines(document: ReturnDocument) -> Iterable[Row]:
    return [(document.return_id, *line) for line in document.lines]


def _order_lines(order: OrderDocument) -> Iterable[Row]:
    return ((order.order_id, *_ORDER_LINE.row(line)) for line in order.lines)


def _kit_items(order: OrderDocument) -> Iterable[Row]:
    return (
        (order.order_id, line.order_line_id, *_KIT_ITEM.row(item))
        for line in order.lines
        for item in line.kit_items
    )


def _subtotals(order: OrderDocument) -> Iterable[Row]:
    return ((order.order_id, *_SUBTOTAL.row(subtotal)) for subtotal in order.subtotals)


def _product_units(product: ProductDocument) -> Iterable[Row]:
    return ((product.product_id, *_PRODUCT_UNIT.row(unit)) for unit in product.units)


def _fault(fault: Fault) -> Iterable[Row]:
    yield (
        fault.source_system,
        fault.resource,
        fault.document_key,
        fault.document_id,
        fault.registered_at,
        fault.path,
        fault.message,
        fault.document,
    )


RETURNS: Final = Kind(
    "returns",
    "rebound",
    "returns",
    "return_id",
    Table("rebound_returns", _RETURN.names, lambda document: [_RETURN.row(document)], _STAMP),
    (Table("rebound_return_lines", ("return_id", *ReturnLine._fields), _return_lines),),
)
ORDERS: Final = Kind(
    "orders",
    "oro",
    "orders",
    "order_id",
    Table("oro_orders", _ORDER.names, lambda order: [_ORDER.row(order)], _STAMP),
    (
        Table("oro_order_lines", ("order_id", *_ORDER_LINE.names), _order_lines),
        Table("oro_order_kit_items", ("order_id", "order_line_id", *_KIT_ITEM.names), _kit_items),
        Table("oro_order_subtotals", ("order_id", *_SUBTOTAL.names), _subtotals),
    ),
    # As many as one request brings: the shop takes longer for the next than they take to store.
    batch=250,
)
PRODUCTS: Final = Kind(
    "products",
    "oro",
    "products",
    "product_id",
    Table("oro_products", _PRODUCT.names, lambda product: [_PRODUCT.row(product)], _STAMP),
    (Table("oro_product_units", ("product_id", *_PRODUCT_UNIT.names), _product_units),),
)
LEVELS: Final = Kind(
    "levels",
    "oro",
    "inventorylevels",
    "level_id",
    Table(
        "oro_inventory_levels", _LEVEL.names, lambda level: [_LEVEL.row(level)], ("landed_at", "landed_by")
    ),
    keeps_replaced=False,
)
FAULTS: Final = Table(
    "malformed_documents",
    (
        "source_system",
        "resource",
        "document_key",
        "document_id",
        "registered_at",
        "fault_path",
        "fault",
        "document",
    ),
    _fault,
    _STAMP,
)
