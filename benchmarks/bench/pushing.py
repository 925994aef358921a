"""Pushing one-line notes, eight at a time: batches against single writes, under three models of the shop's time.

The sandbox answers, in this process: what it takes itself is added to the models, which lessens what batches gain.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock

from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.bench.lab import Figure, Lab, middle, seconds
from rebound_oro_pipeline.sandbox.latency import Latency, Model, oro_seconds
from rebound_oro_pipeline.sandbox.oro.app import create_app
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline.services.sending import SendingMode, SendingRules
from rebound_oro_pipeline_tests.services.push import shop_at_work
from rebound_oro_pipeline_tests.services.push.shop_at_work import open_shop, put_notes

WORKERS: Final = 8
MODELS: Final[tuple[tuple[str, Model, float], ...]] = (
    ("20 ms a request", lambda _: 0.020, 40),
    ("10 ms + 4 ms a note", lambda exchange: 0.010 + 0.004 * exchange.sent, 3),
    ("the model of a real OroCommerce (60 + 40 ms a write, batch 250 + 7 ms a record)", oro_seconds, 7),
)


def measure(lab: Lab, _: Path | None, *, large: bool) -> None:
    """Add the figures of pushing."""
    notes = max(int((5_000 if large else 1_000) * lab.scale), 40)
    for name, model, goal in MODELS:
        ratios = []
        times: dict[SendingMode, float] = {}
        for turn in range(1 if notes > 1_000 else lab.repeats):
            modes: tuple[SendingMode, ...] = ("single", "batch")
            times = {mode: _push(lab, model, mode, notes, f"{turn}-{mode}") for mode in modes}
            ratios.append(times["single"] / times["batch"])
        lab.note(
            Figure(
                f"push of {notes:,} one-line notes, {WORKERS} at once, {name}: single writes ÷ batches",
                middle(ratios),
                goal,
                at_least=True,
                note=f"{times['single']:.1f} s and {times['batch']:.1f} s",
            )
        )


def _push(lab: Lab, model: Model, mode: SendingMode, notes: int, name: str) -> float:
    folder = lab.folder / f"shop-{name}-{time.monotonic_ns()}"
    folder.mkdir()
    with _slow_shop(folder, model) as shop, lab.database() as (database, conn):
        put_notes(conn, shop.order_id, notes)
        conn.commit()
        rules = SendingRules(mode=mode, workers=WORKERS, claim_limit=100)
        push = partial(
            push_credit_notes, shop.client(), lab.server.url(database), run_id=f"bench-{name}", rules=rules
        )
        taken = seconds(push)
        (confirmed,) = conn.execute(
            "select count(*) from outbox.messages where state = 'confirmed'"
        ).fetchone() or (0,)
        if confirmed != notes:
            raise RuntimeError(f"{confirmed} of {notes} notes were confirmed")
    return taken


@contextmanager
def _slow_shop(folder: Path, model: Model) -> Iterator[Any]:
    def slow(*arguments: Any, **options: Any) -> ASGIApp:
        app, latency = create_app(*arguments, **options), Latency(1.0, model)

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            await latency.serve(app, scope, receive, send)

        return serve

    with mock.patch.object(shop_at_work, "create_app", slow), open_shop(folder) as shop:
        yield shop
