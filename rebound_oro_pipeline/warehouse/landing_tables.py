"""Which values of a document go into which of the temporary tables that `sql/landing.sql` settles."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import psycopg
from psycopg import sql
from pydantic import BaseModel

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

_STAMP = ("source", "landed_at", "landed_by")


class _Fields:
    """The fields of a model, which are named like the columns, and a row of their values."""

    def __init__(self, model: type[BaseModel], *without: str) -> None:
        self.names = tuple(name for name in model.model_fields if name not in without)
        self.row: Callable[[Any], Row] = attrgetter(*self.names)


@dataclass(frozen=True)
class Table:
    """A temporary table: its columns, the rows of one document, and whether each gets the landing's stamp."""

    name: str
    columns: tuple[str, ...]
    rows: Callable[[Any], Iterable[Row]]
    is_stamped: bool = False

    def fill(self, cursor: psycopg.Cursor[Any], documents: Iterable[Any], stamp: Row) -> None:
        """Copy the rows of the documents into the table; the stamp is source, landed_at, landed_by."""
        columns = self.columns + (_STAMP if self.is_stamped else ())
        tail = stamp if self.is_stamped else ()
        statement = sql.SQL("copy pg_temp.{} ({}) from stdin").format(
            sql.Identifier(self.name), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with cursor.copy(statement) as copy:
            for document in documents:
                for row in self.rows(document):
                    copy.write_row(row + tail)


@dataclass(frozen=True)
class Kind:
    """What is landed together: its name in the statements, what identifies a document, its tables."""

    name: str
    identify: Callable[[Any], str]
    tables: tuple[Table, ...]


_RETURN = _Fields(ReturnDocument, "lines")
_RETURN_LINE = _Fields(ReturnLine)
_ORDER = _Fields(OrderDocument, "lines", "subtotals")
_ORDER_LINE = _Fields(OrderLine, "kit_items")
_KIT_ITEM = _Fields(KitItem)
_SUBTOTAL = _Fields(Subtotal)
_PRODUCT = _Fields(ProductDocument, "units")
_PRODUCT_UNIT = _Fields(ProductUnit)
_LEVEL = _Fields(LevelDocument)


def _return_lines(document: ReturnDocument) -> Iterable[Row]:
    return ((document.return_id, *_RETURN_LINE.row(line)) for line in document.lines)


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
    attrgetter("return_id"),
    (
        Table("incoming_returns", _RETURN.names, lambda document: [_RETURN.row(document)], is_stamped=True),
        Table("incoming_return_lines", ("return_id", *_RETURN_LINE.names), _return_lines),
    ),
)
ORDERS: Final = Kind(
    "orders",
    attrgetter("order_id"),
    (
        Table("incoming_orders", _ORDER.names, lambda order: [_ORDER.row(order)], is_stamped=True),
        Table("incoming_order_lines", ("order_id", *_ORDER_LINE.names), _order_lines),
        Table("incoming_order_kit_items", ("order_id", "order_line_id", *_KIT_ITEM.names), _kit_items),
        Table("incoming_order_subtotals", ("order_id", *_SUBTOTAL.names), _subtotals),
    ),
)
PRODUCTS: Final = Kind(
    "products",
    attrgetter("product_id"),
    (
        Table("incoming_products", _PRODUCT.names, lambda product: [_PRODUCT.row(product)], is_stamped=True),
        Table("incoming_product_units", ("product_id", *_PRODUCT_UNIT.names), _product_units),
    ),
)
LEVELS: Final = Kind(
    "levels",
    attrgetter("level_id"),
    (Table("incoming_levels", _LEVEL.names, lambda level: [_LEVEL.row(level)], is_stamped=True),),
)
FAULTS: Final = Table(
    "incoming_faults",
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
    is_stamped=True,
)
