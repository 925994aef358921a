"""`rebound-oro ledger` and `rebound-oro retention`: the month's books, and removing what is old."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from rebound_oro_pipeline.commands.output import (
    MOST_DAYS,
    SettingsReader,
    json_option,
    operators_database,
    print_dry_run,
    print_json,
    print_rows,
    writing_options,
)


@click.command()
@click.option(
    "--month", required=True, metavar="YYYY-MM", help="Month in which the notes were decided (UTC)."
)
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the files."
)
@json_option
@click.pass_obj
def ledger(read_settings: SettingsReader, /, *, month: str, out: Path, as_json: bool) -> None:
    """Export a month's credit notes with lines, tax by rate and reasons (CSV and Excel), and say whether they tie.

    Compared is what was last read back from OroCommerce: run the reconciliation before. Exit status 1 where a
    currency does not tie; the differences are named note by note.

    Example: rebound-oro ledger --month 2026-10 --out out
    """
    from rebound_oro_pipeline.services.ledger_export import export_ledger, month_window

    try:
        window = month_window(month)
    except ValueError:
        raise click.BadParameter(f"{month} is no month; write 2026-10", param_hint="--month") from None
    if window.start > datetime.now(UTC):
        raise click.BadParameter(f"{month} has not begun (UTC)", param_hint="--month")
    with operators_database(read_settings, read_only=True) as (_, conn):
        exported = export_ledger(conn, month, out)
    if as_json:
        print_json(
            {
                "month": month,
                "credit_notes": exported.credit_notes,
                "ties": exported.ties,
                "trial_totals": exported.trial_totals,
                "taxes_by_rate": exported.taxes_by_rate,
                "differences": exported.differences,
                "files": [str(path) for path in exported.files],
            }
        )
    else:
        print_rows(
            exported.trial_totals,
            (
                "currency",
                "credit_notes",
                "total_amount",
                "never_sent_amount",
                "oro_total_amount",
                "difference",
                "verdict",
                "read_at",
            ),
            as_json=False,
            of="currencies",
        )
        print_rows(
            exported.taxes_by_rate,
            ("currency", "applies_to", "tax_code", "rate", "taxable_amount", "tax_amount"),
            as_json=False,
            of="taxes by rate",
        )
        print_rows(
            exported.differences,
            (
                "credit_note_number",
                "finding",
                "currency",
                "expected_total_amount",
                "oro_total_amount",
                "difference",
            ),
            as_json=False,
            of="differences",
        )
        if not exported.credit_notes:
            click.echo(f"no note was decided in {month}")
        for path in exported.files:
            click.echo(path)
    sys.exit(0 if exported.ties else 1)


@click.command()
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(1, MOST_DAYS),
    metavar="DAYS",
    help="Age of the documents to remove.",
)
@click.option(
    "--dagster-runs-older-than",
    "run_days",
    type=click.IntRange(7, MOST_DAYS),
    metavar="DAYS",
    help="Age of the runs to delete from Dagster's history.",
)
@writing_options
@click.pass_obj
def retention(
    read_settings: SettingsReader,
    /,
    *,
    days: int | None,
    run_days: int | None,
    who: str,
    why: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove old documents, and the personal data in them, from the landing zone; the ledger stays.

    What is held or quarantined keeps its documents until it is settled. And delete old runs of Dagster, with their
    events and the output of their steps; a run by which an asset, or a day of it, was last materialised stays.

    Example: rebound-oro retention --older-than 365 --why "yearly removal" --dry-run
    """
    from dataclasses import asdict

    from rebound_oro_pipeline.services.operate_deed import Deed
    from rebound_oro_pipeline.services.retention import remove_old_documents

    if days is None and run_days is None:
        raise click.UsageError("say what is to go: --older-than, --dagster-runs-older-than, or both")
    now, said = datetime.now(UTC), {}
    with operators_database(read_settings, dry_run=dry_run) as (settings, conn):
        deed = Deed(who, why)
        if days is not None:
            said = asdict(remove_old_documents(conn, timedelta(days=days), deed, now=now))
        if run_days is not None:
            from rebound_oro_pipeline.defs.history import delete_old_runs, instance_of

            with instance_of(settings) as instance:
                runs = delete_old_runs(instance, now - timedelta(days=run_days), dry_run=dry_run)
            deed.log(conn, "dagster runs deleted", ["dagster"], **asdict(runs))
            said |= {
                "runs_before": runs.before,
                "dagster_runs": runs.deleted,
                "dagster_runs_kept": runs.kept,
            }
    if as_json:
        print_json({**said, "dry_run": dry_run})
        return
    for name, count in said.items():
        click.echo(f"{name.replace('_', ' ')}: {count}")
    print_dry_run(dry_run)
