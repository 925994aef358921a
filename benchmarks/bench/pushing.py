"""Pushing one-line notes, eight at a time: batches against single writes, under three models of the shop's time."""

from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.bench import note_shop
from benchmarks.bench.lab import Figure, Lab, middle, seconds
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline.services.sending import SendingMode, SendingRules
from rebound_oro_pipeline_tests.services.push.shop_at_work import put_notes

WORKERS: Final = 8
NOTES: Final = 5_000
GOALS: Final = (40, 3, 7)
"""At least so many times as fast, by model."""
MODES: Final[tuple[SendingMode, ...]] = ("single", "batch")


def measure(lab: Lab, _: Path | None) -> None:
    """Add the figures of pushing."""
    notes = max(int(NOTES * lab.scale), 40)
    for model, goal in zip(note_shop.MODELS, GOALS, strict=True):
        ratios = []
        times: dict[SendingMode, float] = {}
        for turn in range(lab.repeats):
            times = {mode: _push(lab, model, mode, notes, f"{turn}-{mode}") for mode in MODES}
            ratios.append(times["single"] / times["batch"])
        lab.note(
            Figure(
                f"push of {notes:,} one-line notes, {WORKERS} at once, {model}: single writes ÷ batches",
                middle(ratios),
                goal,
                at_least=True,
                note=f"{times['single']:.1f} s and {times['batch']:.1f} s",
            )
        )


def _push(lab: Lab, model: str, mode: SendingMode, notes: int, name: str) -> float:
    with (
        note_shop.serving(model) as url,
        lab.database() as (database, conn),
        OroClient(url, "main", "secret", max_connections=WORKERS) as oro,
    ):
        put_notes(conn, "1", notes)
        conn.commit()
        rules = SendingRules(mode=mode, workers=WORKERS, claim_limit=100)
        push = partial(push_credit_notes, oro, lab.server.url(database), run_id=f"bench-{name}", rules=rules)
        taken = seconds(push)
        (confirmed,) = conn.execute(
            "select count(*) from outbox.messages where state = 'confirmed'"
        ).fetchone() or (0,)
        if confirmed != notes:
            raise RuntimeError(f"{confirmed} of {notes} notes were confirmed")
    return taken
