"""Credit notes from the outbox into OroCommerce: each once in effect, and proven by reading it back.

Notes are created, never upserted: a number is unique there, so a second creation is refused (409) whoever raced, and a
note that somebody changed is noticed instead of overwritten. Many go in one synchronous batch, within its two limits.
What an answer says is a hint at most; a note is confirmed when it was read back by its number and found equal.

    answered as written   ──▶ read back: equal ▸ confirmed · different ▸ rejected · absent ▸ sent again, in halves
    a record is named     ──▶ that one rejected (or, where it exists already, read back), the others sent again
    failed, none named    ──▶ read back; what is absent is halved, down to single notes
    still to run          ──▶ remembered with its operation, sent no other way until that has ended
    no answer, 5xx        ──▶ read back; what is absent is tried again later
    429, not sent         ──▶ tried again later
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

from pydantic import ValidationError

from rebound_oro_pipeline.clients.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotAllowed,
    NotFound,
    Reason,
    Refused,
)
from rebound_oro_pipeline.clients.oro import SYNC_INCLUDED, SYNC_RECORDS, OroClient
from rebound_oro_pipeline.contracts.fields import faulty_fields
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services import sending
from rebound_oro_pipeline.services.credit_notes import Note
from rebound_oro_pipeline.services.oro_documents import (
    CreditNoteNames,
    StoredNote,
    find_notes,
    note_document,
    single_document,
)
from rebound_oro_pipeline.services.sending import PushCounts, SendingRules, Worker
from rebound_oro_pipeline.warehouse.outbox import Message, Outcome

KIND: Final = "oro_credit_note"
_OPERATION_POLL: Final = 1.0
_LONGEST_POLL: Final = 60.0


def push_credit_notes(
    oro: OroClient,
    database_url: str,
    *,
    run_id: str,
    window: Window | None = None,
    names: CreditNoteNames | None = None,
    rules: SendingRules | None = None,
    now: datetime | None = None,
) -> PushCounts:
    """Send the notes of the window that are due, those whose fate is unknown being read first.

    `run_id` must be unique among living runs; `now` makes due what falls due by then, if it lies ahead of the clock.
    Raises the ApiErrors after which going on makes no sense: refused credentials, a missing permission or resource.
    """
    push = _Push(oro, names or CreditNoteNames())
    return sending.run(
        database_url, KIND, push.step, window=window, now=now, run_id=run_id, rules=rules or SendingRules()
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """A claimed message and the note in it."""

    message: Message
    note: Note


class _Push:
    def __init__(self, oro: OroClient, names: CreditNoteNames) -> None:
        self.oro = oro
        self.names = names

    def step(self, worker: Worker) -> bool:
        doubtful = worker.claims.claim_unknown(worker.conn, worker.rules.claim_limit)
        if doubtful:
            _Claim(self, worker, doubtful).verify()
            return True
        claimed = worker.claims.claim(worker.conn, worker.rules.claim_limit)
        if claimed:
            _Claim(self, worker, claimed).send()
        return bool(claimed)


class _Claim:
    """The messages that one worker holds at a time, and what becomes of each."""

    def __init__(self, push: _Push, worker: Worker, messages: Sequence[Message]) -> None:
        self.oro = push.oro
        self.names = push.names
        self.worker = worker
        self.open = {message.message_id: message for message in messages}
        self.touched: set[int] = set()
        self.entries = list(self._read(messages))
