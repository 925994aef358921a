"""`rebound-oro audit`: what is missing in the data of both systems, before anything is switched on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rebound_oro_pipeline.commands.output import (
    SettingsReader,
    json_option,
    print_json,
    print_rows,
    told_errors,
)

if TYPE_CHECKING:
    from rebound_oro_pipeline.services.audit import Audit
    from rebound_oro_pipeline.settings import Settings

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--from", "first", required=True, type=_DAY, help="First day of returns and orders (UTC).")
@click.option("--to", "last", required=True, type=_DAY, help="Last day, included.")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the files."
)
@click.option("--returned-only", is_flag=True, help="Do not read orders of which nothing came back.")
@json_option
@click.pass_obj
def audit(
    read_settings: SettingsReader,
    /,
    *,
    first: datetime,
    last: datetime,
    out: Path,
    returned_only: bool,
    as_json: bool,
) -> None:
    """Find the gaps in the data of both systems, in records and money, before going live.

    Read only: returns and orders of the window go into a database of their own, which is dropped again. Writes
    audit.html with plots, and a CSV file for each gap with all its records.

    Example: rebound-oro audit --from 2026-10-01 --to 2026-10-31 --out audit
    """
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.contracts.window import Window
    from rebound_oro_pipeline.services.audit import audit as run_audit
    from rebound_oro_pipeline.services.audit_report import document, write_report
    from rebound_oro_pipeline.sqlmodels.read import read_models

    if first > last:
        raise click.BadParameter(f"{first:%Y-%m-%d} is after {last:%Y-%m-%d}", param_hint="--from")
    settings = read_settings()
    wiring.require_systems(settings)
    with (
        told_errors(),
        wiring.running_database(settings) as url,
        wiring.rebound_client(settings) as rebound,
        wiring.oro_client(settings) as oro,
    ):
        found = run_audit(
            url,
            read_models(),
            rebound,
            oro,
            window=Window.days(first.date(), last.date()),
            out=out,
            policy=wiring.policy(settings),
            mapping=wiring.rebound_mapping(settings),
            aliases=_aliases(settings),
            now=datetime.now(UTC),
            with_subtotals=settings.oro_subtotals,
            all_orders=not returned_only,
            say=lambda doing: click.echo(doing, err=True),
        )
    report = write_report(found, out)
    if as_json:
        print_json({**document(found), "report": str(report)})
        return
    _show(found)
    click.echo(report)


def _show(found: Audit) -> None:
    rows = [
        {"gap": gap.kind.title, "records": each.records, "currency": each.currency, "amount": each.amount}
        for gap in found.gaps
        for each in gap.at_stake
    ]
    print_rows(rows, ("gap", "records", "currency", "amount"), as_json=False, of="rows of gaps")
    for permission in found.permissions:
        if permission.level != "ok":
            click.echo(f"{permission.subject}: {permission.found} {permission.remedy}")
    if found.rehearsal.refused:
        click.echo(found.rehearsal.refused, err=True)


def _aliases(settings: Settings) -> list[tuple[str, str]]:
    """Return the aliases that operators have imported already; none where no database was prepared so far."""
    import psycopg

    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.warehouse import reference

    with wiring.connect_database(settings, application_name="rebound-oro audit") as conn:
        conn.read_only = True
        try:
            return [(alias.alias, alias.sku) for alias in reference.list_aliases(conn)]
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            return []
