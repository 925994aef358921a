"""`rebound-oro alias`: other codes under which goods come back."""

from __future__ import annotations

from pathlib import Path

import click

from rebound_oro_pipeline.commands.output import (
    SettingsReader,
    counted,
    json_option,
    operators_database,
    print_dry_run,
    print_json,
    print_rows,
    printable,
    writing_options,
)


@click.group()
def alias() -> None:
    """Other codes under which goods come back: historical ones, or a supplier's."""


@alias.command("list")
@click.option("--sku", help="Of this SKU, or of this alias.")
@json_option
@click.pass_obj
def alias_list(read_settings: SettingsReader, /, *, sku: str | None, as_json: bool) -> None:
    """List the aliases.

    Example: rebound-oro alias list --sku SHIRT-M
    """
    from rebound_oro_pipeline.warehouse import reference

    with operators_database(read_settings, read_only=True) as (_, conn):
        rows = [
            row
            for row in reference.list_aliases(conn)
            if sku is None or sku.strip().lower() in (row.alias.lower(), row.sku.lower())
        ]
    print_rows(rows, ("alias", "sku", "added_by", "added_at", "note"), as_json=as_json, of="aliases")


@alias.command("add")
@click.argument("code")
@click.argument("sku")
@writing_options
@click.pass_obj
def alias_add(
    read_settings: SettingsReader, /, *, code: str, sku: str, who: str, why: str, dry_run: bool, as_json: bool
) -> None:
    """Let goods sold as SKU come back as CODE.

    Taken with a warning where SKU is in nothing that was read from OroCommerce, or CODE is the SKU of a product itself.
    It counts from the next decision on; `quarantine resolve` asks again at once for what waits because of it.

    Example: rebound-oro alias add OLD-SHIRT-M SHIRT-M --why "renamed in 2024"
    """
    from rebound_oro_pipeline.services.operate_deed import Deed
    from rebound_oro_pipeline.warehouse import reference

    with operators_database(read_settings, dry_run=dry_run) as (_, conn):
        deed = Deed(who, why)
        added = reference.add_alias(conn, code, sku, added_by=deed.who, note=deed.why)
        if added:
            deed.log(conn, "alias added", [code], sku=sku)
        doubts = reference.alias_doubts(conn, code, sku)
    for doubt in doubts:
        click.echo(f"warning: {doubt}", err=True)
    _tell({"added": int(added)}, as_json=as_json, dry_run=dry_run)


@alias.command("remove")
@click.argument("code")
@click.argument("sku", required=False)
@writing_options
@click.pass_obj
def alias_remove(
    read_settings: SettingsReader,
    /,
    *,
    code: str,
    sku: str | None,
    who: str,
    why: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove an alias, for one SKU or for all; what was decided by it stays decided.

    Example: rebound-oro alias remove OLD-SHIRT-M --why "was a typing error"
    """
    from rebound_oro_pipeline.services.operate_deed import Deed, OperatorError
    from rebound_oro_pipeline.warehouse import reference

    with operators_database(read_settings, dry_run=dry_run) as (_, conn):
        deed = Deed(who, why)
        removed = reference.remove_alias(conn, code, sku)
        if not removed:
            pair = code if sku is None else f"{code} of {sku}"
            raise OperatorError(f"there is no alias {pair}; `rebound-oro alias list` names them")
        deed.log(conn, "alias removed", [code], sku=sku, pairs=removed)
    _tell({"removed": removed}, as_json=as_json, dry_run=dry_run)


@alias.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@writing_options
@click.pass_obj
def alias_import(
    read_settings: SettingsReader, /, *, file: Path, who: str, why: str, dry_run: bool, as_json: bool
) -> None:
    """Add the pairs of a CSV file with the header alias,sku. Bad rows are told and left out, doubtful ones are told.

    Example: rebound-oro alias import examples/aliases.csv --why "codes before the migration" --dry-run
    """
    from rebound_oro_pipeline.services.operate_deed import Deed
    from rebound_oro_pipeline.warehouse import reference

    with operators_database(read_settings, dry_run=dry_run) as (_, conn):
        deed = Deed(who, why)
        imported = reference.import_aliases(conn, file, added_by=deed.who)
        deed.log(conn, "aliases imported", [file.name], added=imported.added, faults=len(imported.faults))
    for fault in imported.faults:
        click.echo(printable(str(fault)), err=True)
    for doubt in imported.doubts:
        click.echo(f"warning: {doubt}", err=True)
    counts = {"read": imported.read, "added": imported.added, "known": imported.known}
    _tell({**counts, "faults": len(imported.faults)}, as_json=as_json, dry_run=dry_run)


def _tell(counts: dict[str, int], *, as_json: bool, dry_run: bool) -> None:
    if as_json:
        print_json({**counts, "dry_run": dry_run})
        return
    click.echo(", ".join(counted(count, name) for name, count in counts.items()))
    print_dry_run(dry_run)
