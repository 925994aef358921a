"""Plots of an audit as SVG text that stands within the page: no script, nothing fetched."""

import re
import sys
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

import pygal
from pygal.style import Style

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.audit_gaps import Gap, currencies

# pygal leaves a finder of plug-ins behind, of a kind that Python 3.11 warns of at every later import; we use none.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != pygal.__name__]

_COLOURS: Final = {
    "credited": "#2f7d5b",
    "held": "#d9a441",
    "quarantined": "#b3423a",
    "waiting": "#8aa0b8",
    "withdrawn": "#c9c9c9",
}
"""Colour of each place; in this order they are stacked."""
_MOST_LABELS: Final = 12
_ROW_HEIGHT: Final = 34
_MOST_CURRENCIES: Final = 6
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
_BESIDE_THE_BAR: Final = "text.value {text-anchor: start !important; transform: translateX(6px)}"
_SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def lines_by_day(window: Window, places: Sequence[tuple[date, str, int]]) -> str | None:
    """Draw return lines per day, stacked by where they would be; None where there are none."""
    if not places:
        return None
    found = {(day, destination): lines for day, destination, lines in places}
    days = sorted({day for day, _, _ in places} | {day for day, _ in window.spans(1)})
    chart = pygal.StackedBar(
        **_options(tuple(_COLOURS.values()), height=300),
        legend_at_bottom=True,
        legend_at_bottom_columns=len(_COLOURS),
        show_minor_x_labels=False,
        truncate_label=-1,
    )
    chart.x_labels = [f"{day:%d %b}" for day in days]
    every = -(-len(days) // _MOST_LABELS)
    chart.x_labels_major = chart.x_labels[::every]
    for destination in _COLOURS:
        chart.add(destination, [found.get((day, destination)) or None for day in days])
    return _svg(chart)


def records_by_gap(gaps: Sequence[Gap]) -> str | None:
    """Draw how many records each gap has, largest first; None where there are none."""
    rows = sorted(((gap.kind.title, gap.records) for gap in gaps if gap.records), key=lambda row: row[1])
    return _bars([(title, records, f"{records:,}") for title, records in rows], "#41618a") if rows else None


def money_by_gap(gaps: Sequence[Gap]) -> list[tuple[str, str]]:
    """Draw the money at stake in each of the currencies with most records, as pairs of currency and plot."""
    drawn = []
    for currency in currencies(gaps)[:_MOST_CURRENCIES]:
        rows = [(gap.kind.title, gap.amount_in(currency)) for gap in gaps]
        bars = [(title, amount, f"{amount:,f}") for title, amount in sorted(rows, key=_amount) if amount]
        drawn.append((currency, _bars(bars, "#8a5a41")))
    return drawn


def _amount(row: tuple[str, Decimal]) -> Decimal:
    return row[1]


def _bars(rows: Sequence[tuple[str, int | Decimal, str]], colour: str) -> str:
    """Draw horizontal bars, the last row uppermost; texts are printed beside them, exact."""
    chart = pygal.HorizontalBar(
        **_options((colour,), height=70 + _ROW_HEIGHT * len(rows)),
        show_legend=False,
        print_values=True,
        print_values_position="top",
        css=("file://style.css", "file://graph.css", f"inline:{_BESIDE_THE_BAR}"),
        show_x_labels=False,
        range=(0, float(max(value for _, value, _ in rows)) * 1.15),
    )
    chart.x_labels = [title for title, _, _ in rows]
    # Only the length of a bar is a float; what is printed is the text.
    chart.add("", [{"value": float(value), "formatter": _says(text)} for _, value, text in rows])
    return _svg(chart)


def _says(text: str) -> Any:
    return lambda _: text


def _options(colours: tuple[str, ...], *, height: int) -> dict[str, Any]:
    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground="#333",
        foreground_strong="#111",
        foreground_subtle="#ddd",
        opacity="1",
        opacity_hover="1",
        colors=colours,
        font_family=_FONT,
        label_font_size=13,
        major_label_font_size=13,
        value_font_size=13,
        legend_font_size=13,
        guide_stroke_color="#e3e6ea",
        major_guide_stroke_color="#e3e6ea",
        guide_stroke_dasharray="0",
        major_guide_stroke_dasharray="0",
        value_colors=("#111",) * len(colours),
    )
    return {
        "style": style,
        "js": (),
        "width": 980,
        "height": height,
        "disable_xml_declaration": True,
        "margin": 6,
    }


def _svg(chart: Any) -> str:
    text: str = chart.render(is_unicode=True)
    return _COMMENT.sub("", _SCRIPT.sub("", text))
