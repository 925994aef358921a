"""The report of an audit: one HTML file that needs nothing beside it, and the same for machines."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rebound_oro_pipeline.services.audit import Audit
from rebound_oro_pipeline.services.audit_charts import lines_by_day, money_by_gap, records_by_gap
from rebound_oro_pipeline.services.audit_gaps import EXAMPLES, Gap, plain

REPORT: Final = "audit.html"
NOTHING: Final = "\N{EN DASH}"
_READ_AS: Final = {
    "returns": "returns",
    "return_lines": "return lines",
    "orders": "orders",
    "products": "products",
    "inventory_levels": "stock levels",
}


def write_report(audit: Audit, out: Path) -> Path:
    """Write audit.html below `out`; its links to the CSV files of the gaps need them beside it, all else is within."""
    environment = Environment(
        loader=PackageLoader("rebound_oro_pipeline", "services"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    environment.filters["grouped"] = _grouped
    path = out / REPORT
    path.write_text(environment.get_template("audit_report.html").render(_values(audit)), encoding="utf-8")
    return path


def document(audit: Audit) -> dict[str, Any]:
    """Return what was found for machines: decimals stay decimals, files are paths as text."""
    first, last = _days(audit)
    return {
        "from": first,
        "to": last,
        "audited_at": audit.audited_at,
        "all_orders": audit.all_orders,
        "read": dict(audit.read),
        "order_values": [
            {"currency": each.currency, "orders": each.orders, "total_amount": each.total_amount}
            for each in audit.order_values
        ],
        "permissions": [
            {"resource": each.subject, "level": each.level, "found": each.found} for each in audit.permissions
        ],
        "gaps": [_gap(gap) for gap in audit.gaps],
        "rehearsal": {
            "refused": audit.rehearsal.refused,
            "destinations": [
                {
                    "destination": each.destination,
                    "reason": each.reason,
                    "lines": each.lines,
                    "units": each.units,
                }
                for each in audit.rehearsal.destinations
            ],
            "credited": [
                {"currency": each.currency, "notes": each.notes, "total_amount": each.total_amount}
                for each in audit.rehearsal.credited
            ],
        },
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "name": gap.kind.name,
        "title": gap.kind.title,
        "records": gap.records,
        "at_stake": [
            {"currency": each.currency, "records": each.records, "amount": each.amount}
            for each in gap.at_stake
        ],
        "what_to_do": gap.kind.what_to_do,
        "file": str(gap.file),
    }


def _values(audit: Audit) -> dict[str, Any]:
    first, last = _days(audit)
    rehearsal = audit.rehearsal
    places: dict[str, int] = {}
    for each in rehearsal.destinations:
        places[each.destination] = places.get(each.destination, 0) + each.lines
    decided = places.get("credited", 0) + places.get("held", 0) + places.get("quarantined", 0)
    by_day = [(each.day, each.destination, each.lines) for each in rehearsal.by_day]
    return {
        "audit": audit,
        "first": first,
        "last": last,
        "read": [(name, audit.read[key]) for key, name in _READ_AS.items()],
        "places": places,
        "share_decided": _per_cent(places.get("credited", 0), decided),
        "found": [gap for gap in audit.gaps if gap.records],
        "clean": [gap for gap in audit.gaps if not gap.records],
        "shares": _shares(audit),
        "denied": [each for each in audit.permissions if each.level != "ok"],
        "examples": EXAMPLES,
        "chart_of_days": _markup(lines_by_day(audit.window, by_day)),
        "chart_of_records": _markup(records_by_gap(audit.gaps)),
        "charts_of_money": [(currency, _markup(svg)) for currency, svg in money_by_gap(audit.gaps)],
    }


def _markup(svg: str | None) -> Markup | None:
    """Mark a plot as HTML: pygal escapes the texts in it."""
    return None if svg is None else Markup(svg)  # noqa: S704


def _shares(audit: Audit) -> Mapping[tuple[str, str], str]:
    """Return (gap, currency) → what part of the value of all orders read in that currency is at stake."""
    totals = {each.currency: each.total_amount for each in audit.order_values}
    return {
        (gap.kind.name, each.currency): _per_cent(each.amount, totals[each.currency])
        for gap in audit.gaps
        for each in gap.at_stake
        if each.currency is not None and each.amount is not None and totals.get(each.currency)
    }


def _per_cent(part: Decimal | int, whole: Decimal | int) -> str:
    if not whole:
        return NOTHING
    share = Decimal(part) * 100 / Decimal(whole)
    return f"{share:.1f} %" if share == 0 or share >= Decimal("0.1") else "< 0.1 %"


def _grouped(number: Decimal | int | None) -> str:
    """Return a number with a comma at every third digit; a dash for none."""
    if number is None:
        return NOTHING
    return f"{number:,f}" if isinstance(number, Decimal) else f"{number:,}"


def _days(audit: Audit) -> tuple[date, date]:
    days = audit.window.spans(1)
    return days[0][0], days[-1][1]
