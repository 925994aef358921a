"""What the documents say of settings, policy keys, reasons and other systems is what the code says."""

import re

import pytest
import yaml

from rebound_oro_pipeline_tests.docs.tables import DOCS, ROOT, TABLES, rows_of, written
from rebound_oro_pipeline_tests.rules.cases import CASES, DIFFERENT, NOT_APPLICABLE

TOOLS = {"lint-imports": "import-linter"}
"""Commands that are not named like their package."""

_CASE = re.compile(r"\b[A-Z]{3}-\d{2}\b")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_what_the_code_says(name: str) -> None:
    """If it fails: `python -m rebound_oro_pipeline_tests.docs.tables` writes the tables anew."""
    _, before, after = written(name)
    assert after == before


@pytest.mark.parametrize("name", TABLES)
def test_every_cell_of_a_table_says_something(name: str) -> None:
    path, text, _ = written(name)
    for row in rows_of(text, name):
        assert all(row), f"{path.name}: {row}"


def test_the_systems_we_agree_with_are_those_of_the_carried_over_cases() -> None:
    text = (DOCS / "rules.md").read_text(encoding="utf-8")
    agreeing, differing = set(), set()
    for _, agrees, differs in rows_of(text, "systems"):
        agreeing.update(_CASE.findall(agrees))
        differing.update(_CASE.findall(differs))
    assert differing == set(DIFFERENT)
    assert agreeing == {case.id for case in CASES} - set(DIFFERENT)


def test_what_is_not_carried_over_is_named() -> None:
    text = (DOCS / "rules.md").read_text(encoding="utf-8").partition("<!-- systems:end -->")[2]
    assert set(_CASE.findall(text)) == set(NOT_APPLICABLE)


def test_the_hooks_fetch_nothing_and_call_tools_that_are_installed() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    locked = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        tool = hook["entry"].split()[0].removeprefix(".venv/bin/")
        assert f'"{TOOLS.get(tool, tool)}>=' in locked
