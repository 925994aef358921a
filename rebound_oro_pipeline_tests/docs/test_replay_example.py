"""`rebound-oro replay` on examples/ gives every figure that README.md, docs/rules.md and docs/tour.md show of it."""

import csv
import json
import re
import shlex
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rebound_oro_pipeline.cli import main
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.yaml_file import load_yaml
from rebound_oro_pipeline_tests.docs.tables import DOCS, NOTHING, REASONS, ROOT, rows_of
from rebound_oro_pipeline_tests.oracle.documents import from_json
from rebound_oro_pipeline_tests.rules.deciding import decide_with_oracle
from rebound_oro_pipeline_tests.rules.outcomes import COLUMNS

README = ROOT / "README.md"
DOCUMENTS = (README, DOCS / "rules.md", DOCS / "tour.md")
FILES = ("credit_notes", "credit_note_lines", "inventory_deltas", "quarantine", "held")

_COMMAND = re.compile(r"^```sh\n\.venv/bin/(?P<command>rebound-oro replay.*?)^```$", re.MULTILINE | re.DOTALL)
_SHOWN = re.compile(r"^<!-- replay:(?P<file>\w+) -->\n```json\n(?P<rows>.*?)^```$", re.MULTILINE | re.DOTALL)
_FIGURES = {"net": "net_amount", "tax": "tax_amount", "shipping": "shipping_amount", "fee": "fee_amount"} | {
    name: f"{name.replace(' ', '_')}_amount" for name in ("discount", "shipping tax", "total")
}


class Replayed:
    """The outcome of the README's command: what it printed, and the rows it wrote by file."""

    def __init__(self, result: Result, out: Path) -> None:
        self.result = result
        self.summary: dict[str, Any] = json.loads((out / "summary.json").read_text(encoding="utf-8"))
        self.rows: dict[str, list[dict[str, Any]]] = {
            name: [
                json.loads(line) for line in (out / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
            ]
            for name in FILES
        }


@pytest.fixture(scope="module")
def replayed(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    """Run the command as the README has it, but into a folder of the test and on the tests' own server."""
    [command] = _COMMAND.findall(README.read_text(encoding="utf-8"))
    _, *arguments = shlex.split(command.replace("\\\n", " "))
    out = tmp_path_factory.mktemp("replay") / "out"
    assert arguments[-2:] == ["--out", "out"]
    arguments = [str(ROOT / each) if each.startswith("examples/") else each for each in arguments[:-1]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REBOUND_ORO_DATABASE_URL", postgres_url)
        result = CliRunner().invoke(main, [*arguments, str(out)], catch_exceptions=False)
    return Replayed(result, out)


def test_it_ends_well_and_says_the_summary(replayed: Replayed) -> None:
    assert replayed.result.exit_code == 0
    assert json.loads(replayed.result.stdout) == replayed.summary
    assert replayed.summary["conserved"] is True


def test_it_names_file_line_and_field_of_what_is_broken(replayed: Replayed) -> None:
    said = replayed.result.stderr.splitlines()
    assert [line.rpartition(": ")[0].partition(" ")[0] for line in said] == [
        "returns.jsonl:30:",
        "returns.jsonl:32:",
        "returns.jsonl:33:",
    ]
    assert said[0].startswith("returns.jsonl:30: item[0].sku_code: ")
    assert said[1].startswith("returns.jsonl:32: date_added: ")


def test_the_readme_counts_the_lines(replayed: Replayed) -> None:
    shown = {place: (int(lines), Decimal(units)) for place, lines, units in _rows(README, "replay:lines")}
    lines, units = replayed.summary["lines"], replayed.summary["units"]
    assert shown == {place: (lines[place], Decimal(units[place])) for place in lines}


def test_the_readme_sums_the_amounts(replayed: Replayed) -> None:
    columns = ("net", "tax", "shipping", "shipping tax", "fee", "total")
    shown = {
        currency: (int(notes), *amounts) for currency, notes, *amounts in _rows(README, "replay:amounts")
    }
    assert shown == {
        currency: (amounts["credit_notes"], *(amounts[_FIGURES[column]] for column in columns))
        for currency, amounts in replayed.summary["amounts"].items()
    }


def test_the_readme_credits_the_lamps_to_the_cent(replayed: Replayed) -> None:
    notes = {note["credit_note_number"]: note for note in replayed.rows["credit_notes"]}
    shown = _rows(README, "replay:lamps")
    for number, *amounts in shown:
        columns = ("net", "discount", "tax", "shipping", "total")
        assert amounts == [notes[number][_FIGURES[column]] for column in columns], number
    assert sum(Decimal(row[-1]) for row in shown) == Decimal("124.90")


def test_the_rules_tell_what_comes_of_each_return(replayed: Replayed) -> None:
    told = {
        name: sorted(comes_out.split("; "))
        for name, _, _, comes_out in _rows(DOCS / "rules.md", "replay:returns")
    }
    assert told == {name: sorted(outcomes) for name, outcomes in _outcomes(replayed).items()}


def test_the_rules_name_the_order_of_each_return() -> None:
    returns = {}
    for line in (ROOT / "examples" / "returns.jsonl").read_text(encoding="utf-8").splitlines():
        if line.startswith('{"id": "R-') and "order_reference:" not in line:
            document = json.loads(line)
            returns[document["id"]] = document["order_reference"].strip().upper()
    orders = json.loads((ROOT / "examples" / "orders.json").read_text(encoding="utf-8"))["data"]
    by_po_number = {order["attributes"]["poNumber"]: order["attributes"]["identifier"] for order in orders}
    told = {
        name: order for name, order, _, _ in _rows(DOCS / "rules.md", "replay:returns") if name != NOTHING
    }
    assert told == {
        name: by_po_number[reference] if reference == "PO-7788" else reference
        for name, reference in returns.items()
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_rows_shown_in_a_document_are_rows_that_come_out(document: Path, replayed: Replayed) -> None:
    for file, rows in _SHOWN.findall(document.read_text(encoding="utf-8")):
        for row in map(json.loads, rows.splitlines()):
            assert any(row.items() <= found.items() for found in replayed.rows[file]), f"{file}: {row}"


def test_the_examples_show_every_reason_that_one_decision_can_give(replayed: Replayed) -> None:
    shown = {row["reason"] for row in replayed.rows["quarantine"]}
    text = (DOCS / "rules.md").read_text(encoding="utf-8")
    [others] = re.findall(r"^Some reasons need more than one decision.*$", text, re.MULTILINE)
    with REASONS.open(encoding="utf-8", newline="") as file:
        reasons = {row["reason"] for row in csv.DictReader(file)}
    assert shown | set(re.findall(r"`(\w+)`", others)) == reasons


def test_the_oracle_decides_the_examples_alike(replayed: Replayed) -> None:
    """The oracle reads documents that can be read; of the broken ones only the SQL knows."""
    examples = ROOT / "examples"
    lines = (examples / "returns.jsonl").read_text(encoding="utf-8").splitlines()
    with (examples / "aliases.csv").open(encoding="utf-8", newline="") as file:
        aliases = [(row["alias"], row["sku"]) for row in csv.DictReader(file)]
    tables = decide_with_oracle(
        [from_json((examples / "orders.json").read_text(encoding="utf-8"))],
        [from_json(line) for line in lines if "order_reference:" not in line],
        products=[from_json((examples / "products.json").read_text(encoding="utf-8"))],
        aliases=aliases,
        policy=Policy.model_validate(load_yaml(examples / "policy.yaml")).document(),
    )
    for name in ("credit_notes", "credit_note_lines", "held"):
        assert _comparable(getattr(tables, name), name) == _comparable(replayed.rows[name], name), name


def _comparable(rows: list[dict[str, Any]], file: str) -> list[tuple[str, ...]]:
    return sorted(tuple(_plain(row[column]) for column in COLUMNS[file]) for row in rows)


def _plain(value: object) -> str:
    try:
        return format(Decimal(str(value)).normalize(), "f")
    except ArithmeticError:
        return str(value)


def _rows(document: Path, name: str) -> list[list[str]]:
    return rows_of(document.read_text(encoding="utf-8"), name)


def _outcomes(replayed: Replayed) -> dict[str, list[str]]:
    """Say what came of each return in the words of docs/rules.md; waiting and withdrawn are in the summary alone."""
    outcomes: dict[str, list[str]] = defaultdict(list)
    for note in replayed.rows["credit_notes"]:
        outcomes[note["return_id"]].append(f"credited {note['total_amount']} {note['currency']}")
    for file, word in (("held", "held"), ("quarantine", "quarantined")):
        units: dict[tuple[str, str], Decimal | None] = {}
        for row in replayed.rows[file]:
            key = (row["return_id"] or NOTHING, row["reason"])
            quantity = Decimal(row["quantity"]) if row["quantity"] else None
            units[key] = quantity if quantity is None else quantity + (units.get(key) or 0)
        for (name, reason), quantity in units.items():
            outcomes[name].append(f"{word} {reason}" + (f" {quantity}" if quantity is not None else ""))
    summary = replayed.summary
    assert summary["lines"]["waiting"] == summary["lines"]["withdrawn"] == 1
    outcomes["R-20"].append("withdrawn 1")
    outcomes["R-21"].append("waiting 1")
    return outcomes
