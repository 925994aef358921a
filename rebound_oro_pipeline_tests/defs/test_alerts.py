"""The sensors that alert: nothing that failed is forgotten, nothing is told twice, the oldest is told first."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

import dagster as dg
import pytest

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.defs import alerts
from rebound_oro_pipeline.defs.alerts import RETRY_NUMBER
from rebound_oro_pipeline.defs.failures import ATTENDED
from rebound_oro_pipeline.defs.jobs import CATCH_UP, PUSH
from rebound_oro_pipeline_tests.pipeline_at_work import Loop, Tick, tick
from rebound_oro_pipeline_tests.services.heard import Heard

RUNS, CHECKS = "alert_on_failed_runs", "alert_on_failed_checks"


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    channel = Heard()
    monkeypatch.setattr(alerts, "_STORED_AFTER", timedelta(0))
    monkeypatch.setattr(wiring, "alert_channel", lambda _: channel)
    return channel


def titles(heard: Heard) -> list[str]:
    return [title for title, _ in heard.told]


def begin(loop: Loop, sensor: str) -> str:
    cursor = tick(loop, sensor).cursor
    assert cursor is not None
    return cursor


def run(loop: Loop, job: str = PUSH, tags: Mapping[str, str] | None = None) -> None:
    """Run a job that fails: there are no credentials."""
    definition = loop.defs.resolve_job_def(job)
    assert not definition.execute_in_process(instance=loop.instance, tags=tags, raise_on_error=False).success


def check(loop: Loop, *names: str, blocking: bool = False, severity: str = "ERROR") -> None:
    """Run an asset with failing checks of these names, in this order."""
    key = dg.AssetKey(["marts", "credit_notes"])
    specs = [dg.AssetCheckSpec(name, asset=key, blocking=blocking) for name in names]

    @dg.asset(key=key, check_specs=specs)
    def credit_notes() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        yield dg.MaterializeResult()
        for name in names:
            yield dg.AssetCheckResult(
                check_name=name,
                passed=False,
                severity=dg.AssetCheckSeverity(severity),
                metadata={"failing rows": 3},
            )

    ran = dg.materialize([credit_notes], instance=loop.instance, raise_on_error=False)
    assert ran.success is not blocking


@pytest.mark.parametrize("sensor", [RUNS, CHECKS])
def test_what_failed_before_anybody_was_to_be_told_is_not_told(loop: Loop, heard: Heard, sensor: str) -> None:
    run(loop)
    check(loop, "sums")
    assert tick(loop, sensor, begin(loop, sensor)).reason == "nothing happened since"
    assert heard.told == []


def test_what_failed_just_now_is_left_to_the_next_tick(
    loop: Loop, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event of another process with a lower number may not be there yet, and must not be passed over."""
    cursor = begin(loop, CHECKS)
    check(loop, "a")
    with monkeypatch.context() as patch:
        patch.setattr(alerts, "_STORED_AFTER", timedelta(minutes=1))
        told = tick(loop, CHECKS, cursor)
    assert (told.reason, told.cursor) == ("nothing happened since", cursor)
    tick(loop, CHECKS, cursor)
    assert titles(heard) == ["Check marts/credit_notes: a failed"]


def test_a_failed_run_is_told_in_the_words_of_its_step(loop: Loop, heard: Heard) -> None:
    cursor = begin(loop, RUNS)
    run(loop)
    told = tick(loop, RUNS, cursor)
    [(title, body)] = heard.told
    assert title == "Run of push_credit_notes failed"
    assert "REBOUND_ORO_ORO_URL" in body
    assert tick(loop, RUNS, told.cursor).reason == "nothing happened since"


def test_a_run_that_ends_without_a_step_is_told_with_what_dagster_says(loop: Loop, heard: Heard) -> None:
    cursor = begin(loop, RUNS)
    crashed = loop.instance.create_run_for_job(loop.defs.resolve_job_def(PUSH))
    loop.instance.report_run_failed(crashed, "the process of the run is gone")
    tick(loop, RUNS, cursor)
    [(_, body)] = heard.told
    assert body == f"the process of the run is gone\nrun {crashed.run_id}"


@pytest.mark.parametrize("tag", [{RETRY_NUMBER: "1"}, {ATTENDED: "true"}])
def test_a_retried_run_is_not_announced_again_nor_one_that_somebody_waits_for(
    loop: Loop, heard: Heard, tag: Mapping[str, str]
) -> None:
    """Whether the second try fails, as here, or succeeds, which is no event of a failed run."""
    cursor = begin(loop, RUNS)
    run(loop)
    cursor = tick(loop, RUNS, cursor).cursor or ""
    run(loop, CATCH_UP, tags=tag)
    assert tick(loop, RUNS, cursor).reason == "1 looked at, 0 to tell"
    assert titles(heard) == ["Run of push_credit_notes failed"]


def test_a_run_that_repeats_one_that_somebody_waited_for_is_told(loop: Loop, heard: Heard) -> None:
    """Started anew in Dagster's UI, it bears the tags of the run of a command, and nobody waits for it."""
    cursor = begin(loop, RUNS)
    job, tags = loop.defs.resolve_job_def(PUSH), {ATTENDED: "true"}
    first = loop.instance.create_run_for_job(job, tags=tags)
    again = loop.instance.create_run_for_job(
        job, tags=tags, parent_run_id=first.run_id, root_run_id=first.run_id
    )
    for failed in (first, again):
        loop.instance.report_run_failed(failed, f"the process of {failed.run_id} is gone")
    tick(loop, RUNS, cursor)
    [(_, body)] = heard.told
    assert f"the process of {again.run_id} is gone" in body


def test_failed_checks_are_told_oldest_first(loop: Loop, heard: Heard) -> None:
    cursor = begin(loop, CHECKS)
    check(loop, "b", "a")
    check(loop, "c")
    check(loop, "beside", severity="WARN")
    tick(loop, CHECKS, cursor)
    assert titles(heard) == [f"Check marts/credit_notes: {name} failed" for name in ("b", "a", "c")]
    assert '"failing rows": 3' in heard.told[0][1]


def test_a_blocking_check_is_told_with_its_run_and_not_beside_it(loop: Loop, heard: Heard) -> None:
    cursors = {sensor: begin(loop, sensor) for sensor in (RUNS, CHECKS)}
    check(loop, "sums", blocking=True)
    for sensor, cursor in cursors.items():
        tick(loop, sensor, cursor)
    [(_, body)] = heard.told
    assert "sums" in body


def outages(loop: Loop, sensor: str) -> tuple[str, ...]:
    """Let two things fail, the first of them twice, and return what has to be told of them, in order."""
    if sensor == RUNS:
        for job in (PUSH, PUSH, CATCH_UP):
            run(loop, job)
        return "Run of push_credit_notes failed", "Run of catch_up failed"
    for name in ("sums", "sums", "grain"):
        check(loop, name)
    return "Check marts/credit_notes: sums failed", "Check marts/credit_notes: grain failed"


@pytest.mark.parametrize("sensor", [RUNS, CHECKS])
def test_what_no_target_took_is_tried_at_the_next_tick_and_each_outage_told_once(
    loop: Loop, heard: Heard, sensor: str
) -> None:
    cursor = begin(loop, sensor)
    due = outages(loop, sensor)
    heard.takes = False
    missed: list[Tick] = []
    for _ in range(2):
        missed.append(tick(loop, sensor, cursor))
        cursor = missed[-1].cursor or cursor
    expected = "3 alerts are still to be told, and tried again: not taken by any target"
    assert [each.reason for each in missed] == [expected] * 2
    assert heard.tried == 4, "two each tick, and then the targets are left in peace"
    heard.takes = True
    cursor = tick(loop, sensor, cursor).cursor or cursor
    assert titles(heard) == list(due)
    assert tick(loop, sensor, cursor).reason == "nothing happened since"


def test_a_channel_that_fails_half_way_gets_the_rest_later_and_nothing_twice(
    loop: Loop, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = begin(loop, CHECKS)
    check(loop, "a", "b")

    def take(title: str, body: str) -> bool:
        heard.takes = not heard.told
        return Heard.send(heard, title, body)

    with monkeypatch.context() as patch:
        patch.setattr(heard, "send", take)
        cursor = tick(loop, CHECKS, cursor).cursor or cursor
    heard.takes = True
    tick(loop, CHECKS, cursor)
    assert titles(heard) == [f"Check marts/credit_notes: {name} failed" for name in ("a", "b")]


def refusing(heard: Heard, *names: str) -> Callable[[str, str], bool]:
    """Return a way of sending that takes all messages but those about these checks."""

    def take(title: str, body: str) -> bool:
        heard.takes = not any(f"credit_notes: {name} " in title for name in names)
        return Heard.send(heard, title, body)

    return take


@pytest.mark.parametrize(
    "names",
    [
        ("fine", "bad1", "b", "bad2", "c"),
        ("bad1", "bad2", "b", "c"),
        ("bad1", "bad2", "bad3", "b", "bad4", "bad5", "c"),
    ],
)
def test_a_message_that_only_itself_is_refused_holds_up_no_other(
    loop: Loop, heard: Heard, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    cursor = begin(loop, CHECKS)
    check(loop, *names)
    bad = [name for name in names if name.startswith("bad")]
    with monkeypatch.context() as patch:
        patch.setattr(heard, "send", refusing(heard, *bad))
        for _ in range(3):
            cursor = tick(loop, CHECKS, cursor).cursor or cursor
        told = tick(loop, CHECKS, cursor)
        assert str(told.reason).startswith(f"{len(bad)} alerts are still to be told")
        check(loop, "late")
        cursor = tick(loop, CHECKS, told.cursor).cursor or cursor
    told_of = [title.split()[2] for title in titles(heard)]
    assert told_of == [*(name for name in names if name not in bad), "late"]
    heard.takes = True
    cursor = tick(loop, CHECKS, cursor).cursor or cursor
    assert sorted(title.split()[2] for title in titles(heard)[len(told_of) :]) == sorted(bad)
    assert tick(loop, CHECKS, cursor).reason == "nothing happened since"


@pytest.mark.parametrize(("others_are_taken", "kept"), [(True, 0), (False, 1)])
def test_a_message_that_is_refused_for_a_day_is_given_up_unless_all_are(
    loop: Loop, heard: Heard, monkeypatch: pytest.MonkeyPatch, *, others_are_taken: bool, kept: int
) -> None:
    cursor = begin(loop, CHECKS)
    check(loop, "a", "odd")
    monkeypatch.setattr(alerts, "_GIVEN_UP_AFTER", timedelta(0))
    monkeypatch.setattr(heard, "send", refusing(heard, "odd", *([] if others_are_taken else ["a"])))
    told = tick(loop, CHECKS, cursor)
    assert ("still to be told" in str(told.reason)) is bool(kept)
    assert tick(loop, CHECKS, told.cursor).reason == ("nothing happened since" if not kept else told.reason)


@pytest.mark.parametrize("sensor", [RUNS, CHECKS])
def test_a_database_that_is_away_forgets_no_alert(
    loop: Loop, heard: Heard, sensor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = begin(loop, sensor)
    due = outages(loop, sensor)
    with monkeypatch.context() as patch:
        patch.setenv("REBOUND_ORO_DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/none")
        told = tick(loop, sensor, cursor)
    assert "3 alerts are still to be told" in str(told.reason)
    assert "secret" not in str(told.reason)
    tick(loop, sensor, told.cursor)
    assert titles(heard) == list(due)
