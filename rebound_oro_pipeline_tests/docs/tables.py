"""What of the documentation follows from the code: tables of settings, policy keys, reasons and gaps, and all commands.

`python -m rebound_oro_pipeline_tests.docs.tables` writes them anew; tests compare. In docs/policy.md the column
`meaning` is written by hand and kept.
"""

import csv
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from rebound_oro_pipeline.cli import main
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.services.audit_gaps import KINDS
from rebound_oro_pipeline.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REASONS = ROOT / "dbt_like_sql" / "seeds" / "quarantine_reasons.csv"

NOTHING = "\N{EN DASH}"
"""Stands where there is no value."""

Row = Sequence[str]
Schema = Mapping[str, Any]


def region(text: str, name: str) -> str:
    """Return what stands between `<!-- name:begin -->` and `<!-- name:end -->`."""
    begin, end = _marks(name)
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"the document has no single region {name!r}")
    return text.partition(begin)[2].partition(end)[0]


def rows_of(text: str, name: str) -> list[list[str]]:
    """Return the cells of the table in a region, without its two head lines."""
    lines = [line for line in region(text, name).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def settings_table(_: str) -> list[Row]:
    """Return the rows of docs/settings.md."""
    properties = Settings.model_json_schema()["properties"]
    return [
        ("variable", "default", "values", "meaning"),
        *(
            (f"`{PREFIX}{name.upper()}`", _shown(field.get("default")), _values(field), field["description"])
            for name, field in properties.items()
        ),
    ]


def policy_table(text: str) -> list[Row]:
    """Return the rows of docs/policy.md; what stands in its column `meaning` is kept."""
    meanings = {row[0]: row[3] for row in rows_of(text, "policy") if len(row) == 4}
    schema = Policy.model_json_schema(by_alias=True)
    return [
        ("key", "default", "values", "meaning"),
        *(
            (f"`{key}`", _shown(field.get("default")), _values(field), meanings.get(f"`{key}`", ""))
            for key, field in _keys(schema, schema["$defs"])
        ),
    ]


def quarantine_table(_: str) -> list[Row]:
    """Return the reasons of the quarantine, as their seed has them."""
    with REASONS.open(encoding="utf-8", newline="") as file:
        reasons = list(csv.DictReader(file))
    return [
        ("reason", "owner", "what happened", "what to do"),
        *((f"`{each['reason']}`", each["owner"], each["what_happened"], each["remedy"]) for each in reasons),
    ]


def gaps_table(_: str) -> list[Row]:
    """Return the gaps that an audit looks for."""
    return [
        ("gap", "its file", "what it means", "what happens", "what to do"),
        *(
            (kind.title, f"`{kind.name}`", kind.what_it_means, kind.what_happens, kind.what_to_do)
            for kind in KINDS
        ),
    ]


def command_reference(_: str) -> str:
    """Return the reference of all commands, as their help has it."""
    return "".join(_command(main, "rebound-oro"))


def _command(command: click.Command, words: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        if command is not main:
            yield f"\n## {words}\n\n{_prose(command.help)}\n"
        for name in sorted(command.commands):
            yield from _command(command.commands[name], f"{words} {name}")
        return
    context = click.Context(command, info_name=words)
    said, _, example = (command.help or "").partition("Example: ")
    depth = "###" if words.count(" ") > 1 else "##"
    yield f"\n{depth} {words}\n\n{_prose(said)}\n\n"
    yield f"    {' '.join([words, *command.collect_usage_pieces(context)])}\n\n"
    yield f"Example: `{example.strip()}`\n"
    if command.name == "sandbox":
        return
    records = [
        parameter.get_help_record(context)
        for parameter in command.params
        if isinstance(parameter, click.Option)
    ]
    options = [record for record in records if record is not None]
    if options:
        yield "\n"
    for names, meaning in options:
        yield f"- `{names}`: {meaning}\n"


def _prose(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").strip().split("\n\n"))


TABLES: Mapping[str, tuple[Path, Callable[[str], list[Row] | str]]] = {
    "settings": (DOCS / "settings.md", settings_table),
    "policy": (DOCS / "policy.md", policy_table),
    "quarantine": (DOCS / "rules.md", quarantine_table),
    "gaps": (DOCS / "audit.md", gaps_table),
    "commands": (DOCS / "cli.md", command_reference),
}
"""Region name → the document it is in, and what makes its rows."""


def written(name: str) -> tuple[Path, str, str]:
    """Return the document of a table or a reference, its text as it is, and as it should be."""
    path, make = TABLES[name]
    text = path.read_text(encoding="utf-8")
    made = make(text)
    if isinstance(made, str):
        table = made
    else:
        head, *rows = made
        lines = [head, ["---"] * len(head), *rows]
        table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    begin, end = _marks(name)
    return path, text, text.replace(f"{begin}{region(text, name)}{end}", f"{begin}{table}{end}")


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"


def _keys(schema: Schema, definitions: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    for name, field in schema["properties"].items():
        target = field.get("$ref", "").rpartition("/")[2]
        if target:
            yield from _keys(definitions[target], definitions, f"{path}{name}.")
        else:
            yield f"{path}{name}", field


def _shown(value: object) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, list):
        return f"`[{', '.join(_quoted(each) for each in value)}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _quoted(value: str) -> str:
    return f'"{value}"' if value == "*" else value


def _values(field: Schema) -> str:
    choices = [each for each in field.get("anyOf", [field]) if each.get("type") != "null"]
    first = choices[0]
    if "enum" in first:
        return ", ".join(f"`{each}`" for each in first["enum"])
    if first["type"] == "array":
        inside = _values(first["items"])
        return f"list of {inside}" if "enum" in first["items"] else "list of names"
    if first["type"] == "object":
        return "by return reason: `percent` (0 to 100), `flat` (0 or more)"
    if first["type"] in ("integer", "number"):
        least = (
            field.get("minimum", field.get("exclusiveMinimum", -1) + 1) if "ge" not in field else field["ge"]
        )
        most = field.get("maximum", field.get("le"))
        return f"{least} or more" if most is None else f"{least} to {most}"
    if first["type"] == "boolean":
        return "`true`, `false`"
    formats = {"password": "secret", "path": "path", "uri": "URL", "date": "date"}
    return formats.get(first.get("format", ""), "text")


if __name__ == "__main__":
    for table in TABLES:
        document, before, after = written(table)
        if before != after:
            document.write_text(after, encoding="utf-8")
            sys.stdout.write(f"{document.relative_to(ROOT)}: {table} written\n")
