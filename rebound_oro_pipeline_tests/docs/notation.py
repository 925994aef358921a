"""The notation of the worked examples in docs/rules.md: fenced blocks marked `rules`, read into plain values.

order SO-1: total 124.90 USD, shipping 5.00       an order; the first one is meant where a return names none
  LAMP 3 × 40.00, tax 9.90                        its lines; `with SKU quantity × price` below one: a component
return A for "so-1" (reason late): 1 of 2 LAMP    units received, of units announced
later 15 days                                     the next decision, an hour on or so long
credit A: net 36.67, total 41.64                  what must come out; figures that are not named are not compared
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).parents[2] / "docs" / "rules.md"

_BLOCK = re.compile(r"^```rules\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_ORDER = re.compile(r"order(?: (?P<name>\S+))?: (?P<settings>.+)")
_LINE = re.compile(
    r"(?P<with>with )?(?P<sku>\S+) (?P<quantity>[\d.]+)(?: (?P<unit>[a-z]+))? × (?P<price>[\d.]+)(?P<rest>, .+)?"
)
_RETURN = re.compile(
    r'return (?P<name>\w+)(?: for "(?P<reference>[^"]*)")?(?: \((?P<settings>[^)]+)\))?: (?P<items>.+)'
)
_ITEM = re.compile(
    r"(?P<received>[\d.]+)(?: of (?P<announced>[\d.]+))?(?: (?P<unit>[a-z]+))? (?P<sku>[^\s#]+)(?: #(?P<id>\w+))?"
)
_LATER = re.compile(r"later(?: (?P<days>\d+) days)?")
_RESULT = re.compile(
    r"(?P<kind>credit|stock|held|quarantine|waiting|withdrawn) (?P<name>[\w-]+)(?: line (?P<line>\d+))?: (?P<rest>.+)"
)
_UNITS = re.compile(r"(?P<quantity>[\d.]+) (?P<sku>\S+)(?: (?P<how>restocked|not restocked))?")


@dataclass(frozen=True)
class Line:
    """A line of an order, or a component of a kit line; settings are what follows its price."""

    sku: str
    quantity: Decimal
    unit: str
    price: Decimal
    settings: dict[str, str] = field(default_factory=dict)
    parts: list["Line"] = field(default_factory=list)


@dataclass(frozen=True)
class Order:
    """An order; settings are its figures and statuses by name."""

    name: str
    settings: dict[str, str]
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True)
class Item:
    """A line of a return; announced is None where the example names one quantity only."""

    sku: str
    received: Decimal
    announced: Decimal | None
    unit: str | None
    id: str | None


@dataclass(frozen=True)
class Return:
    """A return; reference None means the first order of the example."""

    name: str
    reference: str | None
    settings: dict[str, str]
    items: list[Item]


@dataclass(frozen=True)
class Result:
    """An outcome that the example states: figures by name, units as (sku, how): quantity, and the reason, if it has one."""

    kind: str
    name: str
    line: int | None
    figures: dict[str, Decimal]
    units: dict[tuple[str, str | None], Decimal]
    reason: str | None


@dataclass(frozen=True)
class Stage:
    """What is landed before one decision, how long after the one before it is, and what must then be there."""

    wait: timedelta
    orders: list[Order] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    aliases: list[tuple[str, str]] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)


@dataclass(frozen=True)
class Example:
    """One block of docs/rules.md; `line` is where it stands."""

    number: int
    line: int
    policy: dict[str, Any]
    products: dict[str, dict[str, str]]
    stages: list[Stage]


def examples() -> list[Example]:
    """Read all worked examples."""
    text = RULES.read_text(encoding="utf-8")
    return [
        _example(number, text.count("\n", 0, block.start()) + 1, block["text"])
        for number, block in enumerate(_BLOCK.finditer(text), start=1)
    ]


def _example(number: int, line: int, text: str) -> Example:
    example = Example(number, line, {}, {}, [Stage(timedelta(0))])
    for offset, statement in enumerate(text.splitlines(), start=1):
        try:
            _read(example, statement.partition("   ←")[0].rstrip())
        except (ValueError, LookupError) as error:
            raise ValueError(
                f"{RULES.name}:{line + offset}: {statement.strip()!r} cannot be read: {error}"
            ) from error
    return example


def _read(example: Example, statement: str) -> None:
    stage = example.stages[-1]
    if not statement:
        return
    if statement.startswith(" "):
        _read_line(stage.orders[-1], statement.strip())
    elif found := _ORDER.fullmatch(statement):
        stage.orders.append(Order(found["name"] or "SO-1", _settings(found["settings"])))
    elif found := _RETURN.fullmatch(statement):
        items = [_item(text) for text in found["items"].split(", ")]
        stage.returns.append(Return(found["name"], found["reference"], _settings(found["settings"]), items))
    elif found := _LATER.fullmatch(statement):
        example.stages.append(
            Stage(timedelta(days=int(found["days"])) if found["days"] else timedelta(hours=1))
        )
    elif statement.startswith("alias: "):
        alias, sku = statement.removeprefix("alias: ").split(" = ")
        stage.aliases.append((alias, sku))
    elif statement.startswith("product "):
        sku, units = statement.removeprefix("product ").split(": ")
        example.products[sku] = dict(unit.split(" ", 1) for unit in units.split(", "))  # type: ignore[misc]
    elif statement.startswith("policy: "):
        path, value = statement.removeprefix("policy: ").split(" = ")
        *sections, name = path.split(".")
        place = example.policy
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = yaml.load(value, yaml.BaseLoader)  # 2.00 stays exact
    elif found := _RESULT.fullmatch(statement):
        stage.results.append(_result(found))
    else:
        raise ValueError("no statement of the notation")


def _read_line(order: Order, text: str) -> None:
    found = _LINE.fullmatch(text)
    if found is None:
        raise ValueError("no line of an order")
    line = Line(
        found["sku"],
        Decimal(found["quantity"]),
        found["unit"] or "item",
        Decimal(found["price"]),
        _settings((found["rest"] or "").removeprefix(", ")),
    )
    (order.lines[-1].parts if found["with"] else order.lines).append(line)


def _settings(text: str | None) -> dict[str, str]:
    """Read `name value` pairs; the last word is the value, but of `total 1.00 USD`, and of what is only said."""
    settings = {}
    for part in filter(None, (text or "").split(", ")):
        if part.startswith("total "):
            _, settings["total"], settings["currency"] = part.split(" ")
        elif part in ("prices include tax", "free form", "without row totals"):
            settings[part] = "yes"
        else:
            name, value = part.rsplit(" ", 1)
            settings[name] = value
    return settings


def _item(text: str) -> Item:
    found = _ITEM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no item of a return")
    announced = Decimal(found["announced"]) if found["announced"] else None
    return Item(found["sku"], Decimal(found["received"]), announced, found["unit"], found["id"])


def _result(found: re.Match[str]) -> Result:
    figures: dict[str, Decimal] = {}
    units: dict[tuple[str, str | None], Decimal] = {}
    reason = None
    for part in found["rest"].split(", "):
        if quantity := _UNITS.fullmatch(part):
            units[quantity["sku"], quantity["how"]] = Decimal(quantity["quantity"])
        elif " " in part:
            name, value = part.rsplit(" ", 1)
            figures[name] = Decimal(value)
        else:
            reason = part
    return Result(
        found["kind"], found["name"], int(found["line"]) if found["line"] else None, figures, units, reason
    )


def named(results: list[Result], *kinds: str) -> Iterator[Result]:
    """Give the results of some kinds."""
    return (result for result in results if result.kind in kinds)
