"""The report of the demo, as the README shows it, says in which units it counts."""

import io
from decimal import Decimal

from rich.console import Console

from rebound_oro_pipeline.demo_report import Report, print_report
from rebound_oro_pipeline_tests.docs.tables import ROOT


def test_the_readme_shows_the_units_of_stock_as_the_demo_prints_them() -> None:
    """Two boxes that came back of an order of items are 2 where return lines are, and 100 where stock moves."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("<!-- demo-summary:begin -->")[2].partition("<!-- demo-summary:end -->")[0]
    report = Report([], [], Decimal("12830.91"), Decimal("8366.16"), 0, 0, [], [], 0, [])
    printed = Console(file=io.StringIO(), width=80)
    print_report(printed, report, 1.0)
    assert isinstance(printed.file, io.StringIO)
    lines = printed.file.getvalue().splitlines()
    [first] = [place for place, line in enumerate(lines) if line.startswith("Units back on the shelf")]
    told = [line.rstrip() for line in lines[first : first + 2]]
    assert "order's units" in " ".join(told)
    assert "\n".join(told) in shown
