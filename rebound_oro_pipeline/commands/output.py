"""What the operators' commands share: their options, the database, how rows are printed, how errors are told."""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import click

if TYPE_CHECKING:
    import psycopg

    from rebound_oro_pipeline.services.operate_again import Decided, Rules
    from rebound_oro_pipeline.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
SettingsReader = Callable[[], "Settings"]


def amount(text: str) -> Decimal:
    """Read an option that is an exact amount."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise click.BadParameter(f"{text!r} is no amount; write 100 or 99.50")
    return number


# Control characters, and those that turn the direction of what follows.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

MOST_DAYS = 36_500
"""A century: what is older than any document of ours."""
MOST_ROWS = 1_000_000
json_option = click.option("--json", "as_json", is_flag=True, help="Print for machines.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would come of it; change nothing.")
older_option = click.option(
    "--older-than",
    "older_than_days",
    type=click.IntRange(0, MOST_DAYS),
    metavar="DAYS",
    help="Open for more than so many days.",
)


_ONE = {
    "aliases": "alias",
    "currencies": "currency",
    "decisions": "decision",
    "differences": "difference",
    "discrepancies": "discrepancy",
    "faults": "fault",
    "holds": "hold",
    "lines": "line",
    "messages": "message",
    "notes": "note",
    "places": "place",
    "rows": "row",
    "SKUs": "SKU",
    "stand": "stands",
    "taxes": "tax",
}


def counted(count: int, of: str) -> str:
    """Say how many: `of` names several, such as open rows; of one it becomes open row."""
    return f"{count} {' '.join(_ONE.get(word, word) for word in of.split(' ')) if count == 1 else of}"


def _said(_context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("may not be empty: it is for the audit log", param=parameter)
    return value


def writing_options(command: Command) -> Command:
    """Add who, why, --dry-run and --json to a command that writes."""
    for option in (
        json_option,
        dry_run_option,
        click.option("--why", required=True, callback=_said, help="The reason, for the audit log."),
        click.option(
            "--who",
            default=getpass.getuser,
            callback=_said,
            help="Who decides; by default the user of this machine.",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def operators_database(
    read_settings: SettingsReader, *, dry_run: bool = False, read_only: bool = False
) -> Iterator[tuple[Settings, psycopg.Connection[Any]]]:
    """Give the settings and a connection that commits at the end, or takes everything back for a dry run.

    Where there is no embedded server yet, none is made: it would be empty, as if there were nothing to do.
    """
    from rebound_oro_pipeline import wiring

    settings = read_settings()
    server = wiring.embedded_server(settings)
    if server is not None and server.status().state == "absent":
        raise click.ClickException(
            f"there is no embedded PostgreSQL in {settings.home}; set REBOUND_ORO_HOME to the folder that has it, or "
            "REBOUND_ORO_DATABASE_URL to another server (`rebound-oro migrate` makes a new one)"
        )
    with (
        told_errors(),
        wiring.running_database(settings),
        wiring.connect_database(settings, application_name="rebound-oro operator") as conn,
    ):
        conn.read_only = read_only
        # Within a transaction of ours nothing that a service commits stays.
        with conn.transaction(force_rollback=True) if dry_run else nullcontext():
            yield settings, conn


def rules_now(settings: Settings, conn: psycopg.Connection[Any]) -> Rules:
    """Return by what a decision is made at this moment: the models, and the policy in force."""
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.services.operate_again import Rules
    from rebound_oro_pipeline.sqlmodels.read import read_models

    with conn.transaction():
        version = wiring.save_policy(settings, conn)
    return Rules(read_models(), version, datetime.now(UTC), f"operator {uuid4().hex}")


@contextmanager
def told_errors() -> Iterator[None]:
    """End the command with the error's words where they say what to do, instead of a stack of frames."""
    import psycopg

    from rebound_oro_pipeline.contracts.policy import PolicyError
    from rebound_oro_pipeline.services.decide import DecisionRefused
    from rebound_oro_pipeline.services.operate_deed import OperatorError
    from rebound_oro_pipeline.warehouse.errors import WarehouseError

    try:
        yield
    except (OperatorError, PolicyError, DecisionRefused, WarehouseError) as error:
        raise click.ClickException(str(error)) from None
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        message = f"{error.diag.message_primary}; run `rebound-oro migrate`"
        raise click.ClickException(message) from None


def printable(text: str) -> str:
    """Write out what a terminal would obey instead of showing it: SKUs, reasons and answers are other people's text."""
    return _INVISIBLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def print_json(value: object) -> None:
    """Print as JSON: decimals as plain text, times in ISO 8601."""
    click.echo(json.dumps(value, indent=2, default=_plain))


def print_rows(rows: Sequence[object], columns: Sequence[str], *, as_json: bool, of: str) -> None:
    """Print dataclasses or mappings as aligned columns, or all of their fields as JSON; `of` names several."""
    found = [_fields(row) for row in rows]
    if as_json:
        print_json(found)
        return
    texts = [[as_text(row[column]) for column in columns] for row in found]
    heads = [column.replace("_", " ") for column in columns]
    widths = [max(len(text[place]) for text in [heads, *texts]) for place in range(len(columns))]
    for text in [heads, *texts] if texts else []:
        click.echo("  ".join(each.ljust(width) for each, width in zip(text, widths, strict=True)).rstrip())
    click.echo(counted(len(found), of))


def print_changed(
    rows: Sequence[object], columns: Sequence[str], *, as_json: bool, dry_run: bool, of: str, called: str
) -> None:
    """Print what a command changed, as print_rows does; in JSON the rows are `called` so, beside `dry_run`."""
    if as_json:
        print_json({"dry_run": dry_run, called: [_fields(row) for row in rows]})
        return
    print_rows(rows, columns, as_json=False, of=of)
    print_dry_run(dry_run)


def print_decided(decided: Sequence[Decided], *, as_json: bool, dry_run: bool) -> None:
    """Print where the units of decided returns are now, and the notes that were added."""
    if as_json:
        print_json({"dry_run": dry_run, "returns": [_fields(each) for each in decided]})
        return
    for each in decided:
        click.echo(f"return {printable(each.return_id)}")
        for place in each.places:
            why = f" ({place.reason})" if place.reason else ""
            key = printable(place.return_line_key)
            click.echo(f"  {key}: {as_text(place.quantity)} {place.destination}{why}")
        for note in each.notes:
            number = printable(note.credit_note_number)
            click.echo(f"  credit note {number}: {note.total_amount} {note.currency}")
    print_dry_run(dry_run)


def print_dry_run(dry_run: bool) -> None:
    """Say so where nothing was changed."""
    if dry_run:
        click.echo("dry run: nothing was changed")


def _fields(row: object) -> Mapping[str, Any]:
    if is_dataclass(row) and not isinstance(row, type):
        return asdict(row)
    assert isinstance(row, Mapping)  # noqa: S101 - rows are dataclasses or mappings
    return row


def as_text(value: object) -> str:
    """Return a value as people read it in a table: nothing is a dash, a time ends with its minutes."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "-"
    if isinstance(value, list):
        return printable(",".join(map(str, value))) or "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return printable(_plain(value))


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, datetime) else str(value)
