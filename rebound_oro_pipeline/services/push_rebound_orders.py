"""Offers from the outbox to ReBound's order call: the latest version of each order, once in effect.

ReBound offers no way to read an order back, so its word is the only proof: `success` confirms. Every order is sent
with `overwrite_data`, which makes a second sending harmless; so what was never answered is simply sent again. Versions
of one order never overtake each other here: only the latest under each reference is sent, none while an earlier one is
in doubt, and none whose reference was given to another order since.
"""

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import uuid4

from rebound_oro_pipeline.clients.errors import (
    ApiError,
    AuthenticationError,
    Forbidden,
    NotAllowed,
    NotFound,
    Refused,
    ServerError,
)
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.rebound_mapping import ReboundMapping
from rebound_oro_pipeline.contracts.rebound_order import Offer, order_document
from rebound_oro_pipeline.services import sending
from rebound_oro_pipeline.services.message_claim import MessageClaim
from rebound_oro_pipeline.services.sending import PushCounts, SendingRules, Worker, read_payload, words_of
from rebound_oro_pipeline.warehouse import offers, outbox
from rebound_oro_pipeline.warehouse.outbox import Message, Outcome

KIND: Final = "rebound_order"

SHUT_OUT_SECONDS: Final = 1800.0
"""How long nothing is sent after ReBound refused us as a whole; it doubles. Many wrong log-ins block the address."""
LONGEST_SHUT_OUT_SECONDS: Final = 86_400.0

_NO_SUCH_CALL: Final = "unknown_call"


def push_rebound_orders(
    rebound: ReboundClient,
    database_url: str,
    mapping: ReboundMapping,
    *,
    run_id: str,
    rules: SendingRules | None = None,
) -> PushCounts:
    """Send the offers that are due, those in doubt again.

    `run_id` must be unique among living runs.
    Raises the ApiErrors after which going on makes no sense: refused credentials, a call that ReBound does not know.
    The circuit is then open for half an hour at least, so that no sensor knocks again at once.
    """

    def step(worker: Worker) -> bool:
        doubtful = worker.claims.claim_unknown(worker.conn, worker.rules.claim_limit)
        if doubtful:
            words = "ReBound cannot be asked whether it arrived; it is sent again"
            worker.settle(Outcome.retry(message, words, 0.0) for message in doubtful)
            return True
        claimed = worker.claims.claim_keys(worker.conn, worker.rules.claim_limit)
        if claimed:
            _Sender(rebound, mapping, worker, claimed).send()
        return bool(claimed)

    return sending.run(database_url, KIND, step, run_id=run_id, rules=rules or SendingRules())


class _Sender:
    """The messages of one claim, until each has its outcome."""

    def __init__(
        self, rebound: ReboundClient, mapping: ReboundMapping, worker: Worker, messages: Sequence[Message]
    ) -> None:
        self._rebound = rebound
        self._mapping = mapping
        self._worker = worker
        self._claim = MessageClaim(worker, messages)
        self._taken: list[Offer] = []
        """Later versions that ReBound took, whose refused forerunners nobody needs to look at any more."""
        self._in_flight: int | None = None

    def send(self) -> None:
        try:
            for message, offer in list(self._latest()):
                if not self._worker.circuit.wait():
                    return
                self._claim.keep()
                self._push(message, offer)
        except ApiError as error:
            outbox.open_circuit(
                self._worker.conn, KIND, str(error), least=SHUT_OUT_SECONDS, longest=LONGEST_SHUT_OUT_SECONDS
            )
            raise
        finally:
            self._close()

    def _latest(self) -> Iterator[tuple[Message, Offer]]:
        """Yield what has to be sent; settle what was overtaken under its reference, or cannot be read."""
        readable: list[tuple[Message, Offer]] = []
        for message in self._claim.open:
            offer = read_payload(message, Offer)
            if isinstance(offer, Outcome):
                self._claim.end(offer)
            else:
                readable.append((message, offer))
        instead = offers.overtaken(
            self._worker.conn, [(offer.order_id, offer.version) for _, offer in readable]
        )
        for message, offer in readable:
            words = instead.get((offer.order_id, offer.version))
            if words is None:
                yield message, offer
            else:
                self._claim.end(Outcome.skipped(message, words))

    def _push(self, message: Message, offer: Offer) -> None:
        worker = self._worker
        request_id = uuid4().hex
        worker.write_requests += 1
        self._in_flight = message.message_id
        try:
            self._rebound.push_order(order_document(offer, self._mapping), request_id=request_id)
        except (AuthenticationError, Forbidden, NotFound, NotAllowed):
            self._in_flight = None
            raise
        except Refused as error:
            if any(reason.title == _NO_SUCH_CALL for reason in error.reasons):
                self._in_flight = None
                raise
            worker.circuit.succeeded()
            self._claim.end(Outcome.rejected(message, words_of(error), request_id=request_id))
        except ApiError as error:
            self._claim.end(self._failed(message, error))
        else:
            worker.circuit.succeeded()
            self._claim.end(Outcome.confirmed(message, offer.order_reference, request_id))
            if offer.version > 1:
                self._taken.append(offer)
        self._in_flight = None

    def _failed(self, message: Message, error: ApiError) -> Outcome:
        worker = self._worker
        if not (error.retryable or error.outcome_unknown):
            raise error
        worker.circuit.failed(error)
        if not error.outcome_unknown:
            return worker.put_off(message, error)
        failure = worker.failure_alone(message)
        if worker.is_given_up(message, failure) and isinstance(error, ServerError):
            return Outcome.rejected(message, str(error), request_id=error.request_id)
        delay = worker.rules.delay(message.attempts, error.retry_after)
        return Outcome.unknown(message, str(error), delay, request_id=error.request_id, failure=failure)

    def _close(self) -> None:
        in_flight = () if self._in_flight is None else (self._in_flight,)
        self._claim.settle(in_flight, "The run ended before ReBound had answered.")
        for offer in self._taken:
            offers.give_up_refused(
                self._worker.conn, offer.order_id, offer.version, actor=self._worker.claims.worker
            )
