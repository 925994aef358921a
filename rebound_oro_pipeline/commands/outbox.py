"""`rebound-oro outbox`: what waits to be sent, and what was refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from rebound_oro_pipeline.commands.output import (
    MOST_ROWS,
    Command,
    SettingsReader,
    as_text,
    json_option,
    older_option,
    operators_database,
    print_changed,
    print_dry_run,
    print_json,
    print_rows,
    writing_options,
)

if TYPE_CHECKING:
    import psycopg

    from rebound_oro_pipeline.services.operate_outbox import StoredMessage

_KINDS = ("oro_credit_note", "oro_inventory_delta", "rebound_order")
_STATES = ("pending", "sending", "confirmed", "rejected", "unknown", "skipped", "abandoned")
_COLUMNS = ("kind", "business_key", "state", "held_back", "attempts", "changed_at", "last_error")
_OPEN = ("pending", "sending", "unknown", "rejected")


def _filters(command: Command) -> Command:
    for option in (
        older_option,
        click.option(
            "--state", "states", multiple=True, type=click.Choice(_STATES), help="May be given again."
        ),
        click.option("--kind", type=click.Choice(_KINDS), help="Only messages of this kind."),
        click.argument("keys", nargs=-1),
    ):
        command = option(command)
    return command


@click.group()
def outbox() -> None:
    """Look at what waits to be sent, was refused, or is in doubt; send it again or give it up.

    KEYS are credit note numbers, or a note's number and line for a stock movement, such as "R-1-ORD-100:1", or an
    order's id and version for an offer, such as "100:2".
    docs/outbox.md draws the states.
    """


@outbox.command("list")
@_filters
@click.option(
    "--limit",
    default=100,
    show_default=True,
    type=click.IntRange(1, MOST_ROWS),
    help="At most so many, newest first.",
)
@json_option
@click.pass_obj
def outbox_list(read_settings: SettingsReader, /, *, limit: int, as_json: bool, **filters: Any) -> None:
    """List messages; without --state or KEYS those that are not settled.

    Example: rebound-oro outbox list --state rejected --kind oro_credit_note
    """
    states = filters["states"] or (None if filters["keys"] else _OPEN)
    with operators_database(read_settings, read_only=True) as (_, conn):
        found = _messages(conn, {**filters, "states": states}, at_most=limit + 1)
    print_rows(found[:limit], _COLUMNS, as_json=as_json, of="messages")
    if len(found) > limit:
        click.echo(f"these are the newest {limit}; --limit lists more", err=True)


@outbox.command("show")
@click.argument("key")
@json_option
@click.pass_obj
def outbox_show(read_settings: SettingsReader, /, *, key: str, as_json: bool) -> None:
    """Show a message with everything it sends.

    Example: rebound-oro outbox show R-1-ORD-100
    """
    from dataclasses import asdict

    from rebound_oro_pipeline.services.operate_outbox import messages, payload

    with operators_database(read_settings, read_only=True) as (_, conn):
        found = [asdict(each) | payload(conn, each) for each in messages(conn, business_keys=[key])]
    if not found:
        raise click.ClickException(f"no message has the key {key}")
    if as_json:
        print_json(found)
        return
    for each in found:
        sent = each.pop("payload")
        if each["held_back"]:
            del each["next_attempt_at"]
        for name, value in each.items():
            if value is not None:
                click.echo(f"{name.replace('_', ' ')}: {as_text(value)}")
        print_json(sent)


@outbox.command("retry")
@_filters
@writing_options
@click.pass_obj
def outbox_retry(
    read_settings: SettingsReader, /, *, who: str, why: str, dry_run: bool, as_json: bool, **filters: Any
) -> None:
    """Send rejected messages again, after the cause is gone.

    Example: rebound-oro outbox retry R-1-ORD-100 --why "the order's currency was corrected"
    """
    _intervene(read_settings, filters, "retry", who=who, why=why, dry_run=dry_run, as_json=as_json)


@outbox.command("release")
@_filters
@writing_options
@click.pass_obj
def outbox_release(
    read_settings: SettingsReader, /, *, who: str, why: str, dry_run: bool, as_json: bool, **filters: Any
) -> None:
    """Let messages go that are held back: decided only (`run --decide-only`), or in doubt after a restore.

    Example: rebound-oro outbox release --kind oro_credit_note --state pending --why "history was checked"
    """
    _intervene(read_settings, filters, "release", who=who, why=why, dry_run=dry_run, as_json=as_json)


@outbox.command("after-restore")
@click.option(
    "--sent-until",
    "until",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    help="When the database that was lost stopped sending (UTC); by default now.",
)
@writing_options
@click.pass_obj
def outbox_after_restore(
    read_settings: SettingsReader,
    /,
    *,
    until: datetime | None,
    who: str,
    why: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Hold back the stock movements that may have been sent after the backup from which this database was restored.

    A level does not tell what is in it already, so a person lets each go (`outbox release`) or gives it up
    (`outbox abandon`). docs/deployment.md tells what comes before and after.

    Example: rebound-oro outbox after-restore --sent-until 2026-11-28T14:30 --why "backup of last night restored"
    """
    from rebound_oro_pipeline.services import operate_outbox
    from rebound_oro_pipeline.services.operate_deed import Deed

    stopped = until.replace(tzinfo=UTC) if until else datetime.now(UTC)
    with operators_database(read_settings, dry_run=dry_run) as (_, conn):
        held = operate_outbox.after_restore(conn, stopped, Deed(who, why))
        found = operate_outbox.messages(conn, kind="oro_inventory_delta", business_keys=held)
    print_changed(found, _COLUMNS, as_json=as_json, dry_run=dry_run, of="messages", called="messages")


@outbox.command("recheck")
@_filters
@writing_options
@click.pass_obj
def outbox_recheck(
    read_settings: SettingsReader, /, *, who: str, why: str, dry_run: bool, as_json: bool, **filters: Any
) -> None:
    """Read confirmed messages again with the next push, and send again what is gone from the other system.

    Example: rebound-oro outbox recheck R-1-ORD-100 --why "somebody deleted the note in OroCommerce"
    """
    _intervene(read_settings, filters, "recheck", who=who, why=why, dry_run=dry_run, as_json=as_json)


@outbox.command("abandon")
@_filters
@writing_options
@click.pass_obj
def outbox_abandon(
    read_settings: SettingsReader, /, *, who: str, why: str, dry_run: bool, as_json: bool, **filters: Any
) -> None:
    """Never send these messages. The ledger keeps them, so reconciliation goes on naming the difference.

    Example: rebound-oro outbox abandon R-1-ORD-100 --why "credited by hand in OroCommerce"
    """
    _intervene(read_settings, filters, "abandon", who=who, why=why, dry_run=dry_run, as_json=as_json)


@outbox.command("resume")
@click.argument("kind", type=click.Choice(_KINDS))
@writing_options
@click.pass_obj
def outbox_resume(
    read_settings: SettingsReader, /, *, kind: str, who: str, why: str, dry_run: bool, as_json: bool
) -> None:
    """Send messages of KIND again at once, after the cause of a pause is gone.

    A pause begins when the other system fails repeatedly, or refuses our log-in.

    Example: rebound-oro outbox resume rebound_order --why "new API key is set"
    """
    from typing import cast

    from rebound_oro_pipeline.services import operate_outbox
    from rebound_oro_pipeline.services.operate_deed import Deed
    from rebound_oro_pipeline.warehouse.outbox import Kind

    with operators_database(read_settings, dry_run=dry_run) as (_, conn):
        until = operate_outbox.resume(conn, cast("Kind", kind), Deed(who, why))
    if as_json:
        print_json({"kind": kind, "paused_until": until, "dry_run": dry_run})
        return
    click.echo(f"{kind} was paused until {until:%Y-%m-%d %H:%M}; the next push sends it")
    print_dry_run(dry_run)


def _messages(
    conn: psycopg.Connection[Any], filters: dict[str, Any], at_most: int | None = None
) -> list[StoredMessage]:
    from rebound_oro_pipeline.services.operate_outbox import messages

    return messages(
        conn,
        kind=filters["kind"],
        states=filters["states"] or None,
        business_keys=filters["keys"] or None,
        older_than_days=filters["older_than_days"],
        at_most=at_most,
    )


def _intervene(
    read_settings: SettingsReader,
    filters: dict[str, Any],
    action: str,
    *,
    who: str,
    why: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    from rebound_oro_pipeline.services import operate_outbox
    from rebound_oro_pipeline.services.operate_deed import Deed, OperatorError

    if not any(filters.values()):
        raise click.UsageError("name the keys, or narrow the messages by a filter")
    with operators_database(read_settings, dry_run=dry_run) as (_, conn):
        deed, wanted = Deed(who, why), _messages(conn, filters)
        named = set(filters["keys"])
        if missing := sorted(named - {each.business_key for each in wanted}):
            raise OperatorError(
                f"no message is found under {', '.join(missing)}; `rebound-oro outbox list` prints the keys, "
                "with --state confirmed those that were sent"
            )
        act, possible = {
            "retry": (operate_outbox.retry, "rejected"),
            "recheck": (operate_outbox.recheck, "confirmed"),
            "release": (operate_outbox.release, "held back"),
            "abandon": (operate_outbox.abandon, "pending, unknown or rejected, and with no worker"),
        }[action]
        changed = act(conn, wanted, deed)
        # Who names a message is not left in the belief that something was done about it.
        if left := sorted(
            f"{each.business_key} ({each.state})"
            for each in wanted
            if each.business_key in named - set(changed)
        ):
            raise OperatorError(f"nothing to {action} under {', '.join(left)}: a message must be {possible}")
        if not changed:
            raise OperatorError(f"nothing to {action}: none of {len(wanted)} messages is {possible}")
        found = _messages(conn, {**filters, "keys": changed, "states": None})
    print_changed(found, _COLUMNS, as_json=as_json, dry_run=dry_run, of="messages", called="messages")
