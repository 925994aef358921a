"""ReBound return documents, read into the columns of landing.rebound_returns and rebound_return_lines."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from rebound_oro_pipeline.contracts.documents import DocumentError, canonical, digest, parse, raw_text
from rebound_oro_pipeline.contracts.faults import Fault
from rebound_oro_pipeline.contracts.fields import (
    Code,
    Currency,
    Key,
    Quantity,
    RequiredKey,
    RequiredMoment,
    Text,
    faulty_fields,
)
from rebound_oro_pipeline.contracts.rebound_mapping import FieldPath, ReboundMapping, Section
from rebound_oro_pipeline.contracts.values import kind, read_key, read_moment

RESOURCE: Final = "returns"

T = TypeVar("T")


class ReturnLine(BaseModel):
    """An item of a return; a faulty one has `fault_path`, `fault`, and whatever of it could be read.

    Quantities are in the unit `unit_code` (the order line's where that is None); `quantity_received` None
    means all that were announced. Disposition and reason code are in lower case. `position` counts from 1.
    """

    model_config = ConfigDict(frozen=True)

    position: int
    return_line_key: str
    sku: Key = None
    quantity: Quantity = None
    quantity_received: Quantity = None
    unit_code: Text = None
    currency: Currency = None
    disposition: Code = None
    reason_code: Code = None
    reason_action: Text = None
    reason_wish: Text = None
    verification_entity: Text = None
    tracking_number: Text = None
    fault_path: str | None = None
    fault: str | None = None


class ReturnDocument(BaseModel):
    """A return with its lines; `document` is the canonical JSON text, without what the mapping drops."""

    model_config = ConfigDict(frozen=True)

    return_id: RequiredKey
    display_id: Text = None
    order_reference: Key = None
    registered_at: RequiredMoment
    status: Code = None
    carrier: Text = None
    tracking_number: Text = None
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
    header = _Picked(content)
    header.pick(mapping.document, content)
    items = header.values.pop("items")
    if items is not None and not isinstance(items, list | tuple):
        return _header_fault(text, header, "items", f"is not a list but {kind(items)}")
    lines = _Lines(content, header, mapping)
    try:
        return ReturnDocument(
            **header.values,
            lines=tuple(lines.read(index, item) for index, item in enumerate(items or ())),
            document=text,
            document_hash=digest(f"{mapping.fingerprint} {text}"),
        )
    except ValidationError as error:
        name, message = next(iter(faulty_fields(error).items()))
        return _header_fault(text, header, name, message)


class _Picked:
    """The raw values that the mapping finds in a document, and where each was looked for."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._picked: list[tuple[Section, Any, str]] = []
        self.values: dict[str, Any] = {}

    def pick(self, section: Section, item: Any, place: str = "") -> None:
        """Take every field of the section from the item that stands at `place`."""
        self._picked.append((section, item, place))
        for name, paths in section.fields:
            self.values[name] = None
            for path in paths:
                value = path.find(item, self._document)
                if _holds_something(value):
                    self.values[name] = value
                    break

    def place(self, name: str) -> str:
        """Say where the field was found, or else was looked for first. Asked of faults alone, so looked up anew."""
        for section, item, place in self._picked:
            paths: tuple[FieldPath, ...] = getattr(section, name, ())
            if paths:
                found = (path for path in paths if _holds_something(path.find(item, self._document)))
                path = next(found, paths[0])
                return path.text if path.from_document or not place else f"{place}.{path.text}"
        return name


class _Lines:
    """Reads the items of one return in turn; knows how often each SKU has come by."""

    def __init__(self, document: Mapping[str, Any], header: _Picked, mapping: ReboundMapping) -> None:
        self._document = document
        self._mapping = mapping
        self._items_place = header.place("items")
        self._return_id = _readable(read_key, header.values["return_id"]) or ""
        self._seen: Counter[str] = Counter()

    def read(self, index: int, item: Any) -> ReturnLine:
        """Read the item at `index`, counted from 0 as paths do."""
        place = f"{self._items_place}[{index}]"
        picked = _Picked(self._document)
        picked.pick(self._mapping.item, item, place)
        faults: dict[str, str] = {}
        if not isinstance(item, Mapping):
            faults[place] = f"is not an object but {kind(item)}"
        self._pick_reason(picked, faults)
        values = picked.values
        fixed = {"position": index + 1, "return_line_key": self._key(picked, faults)}
        try:
            line = ReturnLine(**fixed, **values)
        except ValidationError as error:
            faulty = faulty_fields(error)
            faults |= {picked.place(name): message for name, message in faulty.items()}
            line = ReturnLine(**fixed, **{name: values[name] for name in values.keys() - faulty.keys()})
        for name in ("sku", "quantity"):
            if getattr(line, name) is None:
                faults.setdefault(picked.place(name), "is missing")
        if not faults:
            return line
        path, message = next(iter(faults.items()))
        return line.model_copy(update={"fault_path": path, "fault": message})

    def _key(self, picked: _Picked, faults: dict[str, str]) -> str:
        sku = _readable(read_key, picked.values["sku"]) or ""
        self._seen[sku] += 1
        by_sku = f"{self._return_id}:{sku}:{self._seen[sku]}"
        try:
            return read_key(picked.values.pop("line_id")) or by_sku
        except ValueError as error:
            faults[picked.place("line_id")] = str(error)
            return by_sku

    def _pick_reason(self, picked: _Picked, faults: dict[str, str]) -> None:
        reasons = picked.values.pop("reasons")
        place = picked.place("reasons")
        if isinstance(reasons, list | tuple):
            found = next(
                ((at, reason) for at, reason in enumerate(reasons) if _holds_something(reason)), None
            )
            if found is None:
                return
            place, reasons = f"{place}[{found[0]}]", found[1]
        if isinstance(reasons, Mapping):
            picked.pick(self._mapping.reason, reasons, place)
        elif isinstance(reasons, str):
            picked.values["reason_code"] = reasons
        elif reasons is not None:
            faults[place] = f"is not a reason but {kind(reasons)}"


def _without(names: tuple[str, ...], content: Any) -> dict[str, Any]:
    if not isinstance(content, Mapping):
        raise DocumentError(f"is not an object but {kind(content)}")
    return {name: value for name, value in content.items() if name not in names}


def _header_fault(text: str, header: _Picked, name: str, message: str) -> Fault:
    return_id = _readable(read_key, header.values["return_id"])
    return Fault(
        source_system="rebound",
        resource=RESOURCE,
        document_id=return_id,
        document_key=return_id or digest(text).hex(),
        path=header.place(name),
        message=message,
        document=text,
        registered_at=_readable(read_moment, header.values["registered_at"]),
    )


def _holds_something(value: Any) -> bool:
    return value is not None and (type(value) is not str or not value.isspace()) and value != ""


def _readable(read: Callable[[object], T | None], value: object) -> T | None:
    try:
        return read(value)
    except ValueError:
        return None
