"""`rebound-oro import-history`: returns of the past from files, decided by today's rules."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import click

from rebound_oro_pipeline.commands.output import (
    SettingsReader,
    counted,
    operators_database,
    print_dry_run,
    print_json,
    print_rows,
    printable,
    writing_options,
)

if TYPE_CHECKING:
    from rebound_oro_pipeline.services.import_history import ImportedHistory
    from rebound_oro_pipeline.services.summarise import Destination

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("import-history")
@click.argument("file", type=_FILE)
@click.option("--columns", type=_FILE, help="YAML that names the columns of a CSV; without it, JSON lines.")
@click.option(
    "--status", default="processed", show_default=True, help="Status of returns that the file gives none."
)
@click.option(
    "--decide",
    is_flag=True,
    help="Read their orders from OroCommerce and decide them; what would be sent is held back.",
)
@click.option(
    "--replace", is_flag=True, help="Let FILE replace returns that were read from ReBound itself, too."
)
@writing_options
@click.pass_obj
def import_history(
    read_settings: SettingsReader,
    /,
    *,
    file: Path,
    columns: Path | None,
    status: str,
    decide: bool,
    replace: bool,
    who: str,
    why: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Land the returns of FILE, and report what was wrong in it: file, line, field, remedy.

    A return that was read from ReBound itself, by its API or a webhook, and said something else there is left out,
    and so is one of a day that is still to come. Exit status 1 if nothing of the file could be landed.

    With --decide they are decided at once, the command ends with where their lines are then, and what would be sent
    waits for `outbox release`; without it, the run of their days decides them. Days before REBOUND_ORO_FIRST_DAY have
    no run: their returns are counted, and stay undecided until the file is imported again with --decide, or each is
    decided with `replay-return`.

    Example: rebound-oro import-history returns-2025.csv --columns columns.yaml --decide --why "history of 2025"
    """
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.services.import_history import HistoryError, load_columns, require_status
    from rebound_oro_pipeline.services.import_history import import_history as run_import
    from rebound_oro_pipeline.services.operate_deed import Deed
    from rebound_oro_pipeline.settings import PREFIX

    _require_readable(file, columns)
    if decide and dry_run:
        raise click.UsageError("--dry-run lands nothing, so there is nothing to decide; leave out --decide")
    now = datetime.now(UTC)
    if decide:
        wiring.require_systems(read_settings())
    try:
        given = load_columns(columns) if columns else None
        with operators_database(read_settings, dry_run=dry_run) as (settings, conn):
            with conn.transaction():
                require_status(conn, status)
            done = run_import(
                conn,
                file,
                columns=given,
                mapping=wiring.rebound_mapping(settings),
                status=status,
                now=now,
                first_day=settings.first_day,
                replace=replace,
            )
            with conn.transaction():
                Deed(who, why).log(conn, "history imported", [file.name], **asdict(done.landed))
            notes, places = _decide(read_settings, done, now) if decide else (None, None)
    except HistoryError as error:
        raise click.ClickException(str(error)) from None
    nothing_landed = not done.landed.received
    if as_json:
        told = {
            "landed": asdict(done.landed),
            "faults": [asdict(fault) for fault in done.faults],
            "before_first_day": done.too_early,
        }
        lines = None if places is None else [asdict(place) for place in places]
        decided = {"credit_notes": notes, "destinations": lines}
        print_json({**told, **decided, "dry_run": dry_run})
        sys.exit(int(nothing_landed))
    for fault in done.faults:
        click.echo(printable(str(fault)), err=True)
    if nothing_landed and not done.faults:
        click.echo(f"{file.name} holds no returns", err=True)
    landed = done.landed
    click.echo(
        f"{landed.new} new, {landed.changed} changed, {landed.unchanged} unchanged, "
        + counted(len(done.faults), "faults")
    )
    if done.too_early and not decide:
        click.echo(
            f"warning: {len(done.too_early)} of its returns, such as {done.too_early[0]}, were registered before "
            f"{settings.first_day} ({PREFIX}FIRST_DAY), so no run decides them: import the file again with --decide, "
            "or decide each with `rebound-oro replay-return`",
            err=True,
        )
    if notes is not None and places is not None:
        print_rows(places, ("destination", "reason", "lines", "units"), as_json=False, of="places")
        click.echo(
            f"{counted(notes, 'credit notes')} decided and held back; `rebound-oro outbox release` lets them go"
        )
    print_dry_run(dry_run)
    sys.exit(int(nothing_landed))


def _require_readable(file: Path, columns: Path | None) -> None:
    """Raise UsageError for a file whose name says that it will not be read as it is given."""
    kind = file.suffix.lower()
    if kind in {".xls", ".xlsx", ".ods"}:
        raise click.UsageError(f"{file.name} is a workbook: save it as CSV (UTF-8), and give --columns")
    if columns is None and kind == ".csv":
        raise click.UsageError(f"{file.name} is a CSV: give --columns, a YAML file that names its columns")


def _decide(
    read_settings: SettingsReader, done: ImportedHistory, now: datetime
) -> tuple[int, list[Destination]]:
    """Return how many credit notes were added, and where the lines of the file's returns are now."""
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.services.follow_up import follow_history
    from rebound_oro_pipeline.services.import_history import LANDED_BY
    from rebound_oro_pipeline.services.summarise import destinations_of_returns
    from rebound_oro_pipeline.sqlmodels.read import read_models

    settings = read_settings()
    with (
        wiring.oro_client(settings) as oro,
        wiring.rebound_client(settings) as rebound,
        wiring.connect_database(settings, application_name="rebound-oro history") as conn,
    ):
        look = wiring.follower(
            settings,
            oro,
            rebound,
            conn,
            read_models(),
            now=now,
            run_id=f"{LANDED_BY} {uuid4().hex}",
            decide_only=True,
        )
        notes = follow_history(look, done.registered_at).notes
        return notes, destinations_of_returns(conn, done.return_ids)
