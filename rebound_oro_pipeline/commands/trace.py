"""`rebound-oro trace` and `rebound-oro replay-return`: the story of an id, and deciding a return again."""

from __future__ import annotations

import click

from rebound_oro_pipeline.commands.output import (
    MOST_ROWS,
    SettingsReader,
    json_option,
    operators_database,
    print_decided,
    print_json,
    print_rows,
    printable,
    rules_now,
    writing_options,
)


@click.command()
@click.argument("given", metavar="ID")
@click.option(
    "--as",
    "kinds",
    multiple=True,
    type=click.Choice(["return", "order", "note", "sku"]),
    help="What ID is meant to be; by default whatever it is found to be.",
)
@click.option(
    "--returns",
    default=20,
    show_default=True,
    type=click.IntRange(1, MOST_ROWS),
    help="Newest returns of a SKU.",
)
@click.option("--payloads", is_flag=True, help="Print the documents too: what was landed and what was sent.")
@json_option
@click.pass_obj
def trace(
    read_settings: SettingsReader,
    /,
    *,
    given: str,
    kinds: tuple[str, ...],
    returns: int,
    payloads: bool,
    as_json: bool,
) -> None:
    """Tell the whole story of a return, an order (by id or reference), a credit note or a SKU, in order of time.

    What other commands print, such as the subject of a hold or the key of a message, leads to its return, order or
    note. Documents hold personal data; they are printed with --payloads only.

    Example: rebound-oro trace R-1-ORD-100 --payloads
    """
    from dataclasses import asdict

    from rebound_oro_pipeline.services.trace import KINDS
    from rebound_oro_pipeline.services.trace import trace as find

    with operators_database(read_settings, read_only=True) as (_, conn):
        found = find(conn, given, kinds=kinds or KINDS, most_returns=returns)
    if as_json:
        story = asdict(found)
        if not payloads:
            for event in story["events"]:
                del event["payload"]
        print_json(story)
        return
    click.echo(printable(", ".join(f"{meaning.kind} {meaning.id}" for meaning in found.meanings)))
    for event in found.events:
        told = f"{event.at:%Y-%m-%d %H:%M:%S}  {event.event:<22}  {event.subject}  {event.said}"
        click.echo(printable(told))
        if payloads and event.payload is not None:
            print_json(event.payload)
    click.echo("now:")
    print_rows(
        [{**asdict(each), "destination": each.place} for each in found.places],
        ("return_id", "return_line_key", "quantity", "destination", "reason", "detail"),
        as_json=False,
        of="places",
    )


@click.command("replay-return")
@click.argument("given", metavar="ID")
@writing_options
@click.pass_obj
def replay_return(
    read_settings: SettingsReader, /, *, given: str, who: str, why: str, dry_run: bool, as_json: bool
) -> None:
    """Decide one return again from what is kept of it, by the rules, policy and mapping of now.

    What was credited stays credited: only units that are still open are decided.

    Example: rebound-oro replay-return R-1 --why "order corrected in OroCommerce" --dry-run
    """
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.services.operate_again import replay_return as decide_again
    from rebound_oro_pipeline.services.operate_deed import Deed

    with operators_database(read_settings, dry_run=dry_run) as (settings, conn):
        deed, rules = Deed(who, why), rules_now(settings, conn)
        mapping = wiring.rebound_mapping(settings)
        decided = decide_again(conn, given, deed, rules, mapping=mapping)
    print_decided([decided], as_json=as_json, dry_run=dry_run)
