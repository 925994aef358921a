"""ReBound return documents, read into the columns of landing.rebound_returns and rebound_return_lines."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeGuard

from rebound_oro_pipeline.contracts.documents import DocumentError, canonical, digest, parse, raw_text
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.field_paths import holds_something
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping
from rebound_oro_pipeline.contracts.values import kind, read_code

RESOURCE: Final = "returns"


class ReturnLine(NamedTuple):
    """An item of a return; a faulty one has `fault_path`, `fault`, and whatever of it could be read.

    Quantities are in the unit `unit_code` (the order line's where that is None); `quantity_received` None
    means all that were announced. Disposition and reason code are in lower case. `position` counts from 1.
    """

    position: int
    return_line_key: str
    sku: str | None = None
    quantity: Decimal | None = None
    quantity_received: Decimal | None = None
    unit_code: str | None = None
    currency: str | None = None
    disposition: str | None = None
    reason_code: str | None = None
    reason_action: str | None = None
    reason_wish: str | None = None
    verification_entity: str | None = None
    tracking_number: str | None = None
    fault_path: str | None = None
    fault: str | None = None


class ReturnDocument(NamedTuple):
    """A return with its lines; `document` is the canonical JSON text, without what the mapping drops."""

    return_id: str
    display_id: str | None
    order_reference: str | None
    registered_at: datetime
    status: str | None
    carrier: str | None
    tracking_number: str | None
    lines: tuple[ReturnLine, ...]
    document: str
    document_hash: bytes


def read_return(raw: bytes | str | Mapping[str, Any], mapping: ReboundMapping) -> ReturnDocument | Fault:
    """Read one return document; a fault in its header makes it a Fault, one in an item that line's only."""
    try:
        content = _without(mapping.drop, parse(raw) if isinstance(raw, bytes | str) else raw)
        text = canonical(content)
    except DocumentError as error:
        whole = raw_text(raw)
        return Fault("rebound", RESOURCE, None, digest(whole).hex(), "$", str(error), whole)
    paths = mapping.document
    faults: dict[str, str] = {}
    *values, items = paths.read(content, content, faults)
    return_id, _, _, registered_at, *_ = values
    if items is not None and not _is_list(items):
        faults = {"items": f"is not a list but {kind(items)}"}
    for name, value in (("return_id", return_id), ("registered_at", registered_at)):
        if value is None:
            faults.setdefault(name, "is missing")
    if faults:
        name = next(name for name in ("items", *paths.readers) if name in faults)
        return Fault(
            source_system="rebound",
            resource=RESOURCE,
            document_id=return_id,
            document_key=return_id or digest(text).hex(),
            path=paths.place(name, content, content),
            message=faults[name],
            document=text,
            registered_at=registered_at,
        )
    lines = _Lines(content, return_id, mapping)
    read = tuple([lines.read(index, item) for index, item in enumerate(items or ())])
    return ReturnDocument._make((*values, read, text, digest(f"{mapping.fingerprint} {text}")))


_FAULTS_IN_TURN: Final = ("reasons", "line_id", *ReturnLine._fields)
"""Of several faults of an item the first of these is told."""


class _Lines:
    """Reads the items of one return in turn; knows how often each SKU has come by."""

    def __init__(self, document: Mapping[str, Any], return_id: str, mapping: ReboundMapping) -> None:
        self._document = document
        self._mapping = mapping
        self._return_id = return_id
        self._seen: dict[str, int] = {}

    def read(self, index: int, item: Any) -> ReturnLine:
        """Read the item at `index`, counted from 0 as paths do."""
        faults: dict[str, str] = {}
        line_id, sku, quantity, received, unit, currency, disposition, entity, tracking, reasons = (
            self._mapping.item.read(item, self._document, faults)
        )
        reason = reasons if reasons is None else _first_reason(reasons)[1]
        code = action = wish = None
        if isinstance(reason, str):
            code = read_code(reason)
        elif _is_object(reason):
            code, action, wish = self._mapping.reason.read(reason, self._document, faults)
        elif reason is not None:
            faults["reasons"] = f"is not a reason but {kind(reason)}"
        spelt_alike = (sku or "").lower()
        seen = self._seen[spelt_alike] = self._seen.get(spelt_alike, 0) + 1
        by_sku = f"{self._return_id}:{sku or ''}:{seen}"
        # _make takes half the time of naming each value.
        line = ReturnLine._make(
            (
                index + 1,
                line_id or by_sku,
                sku,
                quantity,
                received,
                unit,
                currency,
                disposition,
                code,
                action,
                wish,
                entity,
                tracking,
                None,
                None,
            )
        )
        if faults or sku is None or quantity is None or not _is_object(item):
            path, message = self._first_fault(index, item, reasons, faults, line)
            return line._replace(fault_path=path, fault=message)
        return line

    def _first_fault(
        self, index: int, item: Any, reasons: Any, faults: dict[str, str], line: ReturnLine
    ) -> tuple[str, str]:
        paths, document = self._mapping.item, self._document
        place = f"{self._mapping.document.place('items', document, document)}[{index}]"
        if not _is_object(item):
            return place, f"is not an object but {kind(item)}"
        missing = "sku" if line.sku is None else "quantity"
        name = next((name for name in _FAULTS_IN_TURN if name in faults), missing)
        message = faults.get(name, "is missing")
        if name in paths.readers and name != "reasons":
            return paths.place(name, item, document, place), message
        at, reason = _first_reason(reasons)
        place = paths.place("reasons", item, document, place) + at
        if name != "reasons":
            place = self._mapping.reason.place(name, reason, document, place)
        return place, message


def _first_reason(reasons: Any) -> tuple[str, Any]:
    """Give the first of several that says something, and where in their list it stands."""
    if not _is_list(reasons):
        return "", reasons
    for at, reason in enumerate(reasons):
        if holds_something(reason):
            return f"[{at}]", reason
    return "", None


# What JSON gave is a dict or a list, and asking that first takes a fifth of the time.
def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    return type(value) is dict or isinstance(value, Mapping)


def _is_list(value: object) -> bool:
    return type(value) is list or isinstance(value, list | tuple)


def _without(names: tuple[str, ...], content: Any) -> Mapping[str, Any]:
    if not _is_object(content):
        raise DocumentError(f"is not an object but {kind(content)}")
    if content.keys().isdisjoint(names):
        return content
    return {name: value for name, value in content.items() if name not in names}
