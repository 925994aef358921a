"""`rebound-oro policy`: what another policy file would change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rebound_oro_pipeline.commands.output import (
    SettingsReader,
    counted,
    json_option,
    operators_database,
    print_json,
    print_rows,
)

if TYPE_CHECKING:
    from rebound_oro_pipeline.services.policy_diff import NoteChange, PolicyDiff

_DAY = click.DateTime(["%Y-%m-%d"])
_LAST_DAYS = 30


@click.group()
def policy() -> None:
    """Look at what a policy does before it is in force."""


@policy.command("diff")
@click.argument("file", metavar="NEW.yaml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--window",
    type=(_DAY, _DAY),
    metavar="FIRST LAST",
    help=f"Days of returns (UTC), both included; by default the last {_LAST_DAYS} up to yesterday.",
)
@json_option
@click.pass_obj
def diff(
    read_settings: SettingsReader, /, *, file: Path, window: tuple[datetime, datetime] | None, as_json: bool
) -> None:
    """Decide a window under the policy in force and under NEW.yaml, and show which notes would change.

    Nothing is written: both decisions are made from the landed documents in a database of their own, which is
    dropped again. Also shown are return lines whose units would be elsewhere, and what would go back on the shelf.

    Example: rebound-oro policy diff NEW.yaml --window 2026-10-01 2026-10-31
    """
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.contracts.policy import load_policy
    from rebound_oro_pipeline.contracts.window import Window
    from rebound_oro_pipeline.services.policy_diff import policy_diff
    from rebound_oro_pipeline.sqlmodels.read import read_models

    first, last = _days(window)
    with operators_database(read_settings, read_only=True) as (settings, conn):
        found = policy_diff(
            conn,
            wiring.database_url(settings),
            read_models(),
            Window.days(first, last),
            in_force=wiring.policy(settings),
            proposed=load_policy(file),
        )
    if as_json:
        print_json(_document(found))
    else:
        click.echo(f"returns registered from {first} to {last}")
        _show(found)


def _days(window: tuple[datetime, datetime] | None) -> tuple[date, date]:
    if window is None:
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        return yesterday - timedelta(days=_LAST_DAYS - 1), yesterday
    first, last = (moment.date() for moment in window)
    if first > last:
        raise click.BadParameter(f"{first} is after {last}", param_hint="--window")
    return first, last


def _document(found: PolicyDiff) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "window": {"start": found.window.start, "end": found.window.end},
        "notes": [{**asdict(note), "difference": note.difference} for note in found.notes],
        "currencies": [{**asdict(each), "difference": each.difference} for each in found.currencies],
        "places": [asdict(place) for place in found.places],
        "shelf": [asdict(each) for each in found.shelf],
    }


def _show(found: PolicyDiff) -> None:
    print_rows(
        [_row(note) for note in found.notes],
        (
            "credit_note_number",
            "order_identifier",
            "currency",
            "in_force",
            "proposed",
            "difference",
            "changes",
        ),
        as_json=False,
        of="credit notes would change",
    )
    if found.places:
        print_rows(
            [
                {
                    "return_id": place.return_id,
                    "line": place.return_line_key,
                    "in_force": ", ".join(place.in_force),
                    "proposed": ", ".join(place.proposed),
                }
                for place in found.places
            ],
            ("return_id", "line", "in_force", "proposed"),
            as_json=False,
            of="return lines would be elsewhere",
        )
    if found.shelf:
        print_rows(
            found.shelf,
            ("sku", "unit_code", "in_force", "proposed"),
            as_json=False,
            of="SKUs would be restocked otherwise",
        )
    for each in found.currencies:
        in_force, proposed = counted(each.notes_in_force, "notes"), counted(each.notes_proposed, "notes")
        click.echo(
            f"{each.currency}: {in_force}, {each.total_in_force:,f} in force; "
            f"{proposed}, {each.total_proposed:,f} proposed; difference {each.difference:+,f}"
        )
    if found.is_empty:
        click.echo("both policies decide these days alike")


def _row(note: NoteChange) -> dict[str, object]:
    from rebound_oro_pipeline.services.policy_diff import AMOUNTS

    before, after = note.in_force, note.proposed
    changed = [
        f"{name.removesuffix('_amount')} {before[name]} -> {after[name]}"
        for name in AMOUNTS[:-1]
        if before is not None and after is not None and before[name] != after[name]
    ]
    return {
        "credit_note_number": note.credit_note_number,
        "order_identifier": note.order_identifier,
        "currency": note.currency,
        "in_force": None if before is None else before["total_amount"],
        "proposed": None if after is None else after["total_amount"],
        "difference": note.difference,
        "changes": ", ".join(changed) or ("only in force" if after is None else "only proposed"),
    }
