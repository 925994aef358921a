"""The command line, `rebound-oro`. Each command imports what it needs when it runs, so that `--help` stays quick."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rebound_oro_pipeline.commands import operators, oro, webhook
from rebound_oro_pipeline.commands.output import print_rows, printable
from rebound_oro_pipeline.commands.support import Commands, read_settings

if TYPE_CHECKING:
    from datetime import datetime

    from rebound_oro_pipeline.warehouse.embedded import EmbeddedPostgres, ServerStatus

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_AT_LEAST_ONE = click.IntRange(min=1)
_DAY = click.DateTime(["%Y-%m-%d"])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rebound-oro-pipeline")
def main() -> None:
    """Returns from ReBound, credited and restocked in OroCommerce, to the cent and to the unit.

    Settings come from the environment (REBOUND_ORO_…); docs/settings.md lists them.
    """


@main.command()
@click.option("--days", default=30, show_default=True, type=_AT_LEAST_ONE, help="Days of returns.")
@click.option("--orders", default=2000, show_default=True, type=_AT_LEAST_ONE, help="Orders in the sandbox.")
@click.option("--returns", default=600, show_default=True, type=_AT_LEAST_ONE, help="Returns in the sandbox.")
@click.option(
    "--seed",
    default=1,
    show_default=True,
    help="Follows from this number, and from the day: the same day gives the same sandbox.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary for machines.")
def demo(days: int, orders: int, returns: int, seed: int, as_json: bool) -> None:
    """Run the whole loop over HTTP against a sandbox of both systems, and show what came out.

    Exit status 0 if every unit and every cent is accounted for. A second run finds everything done.

    Example: rebound-oro demo --days 30 --json
    """
    from rebound_oro_pipeline.demo import run_demo
    from rebound_oro_pipeline.demo_scene import Scale

    scale = Scale(days=days, orders=orders, returns=returns, seed=seed)
    sys.exit(run_demo(read_settings(), scale, as_json=as_json))


@main.command()
@click.option(
    "--port",
    default=3000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port of Dagster's UI on this machine; 0 takes a free one.",
)
def dev(port: int) -> None:
    """Open Dagster's UI, with its daemon, on the data of the demo, until Ctrl+C.

    After a change of code, SQL or settings start it anew: Reload definitions in the UI finds no change here.

    Example: rebound-oro dev --port 3001
    """
    from rebound_oro_pipeline.dev import run_dev

    sys.exit(run_dev(read_settings(), port))


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Serve the sandbox of OroCommerce and ReBound until stopped; `--help` lists its options.

    Example: rebound-oro sandbox --home .sandbox --seed 1 --days 30 --orders 2000 --returns 600
    """
    import os

    os.execv(sys.executable, [sys.executable, "-m", "rebound_oro_pipeline.sandbox", *arguments])  # noqa: S606 - ourselves


@main.command()
@click.option(
    "--orders", required=True, type=_FILE, help="Orders: JSON:API documents as OroCommerce answers them."
)
@click.option("--returns", required=True, type=_FILE, help="ReBound return documents, one a line.")
@click.option("--products", type=_FILE, help="Products with unitPrecisions: JSON:API documents.")
@click.option("--aliases", type=_FILE, help="CSV with the header alias,sku.")
@click.option("--policy", "policy_file", type=_FILE, help="policy.yaml; every key of it has a default.")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the results."
)
def replay(
    orders: Path,
    returns: Path,
    products: Path | None,
    aliases: Path | None,
    policy_file: Path | None,
    out: Path,
) -> None:
    """Decide returns from files, with no HTTP and no OroCommerce; exit status 0 if every unit is accounted for.

    Example: rebound-oro replay --orders examples/orders.json --returns examples/returns.jsonl --out out
    """
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.contracts.policy import load_policy
    from rebound_oro_pipeline.services.replay import ReplayFiles
    from rebound_oro_pipeline.services.replay import replay as run_replay
    from rebound_oro_pipeline.sqlmodels.read import read_models

    settings = read_settings()
    policy = load_policy(policy_file or settings.policy_file)
    with wiring.running_database(settings) as url:
        replayed = run_replay(
            url,
            read_models(),
            ReplayFiles(orders, returns, products, aliases),
            out,
            policy=policy,
            mapping=wiring.rebound_mapping(settings),
        )
    for fault in replayed.faults:
        click.echo(printable(fault), err=True)
    for fault in replayed.unusable:
        click.echo(f"Warning: {fault}", err=True)
    click.echo(json.dumps(replayed.summary, indent=2))
    sys.exit(0 if replayed.conserved else 1)


@main.command()
def migrate() -> None:
    """Bring the database up to this version: migrations, seeds and views.

    Example: rebound-oro migrate
    """
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.sqlmodels.read import read_models

    settings = read_settings()
    with wiring.running_database(settings):
        applied = wiring.prepare_database(settings, read_models())
    click.echo("\n".join(applied) or "nothing to migrate")


@main.group()
def db() -> None:
    """Start, stop and look at the embedded PostgreSQL."""


@db.command("start")
def db_start() -> None:
    """Start the embedded server, making it first if there is none; it runs until `db stop`.

    Example: rebound-oro db start
    """
    server = _server()
    started = server.start()
    click.echo("started" if started else "was running")
    click.echo(_said_of(server.status()))


@db.command("stop")
def db_stop() -> None:
    """Stop the embedded server; what was committed stays.

    Example: rebound-oro db stop
    """
    click.echo("stopped" if _server().stop() else "was not running")


@db.command("status")
def db_status() -> None:
    """Say whether the embedded server runs, and where.

    Example: rebound-oro db status
    """
    click.echo(_said_of(_server().status()))


@db.command("url")
def db_url() -> None:
    """Print the URL of the pipeline's database, password included, for psql and other tools.

    Example: psql "$(rebound-oro db url)"
    """
    from rebound_oro_pipeline import wiring

    click.echo(wiring.database_url(read_settings()))


@db.command("remove")
@click.option("--yes", is_flag=True, help="Do not ask.")
def db_remove(yes: bool) -> None:
    """Stop the embedded server and delete its data.

    Example: rebound-oro db remove --yes
    """
    server = _server()
    if server.status().state != "absent":
        if not yes:
            click.confirm("Delete all data of the embedded server?", abort=True)
        server.remove()


@main.command("run")
@click.option("--from", "first", required=True, type=_DAY, help="First day.")
@click.option("--to", "last", required=True, type=_DAY, help="Last day.")
@click.option(
    "--decide-only", is_flag=True, help="Hold back what would be sent, until `outbox release` lets it go."
)
def run_days(first: datetime, last: datetime, decide_only: bool) -> None:
    """Land and decide a range of days in a single Dagster run, in this process; nothing is sent.

    Days are UTC, by the registration of the returns. Told is where all return lines of these days are then, whenever
    they were decided.

    Example: rebound-oro run --from 2026-10-01 --to 2026-10-31
    """
    # Loading the definitions reads the settings, too, and tells of a wrong one in frames.
    settings = read_settings()
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.contracts.window import Window
    from rebound_oro_pipeline.definitions import defs
    from rebound_oro_pipeline.defs.jobs import RETURNS
    from rebound_oro_pipeline.defs.local import execute, failures, local_instance
    from rebound_oro_pipeline.defs.models import DECIDE_ONLY
    from rebound_oro_pipeline.defs.partitions import DayError, range_of_days
    from rebound_oro_pipeline.services.summarise import destinations
    from rebound_oro_pipeline.sqlmodels.read import read_models

    try:
        days = range_of_days(settings, first.date(), last.date())
    except DayError as error:
        raise click.UsageError(str(error)) from None
    wiring.require_systems(settings)
    with wiring.running_database(settings):
        wiring.prepare_database(settings, read_models())
        with local_instance(settings) as instance:
            tags = {DECIDE_ONLY: "true"} if decide_only else None
            result = execute(defs, instance, RETURNS, days=days, tags=tags)
        if result.success:
            with wiring.connect_database(settings, application_name="rebound-oro run") as conn:
                places = destinations(conn, Window.days(first.date(), last.date()))
            print_rows(places, ("destination", "reason", "lines", "units"), as_json=False, of="places")
    for failure in failures(result):
        click.echo("\n".join(map(printable, failure.split("\n"))), err=True)
    click.echo(f"run {result.run_id}: {'success' if result.success else 'failure'}")
    sys.exit(0 if result.success else 1)


def _server() -> EmbeddedPostgres:
    from rebound_oro_pipeline import wiring

    server = wiring.embedded_server(read_settings())
    if server is None:
        raise click.ClickException("REBOUND_ORO_DATABASE_URL is set; the embedded server is not used")
    return server


_STATES = {"elsewhere": "run by another container or machine"}


def _said_of(status: ServerStatus) -> str:
    if status.state == "absent":
        return (
            f"absent: no server was made in {status.data_directory.parent}; `rebound-oro db start` makes one"
        )
    lines = {
        "state": f"{status.state}, process {status.pid}"
        if status.pid
        else _STATES.get(status.state, status.state),
        "address": f"127.0.0.1:{status.port}",
        "version": f"PostgreSQL {status.version}",
        "data": status.data_directory,
        "log": status.log,
    }
    return "\n".join(f"{name + ':':<9}{value}" for name, value in lines.items())


oro.register(main, read_settings)
operators.register(main, read_settings)
webhook.register(main, read_settings)
