"""What Dagster shows of a table before it was ever materialised: its name, its columns, their types and meaning."""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import dagster as dg

_NO_DESCRIPTIONS: Mapping[str, str] = {}
_COMMENT = re.compile(r"comment on (?:table|view) (\w+\.\w+) is\s*'((?:[^']|'')*)'", re.IGNORECASE)


@cache
def column_types() -> Mapping[str, Mapping[str, str]]:
    """Return relation → column → type as PostgreSQL calls it, in the order of the columns.

    Types are known to a database only, and loading definitions opens none: the file follows from the migrations and
    models, and a test compares it with them.
    """
    text = (files("rebound_oro_pipeline.defs") / "column_types.json").read_text(encoding="utf-8")
    types: dict[str, dict[str, str]] = json.loads(text)
    return types


def table_metadata(relation: str, descriptions: Mapping[str, str] = _NO_DESCRIPTIONS) -> dict[str, Any]:
    """Return the metadata of the asset that is the relation `schema.name`; `descriptions` are those of its columns."""
    columns = [
        dg.TableColumn(name, type=kind, description=descriptions.get(name))
        for name, kind in column_types().get(relation, {}).items()
    ]
    return {
        "dagster/table_name": relation,
        **({"dagster/column_schema": dg.TableSchema(columns=columns)} if columns else {}),
    }


@cache
def comments() -> Mapping[str, str]:
    """Return relation → what the migrations that make it say of it."""
    migrations = files("rebound_oro_pipeline.warehouse") / "migrations"
    texts = [
        entry.read_text(encoding="utf-8")
        for entry in sorted(migrations.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".sql")
    ]
    return {
        relation: comment.replace("''", "'") for text in texts for relation, comment in _COMMENT.findall(text)
    }
