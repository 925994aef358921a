"""The one statement by which a table takes over rows, leaving alone what is equal already."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rebound_oro_pipeline.sqlmodels.cursor import equal, listed, quoted

_NOTHING: Mapping[str, str] = MappingProxyType({})


def delete_vanished(target: str, new: str, key: Sequence[str], where: str = "true") -> str:
    """Return `delete` of the rows (alias `held`) that satisfy `where` and whose key `new` does not have."""
    return f"delete from {quoted(target)} as held where {where} and {has_vanished(new, key)}"


def has_vanished(new: str, key: Sequence[str]) -> str:
    """Return the condition that no row of `new` has the key of the row `held`."""
    return f"not exists (select from {new} as new where {equal(key, 'new', 'held')})"


def merge_changed(
    target: str,
    new: str,
    key: Sequence[str],
    columns: Sequence[str],
    *,
    where: str = "true",
    keep: Sequence[str] = (),
    on_insert: Mapping[str, str] = _NOTHING,
    on_change: Mapping[str, str] = _NOTHING,
) -> str:
    """Return `merge` of `new` into `target`, matched by `key` among the rows that satisfy `where`.

    A row is updated only where a column other than `key` and `keep` is distinct, null being a value like any
    other. `on_insert` and `on_change` give further columns an expression.
    """
    compared = [column for column in columns if column not in key and column not in keep]
    settings = [f"{quoted(column)} = new.{quoted(column)}" for column in compared]
    settings += [f"{quoted(column)} = {value}" for column, value in on_change.items()]
    update = (
        f" when matched and row({listed(compared, 'held')}) is distinct from row({listed(compared, 'new')})"
        f" then update set {', '.join(settings)}"
    )
    return (
        f"merge into {quoted(target)} as held using {new} as new on {where} and {equal(key, 'held', 'new')}"
        f"{update if compared else ''} when not matched then insert ({listed([*columns, *on_insert])})"
        f" values ({', '.join([listed(columns, 'new'), *on_insert.values()])})"
    )
