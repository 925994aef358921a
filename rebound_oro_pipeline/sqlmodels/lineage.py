"""Column lineage of a model, worked out by sqlglot.

Takes tens of milliseconds per model, so only what `origins` has not seen before comes here.
"""

from collections.abc import Collection, Mapping

from sqlglot import exp
from sqlglot.lineage import Node, lineage

from rebound_oro_pipeline.sqlmodels.model import Model, Origins
from rebound_oro_pipeline.sqlmodels.parse import parse_tree


def column_lineage(model: Model, columns: Mapping[str, Collection[str]]) -> Origins:
    """Return for each output column the (relation, column) pairs it is made from, sorted.

    `columns` are those of the relations that the model reads (`catalog.columns_of`); a relation that is
    missing there contributes only columns that the query names with their table.
    """
    schema: dict[str, dict[str, dict[str, str]]] = {}
    for relation in model.reads & columns.keys():
        layer, _, name = relation.partition(".")
        schema.setdefault(layer, {})[name] = dict.fromkeys(columns[relation], "unknown")
    nodes = lineage(
        None,
        parse_tree(model.sql),
        schema,
        dialect="postgres",
        trim_selects=False,
        copy=False,
        quote_identifiers=False,
    )
    return {column: _origins(node) for column, node in nodes.items()}


def _origins(node: Node) -> tuple[tuple[str, str], ...]:
    """Collect the tables at the ends of a lineage; its nodes are shared, so each is visited once."""
    origins = set()
    seen = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        waiting.extend(current.downstream)
        if isinstance(current.expression, exp.Table) and current.expression.db:
            column = current.name.rpartition(".")[2].strip('"')
            origins.add((f"{current.expression.db}.{current.expression.name}", column))
    return tuple(sorted(origins))
