"""SQL statements by name, from the `.sql` files that lie beside the Python modules which use them."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from rebound_oro_pipeline.warehouse.errors import StatementFileError

_HEADING = re.compile(r"^--\s*name:\s*(\S+)[ \t]*$", re.MULTILINE)
_NOT_A_COMMENT = re.compile(r"^(?!\s*--)\s*\S", re.MULTILINE)


@cache
def load(name: str, package: str = "rebound_oro_pipeline.warehouse") -> Mapping[str, str]:
    """Return the statements of `sql/{name}.sql` in `package`, by the names in their `-- name: xyz` headings.

    Raises FileNotFoundError where there is no such file, StatementFileError where it is not of this form.
    """
    resource = files(package) / "sql" / f"{name}.sql"
    preamble, *parts = _HEADING.split(resource.read_text(encoding="utf-8"))
    if _NOT_A_COMMENT.search(preamble):
        raise StatementFileError(f"{name}.sql: a statement stands before the first `-- name:` heading")
    statements: dict[str, str] = {}
    for key, text in zip(parts[::2], parts[1::2], strict=True):
        if key in statements:
            raise StatementFileError(f"{name}.sql: the name {key} is given twice")
        if not _NOT_A_COMMENT.search(text):
            raise StatementFileError(f"{name}.sql: no statement follows the name {key}")
        statements[key] = text.strip()
    return MappingProxyType(statements)
