"""What every push shares: workers that claim and settle, a circuit that opens, a run that ends cleanly.

A run goes in rounds. In each, every worker takes due messages until none is left; between rounds it waits,
as long as `SendingRules.patience` allows, for what falls due later (a back-off, an operation still to run).
What is open after that is left for the next run: nothing is lost, and the result says when it falls due.
"""

import logging
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeVar

import psycopg
from pydantic import BaseModel, ValidationError

from rebound_oro_pipeline.clients.errors import ApiError, said
from rebound_oro_pipeline.warehouse import outbox
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.outbox import Claimant, Failure, Kind, Message, MessageState, Outcome

log = logging.getLogger(__name__)

PayloadT = TypeVar("PayloadT", bound=BaseModel)

SendingMode = Literal["batch", "single"]
"""`batch`: many records in one synchronous batch, as long as OroCommerce takes them; `single`: one by one."""

# What is due but held by others (a level in doubt, another process) is looked at again after such pauses.
_SHORTEST_PAUSE = 0.05
_LONGEST_LOOK_AROUND = 2.0
# PostgreSQL takes a moment to notice that a killed process no longer holds its claims.
_GRACE = 1.0


@dataclass(frozen=True, slots=True)
class SendingRules:
    """How a push behaves. Times are in seconds.

    workers: threads, each with its own connection to the database.
    claim_limit: messages (or levels) that a worker takes at once.
    patience: how long a run waits, without anything being settled, for messages that fall due later.
    first_delay, longest_delay: wait after the first failed attempt, doubled with each one, with jitter.
    failures_before_break: consecutive failures (429, 5xx, no answer) after which the circuit opens.
    shortest_break, longest_break: how long it then stays open, doubled with each opening.
    attempts_alone: which attempt sends a record alone, so that it cannot hold up its neighbours; those before it
        count only where a request was taken and failed (`outbox.Failure`), not where it was refused unseen.
    attempts_at_most: failures of its own after which a record is rejected: sent alone, while others passed.
        OroCommerce answers 500 to some records that violate a database constraint.
    """

    mode: SendingMode = "batch"
    workers: int = 4
    claim_limit: int = 100
    patience: float = 30.0
    first_delay: float = 2.0
    longest_delay: float = 900.0
    failures_before_break: int = 5
    shortest_break: float = 30.0
    longest_break: float = 1800.0
    attempts_alone: int = 3
    attempts_at_most: int = 8
    lease: float = outbox.LEASE_SECONDS

    def goes_alone(self, message: Message) -> bool:
        """Whether a record has failed so often in company that it is sent alone."""
        return message.failures + 1 >= self.attempts_alone

    def delay(self, attempts: int, at_least: float | None = None) -> float:
        """Return the waiting time after so many attempts; `at_least` is what the other side asked for."""
        doubled = min(self.first_delay * 2.0 ** min(attempts - 1, 30), self.longest_delay)
        waited = doubled * random.uniform(0.5, 1.0)  # noqa: S311
        if at_least is None:
            return waited
        return at_least + min(waited, self.first_delay)


@dataclass(frozen=True, slots=True)
class PushCounts:
    """What a push did. The first five count messages as this run settled them, one perhaps several times.

    remaining: messages still open, without those that a decision held back.
    next_attempt_at: when the first of them falls due.
    stopped_by: why the circuit is open, if it is. write_requests: requests that may have written something.
    """

    confirmed: int = 0
    rejected: int = 0
    skipped: int = 0
    put_off: int = 0
    unknown: int = 0
    remaining: int = 0
    next_attempt_at: datetime | None = None
    stopped_by: str | None = None
    write_requests: int = 0

    @property
    def to_be_continued(self) -> bool:
        """Whether a further run is needed."""
        return self.remaining > 0


class Circuit:
    """Counts consecutive failures of all workers; thread-safe. Once open, it stays open for the run.

    It opens after so many failures, or when the other side asks for more patience than the run has.
    """

    def __init__(self, failures_before_break: int, patience: float) -> None:
        self._limit = failures_before_break
        self._patience = patience
        self._failures = 0
        self._lock = threading.Lock()
        self._resume_at = 0.0
        self._error: ApiError | None = None
        self.has_succeeded = False
        self.failed_first: set[int] = set()
        """Messages that failed alone before anything had passed: their own failures, if others pass later on."""

    @property
    def error(self) -> ApiError | None:
        """The failure that opened the circuit; None while it is closed."""
        return self._error

    @property
    def is_open(self) -> bool:
        """Whether nothing more may be sent in this run."""
        return self._error is not None

    @property
    def is_welcome(self) -> bool:
        """Whether a request may be sent at once: nobody has asked for patience, and the circuit is closed."""
        return not self.is_open and self._resume_at <= time.monotonic()

    def failed(self, error: ApiError) -> None:
        """Note a failure; one with `Retry-After` makes all workers wait, for it speaks of our address."""
        with self._lock:
            self._failures += 1
            if error.retry_after is not None:
                self._resume_at = max(self._resume_at, time.monotonic() + error.retry_after)
            too_long = (error.retry_after or 0.0) > self._patience
            if self._error is None and (too_long or self._failures >= self._limit):
                self._error = error

    def succeeded(self) -> None:
        """Note that the other side answered."""
        with self._lock:
            self._failures = 0
            self.has_succeeded = True

    def wait(self) -> bool:
        """Wait until requests are welcome again; False: the circuit is open."""
        while not self.is_open and (pause := self._resume_at - time.monotonic()) > 0:
            time.sleep(pause)
        return not self.is_open


@dataclass(slots=True)
class Worker:
    """One thread's hands: its connection (in autocommit mode), its claims, and what the run shares."""

    conn: psycopg.Connection
    claims: Claimant
    rules: SendingRules
    circuit: Circuit
    batches_off: threading.Event
    settled: Counter[MessageState] = field(default_factory=Counter)
    write_requests: int = 0

    @property
    def batches(self) -> bool:
        """Whether batches are worth trying: by the rules, and by what was seen in this run."""
        return self.rules.mode == "batch" and not self.batches_off.is_set()

    def settle(self, outcomes: Iterable[Outcome]) -> None:
        """Write outcomes and count them."""
        self.settled += self.claims.settle(self.conn, outcomes)

    def put_off(self, message: Message, error: ApiError, failure: Failure | None = None) -> Outcome:
        """Return the outcome of a message that was certainly not written and may be tried again."""
        delay = self.rules.delay(message.attempts, error.retry_after)
        return Outcome.retry(message, str(error), delay, error.request_id, failure)

    def failure_alone(self, *messages: Message) -> Failure:
        """Return whose failure it is that a request with one record was taken and not carried out.

        One record is a note, an offer, or a level with all its `messages`.
        """
        if self.circuit.has_succeeded:
            return "own"
        self.circuit.failed_first.update(message.message_id for message in messages)
        return "shared"

    def is_given_up(self, message: Message, failure: Failure | None = None) -> bool:
        """Whether a record has failed by itself as often as the rules allow, the present failure included."""
        return message.own_failures + (failure == "own") >= self.rules.attempts_at_most


def read_payload(message: Message, model: type[PayloadT]) -> PayloadT | Outcome:
    """Return what a message sends, or its rejection where that cannot be read."""
    try:
        return model.model_validate(message.payload)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_url=False)
        )
        return Outcome.rejected(message, f"Nothing was sent, the payload is faulty: {faults}")


def words_of(error: ApiError) -> str:
    """Return the other side's own words: title, detail and pointer of each error it named."""
    return said("; ".join(str(reason) for reason in error.reasons)) or str(error)


def still_to_run(operation_id: str) -> str:
    """Return what to tell people of a batch that OroCommerce has queued."""
    return f"OroCommerce has yet to carry out operation {operation_id}: does a message consumer run?"


Step = Callable[[Worker], bool]
"""Takes some due messages and settles them; False: nothing was due. Called over and over by every worker."""


def run(
    database_url: str,
    kind: Kind,
    step: Step,
    *,
    run_id: str,
    rules: SendingRules,
) -> PushCounts:
    """Send what is due of a kind, and what falls due within the rules' patience.

    Raises what `step` raises: errors after which going on makes no sense (a missing permission, credentials).
    """
    circuit = Circuit(rules.failures_before_break, rules.patience)
    batches_off = threading.Event()
    with ExitStack() as stack:

        def worker(name: str) -> Worker:
            conn = stack.enter_context(
                connect(database_url, autocommit=True, application_name=f"rebound-oro {kind}")
            )
            claims = Claimant(kind, f"{run_id}/{name}", rules.lease)
            return Worker(conn, claims, rules, circuit, batches_off)

        workers = [worker("1")]
        first = workers[0]
        if outbox.circuit_open_until(first.conn, kind) is None:
            _rounds(first, workers, step, worker)
            if circuit.error is not None:
                _remember_opening(first, circuit.error)
            elif circuit.has_succeeded:
                outbox.close_circuit(first.conn, kind)
                outbox.attribute_failures(first.conn, circuit.failed_first)
        return _counts(first, workers)


def _rounds(first: Worker, workers: list[Worker], step: Step, hire: Callable[[str], Worker]) -> None:
    rules = first.rules
    idle_since = time.monotonic()
    shortest_pause = _SHORTEST_PAUSE
    while not first.circuit.is_open:
        outbox.expire_claims(first.conn, first.claims.kind)
        wanted = min(rules.workers, math.ceil(first.claims.progress(first.conn).due / rules.claim_limit))
        while len(workers) < wanted:
            workers.append(hire(str(len(workers) + 1)))
        before = _settled(workers)
        _all_at_once(workers, step)
        progress = first.claims.progress(first.conn)
        if progress.next_attempt_at is None:
            return
        if _settled(workers) > before:
            idle_since = time.monotonic()
            shortest_pause = _SHORTEST_PAUSE
        idle = time.monotonic() - idle_since
        pause = max((progress.next_attempt_at - progress.read_at).total_seconds(), shortest_pause)
        if idle + pause > rules.patience:
            if idle > min(_GRACE, rules.patience):
                return
            pause = shortest_pause
        time.sleep(pause)
        shortest_pause = min(2 * shortest_pause, _LONGEST_LOOK_AROUND)


def _all_at_once(workers: list[Worker], step: Step) -> None:
    """Have every worker take steps until nothing is due; raise the first error after all have stopped."""
    stop = threading.Event()

    def work(worker: Worker) -> None:
        try:
            while not stop.is_set() and worker.circuit.wait() and step(worker):
                pass
        except BaseException:
            stop.set()
            raise

    if len(workers) == 1:
        work(workers[0])
        return
    with ThreadPoolExecutor(len(workers), thread_name_prefix="push") as pool:
        try:
            for done in [pool.submit(work, worker) for worker in workers]:
                done.result()
        finally:
            stop.set()


def _settled(workers: list[Worker]) -> int:
    """How many messages found their end."""
    return sum(
        worker.settled[state]
        for worker in workers
        for state in (MessageState.CONFIRMED, MessageState.REJECTED, MessageState.SKIPPED)
    )


def _remember_opening(worker: Worker, error: ApiError) -> None:
    rules = worker.rules
    least = max(rules.shortest_break, error.retry_after or 0.0)
    outbox.open_circuit(worker.conn, worker.claims.kind, str(error), least=least, longest=rules.longest_break)
    log.warning("%s: nothing more is sent for now: %s", worker.claims.kind, error)


def _counts(first: Worker, workers: list[Worker]) -> PushCounts:
    settled = sum((worker.settled for worker in workers), Counter[MessageState]())
    progress = first.claims.progress(first.conn)
    closed_until = outbox.circuit_open_until(first.conn, first.claims.kind)
    due_at = progress.next_attempt_at
    if closed_until is not None and due_at is not None:
        due_at = max(due_at, closed_until)
    error = first.circuit.error
    return PushCounts(
        confirmed=settled[MessageState.CONFIRMED],
        rejected=settled[MessageState.REJECTED],
        skipped=settled[MessageState.SKIPPED],
        put_off=settled[MessageState.PENDING],
        unknown=settled[MessageState.UNKNOWN],
        remaining=progress.open,
        next_attempt_at=due_at,
        stopped_by=str(error) if error else ("the circuit is open" if closed_until else None),
        write_requests=sum(worker.write_requests for worker in workers),
    )
