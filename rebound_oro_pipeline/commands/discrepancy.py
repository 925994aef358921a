"""`rebound-oro discrepancy`: what does not agree and will stay so, noted by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rebound_oro_pipeline.commands.output import (
    Command,
    SettingsReader,
    operators_database,
    print_changed,
    writing_options,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg

    from rebound_oro_pipeline.services.operate_deed import Deed
    from rebound_oro_pipeline.services.sync_health import Discrepancy

_COLUMNS = ("kind", "subject", "order_identifier", "currency", "ours", "theirs", "difference", "detail")


def _filters(command: Command) -> Command:
    for option in (
        click.option("--order", "order_identifier", metavar="NUMBER", help="Only those of this order."),
        click.option("--kind", help="Only those of this kind."),
        click.argument("subjects", nargs=-1),
    ):
        command = option(command)
    return command


@click.group()
def discrepancy() -> None:
    """Where the systems do not agree, and a person knows why."""


@discrepancy.command("acknowledge")
@_filters
@writing_options
@click.pass_obj
def acknowledge(read_settings: SettingsReader, /, **options: Any) -> None:
    """Take note of discrepancies as they are: they fail no check any more, until they change or come back.

    Example: rebound-oro discrepancy acknowledge --order ORD-100 --why "price corrected, customer agreed"
    """
    from rebound_oro_pipeline.services import operate_discrepancies as service

    _settle(
        read_settings, service.acknowledge, acknowledged=False, of="discrepancies acknowledged", **options
    )


@discrepancy.command("reopen")
@_filters
@writing_options
@click.pass_obj
def reopen(read_settings: SettingsReader, /, **options: Any) -> None:
    """Take a note back: the discrepancies are told again.

    Example: rebound-oro discrepancy reopen --order ORD-100 --why "the customer did not agree"
    """
    from rebound_oro_pipeline.services import operate_discrepancies as service

    _settle(read_settings, service.reopen, acknowledged=True, of="discrepancies open again", **options)


def _settle(
    read_settings: SettingsReader,
    settle: Callable[[psycopg.Connection[Any], Sequence[Discrepancy], Deed], list[Discrepancy]],
    *,
    acknowledged: bool,
    of: str,
    who: str,
    why: str,
    dry_run: bool,
    as_json: bool,
    subjects: tuple[str, ...],
    **filters: Any,
) -> None:
    from rebound_oro_pipeline.services.operate_deed import Deed
    from rebound_oro_pipeline.services.operate_discrepancies import DiscrepancyFilter, pick

    wanted = DiscrepancyFilter(subjects=subjects or None, **filters)
    if wanted.is_empty:
        raise click.UsageError("name the subjects, or narrow the discrepancies by a filter")
    with operators_database(read_settings, dry_run=dry_run) as (_, conn):
        found = pick(conn, wanted, acknowledged=acknowledged)
        settled = settle(conn, found, Deed(who, why))
    print_changed(settled, _COLUMNS, as_json=as_json, dry_run=dry_run, of=of, called="discrepancies")
