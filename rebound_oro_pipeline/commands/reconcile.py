"""`rebound-oro reconcile`: read OroCommerce back, and say what does not agree."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from rebound_oro_pipeline.commands.output import (
    SettingsReader,
    json_option,
    operators_database,
    print_json,
    print_rows,
)


@click.command()
@click.option("--no-read", is_flag=True, help="Compare what was read last; ask OroCommerce nothing.")
@click.option("--kind", help="Discrepancies of this kind only.")
@click.option("--all", "with_acknowledged", is_flag=True, help="List those that a person took note of, too.")
@json_option
@click.pass_obj
def reconcile(
    read_settings: SettingsReader,
    /,
    *,
    no_read: bool,
    kind: str | None,
    with_acknowledged: bool,
    as_json: bool,
) -> None:
    """Read all credit notes and stock levels back from OroCommerce, and list what does not agree, with the next step.

    Where a level fell since our last write, or a write waited in OroCommerce's queue, the orders that changed are read,
    too: they tell what was sold.

    Exit status 1 if anything does not agree that nobody took note of.

    Example: rebound-oro reconcile --json
    """
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.services.reconcile_credit_notes import reconcile_credit_notes
    from rebound_oro_pipeline.services.reconcile_inventory import land_sales, reconcile_inventory
    from rebound_oro_pipeline.services.sync_health import discrepancies, record_sightings

    with operators_database(read_settings) as (settings, conn):
        if not no_read:
            with wiring.oro_client(settings) as oro:
                reconcile_credit_notes(oro, conn, names=wiring.credit_note_names(settings))
                reconcile_inventory(oro, conn)
                land_sales(
                    oro,
                    conn,
                    wiring.policy(settings),
                    run_id="reconcile",
                    with_subtotals=settings.oro_subtotals,
                )
            conn.commit()
        record_sightings(conn)
        everything = discrepancies(conn, kinds=None if kind is None else [kind])
    is_open = [each for each in everything if not each.is_acknowledged]
    found = everything if with_acknowledged else is_open
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        print_rows(
            found,
            (
                "kind",
                "subject",
                "order_identifier",
                "currency",
                "ours",
                "theirs",
                "difference",
                "first_seen_at",
                *(["acknowledged_by", "acknowledged_why"] if with_acknowledged else []),
                "detail",
                "next_step",
            ),
            as_json=False,
            of="discrepancies",
        )
        if noted := len(everything) - len(found):
            click.echo(f"{noted} more acknowledged; --all lists them")
    sys.exit(1 if is_open else 0)
