"""What webhooks bring: ReBound's envelope around a return document, OroCommerce's notice that a record changed.

ReBound: `{event_id, event_type, occurred_at, return{…}}`. OroCommerce 6.1.10 and later: `{topic, eventData{data{type,
id, attributes?}}, timestamp, messageId}`, with the attributes in the format *default*, without in *thin*.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rebound_oro_pipeline.contracts.documents import DocumentError, digest, parse, raw_text
from rebound_oro_pipeline.contracts.faults import Fault, SourceSystem
from rebound_oro_pipeline.contracts.rebound import RESOURCE
from rebound_oro_pipeline.contracts.values import kind, read_business_moment, read_key, read_moment, read_text

ORDERS: Final = "orders"
"""The JSON:API type of the records that the pipeline follows."""

_LARGEST_ID: Final = 2**31 - 1  # of a column of the type integer
_REFERENCES: Final = ("identifier", "poNumber", "externalId")
_NAMES: Final[Mapping[SourceSystem, tuple[str, str, str]]] = {
    "rebound": ("event_id", "event_type", "occurred_at"),
    "oro": ("messageId", "topic", "timestamp"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """What tells an event from others; None for whatever is missing or cannot be read."""

    event_id: str | None = None
    event_type: str | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReturnEvent:
    """A state of a return: its document as ReBound wrote it, and since when it holds, if that is told."""

    occurred_at: datetime | None
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """A record of OroCommerce that was created, changed or deleted.

    `references` are what the delivery itself says an order is known by: none in the format *thin*.
    """

    topic: str
    resource: str
    record_id: str
    references: tuple[str, ...]

    @property
    def is_deletion(self) -> bool:
        """Whether the record is gone."""
        return self.topic.endswith(".deleted")


def read_event(source: SourceSystem, body: bytes) -> Event:
    """Read what tells an event from others, from the signed body alone; never fails."""
    try:
        content = parse(body)
    except DocumentError:
        return Event()
    if not isinstance(content, Mapping):
        return Event()
    event_id, event_type, sent_at = (content.get(name) for name in _NAMES[source])
    return Event(_or_none(read_key, event_id), _or_none(read_key, event_type), _or_none(read_moment, sent_at))


def read_return_event(body: bytes) -> ReturnEvent | Fault:
    """Read ReBound's envelope; what is in the document is for `read_return` to judge."""
    content = _object(body, "rebound", RESOURCE)
    if isinstance(content, Fault):
        return content
    document = content.get("return")
    if not isinstance(document, Mapping):
        message = "is missing" if document is None else f"is not an object but {kind(document)}"
        return _fault(body, "rebound", RESOURCE, "return", message)
    # A placeholder such as the year 1 is no moment: it would make the event older than all that is known.
    return ReturnEvent(_or_none(read_business_moment, content.get("occurred_at")), document)


def read_record_event(body: bytes) -> RecordEvent | Fault:
    """Read OroCommerce's notice, in either format."""
    content = _object(body, "oro", "webhooks")
    if isinstance(content, Fault):
        return content
    node: Any = content
    for name in ("eventData", "data"):
        node = node.get(name) if isinstance(node, Mapping) else None
    data: Mapping[str, Any] = node if isinstance(node, Mapping) else {}
    resource, record_id = _or_none(read_key, data.get("type")), _or_none(read_key, data.get("id"))
    if resource is None or record_id is None:
        missing = "type" if resource is None else "id"
        return _fault(body, "oro", "webhooks", f"eventData.data.{missing}", "is missing or no identifier")
    if resource == ORDERS and not is_order_id(record_id):
        return _fault(body, "oro", "webhooks", "eventData.data.id", "is no id that an order can have")
    attributes = data.get("attributes")
    given = attributes if isinstance(attributes, Mapping) else {}
    references = (_or_none(read_key, given.get(name)) for name in _REFERENCES)
    topic = _or_none(read_text, content.get("topic")) or ""
    return RecordEvent(topic, resource, record_id, tuple(filter(None, references)))


def is_order_id(text: str) -> bool:
    """Whether an order can have this id: OroCommerce refuses a whole list of ids for one that none can have."""
    return (
        text.isascii()
        and text.isdecimal()
        and len(text) <= len(str(_LARGEST_ID))
        and int(text) <= _LARGEST_ID
    )


def _object(body: bytes, system: SourceSystem, resource: str) -> Mapping[str, Any] | Fault:
    try:
        content = parse(body)
    except DocumentError as error:
        return _fault(body, system, resource, "$", str(error))
    if not isinstance(content, Mapping):
        return _fault(body, system, resource, "$", f"is not an object but {kind(content)}")
    return content


def _fault(body: bytes, system: SourceSystem, resource: str, path: str, message: str) -> Fault:
    text = raw_text(body)
    return Fault(system, resource, None, digest(text).hex(), path, message, text)


def _or_none(read: Any, value: object) -> Any:
    try:
        return read(value)
    except ValueError:
        return None
