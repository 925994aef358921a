"""The notation of the worked examples in docs/rules.md: fenced blocks marked `rules`, read into plain values.

order SO-1: total 124.90 USD, shipping 5.00       an order; the first one is meant where a return names none
  LAMP 3 x 40.00, tax 9.90                        its lines; `with SKU quantity x price` below one: a component
return A for "so-1" (reason late): 1 of 2 LAMP    units received, of units announced
later 15 days                                     the next decision, an hour on or so long
credit A: net 36.67, total 41.64                  what must come out; figures that are not named are not compared
taxes A: VAT 0.20 of 20.00 is 4.00                its goods' tax by code and rate; also `taxes A on shipping`
offer SO-1: 2 LAMP at 40.00, 0 BULB               what ReBound is told last; also `nothing`, `withdrawn: reason, …`
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).parents[2] / "docs" / "rules.md"

_BLOCK = re.compile(r"^```rules\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINE = re.compile(
    r"(?P<with>with )?(?P<sku>\S+) (?P<quantity>[\d.]+)(?: (?P<unit>[a-z]+))?"
    r" [x\u00d7] (?P<price>[\d.]+)(?P<rest>, .+)?"
)
_ITEM = re.compile(
    r"(?P<received>[\d.]+)(?: of (?P<announced>[\d.]+))?(?: (?P<unit>[a-z]+))? (?P<sku>[^\s#]+)(?: #(?P<id>\w+))?"
)
_TAX = re.compile(r"(?P<code>\S+) (?P<rate>[\d.]+) of (?P<taxable>[\d.]+) is (?P<tax>[\d.]+)")
_OFFERED = re.compile(
    r"(?P<quantity>[\d.]+) (?P<sku>\S+)(?: (?P<unit>[a-z]+))??(?: at (?P<price>[\d.]+))?(?P<not> not returnable)?"
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
    """An outcome that the example states: figures by name, units by (sku, how), and the reason, if it has one."""

    kind: str
    name: str
    line: int | None
    figures: dict[str, Decimal]
    units: dict[tuple[str, str | None], Decimal]
    reason: str | None


@dataclass(frozen=True)
class Taxes:
    """The taxes that a note must give back on its goods or its shipping: (code, rate) to (taxable amount, tax)."""

    name: str
    applies_to: str
    by_rate: dict[tuple[str, Decimal], tuple[Decimal, Decimal]]


@dataclass(frozen=True)
class OfferedItem:
    """An item of an offer; a price of None is not compared."""

    sku: str
    quantity: Decimal
    price: Decimal | None
    is_returnable: bool


@dataclass(frozen=True)
class Offer:
    """What ReBound must know of an order: state is the reason of a withdrawal, `offered`, or `nothing`."""

    name: str
    state: str
    items: list[OfferedItem]


@dataclass(frozen=True)
class Stage:
    """What is landed before one decision, how long after the one before it is, and what must then be there."""

    wait: timedelta
    orders: list[Order] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    aliases: list[tuple[str, str]] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    taxes: list[Taxes] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)


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
    if statement.startswith(" "):
        _read_line(example.stages[-1].orders[-1], statement.strip())
    elif statement:
        for pattern, read in _STATEMENTS.items():
            if found := pattern.fullmatch(statement):
                read(example, found)
                return
        raise ValueError("no statement of the notation")


def _read_order(example: Example, found: re.Match[str]) -> None:
    example.stages[-1].orders.append(Order(found["name"] or "SO-1", _settings(found["settings"])))


def _read_return(example: Example, found: re.Match[str]) -> None:
    items = [_item(text) for text in found["items"].split(", ")]
    given = Return(found["name"], found["reference"], _settings(found["settings"]), items)
    example.stages[-1].returns.append(given)


def _read_later(example: Example, found: re.Match[str]) -> None:
    example.stages.append(Stage(timedelta(days=int(found["days"])) if found["days"] else timedelta(hours=1)))


def _read_alias(example: Example, found: re.Match[str]) -> None:
    example.stages[-1].aliases.append((found["alias"], found["sku"]))


def _read_product(example: Example, found: re.Match[str]) -> None:
    units = (unit.partition(" ") for unit in found["units"].split(", "))
    example.products[found["sku"]] = {name: text for name, _, text in units}


def _read_policy(example: Example, found: re.Match[str]) -> None:
    *sections, name = found["path"].split(".")
    place = example.policy
    for section in sections:
        place = place.setdefault(section, {})
    place[name] = yaml.load(found["value"], yaml.BaseLoader)  # 2.00 stays exact


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
        elif part in ("prices include tax", "taxes after promotions", "free form", "without row totals"):
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


def _read_result(example: Example, found: re.Match[str]) -> None:
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
    line = int(found["line"]) if found["line"] else None
    example.stages[-1].results.append(Result(found["kind"], found["name"], line, figures, units, reason))


def _read_taxes(example: Example, found: re.Match[str]) -> None:
    by_rate = {}
    for part in found["rest"].split(", "):
        tax = _TAX.fullmatch(part)
        if tax is None:
            raise ValueError(f"{part!r} is no tax")
        by_rate[tax["code"], Decimal(tax["rate"])] = (Decimal(tax["taxable"]), Decimal(tax["tax"]))
    applies_to = "shipping" if found["shipping"] else "goods"
    example.stages[-1].taxes.append(Taxes(found["name"], applies_to, by_rate))


def _read_offer(example: Example, found: re.Match[str]) -> None:
    state, items = "offered", found["rest"]
    if found["rest"] == "nothing":
        state, items = "nothing", ""
    elif found["rest"].startswith("withdrawn: "):
        state, _, items = found["rest"].removeprefix("withdrawn: ").partition(", ")
    offered = []
    for part in filter(None, items.split(", ")):
        item = _OFFERED.fullmatch(part)
        if item is None:
            raise ValueError(f"{part!r} is no item of an offer")
        price = Decimal(item["price"]) if item["price"] else None
        quantity = Decimal(item["quantity"])
        offered.append(OfferedItem(item["sku"], quantity, price, bool(quantity) and not item["not"]))
    example.stages[-1].offers.append(Offer(found["name"] or "SO-1", state, offered))


_STATEMENTS: Mapping[re.Pattern[str], Callable[[Example, re.Match[str]], None]] = {
    re.compile(r"order(?: (?P<name>\S+))?: (?P<settings>.+)"): _read_order,
    re.compile(
        r'return (?P<name>\w+)(?: for "(?P<reference>[^"]*)")?(?: \((?P<settings>[^)]+)\))?: (?P<items>.+)'
    ): _read_return,
    re.compile(r"later(?: (?P<days>\d+) days)?"): _read_later,
    re.compile(r"alias: (?P<alias>\S+) = (?P<sku>\S+)"): _read_alias,
    re.compile(r"product (?P<sku>\S+): (?P<units>.+)"): _read_product,
    re.compile(r"policy: (?P<path>\S+) = (?P<value>.+)"): _read_policy,
    re.compile(
        r"(?P<kind>credit|stock|held|quarantine|waiting|withdrawn) (?P<name>[\w-]+)"
        r"(?: line (?P<line>\d+))?: (?P<rest>.+)"
    ): _read_result,
    re.compile(r"offer(?: (?P<name>[\w-]+))?: (?P<rest>.+)"): _read_offer,
    re.compile(r"taxes (?P<name>[\w-]+)(?P<shipping> on shipping)?: (?P<rest>.+)"): _read_taxes,
}


def named(results: list[Result], *kinds: str) -> Iterator[Result]:
    """Give the results of some kinds."""
    return (result for result in results if result.kind in kinds)
