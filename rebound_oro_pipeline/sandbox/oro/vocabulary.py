"""Attributes and relations that many resource types share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from rebound_oro_pipeline.sandbox.oro.schema import Attribute, Kind, Relation

T = TypeVar("T", Attribute, Relation)

READ = frozenset({"get", "get_list"})
WRITE = READ | {"create", "update", "delete"}
TEXT = Attribute()
MONEY = Attribute(kind=Kind.MONEY)
NUMBER = Attribute(kind=Kind.NUMBER)
INTEGER = Attribute(kind=Kind.INTEGER)
YES = Attribute(kind=Kind.BOOLEAN, default=True)
NO = Attribute(kind=Kind.BOOLEAN, default=False)
EMPTY = Attribute(kind=Kind.JSON, default=())
TIME = Attribute(kind=Kind.DATETIME, filterable=True)
ORGANIZATION = Relation(target="organizations", default="1")
OWNER = Relation(target="users", default="1")


def to_many(target: str, *, inverse: str = "", writable: bool = False, owned: bool = False) -> Relation:
    """Return a to-many relation that is empty by default."""
    return Relation(target=target, many=True, default=(), inverse=inverse, writable=writable, owned=owned)


def when(fields: Mapping[str, T], *, shown: bool) -> Mapping[str, T]:
    """Return the fields if the release shows them, else none."""
    return fields if shown else {}
