"""The comment that opens every SQL file: what the query means, then `key: value` lines.

    /*
    First paragraph: the description.

    materialized: table
    grain: order_id, position
    columns:
        order_id: OroCommerce's id of the order
    */

A value may go on in indented lines. Further paragraphs of prose before the keys belong to the description.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from inspect import cleandoc
from types import MappingProxyType

from rebound_oro_pipeline.sqlmodels.errors import ModelError

_COMMENT = re.compile(r"\A\s*/\*(?P<header>.*?)\*/", re.DOTALL)
_KEY = re.compile(r"(?P<key>[a-z_]+):(?:\s+(?P<value>.*))?")
_DESCRIBED_NAME = re.compile(r"(?P<name>[a-z_][a-z0-9_]*):\s+(?P<text>.+)")
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_RELATION = re.compile(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class Header:
    """A parsed header: prose, and the text of each key (continuation lines kept as lines)."""

    description: str
    values: Mapping[str, str]

    def text(self, key: str) -> str | None:
        """Return the value as one line; None where the key is absent or empty."""
        return " ".join(self.values.get(key, "").split()) or None

    def names(self, key: str) -> tuple[str, ...]:
        """Return a comma-separated list of column names; () where the key is absent."""
        return split_names(key, self.values[key]) if key in self.values else ()

    def name(self, key: str) -> str | None:
        """Return a single column name; None where the key is absent."""
        names = self.names(key)
        if len(names) > 1:
            raise ModelError(f"header key {key!r} takes one column")
        return names[0] if names else None

    def relations(self, key: str) -> tuple[str, ...]:
        """Return a comma-separated list of `schema.name`; () where the key is absent."""
        found = tuple(name.strip() for name in self.values[key].split(",")) if key in self.values else ()
        for name in found:
            if not is_relation(name):
                raise ModelError(f"header key {key!r}: {name!r} is not of the form schema.name")
        return found

    def one_of(self, key: str, allowed: Collection[str], default: str) -> str:
        """Return the value, which must be one of `allowed`."""
        value = self.text(key) or default
        if value not in allowed:
            raise ModelError(f"header key {key!r} is {value!r}; allowed: {', '.join(allowed)}")
        return value

    def described_names(self, key: str) -> Mapping[str, str]:
        """Return a block of indented `name: description` lines as a mapping."""
        lines = [line for line in self.values.get(key, "").splitlines() if line.strip()]
        margin = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
        described: dict[str, str] = {}
        name = ""
        for line in lines:
            if line[margin : margin + 1] == " " and name:
                described[name] += " " + line.strip()
                continue
            matched = _DESCRIBED_NAME.fullmatch(line.strip())
            if not matched or matched["name"] in described:
                raise ModelError(
                    f"header key {key!r}: expected 'name: description' once per name, found {line.strip()!r}"
                )
            name = matched["name"]
            described[name] = matched["text"]
        return MappingProxyType(described)


def is_relation(text: str) -> bool:
    """Whether this is `schema.name`."""
    return _RELATION.fullmatch(text) is not None


def split_names(key: str, text: str) -> tuple[str, ...]:
    """Return the column names of a comma-separated list, each an unquoted lower-case SQL name."""
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if not _NAME.fullmatch(name):
            raise ModelError(f"header key {key!r}: {name!r} is not a column name")
    if len(set(names)) != len(names):
        raise ModelError(f"header key {key!r} names a column twice")
    return names


def parse_header(text: str, allowed: Collection[str]) -> tuple[Header, str]:
    """Split a file into its header and the SQL below; ModelError for a missing header or an unknown key."""
    comment = _COMMENT.match(text)
    if comment is None:
        raise ModelError("the file does not open with a /* … */ header")
    lines = [line.rstrip() for line in cleandoc(comment["header"]).splitlines()]
    start = _first_key(lines, allowed)
    paragraphs = "\n".join(lines[:start]).strip().split("\n\n")
    description = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    if not description:
        raise ModelError("the header has no description")
    return Header(description, _values(lines[start:], allowed)), text[comment.end() :].strip()


def _first_key(lines: list[str], allowed: Collection[str]) -> int:
    """Return the number of the line at which the keys begin."""
    for number, line in enumerate(lines):
        matched = _KEY.fullmatch(line)
        # A sentence may hold a colon; after a blank line `word:` can only be a key, perhaps a misspelt one.
        if matched and (matched["key"] in allowed or (number > 0 and not lines[number - 1])):
            return number
        if line.startswith(" "):
            raise ModelError(f"an indented line before any header key: {line.strip()!r}")
    return len(lines)


def _values(lines: list[str], allowed: Collection[str]) -> Mapping[str, str]:
    """Return the text of each key, its indented lines included."""
    values: dict[str, list[str]] = {}
    for line in lines:
        matched = _KEY.fullmatch(line)
        if matched:
            key = matched["key"]
            if key not in allowed:
                raise ModelError(f"unknown header key {key!r}; known here: {', '.join(sorted(allowed))}")
            if key in values:
                raise ModelError(f"header key {key!r} stands twice")
            values[key] = [matched["value"] or ""]
        elif line.startswith(" "):
            values[next(reversed(values))].append(line)
        elif line:
            raise ModelError(f"expected 'key: value' in the header, found {line!r}")
    return MappingProxyType({key: "\n".join(text).strip("\n") for key, text in values.items()})
