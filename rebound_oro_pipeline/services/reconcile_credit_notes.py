"""Credit notes as OroCommerce holds them, read back and set beside what was decided."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.credit_note_names import CreditNoteNames
from rebound_oro_pipeline.services.credit_notes import Note
from rebound_oro_pipeline.services.oro_documents import (
    StoredNote,
    UnreadableNote,
    list_notes,
)
from rebound_oro_pipeline.warehouse import statements, watermarks

_SQL = statements.load("reconciliation")
STREAM: Final = "reconciliation of credit notes"
"""Watermark: when all notes were last read. A note confirmed before that and not among them is missing."""
COMPARED_AT_ONCE: Final = 500
"""Notes whose lines are in memory together."""


@dataclass(frozen=True, slots=True)
class ReconciledNotes:
    """How many notes were read, and how many stand under each finding of the view."""

    read: int
    findings: Mapping[str, int]


def reconcile_credit_notes(
    oro: OroClient,
    conn: psycopg.Connection,
    *,
    names: CreditNoteNames | None = None,
) -> ReconciledNotes:
    """Read back every note there is, ours or not.

    Each is compared with the ledger's as the push compares it with what it sent (`StoredNote.differences`); one that
    cannot be read is a finding of its own.
    Replaces what was read before in `reconciliation.oro_credit_notes`, in one transaction. Raises ApiError.
    """
    called = names or CreditNoteNames()
    with conn.transaction():
        [(began,)] = conn.execute("select statement_timestamp()").fetchall()
        rows = list(_rows(conn, list_notes(oro, called)))
        conn.execute(_SQL["forget_notes"])
        conn.execute(_SQL["keep_notes"], {"notes": json.dumps(rows, default=str)})
        watermarks.advance(conn, STREAM, began)
        findings: dict[str, int] = dict(conn.execute(_SQL["note_findings"]).fetchall())
    return ReconciledNotes(len(rows), findings)


def _rows(conn: psycopg.Connection, notes: Iterable[StoredNote | UnreadableNote]) -> Iterator[dict[str, Any]]:
    rest = iter(notes)
    while some := list(islice(rest, COMPARED_AT_ONCE)):
        decided = _decided(conn, [note.number for note in some])
        for note in some:
            yield _row(note, decided.get(note.number))


def _decided(conn: psycopg.Connection, numbers: Sequence[str]) -> dict[str, Note]:
    """Return the notes of the ledger among these numbers, as they are sent."""
    given = {"credit_note_numbers": list(numbers)}
    with conn.cursor(row_factory=dict_row) as cursor:
        notes = cursor.execute(_SQL["ledger_notes"], given).fetchall()
        lines: dict[str, list[dict[str, Any]]] = {note["credit_note_number"]: [] for note in notes}
        for line in cursor.execute(_SQL["ledger_note_lines"], given):
            lines[line["credit_note_number"]].append(line)
    return {
        number: Note.model_validate({**note, "lines": lines[number]})
        for number, note in ((note["credit_note_number"], note) for note in notes)
    }


def _row(note: StoredNote | UnreadableNote, decided: Note | None) -> dict[str, Any]:
    if isinstance(note, UnreadableNote):
        return {
            "credit_note_number": note.number,
            "remote_id": note.remote_id,
            "differs_in": "reading",
            "differences": note.why,
        }
    differences = [] if decided is None else note.differences(decided)
    return {
        **note.amounts,
        "credit_note_number": note.number,
        "remote_id": note.remote_id,
        "order_id": note.order_id,
        "currency": note.currency,
        "differs_in": differences[0].part if differences else None,
        "differences": "; ".join(map(str, differences)) or None,
    }
