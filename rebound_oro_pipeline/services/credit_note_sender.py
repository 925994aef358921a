"""What one worker does with the credit notes it has claimed.

Notes are created, never upserted: a number is unique there, so a second creation is refused (409) whoever
raced, and a note that somebody changed is noticed instead of overwritten. Many go in one synchronous batch,
within its two limits. What an answer says is a hint; a note is confirmed when it was read back by its number
and found equal.

    answered as written   ──▶ read back: equal: confirmed, different: rejected, absent: sent again, halved
    a record is named     ──▶ that one rejected (or read back, where it exists), the others sent again
    the type is forbidden ──▶ nothing is rejected, whichever record is named: the run ends
    failed, none named    ──▶ read back; what is absent is halved, down to single notes
    still to run          ──▶ remembered with its operation, sent no other way until that has ended
    no answer, 5xx        ──▶ read back; what is absent is tried again later
    429, not sent         ──▶ tried again later
    403 without a reason  ──▶ a firewall's: halved; a note that is refused alone is tried again, until others pass
                              and it does not
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from uuid import uuid4

from rebound_oro_pipeline.clients.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotAllowed,
    NotFound,
    Reason,
    Refused,
    ServerError,
)
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.credit_note_names import CreditNoteNames
from rebound_oro_pipeline.services.credit_note_packs import (
    Entry,
    halves,
    packs,
    read_entry,
    record_named,
    refuse_or_skip,
)
from rebound_oro_pipeline.services.message_claim import MessageClaim
from rebound_oro_pipeline.services.oro_documents import (
    StoredNote,
    find_notes,
    note_document,
    single_document,
)
from rebound_oro_pipeline.services.sending import Worker, still_to_run, words_of
from rebound_oro_pipeline.warehouse import outbox
from rebound_oro_pipeline.warehouse.outbox import Failure, Message, Outcome

_SENT_ELSEWHERE = (
    "OroCommerce held this note before this database had sent it: "
    "was a backup restored, or does another database send?"
)
_Answered = tuple[list[Entry], ApiError | None]
"""A request's notes, and the error if it ended with one: whether they were written is to be read."""


class CreditNoteSender:
    """The notes of one claim, until each has its outcome."""

    def __init__(
        self, oro: OroClient, names: CreditNoteNames, worker: Worker, messages: Sequence[Message]
    ) -> None:
        self._oro = oro
        self._names = names
        self._worker = worker
        self._claim = MessageClaim(worker, messages)
        self._touched: set[int] = set()
        self._first_try = {each.message_id for each in messages if each.attempts == 1 and not each.checks}
        self._said_to_be_there: set[int] = set()
        self._perhaps_written: set[int] = set()
        self._sent_elsewhere: list[str] = []

    def send(self) -> None:
        """Send what was claimed as pending."""
        try:
            self._send()
        finally:
            self._close()

    def verify(self) -> None:
        """Read what was claimed as unknown; nothing is sent."""
        self._touched.update(message.message_id for message in self._claim.open)
        try:
            self._verify()
        finally:
            self._close()

    # --- sending -----------------------------------------------------------------------------------

    def _send(self) -> None:
        queue = deque(packs(self._sendable(), self._worker.rules.goes_alone))
        while queue and self._worker.circuit.wait():
            answered: list[_Answered] = []
            while queue and self._worker.circuit.wait():
                pack = queue.popleft()
                if len(pack) > 1 and not self._worker.batches:
                    queue.extendleft([entry] for entry in reversed(pack))
                    continue
                self._claim.keep()
                if len(pack) == 1:
                    answered += self._create(pack[0])
                else:
                    again, in_doubt = self._batch(pack)
                    queue.extendleft(reversed(again))
                    answered += in_doubt
            queue.extend(self._after_proof(answered))

    def _create(self, entry: Entry) -> list[_Answered]:
        """Create one note; return it, with the error if any, where it has to be read back."""
        try:
            with self._request([entry]) as request_id:
                self._oro.create(
                    self._names.note_type, single_document(entry.note, self._names), request_id=request_id
                )
        except Conflict as error:
            self._worker.circuit.succeeded()
            self._said_to_be_there.add(entry.message.message_id)
            return [([entry], error)]
        except Refused as error:
            if _is_of_a_firewall(error):
                self._worker.circuit.failed(error)
                self._claim.end(self._not_taken(entry.message, str(error)))
                return []
            if isinstance(error, Forbidden | NotFound | NotAllowed) and not _names_a_place(error):
                raise
            self._worker.circuit.succeeded()
            self._claim.end(Outcome.rejected(entry.message, words_of(error), request_id=error.request_id))
        except ApiError as error:
            return self._unanswered([entry], error)
        else:
            self._worker.circuit.succeeded()
            self._perhaps_written.add(entry.message.message_id)
            return [([entry], None)]
        return []

    def _batch(self, pack: list[Entry]) -> tuple[list[list[Entry]], list[_Answered]]:
        """Send many notes at once; return the packs to be sent instead, and what has to be read back."""
        try:
            with self._request(pack) as request_id:
                batch = self._oro.batch(
                    self._names.note_type,
                    note_document([entry.note for entry in pack], self._names),
                    request_id=request_id,
                )
        except Refused as error:
            if not _is_of_a_firewall(error):
                self._worker.circuit.succeeded()
            return self._after_refusal(pack, error), []
        except ApiError as error:
            return [], self._unanswered(pack, error)
        self._worker.circuit.succeeded()
        operation = batch.operation
        if operation is not None and not operation.is_finished:
            # No message consumer runs, or it is late: the next batch would take 25 s, too.
            self._worker.batches_off.set()
            for index, entry in enumerate(pack):
                self._claim.end(self._still_to_run(entry.message, (operation.id, index)))
            return [], []
        # A batch is carried out as a whole or not at all; one reason to fail is a number that exists already.
        failed = operation is not None and operation.status == "failed"
        (self._said_to_be_there if failed else self._perhaps_written).update(
            entry.message.message_id for entry in pack
        )
        return [], [(pack, None)]

    def _after_refusal(self, pack: list[Entry], error: Refused) -> list[list[Entry]]:
        index = record_named(pack, error)
        if index is not None:
            named, others = pack[index], [*pack[:index], *pack[index + 1 :]]
            if isinstance(error, Conflict):
                return [others, [named]]
            if error.forbids_the_type:
                # A note that is sent alone and refused so ends the run, and is due again.
                return [[named], others]
            self._claim.end(Outcome.rejected(named.message, words_of(error), request_id=error.request_id))
            return [others] if others else []
        if isinstance(error, NotFound):
            raise error
        if isinstance(error, Forbidden | NotAllowed) and not _is_of_a_firewall(error):
            # Batches need a permission and an action of their own; single notes tell whether that was all.
            self._worker.batches_off.set()
            return [pack]
        return halves(pack)

    def _unanswered(self, pack: list[Entry], error: ApiError) -> list[_Answered]:
        """Return the pack if it may have been written all the same; otherwise put it off."""
        if not (error.retryable or error.outcome_unknown):
            raise error
        self._worker.circuit.failed(error)
        if error.outcome_unknown:
            self._perhaps_written.update(entry.message.message_id for entry in pack)
            return [(pack, error)]
        for entry in pack:
            self._claim.end(self._worker.put_off(entry.message, error))
        return []

    # --- reading back ------------------------------------------------------------------------------

    def _after_proof(self, answered: list[_Answered]) -> list[list[Entry]]:
        """Read back what was answered, all at once; return the packs that have to be sent again."""
        missing = {
            entry.message.message_id for entry in self._prove([e for pack, _ in answered for e in pack])
        }
        again = []
        for pack, error in answered:
            absent = [entry for entry in pack if entry.message.message_id in missing]
            if error is None and len(pack) > 1:
                again += [absent] if 0 < len(absent) < len(pack) else halves(absent)
                continue
            for entry in absent:
                if error is not None and len(pack) > 1:
                    self._claim.end(self._worker.put_off(entry.message, error, "shared"))
                else:
                    self._claim.end(self._absent(entry.message, error))
        return again

    def _absent(self, message: Message, error: ApiError | None) -> Outcome:
        """Return the outcome of a note that was sent alone and is not there."""
        if error is None or isinstance(error, Conflict):
            said = "exists already" if error else "was created"
            words = (
                f"OroCommerce says that the note {said}, but it cannot be read by its number: is the "
                "permission to view credit notes missing, or does it belong to another organization?"
            )
        else:
            words = str(error)
        return self._not_taken(message, words)

    def _not_taken(self, message: Message, words: str) -> Outcome:
        """Return the outcome of a note that was sent alone: the next try, or its end where others pass."""
        failure = self._worker.failure_alone(message)
        if self._worker.is_given_up(message, failure):
            return Outcome.rejected(message, words)
        return Outcome.retry(message, words, self._worker.rules.delay(message.attempts), failure=failure)

    def _prove(self, entries: list[Entry]) -> list[Entry]:
        """Read notes back, settle those that are there, and return those that are not.

        One that OroCommerce cannot give does not keep the others from being settled, now and at every further look.
        """
        if not entries:
            return []
        try:
            wanted = {entry.note.credit_note_number: entry.note.order_id for entry in entries}
            found = find_notes(self._oro, self._names, wanted)
        except ApiError as error:
            if len(entries) > 1 and _may_be_of_one(error) and not self._worker.circuit.is_open:
                middle = len(entries) // 2
                return [*self._prove(entries[:middle]), *self._prove(entries[middle:])]
            for entry in entries:
                words = f"could not be read back: {error}"
                self._claim.end(Outcome.unknown(entry.message, words, self._check_delay(entry.message)))
            if not error.retryable:
                raise
            self._worker.circuit.failed(error)
            return []
        absent = []
        elsewhere = self._by_another_database(entries)
        for entry in entries:
            held = found[entry.note.credit_note_number]
            if not held:
                absent.append(entry)
                continue
            remark = _SENT_ELSEWHERE if entry.note.credit_note_number in elsewhere else None
            if remark is not None:
                self._sent_elsewhere.append(entry.note.credit_note_number)
            self._claim.end(_judged(entry, held, remark))
        return absent

    def _by_another_database(self, entries: Iterable[Entry]) -> frozenset[str]:
        """Return the numbers of notes that, if they are there, were so before this database ever sent them."""
        refused = (self._first_try & self._said_to_be_there) - self._perhaps_written
        known = [entry.message.business_key for entry in entries if entry.message.message_id in refused]
        if not known:
            return frozenset()
        return frozenset(outbox.never_sent(self._worker.conn, "oro_credit_note", known))

    def _verify(self) -> None:
        entries = sorted(self._readable(), key=lambda entry: entry.message.operation_id or "")
        for operation_id, group in groupby(entries, key=lambda entry: entry.message.operation_id):
            pack = list(group)
            errors: dict[int | None, Reason] = {}
            if operation_id is not None:
                outcome = self._errors_of(operation_id)
                if outcome is None:
                    for entry in pack:
                        place = (operation_id, entry.message.operation_index or 0)
                        self._claim.end(self._still_to_run(entry.message, place))
                    continue
                errors = outcome
            for entry in self._prove(pack):
                reason = errors.get(entry.message.operation_index)
                if reason is not None and _is_final(reason):
                    self._claim.end(Outcome.rejected(entry.message, str(reason)))
                else:
                    failure: Failure | None = "shared" if operation_id is not None else None
                    words = "not found when read back"
                    self._claim.end(Outcome.retry(entry.message, words, 0.0, failure=failure))

    def _errors_of(self, operation_id: str) -> dict[int | None, Reason] | None:
        """Return the errors of an operation that has ended, by record; None while it has not."""
        try:
            if not self._oro.operation(operation_id).is_finished:
                return None
            return {reason.record_index: reason for reason in self._oro.operation_errors(operation_id)}
        except NotFound:
            # Operations of synchronous requests are deleted as soon as they have ended.
            return {}
        except ApiError as error:
            if not error.retryable:
                raise
            self._worker.circuit.failed(error)
            return None

    # --- the claim ---------------------------------------------------------------------------------

    def _readable(self) -> Iterator[Entry]:
        for message in self._claim.open:
            entry = read_entry(message)
            if isinstance(entry, Outcome):
                self._claim.end(entry)
            else:
                yield entry

    def _sendable(self) -> Iterator[Entry]:
        for entry in self._readable():
            outcome = refuse_or_skip(entry)
            if outcome is None:
                yield entry
            else:
                self._claim.end(outcome)

    @contextmanager
    def _request(self, pack: Iterable[Entry]) -> Iterator[str]:
        """Give the id of a request that writes; what it carries may be written from then on, unless it is refused.

        So a run that ends with refused credentials gives its notes back to be sent, not to be read first.
        """
        touched = {entry.message.message_id for entry in pack} - self._touched
        self._touched |= touched
        self._worker.write_requests += 1
        try:
            yield uuid4().hex
        except ApiError as error:
            if not error.outcome_unknown:
                self._touched -= touched
            raise

    def _still_to_run(self, message: Message, operation: tuple[str, int]) -> Outcome:
        return Outcome.unknown(message, still_to_run(operation[0]), self._check_delay(message), operation)

    def _check_delay(self, message: Message) -> float:
        return self._worker.rules.delay(message.checks + 1)

    def _close(self) -> None:
        with self._worker.conn.transaction():
            self._claim.settle(self._touched, "The run ended before it was read back.")
            if self._sent_elsewhere:
                # Who has sent the note has probably put its units back, too, and no level tells.
                outbox.hold_back(
                    self._worker.conn,
                    "oro_inventory_delta",
                    outbox.deltas_of(self._worker.conn, self._sent_elsewhere),
                    actor=self._worker.claims.worker,
                    reason=_SENT_ELSEWHERE,
                )


def _judged(entry: Entry, held: Sequence[StoredNote], remark: str | None) -> Outcome:
    """Return the outcome of a note that is there, perhaps more than once."""
    differences = [str(each) for each in held[0].differences(entry.note)]
    if len(held) > 1:
        differences = [f"{len(held)} notes (ids {', '.join(each.remote_id for each in held)})"]
    if not differences:
        return Outcome.confirmed(entry.message, held[0].remote_id, remark=remark)
    words = f"OroCommerce holds another note of this number: {'; '.join(differences)}"
    if remark is not None:
        words = f"{words}. {remark} Its stock movements that wait are held back"
    return Outcome.rejected(entry.message, words)


def _is_final(reason: Reason) -> bool:
    """Whether the same note would be refused again: not by one that exists, nor by a permission that is missing."""
    return 400 <= (reason.status or 0) < 500 and reason.status != 409 and not reason.forbids_the_type


def _is_of_a_firewall(error: Refused) -> bool:
    """Whether something before OroCommerce, which gives its reasons, forbids what stands in a note, or us."""
    return isinstance(error, Forbidden) and not error.reasons


def _may_be_of_one(error: ApiError) -> bool:
    """Whether OroCommerce may have stumbled over a single one of the notes that were asked for."""
    return isinstance(error, ServerError) and error.status == 500


def _names_a_place(error: Refused) -> bool:
    return any(reason.pointer for reason in error.reasons)
