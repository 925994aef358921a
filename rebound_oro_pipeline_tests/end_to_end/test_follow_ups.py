"""What is looked at though no new day has begun: webhooks, holds that are due, people, what moved on or was missed.

One story between the sandbox and the database, each act a run of a job as the sensors and schedules start it. What
OroCommerce announces comes from the sandbox itself, to a receiver that runs as it does in production.
"""

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import stamina
from click.testing import CliRunner

from rebound_oro_pipeline.cli import main
from rebound_oro_pipeline.defs.follow_ups import REPORTED
from rebound_oro_pipeline.defs.jobs import CATALOGUE, CATCH_UP, FOLLOW_UP, OPEN_RETURNS, RETURNS
from rebound_oro_pipeline.defs.keys import key_of
from rebound_oro_pipeline.defs.partitions import RETURNS_LANDED
from rebound_oro_pipeline.processes import port_to_listen_on
from rebound_oro_pipeline.sandbox.scenario_shares import Situation
from rebound_oro_pipeline.services.subscribe_webhooks import TOPICS
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.statements import load
from rebound_oro_pipeline_tests.conftest import CloneDatabase
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, environment, prepare, tick, variables
from rebound_oro_pipeline_tests.sandbox_process import Box, sandbox
from rebound_oro_pipeline_tests.webhook.receiver_process import running

DAYS = 12
SENSOR = "webhooks_to_follow"
SHOP_SECRET = "shop secret"
PATIENCE = 30
CREDITED = "select distinct return_id from marts.return_line_destinations where destination = 'credited'"
HELD = "select return_id, min(next_check_at) from ledger.holds where resolved_at is null group by return_id"


@dataclass(frozen=True)
class Act:
    """What a run added, and what it was asked of the two systems."""

    result: dg.ExecuteInProcessResult
    credited: frozenset[str]
    asked: Counter[str]

    def figure(self, name: str) -> Any:
        """Return a figure that the step reported."""
        [output] = [
            event.step_output_data.metadata for event in self.result.all_events if event.is_successful_output
        ]
        return output[name].value


@dataclass
class Stage:
    """The pipeline between sandbox and database."""

    loop: Loop
    box: Box

    def run(self, job: str, days: tuple[str, str] | None = None) -> Act:
        before, asked = self.credited(), self._asked()
        result = self.loop.run(job, days)
        assert result.success
        return Act(result, frozenset(self.credited() - before), self._asked() - asked)

    def run_without_orocommerce(self, job: str) -> None:
        """Let a run land what ReBound has, and fail before it decides."""
        url = "REBOUND_ORO_ORO_URL"
        os.environ[url] = f"http://127.0.0.1:{port_to_listen_on(0, lambda _: OSError())}"
        with stamina.set_testing(testing=True, attempts=1):
            assert not self.loop.run(job).success
        os.environ[url] = self.box.oro_url

    def credited(self) -> set[str]:
        return {return_id for (return_id,) in self.loop.rows(CREDITED)}

    def held(self) -> dict[str, datetime]:
        return dict(self.loop.rows(HELD))

    def execute(self, statement: str, *values: object) -> None:
        with connect(self.loop.database_url) as conn:
            conn.execute(statement, values)

    def deliver(self, document: dict[str, Any]) -> None:
        """Put a webhook of a return into the inbox, as the receiver does."""
        envelope = {
            "event_id": document["id"],
            "event_type": "return.updated",
            "occurred_at": datetime.now(UTC).isoformat(),
            "return": document,
        }
        body = json.dumps(envelope).encode()
        with connect(self.loop.database_url) as conn:
            conn.execute(
                load("inbox")["store"],
                {
                    "source": ["rebound"],
                    "event_id": [document["id"]],
                    "event_type": [None],
                    "received_at": [datetime.now(UTC)],
                    "headers": ["{}"],
                    "body": [body],
                    "content_hash": [hashlib.sha256(body).digest()],
                },
            )

    def announced(self) -> list[tuple[Any, ...]]:
        """Return event, order and the sender's word for the topic, of what OroCommerce has announced."""
        return self.loop.rows(
            "select event_id, convert_from(body, 'utf8')::jsonb #>> '{eventData,data,id}', event_type"
            " from inbox.deliveries where source = 'oro' order by delivery_id"
        )

    def wait_for(self, what: Callable[[], bool]) -> None:
        give_up = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < give_up
            time.sleep(0.02)

    def _asked(self) -> Counter[str]:
        requests = self.box.state("scenario")["requests"]
        return Counter(
            {
                f"{system} {call}": sum(answers.values())
                for system, calls in requests.items()
                for call, answers in calls.items()
            }
        )


@dataclass
class Story:
    """The acts by name, and what was known before each."""

    acts: dict[str, Act]
    facts: dict[str, Any]
    stage: Stage


@pytest.fixture(scope="module")
def story(
    clone_database: CloneDatabase, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    home = tmp_path_factory.mktemp("follow")
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = (f"{until - timedelta(days=ago):%Y-%m-%d}" for ago in (DAYS, 1))
    day_before = f"{until - timedelta(days=7):%Y-%m-%d}"
    with clone_database(template_database) as url:
        prepare(url)
        with (
            sandbox(home, seed=4, orders=240, returns=90, days=DAYS, until=until.date()) as box,
            environment(variables(home, url, box, first)),
            Loop.in_memory(url) as loop,
        ):
            stage = Stage(loop, box)
            assert loop.run(RETURNS, (first, day_before)).success
            yield _told(stage, last, home / "receiver.log")


def _dispatch_with_word_of_it(stage: Stage, log: Path, order_id: str, facts: dict[str, Any]) -> None:
    """Have the shop dispatch an order and announce it, to the pipeline and to one that signs with another secret."""
    with running(stage.loop.database_url, log, workers=1, webhook_oro_secret=SHOP_SECRET) as receiver:
        os.environ["REBOUND_ORO_WEBHOOK_ORO_SECRET"] = SHOP_SECRET
        subscribed = CliRunner().invoke(main, ["doctor", "--subscribe", receiver.url, "--json"])
        assert subscribed.exit_code == 0, subscribed.output
        facts["subscribed"] = json.loads(subscribed.output)
        for form, secret in (("default", SHOP_SECRET), ("thin", "another")):
            stage.box.subscribe(f"{receiver.url}/webhooks/oro", form, secret)
        stage.box.control(
            "oro",
            {
                "type": "orders",
                "id": order_id,
                "attributes": {"updatedAt": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"},
                "relations": {"internalStatus": "closed", "shippingStatus": "shipped"},
            },
        )
        stage.wait_for(lambda: "the signature does not match" in log.read_text())
        stage.wait_for(lambda: "1 deliveries were known already" in log.read_text())
        assert receiver.stop() == 0
    facts["received"], facts["order"] = stage.announced(), order_id
    facts["refused"] = log.read_text().count("refused with 401")
    facts["asked for"] = tick(stage.loop, SENSOR)


def _told(stage: Stage, last: str, log: Path) -> Story:
    acts: dict[str, Act] = {}
    facts: dict[str, Any] = {}
    returns = {each["id"]: each for each in stage.box.state("returns")["returns"]}
    landed = {row[0] for row in stage.loop.rows("select return_id from landing.rebound_returns")}
    facts["missed"] = {
        return_id
        for return_id, each in returns.items()
        if return_id not in landed and each["situation"] != Situation.MISSING_DATE
    }
    acts["nothing waits"] = stage.run(FOLLOW_UP)

    facts["delivered"] = sorted(
        facts["missed"], key=lambda return_id: (returns[return_id]["registered_at"], return_id)
    )[:4]
    for return_id in facts["delivered"]:
        stage.deliver(returns[return_id]["document"])
    acts["webhooks"] = stage.run(FOLLOW_UP)
    facts["unsettled"] = stage.loop.rows("select count(*) from inbox.deliveries where settled_at is null")

    stage.run_without_orocommerce(CATCH_UP)
    acts["missed"] = stage.run(CATCH_UP)
    facts["landed after"] = {
        row[0] for row in stage.loop.rows("select return_id from landing.rebound_returns")
    }

    facts["held before"] = stage.held()
    [one, *others] = sorted(
        (
            return_id
            for return_id in facts["held before"]
            if returns[return_id]["situation"] in (Situation.DISPATCHED_LATER, Situation.UNKNOWN_ORDER)
        ),
        key=lambda return_id: returns[return_id]["situation"],
    )
    facts["announced"], facts["due"] = one, others
    [(order_id,)] = stage.loop.rows(
        "select orders.order_id from landing.rebound_returns as returns"
        " inner join landing.oro_orders as orders on returns.order_reference_key = orders.identifier_key"
        f" where returns.return_id = '{one}'"
    )
    _dispatch_with_word_of_it(stage, log, order_id, facts)
    acts["order changed"] = stage.run(FOLLOW_UP)
    facts["asked for afterwards"] = tick(stage.loop, SENSOR, facts["asked for"].cursor).request

    stage.box.control("clock", {"advance_hours": 30 * 24})
    stage.execute("update ledger.holds set next_check_at = now() where return_id = any(%s)", others)
    stage.execute(
        "update ledger.holds set next_check_at = now() + interval '1 hour' where return_id <> all(%s)", others
    )
    facts["held when due"] = stage.held()
    acts["holds due"] = stage.run(FOLLOW_UP)
    facts["held after"] = stage.held()

    facts["waiting"] = {
        row[0]
        for row in stage.loop.rows(
            "select distinct return_id from marts.return_line_destinations where destination = 'waiting'"
        )
    }
    stage.run_without_orocommerce(OPEN_RETURNS)
    acts["open returns"] = stage.run(OPEN_RETURNS)

    [(code, sku, return_id)] = stage.loop.rows(
        "select lines.sku, items.product_sku, lines.return_id"
        " from ledger.quarantine as quarantine"
        " inner join landing.rebound_return_lines as lines using (return_id, return_line_key)"
        " inner join landing.rebound_returns as returns on lines.return_id = returns.return_id"
        " inner join landing.oro_orders as orders on returns.order_reference_key = orders.identifier_key"
        " inner join landing.oro_order_lines as items on orders.order_id = items.order_id"
        " where quarantine.reason = 'unknown_sku' and quarantine.resolved_at is null and not items.is_free_form"
        " and items.product_unit_code = 'item' order by quarantine.subject, items.order_line_id limit 1"
    )
    facts["aliased"] = return_id
    stage.execute(
        "insert into reference.sku_aliases (alias, sku, added_by) values (%s, %s, 'maria')", code, sku
    )
    acts["alias"] = stage.run(FOLLOW_UP)
    facts["still unknown"] = stage.loop.rows(
        f"select 1 from ledger.quarantine where return_id = '{return_id}' "
        " and reason = 'unknown_sku' and resolved_at is null"
    )
    acts["nothing waits again"] = stage.run(FOLLOW_UP)
    acts["catalogue"] = stage.run(CATALOGUE)
    stage.run(RETURNS, (last, last))
    facts["days run"] = stage.loop.instance.get_materialized_partitions(RETURNS_LANDED)
    facts["unsynced"] = {day: stage.loop.unsynced(day) for day in facts["days run"]}
    return Story(acts, facts, stage)


@pytest.mark.parametrize("name", ["nothing waits", "nothing waits again"])
def test_where_nothing_waits_nothing_is_asked_and_nothing_decided(story: Story, name: str) -> None:
    act = story.acts[name]
    assert act.figure("windows decided") == 0
    assert not act.credited
    assert {call for call in act.asked if not call.endswith("/oauth2-token")} == set()


def test_returns_that_webhooks_brought_are_decided_and_no_others(story: Story) -> None:
    act = story.acts["webhooks"]
    assert act.figure("webhooks to look at") == act.figure("windows decided") == len(story.facts["delivered"])
    assert act.credited <= set(story.facts["delivered"])
    assert act.credited
    assert story.facts["unsettled"] == [(0,)]


def test_what_nobody_told_us_of_is_found_by_the_nightly_sweep(story: Story) -> None:
    """Though the one before landed it, and failed before it decided: now it is no news any more."""
    assert story.facts["missed"] > set(story.facts["delivered"])
    assert story.facts["landed after"] >= story.facts["missed"]
    assert story.acts["missed"].credited
    assert story.acts["missed"].credited <= story.facts["missed"]


def test_the_shop_is_subscribed_to_and_what_it_announces_is_stored_once(story: Story) -> None:
    """In two formats, which are one event; what is signed with another secret is refused."""
    assert [(each["topic"], each["is_new"]) for each in story.facts["subscribed"]] == [
        (topic, True) for topic in TOPICS
    ]
    [(event_id, order_id, topic)] = story.facts["received"]
    assert (order_id, topic) == (story.facts["order"], "order.updated")
    assert event_id is not None
    assert story.facts["refused"] == 1


def test_an_announced_order_is_followed_by_one_run(story: Story) -> None:
    asked = story.facts["asked for"].request
    assert asked.tags["rebound_oro/waiting"] == "1"
    assert story.facts["asked for afterwards"] is None


def test_a_held_return_is_credited_when_its_order_is_announced_as_changed(story: Story) -> None:
    act = story.acts["order changed"]
    assert act.credited == {story.facts["announced"]}
    assert act.figure("webhooks to look at") == act.figure("windows decided") == 1


def test_holds_that_are_due_are_asked_again_and_no_others(story: Story) -> None:
    act = story.acts["holds due"]
    due, before, after = (set(story.facts["due"]), story.facts["held when due"], story.facts["held after"])
    assert due
    assert act.figure("holds to look at") == act.figure("windows decided") == len(due)
    assert {return_id for return_id in before if after.get(return_id) != before[return_id]} == due


def test_open_returns_that_moved_on_are_credited_in_one_run(story: Story) -> None:
    """Though the run before landed what changed, and failed before it decided."""
    act = story.acts["open returns"]
    assert act.credited
    assert act.credited <= story.facts["waiting"]


def test_an_alias_is_followed_at_once(story: Story) -> None:
    act = story.acts["alias"]
    assert act.figure("people to look at") == 1
    assert not story.facts["still unknown"]


def test_the_catalogue_is_read_again_with_its_levels(story: Story) -> None:
    act = story.acts["catalogue"]
    [(products,)] = story.stage.loop.rows("select count(*) from landing.oro_products")
    assert act.figure("products") == products > 0
    assert act.figure("levels") > 0


def shown_figures(act: Act, asset: str, day: str) -> dict[str, Any]:
    """Return what a run told of a day of an asset in marts."""
    [shown] = [
        event.step_materialization_data.materialization.metadata
        for event in act.result.all_events
        if event.is_step_materialization
        and event.asset_key == dg.AssetKey(["marts", asset])
        and event.partition == day
    ]
    return {name: value.value for name, value in shown.items()}


def test_the_days_that_were_looked_at_show_what_they_hold_now(story: Story) -> None:
    """The figures of an asset's day are those of the last look, whoever took it."""
    act = story.acts["holds due"]
    [(day, held)] = story.stage.loop.rows(
        "select (registered_at at time zone 'UTC')::date::text, count(*) from ledger.holds"
        f" where registered_at::date = (select min(registered_at)::date from ledger.holds"
        f" where return_id = '{story.facts['due'][0]}') and resolved_at is null group by 1"
    )
    figures = shown_figures(act, "held_returns", day)
    assert figures["held lines"] == held
    assert figures["most attempts"] >= 1
    assert figures["oldest hold, hours"] >= 0


def test_the_days_that_were_looked_at_show_what_is_open_on_them(story: Story) -> None:
    """What a person has mended would stay among what waits for one until the day is run again."""
    act, returned = story.acts["alias"], story.facts["aliased"]
    [(day,)] = story.stage.loop.rows(
        "select (registered_at at time zone 'UTC')::date::text from landing.rebound_returns"
        f" where return_id = '{returned}'"
    )
    waiting = shown_figures(act, "quarantined_exceptions", day)["open now"].splitlines()
    assert not [row for row in waiting if returned in row and "unknown_sku" in row]
    for due in story.facts["due"]:
        [(day,)] = story.stage.loop.rows(
            "select (registered_at at time zone 'UTC')::date::text from landing.rebound_returns"
            f" where return_id = '{due}'"
        )
        held = shown_figures(story.acts["holds due"], "held_returns", day)
        assert len(held["open now"].splitlines()[2:]) == held["held lines"]


def test_the_days_that_were_looked_at_show_what_was_credited_on_them(story: Story) -> None:
    """Plots would lose the money of each day at which a hold was asked again."""
    act = story.acts["open returns"]
    [(day,)] = story.stage.loop.rows(
        "select max((registered_at at time zone 'UTC')::date)::text from marts.return_line_destinations"
        f" where return_id = '{min(act.credited)}'"
    )
    currencies = story.stage.loop.rows(
        "select distinct currency from marts.credit_notes"
        f" where (registered_at at time zone 'UTC')::date = '{day}'"
    )
    totals = {
        name: total for name, total in shown_figures(act, "credit_notes", day).items() if "total" in name
    }
    assert totals.keys() == {f"total {currency}" for (currency,) in currencies}
    assert all(total > 0 for total in totals.values())


def test_what_was_looked_at_is_checked(story: Story) -> None:
    """Dagster shows an asset that was materialised after its checks ran as one of which none has passed."""
    told = story.acts["holds due"].result.get_asset_check_evaluations()
    assert {each.asset_check_key for each in told} == {
        key
        for key in story.stage.loop.defs.resolve_asset_graph().asset_check_keys
        if key.asset_key in set(map(key_of, REPORTED))
    }
    assert all(each.passed and each.metadata["windows looked at"].value for each in told)


def test_days_that_were_looked_at_again_stay_synced_when_others_are_run(story: Story) -> None:
    """What a look reports makes nothing anew, and says what the day was last made from."""
    assert len(story.facts["days run"]) > 1
    assert {day: why for day, why in story.facts["unsynced"].items() if why} == {}
