"""`rebound-oro quarantine`: what the machine could not decide, worked by people."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from rebound_oro_pipeline.commands.output import (
    Command,
    SettingsReader,
    amount,
    json_option,
    older_option,
    operators_database,
    print_changed,
    print_decided,
    print_json,
    print_rows,
    printable,
    rules_now,
    writing_options,
)

if TYPE_CHECKING:
    import psycopg

    from rebound_oro_pipeline.services.operate_deed import Deed
    from rebound_oro_pipeline.services.operate_quarantine import QuarantineRow, Verdict

_COLUMNS = (
    "subject",
    "reason",
    "quantity",
    "currency",
    "amount_at_stake",
    "owner",
    "assignee",
    "tags",
    "opened_at",
    "detail",
)

_LISTED = "`rebound-oro quarantine list` prints the subjects, with --return those of a return"


def _filters(command: Command) -> Command:
    for option in (
        older_option,
        click.option("--currency", metavar="CODE", help="Only rows with money of this currency at stake."),
        click.option(
            "--max-amount", type=amount, metavar="AMOUNT", help="Only rows with at most so much at stake."
        ),
        click.option(
            "--min-amount", type=amount, metavar="AMOUNT", help="Only rows with at least so much at stake."
        ),
        click.option("--tag", "with_tag", metavar="TAG", help="Only rows with this tag."),
        click.option("--return", "return_id", metavar="ID", help="Only rows of this return."),
        click.option("--owner", help="Only rows of this team (ops, finance, data) or person."),
        click.option("--reason", help="Only rows with this reason."),
        click.argument("subjects", nargs=-1),
    ):
        command = option(command)
    return command


@click.group()
def quarantine() -> None:
    """Work on what the machine could not decide.

    SUBJECTS are those that `list` prints, such as "R-1 / R-1:SHIRT-M:1". Instead of naming them, rows can be
    picked by the filters; all given filters must hold.
    """


@quarantine.command("list")
@_filters
@json_option
@click.pass_obj
def quarantine_list(read_settings: SettingsReader, /, *, as_json: bool, **filters: Any) -> None:
    """List the open rows, oldest first.

    What is at stake is an estimate: units at their price on the order, before discounts and tax.

    Example: rebound-oro quarantine list --reason over_return --older-than 7 --min-amount 100 --currency EUR
    """
    with operators_database(read_settings, read_only=True) as (_, conn):
        rows = _pick(conn, filters, must_pick=False)
    print_rows(rows, _COLUMNS, as_json=as_json, of="open rows")


@quarantine.command("show")
@click.argument("subject")
@json_option
@click.pass_obj
def quarantine_show(read_settings: SettingsReader, /, *, subject: str, as_json: bool) -> None:
    """Show a subject: what is open, what to do about it, what was before, and what people decided.

    Example: rebound-oro quarantine show "R-1 / R-1:SHIRT-M:1"
    """
    from dataclasses import asdict

    from rebound_oro_pipeline.services.operate_quarantine import QuarantineFilter, history, open_rows

    with operators_database(read_settings, read_only=True) as (_, conn):
        rows = open_rows(conn, QuarantineFilter(subjects=(subject,)))
        past = history(conn, subject)
    if not rows and not any(past.values()):
        raise click.ClickException(f"no subject {subject!r} was ever in the quarantine; {_LISTED}")
    if as_json:
        print_json({"open": [asdict(row) for row in rows], **past})
        return
    for row in rows:
        click.echo(printable(f"{row.reason}: {row.detail}"))
        click.echo(f"  what happened: {row.what_happened}\n  remedy: {row.remedy}")
    # What the outbox was refused is open here, and has its history there.
    if past["history"] or not rows:
        print_rows(
            past["history"],
            ("reason", "quantity", "opened_at", "resolved_at", "resolution"),
            as_json=False,
            of="rows",
        )
    print_rows(
        past["decisions"],
        ("verdict", "reason", "quantity", "who", "why", "decided_at"),
        as_json=False,
        of="decisions that stand",
    )


@quarantine.command("resolve")
@_filters
@click.option("--release", is_flag=True, help="Set the rule aside for these lines; see docs/operations.md.")
@writing_options
@click.pass_obj
def quarantine_resolve(
    read_settings: SettingsReader,
    /,
    *,
    release: bool,
    who: str,
    why: str,
    dry_run: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Ask the rules again, now that the cause is gone; with --release, set the rule aside.

    Example: rebound-oro quarantine resolve --reason unknown_sku --why "aliases added" --dry-run
    """
    verdict: Verdict | None = "released" if release else None
    _settle(read_settings, verdict, filters, who=who, why=why, dry_run=dry_run, as_json=as_json)


@quarantine.command("reject")
@_filters
@writing_options
@click.pass_obj
def quarantine_reject(
    read_settings: SettingsReader, /, *, who: str, why: str, dry_run: bool, as_json: bool, **filters: Any
) -> None:
    """Take units out for good: they are not ours to credit. `reopen` takes it back.

    Example: rebound-oro quarantine reject "R-1 / R-1:SHIRT-M:1" --why "another shop's goods, sent back"
    """
    _settle(read_settings, "rejected", filters, who=who, why=why, dry_run=dry_run, as_json=as_json)


@quarantine.command("write-off")
@_filters
@writing_options
@click.pass_obj
def quarantine_write_off(
    read_settings: SettingsReader, /, *, who: str, why: str, dry_run: bool, as_json: bool, **filters: Any
) -> None:
    """Take units out for good: nothing is credited, and the loss is ours. `reopen` takes it back.

    Example: rebound-oro quarantine write-off --return R-1 --why "counted twice, not found"
    """
    _settle(read_settings, "written_off", filters, who=who, why=why, dry_run=dry_run, as_json=as_json)


@quarantine.command("reopen")
@click.argument("subject")
@click.option("--reason", help="Only what was decided for this reason.")
@writing_options
@click.pass_obj
def quarantine_reopen(
    read_settings: SettingsReader,
    /,
    *,
    subject: str,
    reason: str | None,
    who: str,
    why: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Revoke what people decided about a subject; what was credited stays credited.

    Example: rebound-oro quarantine reopen "R-1 / R-1:SHIRT-M:1" --why "rejected by mistake"
    """
    from rebound_oro_pipeline.services.operate_deed import Deed
    from rebound_oro_pipeline.services.operate_quarantine import reopen

    with operators_database(read_settings, dry_run=dry_run) as (settings, conn):
        deed, rules = Deed(who, why), rules_now(settings, conn)
        decided = reopen(conn, subject, reason, deed, rules)
    print_decided(decided, as_json=as_json, dry_run=dry_run)


@quarantine.command("assign")
@_filters
@click.option("--to", "assignee", required=True, help="The person; an empty text: nobody in particular.")
@writing_options
@click.pass_obj
def quarantine_assign(
    read_settings: SettingsReader,
    /,
    *,
    assignee: str,
    who: str,
    why: str,
    dry_run: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Give rows to a person.

    Example: rebound-oro quarantine assign --reason over_return --to maria --why "returns desk"
    """
    from rebound_oro_pipeline.services.operate_quarantine import assign

    _note(
        read_settings,
        filters,
        lambda conn, rows, deed: assign(conn, rows, assignee.strip() or None, deed),
        who=who,
        why=why,
        dry_run=dry_run,
        as_json=as_json,
    )


@quarantine.command("tag")
@_filters
@click.option("--add", "added", multiple=True, metavar="TAG", help="A tag to add; may be given again.")
@click.option("--remove", "removed", multiple=True, metavar="TAG", help="A tag to take away.")
@writing_options
@click.pass_obj
def quarantine_tag(
    read_settings: SettingsReader,
    /,
    *,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    who: str,
    why: str,
    dry_run: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Add tags to rows, or take them away.

    Example: rebound-oro quarantine tag --return R-1 --add carrier-claim --why "parcel was damaged"
    """
    from rebound_oro_pipeline.services.operate_quarantine import tag

    if not added and not removed:
        raise click.UsageError("give --add or --remove")
    if not all(each.strip() for each in (*added, *removed)):
        raise click.UsageError("a tag may not be empty")
    _note(
        read_settings,
        filters,
        lambda conn, rows, deed: tag(conn, rows, added, removed, deed),
        who=who,
        why=why,
        dry_run=dry_run,
        as_json=as_json,
    )


def _pick(
    conn: psycopg.Connection[Any], filters: dict[str, Any], *, must_pick: bool = True
) -> list[QuarantineRow]:
    """Return the rows that are meant. Whoever writes must name or narrow them, and mean at least one."""
    from rebound_oro_pipeline.services.operate_deed import OperatorError
    from rebound_oro_pipeline.services.operate_quarantine import QuarantineFilter, open_rows

    subjects, with_tag = filters.pop("subjects"), filters.pop("with_tag")
    wanted = QuarantineFilter(subjects=subjects or None, tag=with_tag, **filters)
    if must_pick and wanted.is_empty:
        raise click.UsageError("name the subjects, or narrow the rows by a filter")
    rows = open_rows(conn, wanted)
    missing = sorted(set(subjects) - {row.subject for row in rows})
    if must_pick and (missing or not rows):
        raise OperatorError(f"nothing is open under {', '.join(missing) or 'these filters'}; {_LISTED}")
    return rows


def _settle(
    read_settings: SettingsReader,
    verdict: Verdict | None,
    filters: dict[str, Any],
    *,
    who: str,
    why: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    from rebound_oro_pipeline.services.operate_deed import Deed
    from rebound_oro_pipeline.services.operate_quarantine import settle

    with operators_database(read_settings, dry_run=dry_run) as (settings, conn):
        rows, deed = _pick(conn, filters), Deed(who, why)
        rules = rules_now(settings, conn)
        decided = settle(conn, rows, verdict, deed, rules)
    if verdict is not None and not as_json:
        for row in rows:
            if row.return_id is None:
                click.echo(printable(f"{row.subject}: {verdict} ({row.reason})"))
    print_decided(decided, as_json=as_json, dry_run=dry_run)


def _note(
    read_settings: SettingsReader,
    filters: dict[str, Any],
    write: Callable[[psycopg.Connection[Any], list[QuarantineRow], Deed], None],
    *,
    who: str,
    why: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    from rebound_oro_pipeline.services.operate_deed import Deed
    from rebound_oro_pipeline.services.operate_quarantine import QuarantineFilter, open_rows

    with operators_database(read_settings, dry_run=dry_run) as (_, conn):
        rows = _pick(conn, filters)
        write(conn, rows, Deed(who, why))
        changed = open_rows(conn, QuarantineFilter(subjects=tuple({row.subject for row in rows})))
    columns = ("subject", "reason", "assignee", "tags")
    print_changed(changed, columns, as_json=as_json, dry_run=dry_run, of="open rows", called="rows")
