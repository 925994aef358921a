"""The pipeline without Dagster, stage by stage, against a running sandbox: what is killed, stormed and repeated."""

import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound_mapping import load_mapping
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.decide import decide
from rebound_oro_pipeline.services.land_oro_orders import land_oro_orders
from rebound_oro_pipeline.services.land_oro_products import land_oro_products
from rebound_oro_pipeline.services.land_rebound_returns import land_open_returns, land_rebound_returns
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline.services.push_inventory_levels import push_inventory_levels
from rebound_oro_pipeline.services.sending import PushCounts, SendingRules
from rebound_oro_pipeline.services.summarise import lines_without_a_place
from rebound_oro_pipeline.warehouse import reference
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.migrate import migrate
from rebound_oro_pipeline_tests import prepared
from rebound_oro_pipeline_tests.sandbox_process import Box

RETURN_CONNECTIONS = 32
"""Many, because in a storm most of those who ask wait to try again."""


@dataclass(frozen=True)
class Place:
    """Where a run takes place; JSON-able, so that another process can be told."""

    database_url: str
    oro_url: str
    client_id: str
    client_secret: str
    rebound_url: str
    login: str
    api_key: str
    aliases: str
    first_day: str
    last_day: str
    claim_limit: int = 100
    """Small, so that a handful of notes makes several batches."""
    workers: int = 4
    """Threads of each pushing process."""
    shuffle: int = 0
    """Not 0: weeks are landed in the order of this seed, some of them twice."""

    @classmethod
    def of(cls, box: Box, database_url: str, days: int, **options: int) -> "Place":
        """Return the place of a sandbox whose scenario has so many days."""
        until = datetime.fromisoformat(box.until).date()
        return cls(
            database_url,
            box.oro_url,
            box.client_id,
            box.client_secret,
            box.rebound_url,
            box.login,
            box.api_key,
            str(box.aliases),
            (until - timedelta(days=days)).isoformat(),
            (until - timedelta(days=1)).isoformat(),
            **options,
        )

    @property
    def window(self) -> Window:
        """All days of the scenario."""
        return Window.days(date.fromisoformat(self.first_day), date.fromisoformat(self.last_day))

    @property
    def rules(self) -> SendingRules:
        """Production's rules with short pauses, so that a storm is over in minutes."""
        return SendingRules(
            claim_limit=self.claim_limit,
            workers=self.workers,
            first_delay=0.1,
            longest_delay=5.0,
            patience=20.0,
            shortest_break=0.5,
            longest_break=4.0,
        )

    def oro(self) -> OroClient:
        """Return a client of the shop."""
        return OroClient(self.oro_url, self.client_id, self.client_secret, max_connections=4)

    def rebound(self) -> ReboundClient:
        """Return a client of ReBound."""
        return ReboundClient(self.rebound_url, self.login, self.api_key, max_connections=RETURN_CONNECTIONS)

    def told(self) -> dict[str, object]:
        """Return it as JSON."""
        return asdict(self)


def prepare(place: Place) -> None:
    """Bring an empty database up to this version, and store aliases and the default policy."""
    migrate(place.database_url)
    with connect(place.database_url) as conn:
        prepared.prepare(conn)
        reference.import_aliases(conn, Path(place.aliases), added_by="test")
        reference.save_policy(conn, Policy().document())


def land(place: Place) -> None:
    """Read the returns of the window, those that could not be read once more, their orders and products."""
    now, run_id, mapping = datetime.now(UTC), uuid4().hex, load_mapping(None)
    with connect(place.database_url) as conn, place.oro() as oro, place.rebound() as rebound:
        for window in _windows(place):
            land_rebound_returns(rebound, conn, window, mapping, now=now, run_id=run_id)
        # In a storm of a thousand returns one or another finds no answer at any try, and is a fault until it is read.
        land_open_returns(rebound, conn, mapping, now=now, run_id=run_id)
        land_oro_orders(oro, conn, place.window, Policy(), now=now, run_id=run_id)
        land_oro_products(oro, conn, place.window, now=now, run_id=run_id)


def decide_all(place: Place) -> None:
    """Decide the window, and see that every unit has a place."""
    with connect(place.database_url) as conn:
        version = reference.save_policy(conn, Policy().document())
        conn.commit()
        decide(
            conn,
            prepared.models(),
            place.window,
            policy_version=version,
            decided_at=datetime.now(UTC),
            run_id=uuid4().hex,
        )
        assert lines_without_a_place(conn, place.window) == 0


def push_notes(place: Place) -> PushCounts:
    """Send what waits of the credit notes."""
    with place.oro() as oro:
        return push_credit_notes(oro, place.database_url, run_id=uuid4().hex, rules=place.rules)


def push_stock(place: Place) -> PushCounts:
    """Send what waits of the stock."""
    with place.oro() as oro:
        return push_inventory_levels(oro, place.database_url, run_id=uuid4().hex, rules=place.rules)


STAGES: Mapping[str, Callable[[Place], object]] = {
    "landing": land,
    "deciding": decide_all,
    "pushing notes": push_notes,
    "pushing stock": push_stock,
}


def run(place: Place, ended: Callable[[str], object] = lambda _: None) -> None:
    """Run all stages, telling `ended` of each; raise AssertionError where something is left to be sent."""
    for name, stage in STAGES.items():
        counts = stage(place)
        if isinstance(counts, PushCounts):
            assert not counts.to_be_continued, (name, counts)
            assert not counts.rejected, (name, counts)
        ended(name)


def _windows(place: Place) -> list[Window]:
    if not place.shuffle:
        return [place.window]
    weeks = [Window.days(first, last) for first, last in place.window.spans(7)]
    luck = random.Random(place.shuffle)
    weeks += luck.sample(weeks, len(weeks) // 2)
    luck.shuffle(weeks)
    return weeks
