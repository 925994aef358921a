"""Column lineage of all models: from which columns of which relations each of their columns is made."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from rebound_oro_pipeline.sqlmodels.kept import digest, keep, kept
from rebound_oro_pipeline.sqlmodels.model import Model, Models, Origins
from rebound_oro_pipeline.sqlmodels.relations import OWNED


def origins_of(models: Models, columns: Mapping[str, Collection[str]]) -> Mapping[str, Origins]:
    """Return relation → column → where it comes from, for every model; the kept ones are not worked out again.

    `columns` are those of every relation that is read and no seed. Columns of a relation that the model reads as it
    stood before (`previous`, and its own) are left out: lineage leads from left to right, as `depends_on` does.
    """
    known = {
        **columns,
        **{relation: tuple(seed.columns) for relation, seed in models.seeds.items()},
        # What a model of ours gives is told by itself, also while it is being changed.
        **{
            relation: model.output_columns
            for relation, model in models.items()
            if model.materialized in OWNED and model.output_columns
        },
    }
    before = kept("origins")
    found: dict[str, Mapping[str, Any]] = {}
    origins: dict[str, Origins] = {}
    for relation, model in models.items():
        key = _key(model, known)
        found[key] = before[key] if key in before else _worked_out(model, known)
        origins[relation] = _forwards(model, found[key])
    keep("origins", found)
    return origins


def _worked_out(model: Model, columns: Mapping[str, Collection[str]]) -> Origins:
    from rebound_oro_pipeline.sqlmodels.lineage import column_lineage  # noqa: PLC0415 - slow import

    return column_lineage(model, columns)


def _key(model: Model, columns: Mapping[str, Collection[str]]) -> str:
    read = {relation: list(columns.get(relation, ())) for relation in sorted(model.reads)}
    return digest(model.sql, json.dumps(read))


def _forwards(model: Model, origins: Mapping[str, Any]) -> Origins:
    upstream = set(model.depends_on)
    return {
        column: tuple((relation, name) for relation, name in pairs if relation in upstream)
        for column, pairs in origins.items()
    }
