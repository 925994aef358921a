"""One SELECT as the models need it: the relations it reads, its parameters, and a hash that ignores layout."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from rebound_oro_pipeline.sqlmodels.errors import ModelError
from rebound_oro_pipeline.sqlmodels.kept import digest, keep, kept

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
    found = kept("queries").get(digest(sql))
    if found is not None:
        return Query(
            sql, frozenset(found["relations"]), parameters, tuple(found["output_columns"]), found["code_hash"]
        )
    from rebound_oro_pipeline.sqlmodels.parse import parse_query  # noqa: PLC0415 - slow import

    relations, output_columns, code_hash = parse_query(sql)
    return Query(sql, relations, parameters, output_columns, code_hash)


def keep_queries(queries: Iterable[Query]) -> None:
    """Keep what was read of these queries, and of no others, for the next process."""
    found = {
        digest(query.sql): {
            "relations": sorted(query.relations),
            "output_columns": query.output_columns,
            "code_hash": query.code_hash,
        }
        for query in queries
    }
    keep("queries", found)


def _parameters(sql: str) -> frozenset[str]:
    """Return the names of the placeholders; a `%` that psycopg would trip over is an error."""
    found = list(_PLACEHOLDER.finditer(sql))
    for match in found:
        if match[0] == "%":
            line = sql.count("\n", 0, match.start()) + 1
            raise ModelError(f"line {line} of the query: write %% for a literal %, %(name)s for a parameter")
    return frozenset(match["name"] for match in found if match["name"])
