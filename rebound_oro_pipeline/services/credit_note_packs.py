"""Which credit notes go into one request, and which of them an answer speaks of."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rebound_oro_pipeline.clients.errors import Refused
from rebound_oro_pipeline.clients.oro import SYNC_INCLUDED, SYNC_RECORDS
from rebound_oro_pipeline.services.credit_notes import Note
from rebound_oro_pipeline.services.sending import read_payload
from rebound_oro_pipeline.warehouse.outbox import Message, Outcome


@dataclass(frozen=True, slots=True)
class Entry:
    """A claimed message and the note in it."""

    message: Message
    note: Note


def read_entry(message: Message) -> Entry | Outcome:
    """Return the note of a message, or its rejection where the payload cannot be read."""
    note = read_payload(message, Note)
    return note if isinstance(note, Outcome) else Entry(message, note)


def refuse_or_skip(entry: Entry) -> Outcome | None:
    """Return why a note is not sent at all; None: it is."""
    faults = entry.note.faults()
    if faults:
        return Outcome.rejected(entry.message, f"Nothing was sent: {'; '.join(faults)}")
    if entry.note.total_amount == 0:
        return Outcome.skipped(entry.message, "The note's total is zero.")
    return None


def packs(entries: Iterable[Entry], goes_alone: Callable[[Message], bool]) -> Iterator[list[Entry]]:
    """Yield what goes in one request: within both limits of a batch, and alone what `goes_alone` says."""
    pack: list[Entry] = []
    lines = 0
    for entry in entries:
        more = len(entry.note.lines)
        if more > SYNC_INCLUDED or goes_alone(entry.message):
            yield [entry]
            continue
        if len(pack) == SYNC_RECORDS or lines + more > SYNC_INCLUDED:
            yield pack
            pack, lines = [], 0
        pack.append(entry)
        lines += more
    if pack:
        yield pack


def halves(pack: list[Entry]) -> list[list[Entry]]:
    """Return a pack in two, one or none where there are not as many."""
    middle = len(pack) // 2
    return [half for half in (pack[:middle], pack[middle:]) if half]


def record_named(pack: Sequence[Entry], error: Refused) -> int | None:
    """Return the place in the batch of the note that a refusal names, itself or by one of its lines."""
    if error.record_index is not None:
        return error.record_index if error.record_index < len(pack) else None
    line = next(
        (reason.included_index for reason in error.reasons if reason.included_index is not None), None
    )
    owners = [index for index, entry in enumerate(pack) for _ in entry.note.lines]
    return owners[line] if line is not None and line < len(owners) else None
