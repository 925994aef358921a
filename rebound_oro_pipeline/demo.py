"""The demo: the whole loop over HTTP against the sandbox, through the real definitions, and what came out."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict

from rich.console import Console

from rebound_oro_pipeline import wiring
from rebound_oro_pipeline.demo_report import Report, print_report, read_report
from rebound_oro_pipeline.demo_scene import Scale, Scene, mark_as_demo, scene_of, starting_sandbox
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.sqlmodels.read import read_models


def run_demo(settings: Settings, scale: Scale, *, as_json: bool = False) -> int:
    """Run the demo and print its summary; the exit status is 0 only if every unit and every cent is accounted for.

    A second run on the same home finds everything done and changes nothing. Raises DemoError, and the errors of the
    embedded server.
    """
    stages = _Stages(Console(stderr=as_json))
    scene = scene_of(settings.home, scale)
    report = _play(settings, scene, stages)
    if report is None:
        return 1
    if as_json:
        sys.stdout.write(_for_machines(report, stages) + "\n")
    else:
        print_report(stages.console, report, stages.elapsed)
    return 0 if report.accounted_for else 1


def _play(settings: Settings, scene: Scene, stages: "_Stages") -> Report | None:
    """Run the stages; None if a run failed, which has been said."""
    scale = scene.scale
    with ExitStack() as stack:
        # It makes its data on the other core meanwhile.
        sandbox = stack.enter_context(starting_sandbox(settings, scene))
        with stages.stage("PostgreSQL, schema and views"):
            stack.enter_context(wiring.running_database(settings))
            wiring.prepare_database(settings, read_models())
        with stages.stage("Dagster's definitions and storage"):
            from rebound_oro_pipeline.definitions import defs  # noqa: PLC0415 - slow import
            from rebound_oro_pipeline.defs.jobs import (  # noqa: PLC0415 - slow import
                OFFER,
                PUSH,
                PUSH_OFFERS,
                PUSH_STOCK,
                RECONCILE,
                RETURNS,
            )
            from rebound_oro_pipeline.defs.local import execute, failures, local_instance  # noqa: PLC0415

            instance = stack.enter_context(local_instance(settings))
        with stages.stage(f"sandbox with {scale.orders} orders and {scale.returns} returns"):
            aliases = sandbox.wait()
            with wiring.connect_database(settings, application_name="rebound-oro demo") as conn:
                mark_as_demo(conn, aliases)
            scene.save(settings.home)
        days = (scene.first_day.isoformat(), scene.last_day.isoformat())
        for name, job, partitions in (
            (f"returns of {scale.days} days: landed, matched, decided", RETURNS, days),
            ("credit notes to OroCommerce", PUSH, None),
            ("stock levels to OroCommerce", PUSH_STOCK, None),
            ("orders that changed: what may come back of them", OFFER, None),
            ("returnable items to ReBound", PUSH_OFFERS, None),
            ("read back from OroCommerce and compared", RECONCILE, None),
        ):
            with stages.stage(name):
                result = execute(defs, instance, job, days=partitions)
            if not result.success:
                stages.console.print(f"[red]{name}: failed[/]")
                for failure in failures(result):
                    stages.console.print(failure, markup=False)
                stages.console.print(f"Next: `make dev` shows run {result.run_id}.")
                return None
        with wiring.connect_database(settings, application_name="rebound-oro demo") as conn:
            return read_report(conn, scene.window)


class _Stages:
    """Says what is going on, and remembers how long each stage took."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.seconds: dict[str, float] = {}
        self._started = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._started

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        with self.console.status(f"{name} …"):
            yield
        self.seconds[name] = time.perf_counter() - begun
        self.console.print(f"[green]✓[/] {name} [dim]{self.seconds[name]:.1f} s[/]", highlight=False)


def _for_machines(report: Report, stages: _Stages) -> str:
    content = {
        **asdict(report),
        "accounted_for": report.accounted_for,
        "stages": {name: round(seconds, 2) for name, seconds in stages.seconds.items()},
        "seconds": round(stages.elapsed, 2),
    }
    return json.dumps(content, indent=2, default=str)
