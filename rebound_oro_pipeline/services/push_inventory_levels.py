"""Stock from the outbox into OroCommerce: units that were credited and are saleable, back on their levels."""

from typing import Final

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services import sending
from rebound_oro_pipeline.services.level_recovery import LevelRecovery
from rebound_oro_pipeline.services.level_sender import LevelSender
from rebound_oro_pipeline.services.sending import PushCounts, SendingRules, Worker

KIND: Final = "oro_inventory_delta"


def push_inventory_levels(
    oro: OroClient,
    database_url: str,
    *,
    run_id: str,
    rules: SendingRules | None = None,
) -> PushCounts:
    """Add the due deltas to their levels, a level at a time in one write; writes in doubt are read first.

    `run_id` must be unique among living runs. The counts are of deltas, not of levels.
    Raises the ApiErrors after which going on makes no sense: refused credentials, a missing permission, an
    action that is switched off.
    """

    def step(worker: Worker) -> bool:
        recovered = LevelRecovery(oro, worker).step()
        claimed = worker.claims.claim_keys(worker.conn, worker.rules.claim_limit)
        if claimed:
            LevelSender(oro, worker, claimed).send()
        return recovered or bool(claimed)

    return sending.run(database_url, KIND, step, run_id=run_id, rules=rules or SendingRules())
