"""What Dagster shows of a table before it was ever materialised: its name, its columns, their types and meaning."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import dagster as dg

from rebound_oro_pipeline.defs.keys import key_of
from rebound_oro_pipeline.sqlmodels.model import Origins

_NO_DESCRIPTIONS: Mapping[str, str] = {}
_NO_ORIGINS: Origins = {}
_COMMENT = re.compile(
    r"comment on (?:table|view|column) (\w+\.\w+)(?:\.(\w+))? is\s*'((?:[^']|''|'\s*\n\s*')*)'", re.IGNORECASE
)
_CONTINUED = re.compile(r"'\s*\n\s*'")
"""Between the lines of one text: SQL reads literals on lines of their own as one."""


@cache
def column_types() -> Mapping[str, Mapping[str, str]]:
    """Return relation → column → type as PostgreSQL calls it, in the order of the columns.

    Types are known to a database only, and loading definitions opens none: the file follows from the migrations and
    models, and a test compares it with them.
    """
    text = (files("rebound_oro_pipeline.defs") / "column_types.json").read_text(encoding="utf-8")
    types: dict[str, dict[str, str]] = json.loads(text)
    return types


def table_metadata(
    relation: str, descriptions: Mapping[str, str] = _NO_DESCRIPTIONS, origins: Origins = _NO_ORIGINS
) -> dict[str, Any]:
    """Return the metadata of the asset that is the relation `schema.name`; the other two are of its columns.

    What a column has no description for is what the migrations say of it.
    Dagster's own UI keeps `dagster/column_lineage` for those who ask its API (only Dagster+ draws it), so the
    descriptions of the columns say it once more, in words and links.
    """
    types = column_types().get(relation, {})
    descriptions = {**column_comments().get(relation, {}), **descriptions}
    columns = [
        dg.TableColumn(name, type=kind, description=_described(descriptions.get(name), origins.get(name)))
        for name, kind in types.items()
    ]
    lineage = {
        name: [dg.TableColumnDep(key_of(source), column) for source, column in pairs]
        for name, pairs in origins.items()
    }
    return {
        "dagster/table_name": relation,
        **({"dagster/column_schema": dg.TableSchema(columns=columns)} if columns else {}),
        **({"dagster/column_lineage": dg.TableColumnLineage(lineage)} if lineage else {}),
    }


def _described(description: str | None, pairs: Sequence[tuple[str, str]] | None) -> str | None:
    """Return, as Markdown, what a column means and which columns it is made from."""
    columns: dict[str, list[str]] = {}
    for source, column in pairs or ():
        columns.setdefault(source, []).append(column)
    sources = ", ".join(
        f"[{source}](/assets/{'/'.join(key_of(source).path)}) {', '.join(f'`{name}`' for name in names)}"
        for source, names in columns.items()
    )
    return "\n\n".join(filter(None, [description, sources and f"← {sources}"])) or None


@cache
def comments() -> Mapping[str, str]:
    """Return relation → what the migrations that make it say of it."""
    return {relation: comment for relation, column, comment in _said() if not column}


@cache
def column_comments() -> Mapping[str, Mapping[str, str]]:
    """Return relation → column → what the migrations say of it."""
    said: dict[str, dict[str, str]] = {}
    for relation, column, comment in _said():
        if column:
            said.setdefault(relation, {})[column] = comment
    return said


@cache
def _said() -> Sequence[tuple[str, str, str]]:
    """Return relation, column (empty: the relation itself), and comment, as the migrations come in turn."""
    migrations = files("rebound_oro_pipeline.warehouse") / "migrations"
    texts = [
        entry.read_text(encoding="utf-8")
        for entry in sorted(migrations.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".sql")
    ]
    return [
        (relation, column, _CONTINUED.sub("", comment).replace("''", "'"))
        for text in texts
        for relation, column, comment in _COMMENT.findall(text)
    ]
