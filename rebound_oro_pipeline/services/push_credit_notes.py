"""Credit notes from the outbox into OroCommerce: each once in effect, and proven by reading it back."""

from typing import Final

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.contracts.credit_note_names import CreditNoteNames
from rebound_oro_pipeline.services import sending
from rebound_oro_pipeline.services.credit_note_sender import CreditNoteSender
from rebound_oro_pipeline.services.sending import PushCounts, SendingRules, Worker

KIND: Final = "oro_credit_note"


def push_credit_notes(
    oro: OroClient,
    database_url: str,
    *,
    run_id: str,
    names: CreditNoteNames | None = None,
    rules: SendingRules | None = None,
) -> PushCounts:
    """Send the notes that are due, those whose fate is unknown being read first.

    `run_id` must be unique among living runs. Raises the ApiErrors after which going on makes no sense: refused
    credentials, a missing permission or resource. What was claimed is put back first.
    """
    called = names or CreditNoteNames()

    def step(worker: Worker) -> bool:
        doubtful = worker.claims.claim_unknown(worker.conn, worker.rules.claim_limit)
        if doubtful:
            CreditNoteSender(oro, called, worker, doubtful).verify()
            return True
        claimed = worker.claims.claim(worker.conn, worker.rules.claim_limit)
        if claimed:
            CreditNoteSender(oro, called, worker, claimed).send()
        return bool(claimed)

    return sending.run(database_url, KIND, step, run_id=run_id, rules=rules or SendingRules())
