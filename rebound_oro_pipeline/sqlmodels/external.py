"""Relations that no model makes: those the migrations create, read from their text."""

import re
from functools import cache
from pathlib import Path

_MIGRATIONS = Path(__file__).parent.parent / "warehouse" / "migrations"
_STATEMENT = re.compile(
    r"^\s*(?P<verb>create|drop)\s+(?:or\s+replace\s+)?(?:unlogged\s+)?(?:materialized\s+)?(?:table|view)\s+"
    r"(?:if\s+(?:not\s+)?exists\s+)?(?P<relation>[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*)",
    re.IGNORECASE | re.MULTILINE,
)


@cache
def relations_of_migrations(directory: Path = _MIGRATIONS) -> frozenset[str]:
    """Return every `schema.name` that the migrations leave behind, applied in the order of their names."""
    relations: set[str] = set()
    for path in sorted(directory.glob("*.sql")):
        for statement in _STATEMENT.finditer(path.read_text(encoding="utf-8")):
            if statement["verb"].lower() == "create":
                relations.add(statement["relation"].lower())
            else:
                relations.discard(statement["relation"].lower())
    return frozenset(relations)
