"""What sqlglot made of the models, kept beside Python's bytecode for the next process.

sqlglot is slow to load and to use, and each process that Dagster starts loads the models. Each finding is kept by the
hash of what it was made from, so whoever loads the same models again neither parses them nor loads sqlglot.
"""

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Literal

Kind = Literal["queries", "origins"]
"""What is kept: what was read of a query, and the column lineage of a model."""


def digest(*texts: str) -> str:
    """Return a hash of texts, in their order."""
    return sha256("\0".join(texts).encode()).hexdigest()


def kept(kind: Kind) -> Mapping[str, Any]:
    """Return what these same readers kept of a kind: hash of what it was made from → finding."""
    return _kept().get(kind, {})


def keep(kind: Kind, found: Mapping[str, Any]) -> None:
    """Keep these findings of a kind, and no others, for the next process; where that cannot be, for this one."""
    if found.keys() == kept(kind).keys():
        return
    findings = _kept()
    findings[kind] = found
    if sys.dont_write_bytecode:
        return
    text = json.dumps({"reader": _reader(), "findings": findings})
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
def _kept() -> dict[Kind, Mapping[str, Any]]:
    try:
        read = json.loads(_place().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    findings: dict[Kind, Mapping[str, Any]] = read["findings"] if read["reader"] == _reader() else {}
    return findings


def _place() -> Path:
    return Path(cache_from_source(__file__)).with_name("sqlglot.json")


@cache
def _reader() -> str:
    """Return a hash of all that decides what is found, besides the models."""
    names = ("kept.py", "query.py", "parse.py", "origins.py", "lineage.py")
    code = (Path(__file__).with_name(name).read_bytes() for name in names)
    return sha256(b"".join(code) + version("sqlglot").encode()).hexdigest()
