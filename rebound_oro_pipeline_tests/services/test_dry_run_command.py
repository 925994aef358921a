"""`rebound-oro doctor`, `push` and `import-history --decide` as people call them: with OroCommerce behind them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import psycopg
import pytest
import stamina
from click.testing import CliRunner, Result

from rebound_oro_pipeline.cli import main
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.pipeline_at_work import prepare
from rebound_oro_pipeline_tests.services.operators_shop import a_return
from rebound_oro_pipeline_tests.services.push.shop_at_work import Shop, open_shop, put_delta, put_note, states

Call = Callable[..., Result]


@pytest.fixture(autouse=True)
def _no_waiting_between_tries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as opened:
        yield opened


@pytest.fixture
def box(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def call(shop: Shop, database_url: str, tmp_path: Path) -> Call:
    """Return a way to call a command with complete settings."""
    settings = {
        "REBOUND_ORO_HOME": str(tmp_path / "home"),
        "REBOUND_ORO_DATABASE_URL": database_url,
        "REBOUND_ORO_ORO_URL": shop.url,
        "REBOUND_ORO_ORO_CLIENT_ID": "main",
        "REBOUND_ORO_ORO_CLIENT_SECRET": "secret",
        "REBOUND_ORO_REBOUND_URL": "http://127.0.0.1:1",
        "REBOUND_ORO_REBOUND_LOGIN": "login",
        "REBOUND_ORO_REBOUND_API_KEY": "key",
    }

    def called(*arguments: str, **changes: str | None) -> Result:
        return CliRunner().invoke(main, arguments, env={**settings, **changes})

    return called


def test_a_dry_run_reports_what_would_be_refused_and_changes_nothing(
    call: Call, shop: Shop, box: psycopg.Connection[Any]
) -> None:
    put_note(box, "CN-1", shop.order_id)
    put_note(box, "CN-2", "999")
    before = box.execute("select * from outbox.messages order by message_id").fetchall()
    result = call("push", "--dry-run", "--json")
    told = json.loads(result.output)
    assert result.exit_code == 1
    assert (told["dry_run"], told["accepted"]) == (True, 1)
    assert told["refused"] == {
        "CN-2": "form constraint: The entity does not exist. (at /data/relationships/order/data)"
    }
    assert shop.notes() == []
    assert box.execute("select * from outbox.messages order by message_id").fetchall() == before


def test_a_push_sends_both_and_a_second_one_has_nothing_to_do(
    call: Call, shop: Shop, box: psycopg.Connection[Any]
) -> None:
    put_note(box, "CN-1", shop.order_id)
    put_delta(box, "CN-1:1", "SKU-1", "2")
    told = json.loads(call("push", "--json").output)
    assert {name: counts["confirmed"] for name, counts in told.items()} == {"credit_notes": 1, "stock": 1}
    assert shop.notes() == ["CN-1"]
    assert shop.level("SKU-1") == 1002
    assert "0 confirmed" in call("push").output
    put_note(box, "CN-2", shop.order_id)
    box.execute(
        "update outbox.messages set next_attempt_at = now() + interval '1 hour' where business_key = 'CN-2'"
    )
    assert "1 to be continued (due later: `rebound-oro outbox list` tells why)\n" in call("push").output


def test_a_push_of_credit_notes_leaves_the_stock_alone(
    call: Call, shop: Shop, box: psycopg.Connection[Any]
) -> None:
    put_note(box, "CN-1", shop.order_id)
    put_delta(box, "CN-1:1", "SKU-1", "2")
    call("push", "--credit-notes")
    assert states(box) == {"CN-1": "confirmed", "CN-1:1": "pending"}


def test_stock_cannot_be_rehearsed(call: Call) -> None:
    result = call("push", "--dry-run", "--stock")
    assert result.exit_code == click.UsageError.exit_code
    assert "nothing else can be rehearsed" in result.output


def test_a_push_with_refused_credentials_ends_in_a_sentence(
    call: Call, shop: Shop, box: psycopg.Connection[Any]
) -> None:
    put_note(box, "CN-1", shop.order_id)
    result = call("push", REBOUND_ORO_ORO_CLIENT_SECRET="wr0ng-word")
    assert result.exit_code == 1
    assert "client secret" in result.output
    assert "wr0ng-word" not in result.output
    assert "Traceback" not in result.output


def test_the_doctor_goes_on_after_a_system_that_is_not_there(call: Call) -> None:
    result = call("doctor", "--json")
    levels = {finding["subject"]: finding["level"] for finding in json.loads(result.output)}
    assert result.exit_code == 1
    assert levels["ReBound"] == "failure"
    assert levels["OroCommerce"] == levels["database"] == levels["policy"] == "ok"


def test_the_doctor_names_settings_that_are_missing(call: Call) -> None:
    result = call("doctor", REBOUND_ORO_ORO_URL=None, REBOUND_ORO_REBOUND_URL=None)
    assert result.exit_code == 1
    assert "REBOUND_ORO_ORO_URL is not set" in result.output
    assert "REBOUND_ORO_REBOUND_URL is not set" in result.output


def test_the_doctor_makes_no_database(call: Call, tmp_path: Path) -> None:
    result = call("doctor", REBOUND_ORO_DATABASE_URL=None, REBOUND_ORO_ORO_URL=None)
    assert result.exit_code == 1
    assert "no embedded PostgreSQL" in result.output
    assert not (tmp_path / "home").exists()


def test_an_import_that_decides_tells_where_the_lines_of_the_file_are(
    call: Call, database_url: str, tmp_path: Path
) -> None:
    prepare(database_url)
    file = tmp_path / "returns.jsonl"
    returns = [a_return("R1", {}, {"final_disposition": "eaten"}), a_return("R2", {"quantity": "2"})]
    file.write_text("\n".join(map(json.dumps, returns)), encoding="utf-8")
    asked = ("import-history", str(file), "--decide", "--who", "maria", "--why", "history")
    result = call(*asked)
    assert result.exit_code == 0, result.output
    told = result.stdout.splitlines()
    assert [line.split() for line in told[2:4]] == [
        ["held", "unknown_order", "2", "3"],
        ["quarantined", "unknown_disposition", "1", "1"],
    ]
    assert told[-1].startswith("0 credit notes decided and held back")
    file.write_text(json.dumps(returns[1]), encoding="utf-8")
    assert json.loads(call(*asked, "--json").stdout)["destinations"] == [
        {"destination": "held", "reason": "unknown_order", "lines": 1, "units": "2"}
    ]
