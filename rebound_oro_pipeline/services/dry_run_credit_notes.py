"""The last step before a go-live: OroCommerce itself validates every waiting note, and stores none.

`meta.validate` exists since 6.1, for entities with `enable_validation`; an older release ignores it and would
store the note. So the release is made sure of first, and the first note that is accepted is looked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import psycopg

from rebound_oro_pipeline.clients.errors import (
    Conflict,
    Forbidden,
    NotAllowed,
    NotFound,
    Refused,
    ServerError,
)
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.credit_note_names import CreditNoteNames
from rebound_oro_pipeline.services.concurrently import in_order
from rebound_oro_pipeline.services.credit_note_packs import Entry, read_entry, refuse_or_skip
from rebound_oro_pipeline.services.oro_documents import (
    StoredNote,
    find_notes,
    single_document,
)
from rebound_oro_pipeline.services.sending import words_of
from rebound_oro_pipeline.warehouse.outbox import MessageState, Outcome, waiting

# Came with the same release as `meta.validate`.
_SINCE_6_1: Final = "ordersubtotals"


class DryRunImpossible(RuntimeError):  # noqa: N818 - an outcome, named like one
    """OroCommerce cannot validate without storing; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """How many notes were accepted, and by number why the others would be refused; none was stored."""

    accepted: int
    refused: Mapping[str, str]


def dry_run_credit_notes(
    oro: OroClient,
    conn: psycopg.Connection,
    *,
    names: CreditNoteNames | None = None,
) -> DryRun:
    """Have every pending note validated; neither the outbox nor the shop is changed.

    Raises DryRunImpossible, or ApiError where the API cannot be reached or a permission is missing.
    """
    called = names or CreditNoteNames()
    entries: list[Entry] = []
    refused: dict[str, str] = {}
    for message in waiting(conn, "oro_credit_note"):
        entry = read_entry(message)
        outcome = entry if isinstance(entry, Outcome) else refuse_or_skip(entry)
        if isinstance(entry, Entry) and outcome is None:
            entries.append(entry)
        elif outcome is not None and outcome.state is MessageState.REJECTED:
            refused[message.business_key] = outcome.error or ""
    if entries:
        _require_6_1(oro)
    answers: list[_Answer] = []
    rest = iter(entries)
    for entry in rest:
        answers.append(_validate(oro, called, entry))
        if answers[-1].is_new:
            # One note at most is stored by a shop that does not do what it says.
            _require_absent(oro, called, entry)
            break
    answers += in_order(lambda entry: _validate(oro, called, entry), rest, workers=oro.connections)
    refused |= {answer.number: answer.refusal for answer in answers if answer.refusal is not None}
    return DryRun(sum(answer.refusal is None for answer in answers), refused)


@dataclass(frozen=True, slots=True)
class _Answer:
    number: str
    refusal: str | None = None
    is_new: bool = False


def _validate(oro: OroClient, names: CreditNoteNames, entry: Entry) -> _Answer:
    """Return why OroCommerce would refuse a note, or that it would take it, or holds it already."""
    number = entry.note.credit_note_number
    document = single_document(entry.note, names)
    document["data"]["meta"] = {"validate": True}
    try:
        oro.create(names.note_type, document)
    except Conflict as error:
        held = _held(oro, names, entry)
        is_same = len(held) == 1 and not held[0].differences(entry.note)
        return _Answer(number, None if is_same else words_of(error))
    except Refused as error:
        pointers = [reason.pointer for reason in error.reasons if reason.pointer]
        if any(pointer.startswith("/meta") for pointer in pointers):
            raise DryRunImpossible(
                f"OroCommerce does not validate {names.note_type} without storing: set enable_validation for its "
                f"entity in api.yml ({words_of(error)})"
            ) from error
        if isinstance(error, Forbidden | NotFound | NotAllowed) and not pointers:
            raise
        return _Answer(number, words_of(error))
    except ServerError as error:
        # A value that violates a constraint of the database ends so.
        if error.status != 500:
            raise
        return _Answer(number, str(error))
    return _Answer(number, is_new=True)


def _require_6_1(oro: OroClient) -> None:
    try:
        for _ in oro.pages(_SINCE_6_1, filters={"order": "0"}, page_size=None):
            pass
    except NotFound as error:
        raise DryRunImpossible(
            "This OroCommerce is older than 6.1: it would store what it is asked to validate. "
            "Use a copy of the shop for the rehearsal."
        ) from error


def _require_absent(oro: OroClient, names: CreditNoteNames, entry: Entry) -> None:
    if _held(oro, names, entry):
        raise DryRunImpossible(
            f"OroCommerce has stored note {entry.note.credit_note_number}, which it was asked to validate only. "
            "Nothing else was sent; remove the note there, or let it stand: the push will find it."
        )


def _held(oro: OroClient, names: CreditNoteNames, entry: Entry) -> list[StoredNote]:
    number = entry.note.credit_note_number
    return find_notes(oro, names, {number: entry.note.order_id})[number]
