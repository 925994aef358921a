"""The operators' commands as they are typed: what they print, what they write, and that a dry run writes nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import click
import psycopg
import pytest
from click.testing import CliRunner, Result

from rebound_oro_pipeline.cli import main
from rebound_oro_pipeline.commands import outbox
from rebound_oro_pipeline.commands.operators import COMMANDS
from rebound_oro_pipeline.commands.output import counted
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.warehouse.outbox import Kind, MessageState
from rebound_oro_pipeline_tests.conftest import CloneDatabase
from rebound_oro_pipeline_tests.rules.sql_runner import land
from rebound_oro_pipeline_tests.services.operators_shop import a_return, open_shop, order

Run = Callable[..., Result]
WHY = ("--who", "maria", "--why", "counted again")
SUBJECT = "R1 / R1:SHIRT:1"


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the test's database."""
    monkeypatch.setenv("REBOUND_ORO_DATABASE_URL", database_url)

    def call(*arguments: str, expected: int = 0) -> Result:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == expected, result.output
        return result

    return call


@pytest.fixture(scope="module")
def template_database(clone_database: CloneDatabase, prepared_database: str) -> Iterator[str]:
    """Five shirts back of an order of three, a code that nobody knows, and a return that came too early."""
    returns = [
        a_return("R1", {"quantity": "5"}),
        a_return("R2", {"sku_code": "OLD"}, order_reference="ORD-2"),
        a_return("R3", order_reference="ORD-3"),
    ]
    with clone_database(prepared_database) as url:
        with connect(url) as conn:
            open_shop(conn, [order(), order(2), order(3, shipping_status="not_shipped")], returns)
        yield url.rpartition("/")[2]


@pytest.fixture
def shop(conn: psycopg.Connection) -> psycopg.Connection:
    """Return a connection to the test's copy of the shop."""
    return conn


def test_a_discrepancy_that_stays_is_acknowledged(shop: psycopg.Connection, run: Run) -> None:
    listing = ("reconcile", "--no-read", "--json")
    [found] = printed(run(*listing, expected=1))
    assert (found["kind"], found["subject"]) == ("note_not_in_oro_in_time", "R1-ORD-1")
    before = counts(shop)
    told = run("discrepancy", "acknowledge", "R1-ORD-1", *WHY, "--dry-run").stdout
    assert told.endswith("dry run: nothing was changed\n")
    assert counts(shop) == before
    run(*listing, expected=1)
    assert "1 discrepancy acknowledged" in run("discrepancy", "acknowledge", "R1-ORD-1", *WHY).stdout
    [again] = printed(run("discrepancy", "reopen", "R1-ORD-1", *WHY, "--json"))["discrepancies"]
    assert (again["acknowledged_at"], again["acknowledged_by"]) == (None, None)
    [noted] = printed(run("discrepancy", "acknowledge", "R1-ORD-1", *WHY, "--json"))["discrepancies"]
    assert (noted["acknowledged_by"], noted["acknowledged_why"]) == ("maria", "counted again")
    assert printed(run(*listing)) == []
    assert "1 more acknowledged" in run("reconcile", "--no-read").stdout
    [noted] = printed(run(*listing, "--all"))
    assert (noted["acknowledged_by"], noted["acknowledged_why"]) == ("maria", "counted again")
    assert "no open discrepancy" in run("discrepancy", "acknowledge", "R1-ORD-1", *WHY, expected=1).output
    assert "narrow the discrepancies" in run("discrepancy", "acknowledge", *WHY, expected=2).output
    run("discrepancy", "reopen", "--order", "ORD-1", *WHY)
    run(*listing, expected=1)


def test_another_policy_is_shown_before_it_is_in_force(
    shop: psycopg.Connection, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "new.yaml"
    file.write_text("credit: {restocking_fee: {unwanted: {percent: 10}}}\n")
    before = counts(shop)
    days = ("--window", "2026-11-01", "2026-11-30")
    told = run("policy", "diff", str(file), *days)
    assert "fee 0.00 -> 3.00" in told.stdout
    assert "USD: 1 note, 30.00 in force; 1 note, 27.00 proposed; difference -3.00" in told.stdout
    [note] = printed(run("policy", "diff", str(file), *days, "--json"))["notes"]
    assert (note["credit_note_number"], note["difference"]) == ("R1-ORD-1", "-3.00")
    assert counts(shop) == before
    file.write_text("credit: {shiping: never}\n")
    assert "credit.shiping" in run("policy", "diff", str(file), *days, expected=1).output
    assert (
        "is after"
        in run("policy", "diff", str(file), "--window", "2026-11-30", "2026-11-01", expected=2).output
    )


def printed(result: Result) -> Any:
    return json.loads(result.stdout)


def contents(conn: psycopg.Connection) -> dict[str, tuple[int, int]]:
    """Return how many rows each table has, and a sum over what they hold; working sets are left out."""
    conn.rollback()
    tables = conn.execute(
        "select schemaname || '.' || tablename from pg_tables"
        " where schemaname in ('landing', 'ledger', 'marts', 'outbox', 'reconciliation', 'reference', 'seeds')"
    )
    return {
        table: conn.execute(
            f"select count(*), sum(hashtextextended(t::text, 0)) from {table} as t"
        ).fetchall()[0]
        for (table,) in tables.fetchall()
    }


def counts(conn: psycopg.Connection) -> tuple[int, ...]:
    tables = (
        "outbox.audit_log",
        "reference.operator_decisions",
        "reference.sku_aliases",
        "ledger.credit_notes",
    )
    conn.rollback()
    return tuple(conn.execute(f"select count(*) from {table}").fetchall()[0][0] for table in tables)


@pytest.mark.parametrize(
    "arguments",
    [
        ("quarantine", "reject", "--reason", "over_return", *WHY),
        ("quarantine", "write-off", SUBJECT, *WHY),
        ("quarantine", "resolve", "--return", "R2", *WHY),
        ("quarantine", "assign", "--owner", "ops", "--to", "ines", *WHY),
        ("quarantine", "tag", SUBJECT, "--add", "carrier", *WHY),
        ("alias", "add", "OLD", "SHIRT", *WHY),
        ("hold", "release", "--return", "R3", *WHY),
        ("outbox", "abandon", "--kind", "oro_credit_note", *WHY),
        ("outbox", "after-restore", "--sent-until", "2026-11-28T14:30", *WHY),
        ("replay-return", "R1", *WHY),
        ("retention", "--older-than", "1", *WHY),
        ("import-history", "returns.jsonl", *WHY),
        ("discrepancy", "acknowledge", "--kind", "note_not_in_oro_in_time", *WHY),
    ],
)
def test_a_write_lands_in_the_audit_log_and_a_dry_run_changes_nothing(
    run: Run,
    shop: psycopg.Connection,
    arguments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("returns.jsonl").write_text(json.dumps(a_return("R4", {"quantity": "1"})))
    before = contents(shop)
    assert printed(run(*arguments, "--dry-run", "--json"))["dry_run"] is True
    assert contents(shop) == before
    assert printed(run(*arguments, "--json"))["dry_run"] is False
    assert contents(shop)["outbox.audit_log"] != before["outbox.audit_log"]
    shop.rollback()
    said = shop.execute("select distinct actor, reason from outbox.audit_log").fetchall()
    assert said == [("maria", "counted again")]


def test_an_alias_heals_what_waited_for_it(run: Run, shop: psycopg.Connection, tmp_path: Path) -> None:
    file = tmp_path / "codes.csv"
    file.write_text("alias,sku\nOLD,SHIRT\nNOTHING,\n")
    imported = run("alias", "import", str(file), "--json", *WHY)
    assert "codes.csv:3: sku: is empty" in imported.stderr
    assert printed(imported) == {"read": 2, "added": 1, "known": 0, "faults": 1, "dry_run": False}
    assert printed(run("alias", "list", "--json"))[0]["added_by"] == "maria"
    told = run("quarantine", "resolve", "--reason", "unknown_sku", *WHY).stdout
    assert "credit note R2-ORD-2: 10.00 USD" in told
    assert printed(run("alias", "remove", "old", "--json", *WHY))["removed"] == 1
    assert "0 aliases" in run("alias", "list").stdout


def test_a_doubtful_alias_is_taken_with_a_warning(run: Run, shop: psycopg.Connection, tmp_path: Path) -> None:
    shop.execute(
        "insert into landing.oro_products (product_id, sku, document, document_hash, source, landed_at, landed_by)"
        " values ('1', 'LAMP', '{}', '', 'api', now(), 'test')"
    )
    shop.commit()
    assert run("alias", "add", "OLD", "shirt", *WHY).stderr == ""
    told = run("alias", "add", "lamp", "SHRIT", *WHY)
    assert "1 added" in told.stdout
    assert [line.split(",")[0] for line in told.stderr.splitlines()] == [
        "warning: lamp is itself the SKU of a product",
        "warning: SHRIT is in no product and no order line that was read so far; is it spelt right?",
    ]
    file = tmp_path / "codes.csv"
    file.write_text("alias,sku\nA,SHIRT\nB,SHRIT\n")
    told = run("alias", "import", str(file), *WHY)
    assert told.stderr.startswith("warning: codes.csv:3: sku: is in no product")
    assert "2 read, 2 added, 0 known, 0 faults" in told.stdout


def test_a_rejection_is_shown_and_can_be_taken_back(run: Run, shop: psycopg.Connection) -> None:
    assert SUBJECT in run("quarantine", "list", "--reason", "over_return").stdout
    assert "Count again" in run("quarantine", "show", SUBJECT).stdout
    run("quarantine", "reject", SUBJECT, *WHY)
    [decision] = printed(run("quarantine", "show", SUBJECT, "--json"))["decisions"]
    assert (decision["verdict"], decision["quantity"], decision["who"]) == ("rejected", "2", "maria")
    assert not printed(run("quarantine", "list", "--reason", "over_return", "--json"))
    assert "2 quarantined (over_return)" in run("quarantine", "reopen", SUBJECT, *WHY).stdout


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ((), {SUBJECT, "R2 / R2:OLD:1"}),
        (("--min-amount", "20"), {SUBJECT}),
        (("--min-amount", "20.01"), set()),
        (("--max-amount", "19.99"), set()),
        (("--currency", "USD", "--max-amount", "20"), {SUBJECT}),
        (("--currency", "EUR"), set()),
    ],
)
def test_rows_are_picked_by_the_money_at_stake(
    run: Run, shop: psycopg.Connection, filters: tuple[str, ...], found: set[str]
) -> None:
    """Two shirts at 10.00 are too many; of a code that nobody knows no price is known."""
    assert {row["subject"] for row in printed(run("quarantine", "list", "--json", *filters))} == found


def test_what_is_held_is_shown_with_the_money_at_stake(run: Run, shop: psycopg.Connection) -> None:
    [held] = printed(run("hold", "list", "--json"))
    assert (held["return_id"], held["currency"], held["amount_at_stake"]) == ("R3", "USD", "10.00")


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"id": "R8", "date_added": "soon"}, "return R8\n  the document: - rejected (malformed_document)\n"),
        ({"date_added": "soon"}, "rejected (malformed_document)\n"),
    ],
    ids=["of a return", "of nobody knows what"],
)
def test_a_document_that_is_rejected_is_told(
    run: Run, shop: psycopg.Connection, document: dict[str, Any], told: str
) -> None:
    """Its units are not known, so that they are nowhere: nothing would be printed."""
    there = open_shop(shop, [], [document])
    there.decide()
    shop.commit()
    [row] = printed(run("quarantine", "list", "--reason", "malformed_document", "--json"))
    assert told in run("quarantine", "reject", row["subject"], *WHY).stdout


def test_a_reader_that_has_ended_is_no_error(run: Run, shop: psycopg.Connection) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "rebound_oro_pipeline", "quarantine", "list"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_code_from_outside_is_shown_and_moves_no_terminal(run: Run, shop: psycopg.Connection) -> None:
    """A sequence of control characters can hide rows, retitle the window, or type for its user."""
    told = {"sku_code": "OLD\x1b]0;owned\x07\nforged \x9b2J\u202e"}
    open_shop(shop, [order(8)], [a_return("R8", told, order_reference="ORD-8")]).decide()
    shop.commit()
    [row] = printed(run("quarantine", "list", "--return", "R8", "--json"))
    for listing in (("quarantine", "list"), ("quarantine", "show", row["subject"]), ("trace", "R8")):
        shown = run(*listing).stdout
        assert not any(character in shown for character in "\x1b\x07\x9b\u202e")
        assert not any(line.startswith("forged") for line in shown.splitlines())
        assert r"old\x1b]0;owned\x07\nforged \x9b2j\u202e" in shown.lower()


def test_every_kind_and_state_of_a_message_can_be_named() -> None:
    """They are written out there, so that --help loads no driver of the database."""
    assert get_args(Kind) == outbox._KINDS
    assert set(outbox._STATES) == set(MessageState)


def test_of_one_there_is_no_plural() -> None:
    several = (
        "open rows",
        "decisions that stand",
        "discrepancies open again",
        "taxes by rate",
        "SKUs",
        "added",
    )
    assert [counted(1, each) for each in several] == [
        "1 open row",
        "1 decision that stands",
        "1 discrepancy open again",
        "1 tax by rate",
        "1 SKU",
        "1 added",
    ]
    assert counted(0, "open rows") == "0 open rows"


def test_what_is_no_amount_is_refused(run: Run) -> None:
    assert "'much' is no amount" in run("quarantine", "list", "--min-amount", "much", expected=2).output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("quarantine", "list", "--reason", "over_returns"), "known: currency_mismatch, dispatch_timeout"),
        (("hold", "list", "--reason", "nonsense"), "'not_confirmed'"),
        (
            ("reconcile", "--no-read", "--kind", "nonsense"),
            "known: disposition_changed_after_credit, level_books_differ",
        ),
        (
            ("discrepancy", "acknowledge", "--kind", "nonsense", *WHY),
            "known: disposition_changed_after_credit, level_books_differ",
        ),
        (("alias", "remove", "NOSUCH", *WHY), "there is no alias NOSUCH"),
        (("quarantine", "tag", SUBJECT, "--add", " ", *WHY), "a tag may not be empty"),
        (("quarantine", "reject", SUBJECT, "--why", " "), "Invalid value for '--why': may not be empty"),
        (("alias", "add", "OLD", "SHIRT", "--who", "", "--why", "x"), "Invalid value for '--who'"),
        (("ledger", "--month", "2199-01", "--out", "out"), "2199-01 has not begun"),
        (("ledger", "--month", "2026-1", "--out", "out"), "2026-1 is no month"),
        (("import-history", "returns.jsonl", "--status", "nope", *WHY), "known: at_hub, cancelled"),
        (("quarantine", "list", "--older-than", "9999999999"), "range"),
        (("outbox", "list", "--limit", "99999999999999999999"), "range"),
        (("trace", "R1", "--returns", "99999999999999999999"), "range"),
        (("retention", "--older-than", "99999999", *WHY), "range"),
    ],
)
def test_a_typing_error_is_told(
    run: Run,
    shop: psycopg.Connection,
    arguments: tuple[str, ...],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else nothing would be found, which looks as if all were well."""
    monkeypatch.chdir(tmp_path)
    Path("returns.jsonl").write_text(json.dumps(a_return("R4")))
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code in (1, 2)
    assert told in result.output
    assert isinstance(result.exception, SystemExit)


def test_currencies_are_compared_without_regard_to_case(run: Run, shop: psycopg.Connection) -> None:
    assert SUBJECT in run("quarantine", "list", "--currency", "usd").stdout


@pytest.mark.parametrize("filters", [("--owner", "OPS"), ("--owner", " maria "), ("--tag", "carrier CLAIM")])
def test_owners_and_tags_are_compared_without_regard_to_case(
    run: Run, shop: psycopg.Connection, filters: tuple[str, str]
) -> None:
    """A list that is empty because of a capital letter looks like work that is done."""
    run("quarantine", "assign", SUBJECT, "--to", "Maria", *WHY)
    run("quarantine", "tag", SUBJECT, "--add", "Carrier claim", *WHY)
    assert SUBJECT in run("quarantine", "list", *filters).stdout
    assert "0 open rows" in run("quarantine", "list", *filters[:1], "nobody").stdout


def test_a_file_of_which_nothing_can_be_read_ends_with_one(
    run: Run, shop: psycopg.Connection, tmp_path: Path
) -> None:
    file = tmp_path / "returns.jsonl"
    file.write_text("no document\n")
    assert "1 fault\n" in run("import-history", str(file), *WHY, expected=1).output
    csv = file.rename(file.with_suffix(".CSV"))
    assert "give --columns" in run("import-history", str(csv), *WHY, expected=2).output
    workbook = csv.rename(csv.with_suffix(".xlsx"))
    assert "save it as CSV" in run("import-history", str(workbook), *WHY, expected=2).output
    file.write_text("\n")
    assert "returns.jsonl holds no returns\n" in run("import-history", str(file), *WHY, expected=1).stderr


def test_returns_that_no_run_will_decide_are_told_with_what_does(
    run: Run, shop: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBOUND_ORO_FIRST_DAY", "2026-11-02")
    shop.execute("update landing.rebound_returns set source = 'api'")
    shop.commit()
    file = tmp_path / "returns.jsonl"
    file.write_text("\n".join(json.dumps(a_return(each, {"quantity": "1"})) for each in ("R1", "R8")))
    told = run("import-history", str(file), *WHY).stderr
    assert "R1 was already read from ReBound; left out" in told
    assert "warning: 1 of its returns, such as R8, were registered before 2026-11-02" in told
    assert "replay-return" in told
    listed = printed(run("import-history", str(file), "--json", *WHY))
    assert (listed["before_first_day"], len(listed["faults"])) == (["R8"], 1)
    assert "R8:SHIRT:1: 1 quarantined" in run("replay-return", "R8", *WHY).stdout


def test_what_a_decision_held_back_is_told_apart(run: Run, shop: psycopg.Connection) -> None:
    shop.execute(
        "update outbox.messages set next_attempt_at = outbox.held_back_until() where business_key = 'R1-ORD-1'"
    )
    shop.commit()
    listed = {row["business_key"]: row["held_back"] for row in printed(run("outbox", "list", "--json"))}
    assert listed == {"R1-ORD-1": True, "R1-ORD-1:1": False}
    lines = [line.split() for line in run("outbox", "list").stdout.splitlines()]
    assert lines[0][4:6] == ["held", "back"]
    assert {line[1]: line[3] for line in lines[1:3]} == {"R1-ORD-1": "yes", "R1-ORD-1:1": "-"}


def test_a_document_that_cannot_be_read_is_told_where_lines_are(run: Run, shop: psycopg.Connection) -> None:
    """Its lines are not known, so that it would be nowhere."""
    land(shop, [], [a_return("R7") | {"date_added": "soon"}])
    shop.commit()
    told = run("replay-return", "R7", *WHY).stdout
    assert "the document: - quarantined (malformed_document)" in told
    now = run("trace", "R7").stdout.partition("now:\n")[2].splitlines()
    assert now[1].split()[:6] == ["R7", "the", "document", "-", "quarantined", "malformed_document"]


def test_a_database_that_does_not_answer_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBOUND_ORO_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert "check REBOUND_ORO_DATABASE_URL" in run("hold", "list", expected=1).output


def test_a_folder_without_a_database_is_told_and_none_is_made(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is relative by default: from another one an empty quarantine would look as if all were done."""
    monkeypatch.delenv("REBOUND_ORO_DATABASE_URL")
    monkeypatch.setenv("REBOUND_ORO_HOME", str(tmp_path / "home"))
    assert "set REBOUND_ORO_HOME" in run("quarantine", "list", expected=1).output
    assert not (tmp_path / "home").exists()


def test_a_sku_is_traced_through_its_aliases(run: Run, shop: psycopg.Connection) -> None:
    """What moved its level came back under another code."""
    run("alias", "add", "OLD", "SHIRT", *WHY)
    run("quarantine", "resolve", "--return", "R2", *WHY)
    assert "R2-ORD-2" in run("trace", "SHIRT").stdout


def test_a_trace_tells_what_was_acknowledged(run: Run, shop: psycopg.Connection) -> None:
    run("discrepancy", "acknowledge", "R1-ORD-1", *WHY)
    assert "audit: discrepancy acknowledged" in run("trace", "ORD-1").stdout
    assert "counted again" in run("reconcile", "--no-read", "--all").stdout


def test_whoever_writes_must_say_what_is_meant(run: Run, shop: psycopg.Connection) -> None:
    assert "narrow" in run("quarantine", "reject", *WHY, expected=2).output
    assert "--why" in run("quarantine", "reject", SUBJECT, expected=2).output
    assert "nothing is open under R9" in run("quarantine", "reject", "R9", *WHY, expected=1).output
    assert "nobody can vouch" in run("quarantine", "resolve", SUBJECT, "--release", *WHY, expected=1).output
    assert "nothing to retry" in run("outbox", "retry", "R1-ORD-1", *WHY, expected=1).output
    assert "no return R9" in run("replay-return", "R9", *WHY, expected=1).output
    assert "no month" in run("ledger", "--month", "october", "--out", "out", expected=2).output


@pytest.mark.parametrize(
    ("mistyped", "listing"),
    [
        (("quarantine", "show", "R1"), "quarantine list"),
        (("quarantine", "reject", "R1", *WHY), "quarantine list"),
        (("hold", "release", "R3", *WHY), "hold list"),
        (("outbox", "retry", "R1", *WHY), "outbox list"),
    ],
)
def test_whoever_names_a_return_in_place_of_a_line_is_told_where_the_names_are(
    run: Run, shop: psycopg.Connection, mistyped: tuple[str, ...], listing: str
) -> None:
    assert f"`rebound-oro {listing}` prints" in run(*mistyped, expected=1).output


def test_messages_are_listed_shown_and_given_up(run: Run, shop: psycopg.Connection) -> None:
    keys = {row["business_key"] for row in printed(run("outbox", "list", "--json"))}
    assert keys == {"R1-ORD-1", "R1-ORD-1:1"}
    [shown] = printed(run("outbox", "show", "R1-ORD-1", "--json"))
    assert shown["payload"]["total_amount"] == "30.00"
    shop.execute("update outbox.messages set next_attempt_at = outbox.held_back_until()")
    shop.commit()
    told = run("outbox", "show", "R1-ORD-1").stdout
    assert "held back: yes\n" in told
    assert "9999" not in told
    assert "abandoned" in run("outbox", "abandon", "R1-ORD-1", *WHY).stdout


def test_a_list_that_is_cut_short_says_so(run: Run, shop: psycopg.Connection) -> None:
    cut, whole = (run("outbox", "list", "--json", "--limit", limit) for limit in ("1", "2"))
    assert (len(printed(cut)), len(printed(whole))) == (1, 2)
    assert "--limit lists more" in cut.stderr
    assert whole.stderr == ""


def test_nobody_names_a_message_in_vain(run: Run, shop: psycopg.Connection) -> None:
    """A mistyped number among several is told, and nothing is done of the others: which was meant is not known."""
    before = counts(shop)
    mistyped = run("outbox", "abandon", "R1-ORD-1", "R1-ORD-l:1", *WHY, expected=1).output
    assert "no message is found under R1-ORD-l:1" in mistyped
    assert counts(shop) == before
    run("outbox", "abandon", "R1-ORD-1", *WHY)
    before = counts(shop)
    again = run("outbox", "abandon", "R1-ORD-1", "R1-ORD-1:1", *WHY, expected=1).output
    assert "nothing to abandon under R1-ORD-1 (abandoned)" in again
    assert counts(shop) == before
    assert "R1-ORD-1:1" in run("outbox", "abandon", "--state", "pending", *WHY).stdout


def test_a_trace_tells_which_units_were_credited_and_did_not_come_back(
    run: Run, shop: psycopg.Connection
) -> None:
    """Otherwise the places of a line add up to more than came back."""
    land(shop, [], [a_return("R1", {"quantity": "1"})])
    run("replay-return", "R1", *WHY)
    told = run("trace", "R1").stdout.partition("now:")[2]
    assert "quarantined: credited although they did not come back  received_quantity_decreased" in told
    places = printed(run("trace", "R1", "--json"))["places"]
    assert {each["destination"]: (each["quantity"], each["counts_against"]) for each in places} == {
        "credited": ("3", False),
        "quarantined": ("2", True),
    }


def test_a_trace_prints_documents_only_when_asked(run: Run, shop: psycopg.Connection) -> None:
    assert "order_reference" not in run("trace", "R1").stdout
    assert "order_reference" in run("trace", "R1", "--payloads").stdout
    assert "payload" not in printed(run("trace", "ORD-1", "--as", "order", "--json"))["events"][0]


def test_the_ledger_ends_with_one_where_it_does_not_tie(
    run: Run, shop: psycopg.Connection, tmp_path: Path
) -> None:
    told = run("ledger", "--month", "2026-11", "--out", str(tmp_path), expected=1).stdout
    assert "not read back yet" in told
    assert (tmp_path / "ledger-2026-11.xlsx").exists()
    empty = ("ledger", "--month", "2025-01", "--out", str(tmp_path))
    assert "no note was decided in 2025-01" in run(*empty).stdout
    listed = printed(run(*empty, "--json"))
    assert (listed["ties"], listed["credit_notes"]) == (True, 0)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_every_command_shows_an_example(command: click.Command) -> None:
    leaves = command.commands.values() if isinstance(command, click.Group) else [command]
    for leaf in leaves:
        assert "Example: rebound-oro " in (leaf.help or ""), leaf.name
        assert any(parameter.name == "as_json" for parameter in leaf.params), leaf.name


READING = {
    "alias list",
    "audit",
    "hold list",
    "ledger",
    "outbox list",
    "outbox show",
    "policy diff",
    "quarantine list",
    "quarantine show",
    "reconcile",
    "trace",
}
"""Commands that change nothing, or only what was last read; every other one says who and why, and can be rehearsed."""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_every_command_that_writes_asks_who_and_why_and_can_be_rehearsed(command: click.Command) -> None:
    leaves = command.commands.values() if isinstance(command, click.Group) else [command]
    for leaf in leaves:
        words = f"{command.name} {leaf.name}" if isinstance(command, click.Group) else str(leaf.name)
        asked = {parameter.name for parameter in leaf.params} & {"who", "why", "dry_run"}
        assert asked == (set() if words in READING else {"who", "why", "dry_run"}), words
        required = {parameter.name for parameter in leaf.params if parameter.required}
        assert ("why" in required) == (words not in READING), words
