"""Statements by name from `.sql` files."""

import sys
from pathlib import Path

import pytest

from rebound_oro_pipeline.warehouse import statements
from rebound_oro_pipeline.warehouse.errors import StatementFileError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the `sql` folder of a package `things` that can be imported."""
    sql = tmp_path / "things" / "sql"
    sql.mkdir(parents=True)
    (sql.parent / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    statements.load.cache_clear()
    yield sql
    sys.modules.pop("things", None)


def test_each_heading_names_the_statement_below_it(package: Path) -> None:
    (package / "orders.sql").write_text(
        "-- About orders.\n\n"
        "-- name: first\n-- why: it is the first\nselect 1;\n\n"
        "-- name: second\nselect '-- name: not at the start of a line', %(value)s;\n"
    )
    found = statements.load("orders", "things")
    assert dict(found) == {
        "first": "-- why: it is the first\nselect 1;",
        "second": "select '-- name: not at the start of a line', %(value)s;",
    }
    with pytest.raises(TypeError):
        found["third"] = "select 3"  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select 0;\n-- name: first\nselect 1;", "before the first"),
        ("-- name: first\nselect 1;\n-- name: first\nselect 2;", "first is given twice"),
        ("-- name: first\n-- nothing\n-- name: second\nselect 2;", "no statement follows the name first"),
    ],
)
def test_a_file_of_another_form_is_an_error(package: Path, text: str, message: str) -> None:
    (package / "orders.sql").write_text(text)
    with pytest.raises(StatementFileError, match=message):
        statements.load("orders", "things")


def test_every_file_of_the_package_is_of_this_form() -> None:
    folder = Path(statements.__file__).parent / "sql"
    for file in folder.glob("*.sql"):
        assert statements.load(file.stem)
