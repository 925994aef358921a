"""One SELECT as the models need it: the relations it reads, its parameters, and a hash that ignores layout.

What was read is kept beside Python's bytecode, by the hash of the text: whoever loads the models again (each process
that Dagster starts does) neither parses them nor loads sqlglot.
"""

import json
import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from rebound_oro_pipeline.sqlmodels.errors import ModelError

_PLACEHOLDER = re.compile(r"%%|%\((?P<name>[a-z_]+)\)s|%")


@dataclass(frozen=True)
class Query:
    """What is known of a query without a database.

    `relations`: every `schema.name` read. `parameters`: names of `%(name)s`. `output_columns`: () where a
    star over a relation hides them. `code_hash`: equal for texts that differ in layout and comments only.
    """

    sql: str
    relations: frozenset[str]
    parameters: frozenset[str]
    output_columns: tuple[str, ...]
    code_hash: str


@cache
def read_query(sql: str) -> Query:
    """Read a single SELECT in PostgreSQL's dialect with psycopg's `%(name)s`; ModelError for anything else."""
    sql = sql.rstrip().removesuffix(";")
    parameters = _parameters(sql)
    kept = _kept().get(_digest(sql))
    if kept is not None:
        return Query(
            sql, frozenset(kept["relations"]), parameters, tuple(kept["output_columns"]), kept["code_hash"]
        )
    from rebound_oro_pipeline.sqlmodels.parse import parse_query  # noqa: PLC0415 - slow import

    relations, output_columns, code_hash = parse_query(sql)
    return Query(sql, relations, parameters, output_columns, code_hash)


def keep(queries: Iterable[Query]) -> None:
    """Keep what was read of these queries, and of no others, for the next process; where that cannot be, do without."""
    found = {
        _digest(query.sql): {
            "relations": sorted(query.relations),
            "output_columns": query.output_columns,
            "code_hash": query.code_hash,
        }
        for query in queries
    }
    if sys.dont_write_bytecode or found.keys() == _kept().keys():
        return
    text = json.dumps({"reader": _reader(), "queries": found})
    path = _place()
    with suppress(OSError):  # a place that cannot be written, as in a container
        path.parent.mkdir(exist_ok=True)
        with NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=path.stem, delete=False
        ) as file:
            file.write(text)
        Path(file.name).chmod(0o644)
        os.replace(file.name, path)  # noqa: PTH105 - of whoever writes at the same time, one wins whole


@cache
def _kept() -> dict[str, dict[str, Any]]:
    """Return what was kept by this same reader: text's hash → relations, output columns, code hash."""
    try:
        kept = json.loads(_place().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    queries: dict[str, dict[str, Any]] = kept["queries"] if kept["reader"] == _reader() else {}
    return queries


def _place() -> Path:
    return Path(cache_from_source(__file__)).with_name("queries.json")


@cache
def _reader() -> str:
    """Return a hash of all that decides what is read of a text, besides the text."""
    code = (Path(__file__).with_name(name).read_bytes() for name in ("query.py", "parse.py"))
    return sha256(b"".join(code) + version("sqlglot").encode()).hexdigest()


def _digest(sql: str) -> str:
    return sha256(sql.encode()).hexdigest()


def _parameters(sql: str) -> frozenset[str]:
    """Return the names of the placeholders; a `%` that psycopg would trip over is an error."""
    found = list(_PLACEHOLDER.finditer(sql))
    for match in found:
        if match[0] == "%":
            line = sql.count("\n", 0, match.start()) + 1
            raise ModelError(f"line {line} of the query: write %% for a literal %, %(name)s for a parameter")
    return frozenset(match["name"] for match in found if match["name"])
