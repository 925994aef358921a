"""Credit notes as OroCommerce holds them, read back and set beside what was decided."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import psycopg

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.credit_note_names import CreditNoteNames
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.oro_documents import (
    StoredNote,
    find_notes,
    stored_notes,
)
from rebound_oro_pipeline.warehouse import statements, watermarks

_SQL = statements.load("reconciliation")
STREAM: Final = "reconciliation of credit notes"
"""Watermark: when all notes were last read. A note confirmed before that and not among them is missing."""


@dataclass(frozen=True, slots=True)
class ReconciledNotes:
    """How many notes were read, and how many of the window stand under each finding of the view."""

    read: int
    findings: Mapping[str, int]


def reconcile_credit_notes(
    oro: OroClient,
    conn: psycopg.Connection,
    *,
    window: Window | None = None,
    names: CreditNoteNames | None = None,
) -> ReconciledNotes:
    """Read back the notes decided for returns of the window (None: every note there is, ours or not).

    Replaces what was read before in `reconciliation.oro_credit_notes`, in one transaction. Raises ApiError.
    """
    called = names or CreditNoteNames()
    scope: dict[str, Any] = {
        "window_start": window.start if window else "-infinity",
        "window_end": window.end if window else "infinity",
        "everything": window is None,
    }
    with conn.transaction():
        [(began,)] = conn.execute("select statement_timestamp()").fetchall()
        numbers: list[str] | None = None
        if window is None:
            notes: Iterable[StoredNote] = stored_notes(oro, called)
        else:
            wanted: dict[str, str] = dict(conn.execute(_SQL["decided_notes"], scope).fetchall())
            numbers = list(wanted)
            notes = (note for held in find_notes(oro, called, wanted).values() for note in held)
        rows = [_row(note) for note in notes]
        conn.execute(_SQL["forget_notes"], {"credit_note_numbers": numbers})
        conn.execute(_SQL["keep_notes"], {"notes": json.dumps(rows, default=str)})
        if window is None:
            watermarks.advance(conn, STREAM, began)
        findings: dict[str, int] = dict(conn.execute(_SQL["note_findings"], scope).fetchall())
    return ReconciledNotes(len(rows), findings)


def _row(note: StoredNote) -> dict[str, Any]:
    zero = Decimal(0)
    return {
        **note.amounts,
        "credit_note_number": note.number,
        "remote_id": note.remote_id,
        "order_id": note.order_id,
        "currency": note.currency,
        "line_count": len(note.lines),
        "line_quantity": sum((line.amounts.get("quantity") or zero for line in note.lines), zero),
        "line_total_amount": sum((line.amounts.get("total_amount") or zero for line in note.lines), zero),
    }
