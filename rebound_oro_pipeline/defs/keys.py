"""The asset key is the relation, whoever writes it; so the table names in the SQL are the lineage."""

import dagster as dg

GROUPS = {"inbox": "landing", "outbox": "push", "reference": "staging", "seeds": "staging"}
"""Asset groups are the layers. What a push sends belongs to the pushes, what people keep to staging."""


def key_of(relation: str) -> dg.AssetKey:
    """Return the asset key of `schema.name`."""
    return dg.AssetKey(relation.split("."))


def group_of(relation: str) -> str:
    """Return the asset group of `schema.name`."""
    schema = relation.partition(".")[0]
    return GROUPS.get(schema, schema)
