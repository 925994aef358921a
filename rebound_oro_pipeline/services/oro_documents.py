"""Credit notes as OroCommerce takes and shows them: the document sent, the note read back, the comparison.

The note and its lines are one document, so OroCommerce writes both or neither. A note is found again by its
number, a line by its key; whether what is found is what was sent is decided amount by amount.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from typing import Any, Final, Literal

from rebound_oro_pipeline.clients.errors import MalformedAnswer
from rebound_oro_pipeline.clients.jsonapi import Document, Filters, Selection, in_lists, is_listable, plain
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.credit_note_names import (
    LINE_FIELDS,
    NEEDED_LINE_FIELDS,
    NEEDED_NOTE_FIELDS,
    NOTE_FIELDS,
    CreditNoteNames,
)
from rebound_oro_pipeline.contracts.jsonapi_resources import (
    Resource,
    Resources,
    absent_fields,
    attributes,
    related_id,
    require_given,
)
from rebound_oro_pipeline.contracts.values import read_decimal, read_text
from rebound_oro_pipeline.services.credit_notes import Note, NoteLine

VIEW_FIELDS: Final = (
    "give the role of the API's user the permission to view these fields (field ACL of the entity)"
)
"""What to do where OroCommerce leaves a field out of an answer that it has."""
_NOTE_AMOUNTS: Final = tuple(name for name in NOTE_FIELDS if name.endswith("_amount"))
_LINE_AMOUNTS: Final = ("quantity", *(name for name in LINE_FIELDS if name.endswith("_amount")))


def note_document(notes: Sequence[Note], names: CreditNoteNames) -> Document:
    """Return the document of a batch of notes with their lines."""
    return {
        "data": [_note_resource(note, names) for note in notes],
        "included": [_line_resource(line, names) for note in notes for line in note.lines],
    }


def single_document(note: Note, names: CreditNoteNames) -> Document:
    """Return the document that creates one note with its lines."""
    document = note_document([note], names)
    return {**document, "data": document["data"][0]}


@dataclass(frozen=True, slots=True)
class StoredLine:
    """A line as OroCommerce holds it: its texts and amounts by our names, as far as its entity has them."""

    texts: Mapping[str, str | None]
    amounts: Mapping[str, Decimal | None]


@dataclass(frozen=True, slots=True)
class Difference:
    """In which part a stored note is not the one that was decided, and how."""

    part: Literal["order", "amounts", "lines"]
    words: str

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class StoredNote:
    """A note as OroCommerce holds it, with its lines."""

    remote_id: str
    number: str
    order_id: str | None
    currency: str | None
    amounts: Mapping[str, Decimal | None]
    lines: tuple[StoredLine, ...]

    def differences(self, note: Note) -> list[Difference]:
        """Return where the stored note differs from the one that was decided, the gravest first; empty: it is the same.

        Amounts that its entity does not have are not compared.
        """
        found = [
            Difference("order", words) for words in _text_differences("order", self.order_id, note.order_id)
        ]
        amounts = _text_differences("currency", self.currency, note.currency)
        amounts += _amount_differences("", self.amounts, note)
        found += [Difference("amounts", words) for words in amounts]
        found += [Difference("lines", words) for words in self._line_differences(note)]
        return found

    def _line_differences(self, note: Note) -> Iterator[str]:
        if len(self.lines) != len(note.lines):
            yield f"{len(self.lines)} lines instead of {len(note.lines)}"
        held_lines = {line.texts["line_key"]: line for line in self.lines}
        for line in note.lines:
            place = f"line {line.line_key}: "
            held = held_lines.get(line.line_key)
            if held is None:
                yield f"no line {line.line_key}"
                continue
            yield from _text_differences(f"{place}SKU", held.texts["sku"], line.sku)
            yield from _amount_differences(place, held.amounts, line)


@dataclass(frozen=True, slots=True)
class UnreadableNote:
    """A note that OroCommerce lists, and cannot give, or gives with what is no value of its fields."""

    remote_id: str
    number: str
    why: str


def find_notes(
    oro: OroClient, names: CreditNoteNames, wanted: Mapping[str, str]
) -> dict[str, list[StoredNote]]:
    """Read notes back by their numbers, many at once; return what is held under each number.

    `wanted` names the order of each number: OroCommerce takes a comma for the end of a value, so a number
    with one is looked for among the notes of its order.
    """
    found: dict[str, list[StoredNote]] = {number: [] for number in wanted}
    for condition in _conditions(names, wanted):
        for document in oro.pages(names.note_type, filters=condition, selection=note_selection(names)):
            for stored in _notes(document, names):
                if isinstance(stored, UnreadableNote):
                    raise MalformedAnswer(f"oro: a record of {names.note_type} cannot be read: {stored.why}")
                if stored.number in found:
                    found[stored.number].append(stored)
    return found


def list_notes(oro: OroClient, names: CreditNoteNames) -> Iterator[StoredNote | UnreadableNote]:
    """Yield every note there is; one that cannot be read is named instead."""
    for document in oro.pages(names.note_type, selection=note_selection(names), around_failures=True):
        yield from _notes(document, names)


def note_selection(names: CreditNoteNames) -> Selection:
    """Return what is read of a note and its lines."""
    return Selection(
        include=[names.lines_relation],
        fields={
            names.note_type: [*names.note_fields.values(), names.order_relation, names.lines_relation],
            names.line_type: list(names.line_fields.values()),
        },
    )


def needed_fields(names: CreditNoteNames) -> dict[str, list[str]]:
    """Return, by type, the fields and relations without which a note and its lines are not compared at all."""
    return {
        names.note_type: [
            *(names.note_fields[name] for name in NEEDED_NOTE_FIELDS),
            names.order_relation,
            names.lines_relation,
        ],
        names.line_type: [names.line_fields[name] for name in NEEDED_LINE_FIELDS],
    }


def _conditions(names: CreditNoteNames, wanted: Mapping[str, str]) -> list[Filters]:
    """Return the filters under which notes of these numbers, and perhaps others, are found."""
    others = [order_id for number, order_id in wanted.items() if not is_listable(number)]
    return [
        *({names.number_field: numbers} for numbers in in_lists(wanted)),
        *({names.order_relation: orders} for orders in in_lists(others)),
    ]


def _notes(document: Document, names: CreditNoteNames) -> Iterator[StoredNote | UnreadableNote]:
    """Yield the notes of a page with their lines.

    Raises MalformedAnswer where a field is absent by which notes are compared: it is hidden from the API's user.
    """
    resources = Resources(document)
    for resource in resources.primary:
        try:
            require_given(resource)
            yield _stored_note(resources, resource, names)
        except ValueError as error:
            held = resource.get("attributes")
            number = held.get(names.number_field) if isinstance(held, dict) else None
            yield UnreadableNote(str(resource["id"]), str(number), str(error))


def _note_resource(note: Note, names: CreditNoteNames) -> dict[str, Any]:
    lines = [{"type": names.line_type, "id": line.line_key} for line in note.lines]
    return {
        "type": names.note_type,
        "attributes": _attributes(note, names.note_fields),
        "relationships": {
            names.order_relation: {"data": {"type": "orders", "id": note.order_id}},
            names.lines_relation: {"data": lines},
        },
    }


def _line_resource(line: NoteLine, names: CreditNoteNames) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "type": names.line_type,
        "id": line.line_key,
        "attributes": _attributes(line, names.line_fields),
    }
    if names.order_line_relation is not None and line.order_line_id is not None:
        target = {"type": "orderlineitems", "id": line.order_line_id}
        resource["relationships"] = {names.order_line_relation: {"data": target}}
    return resource


def _attributes(part: Note | NoteLine, fields: Mapping[str, str]) -> dict[str, str]:
    sent = {}
    for name, called in fields.items():
        value = getattr(part, name)
        if name == "decided_at" and value is not None:
            # Times are kept to the second there, in UTC, without an offset.
            value = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if value is not None:
            sent[called] = plain(value) if isinstance(value, Decimal) else value
    return sent


def _stored_note(resources: Resources, resource: Resource, names: CreditNoteNames) -> StoredNote:
    held = attributes(resource)
    needed = needed_fields(names)
    _require_shown(resource, needed[names.note_type])
    lines = [line for _, line in resources.related(resource, names.lines_relation)]
    for line in lines:
        _require_shown(line, needed[names.line_type])
    return StoredNote(
        remote_id=str(resource["id"]),
        number=str(held.get(names.number_field)),
        order_id=related_id(resource, names.order_relation),
        currency=read_text(held.get(names.note_fields["currency"])),
        amounts=_amounts(held, names.note_fields, _NOTE_AMOUNTS),
        lines=tuple(
            StoredLine(
                texts={
                    name: read_text(attributes(line).get(names.line_fields[name]))
                    for name in ("line_key", "sku")
                },
                amounts=_amounts(attributes(line), names.line_fields, _LINE_AMOUNTS),
            )
            for line in lines
        ),
    )


def _require_shown(resource: Resource, fields: Iterable[str]) -> None:
    """Raise MalformedAnswer naming what is absent: as it is hidden of one, it is of all."""
    absent = absent_fields(resource, fields)
    if absent:
        raise MalformedAnswer(
            f"oro: {resource['type']} {resource['id']} is shown without {', '.join(absent)}, by which notes are "
            f"compared: {VIEW_FIELDS}"
        )


def _amounts(
    held: Mapping[str, Any], fields: Mapping[str, str], amounts: Iterable[str]
) -> dict[str, Decimal | None]:
    """Return the amounts that the entity shows; one that it does not know, or hides, is not among them."""
    return {
        name: read_decimal(held[fields[name]]) for name in amounts if name in fields and fields[name] in held
    }


def _text_differences(place: str, held: str | None, decided: str) -> list[str]:
    return [] if held == decided else [f"{place} {held!r} instead of {decided!r}"]


def _amount_differences(
    place: str, held: Mapping[str, Decimal | None], decided: Note | NoteLine
) -> list[str]:
    return [
        f"{place}{name.replace('_', ' ')} {_shown(amount, getattr(decided, name))} "
        f"instead of {plain(getattr(decided, name))}"
        for name, amount in held.items()
        if amount != getattr(decided, name)
    ]


def _shown(held: Decimal | None, decided: Decimal) -> str:
    """Return an amount with the digits of the decided one, or what it has more: OroCommerce stores four of all."""
    if held is None:
        return "nothing"
    whole, _, fraction = plain(held).partition(".")
    fraction = fraction.rstrip("0").ljust(len(plain(decided).partition(".")[2]), "0")
    return f"{whole}.{fraction}" if fraction else whole
