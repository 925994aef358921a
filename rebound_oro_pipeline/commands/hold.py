"""`rebound-oro hold`: return lines that wait for their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rebound_oro_pipeline.commands.output import (
    Command,
    SettingsReader,
    json_option,
    older_option,
    operators_database,
    print_changed,
    print_rows,
    writing_options,
)

if TYPE_CHECKING:
    import psycopg

    from rebound_oro_pipeline.services.operate_holds import Hold, HoldFilter

_REASONS = ("unknown_order", "not_confirmed", "not_dispatched")
_COLUMNS = (
    "subject",
    "reason",
    "order_reference",
    "quantity",
    "currency",
    "amount_at_stake",
    "held_since",
    "attempts",
    "next_check_at",
)


def _filters(command: Command) -> Command:
    for option in (
        older_option,
        click.option("--order", "order_reference", metavar="REFERENCE", help="Only those of this order."),
        click.option("--return", "return_id", metavar="ID", help="Only those of this return."),
        click.option("--reason", type=click.Choice(_REASONS), help="Only those with this reason."),
        click.argument("subjects", nargs=-1),
    ):
        command = option(command)
    return command


@click.group()
def hold() -> None:
    """Return lines that came before their order was known, confirmed or dispatched."""


@hold.command("list")
@_filters
@json_option
@click.pass_obj
def hold_list(read_settings: SettingsReader, /, *, as_json: bool, **filters: Any) -> None:
    """List what is held, longest first.

    Example: rebound-oro hold list --reason not_dispatched --older-than 3
    """
    with operators_database(read_settings, read_only=True) as (_, conn):
        holds = _open(conn, _wanted(filters))
    print_rows(holds, _COLUMNS, as_json=as_json, of="held return lines")


@hold.command("release")
@_filters
@writing_options
@click.pass_obj
def hold_release(
    read_settings: SettingsReader, /, *, who: str, why: str, dry_run: bool, as_json: bool, **filters: Any
) -> None:
    """Make holds due now: the next run asks OroCommerce again. The rules still decide.

    Example: rebound-oro hold release --order ORD-100 --why "dispatched this morning"
    """
    from rebound_oro_pipeline.services.operate_deed import Deed, OperatorError
    from rebound_oro_pipeline.services.operate_holds import release

    wanted = _wanted(filters)
    if wanted.is_empty:
        raise click.UsageError("name the subjects, or narrow the holds by a filter")
    with operators_database(read_settings, dry_run=dry_run) as (_, conn):
        deed, holds = Deed(who, why), _open(conn, wanted)
        missing = sorted(set(wanted.subjects or ()) - {each.subject for each in holds})
        if missing or not holds:
            raise OperatorError(
                f"nothing is held under {', '.join(missing) or 'these filters'}; "
                "`rebound-oro hold list` prints the subjects, with --return those of a return"
            )
        release(conn, holds, deed)
        holds = _open(conn, wanted)
    print_changed(holds, _COLUMNS, as_json=as_json, dry_run=dry_run, of="holds due now", called="holds")


def _wanted(filters: dict[str, Any]) -> HoldFilter:
    from rebound_oro_pipeline.services.operate_holds import HoldFilter

    return HoldFilter(subjects=filters.pop("subjects") or None, **filters)


def _open(conn: psycopg.Connection[Any], wanted: HoldFilter) -> list[Hold]:
    from rebound_oro_pipeline.services.operate_holds import open_holds

    return open_holds(conn, wanted)
