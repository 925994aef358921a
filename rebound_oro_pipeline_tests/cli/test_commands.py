"""Commands that look after the machine's own server and database, and what all of them say when something is wrong."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from rebound_oro_pipeline.cli import main
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline_tests.pipeline_at_work import environment, prepare, variables
from rebound_oro_pipeline_tests.sandbox_process import sandbox

EXAMPLES = Path(__file__).parents[2] / "examples"
Command = Callable[..., Result]
NOBODY = "postgresql://someone:hush@127.0.0.1:1/none"
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Return a function that runs a command with variables and no others."""

    def run(*arguments: str, variables: Mapping[str, str] | None = None, **settings: str) -> Result:
        given = {f"REBOUND_ORO_{name}": value for name, value in settings.items()}
        home = {"REBOUND_ORO_HOME": str(tmp_path / "home")}
        with environment({**home, **given, **(variables or {})}):
            return CliRunner().invoke(main, arguments)

    return run


def in_one_sentence(told: Result, *words: str) -> None:
    """Assert that a command failed, said why in one line, and no frame of a stack."""
    assert told.exit_code != 0
    assert told.stdout == ""
    lines = [line for line in told.stderr.splitlines() if not line.startswith(("Usage:", "Try ")) and line]
    assert len(lines) == 1, told.stderr
    assert lines[0].startswith("Error: ")
    assert "Traceback" not in told.output
    assert "hush" not in told.output
    for word in words:
        assert word in lines[0]


def test_the_embedded_server_is_started_looked_at_stopped_and_removed(
    command: Command, open_folder: Path
) -> None:
    home = str(open_folder / "home")
    assert command("db", "status", HOME=home).output.startswith("absent: ")
    assert command("db", "stop", HOME=home).output == "was not running\n"
    started = command("db", "start", HOME=home)
    assert started.exit_code == 0
    assert started.output.splitlines()[0] == "started"
    assert command("db", "start", HOME=home).output.splitlines()[0] == "was running"
    status = command("db", "status", HOME=home).output
    assert status.startswith("state:   running, process ")
    assert "address: 127.0.0.1:" in status
    assert "version: PostgreSQL 18" in status
    url = command("db", "url", HOME=home).output.strip()
    with psycopg.connect(url) as conn:
        assert conn.execute("select current_database()").fetchone() == ("pipeline",)
    assert command("migrate", HOME=home).output.splitlines()[0] == "0001_landing"
    assert command("migrate", HOME=home).output == "nothing to migrate\n"
    assert command("db", "stop", HOME=home).output == "stopped\n"
    assert command("db", "status", HOME=home).output.startswith("state:   stopped\n")
    assert command("db", "remove", HOME=home).exit_code == 1  # nobody said yes
    assert (open_folder / "home" / "pg").exists()
    assert command("db", "remove", "--yes", HOME=home).exit_code == 0
    assert not (open_folder / "home" / "pg").exists()
    assert command("db", "remove", "--yes", HOME=home).exit_code == 0


@pytest.mark.parametrize("verb", ["start", "stop", "status", "remove"])
def test_the_embedded_server_is_not_touched_where_another_database_is_set(
    command: Command, verb: str
) -> None:
    in_one_sentence(command("db", verb, DATABASE_URL=NOBODY), "REBOUND_ORO_DATABASE_URL is set")


def test_the_url_of_a_given_database_is_shown_as_tools_read_it(command: Command) -> None:
    told = command("db", "url", DATABASE_URL="postgresql+psycopg://us:pw@db.example/shop")
    assert told.output == "postgresql://us:pw@db.example/shop\n"


def test_the_url_of_a_server_that_was_never_started_cannot_be_told(command: Command) -> None:
    in_one_sentence(command("db", "url"), "start the server first")


@pytest.mark.parametrize("words", [("migrate",), ("demo",), ("dev", "--port", "0")], ids=" ".join)
def test_a_server_that_cannot_be_started_is_told_in_a_sentence(
    command: Command, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    in_one_sentence(command(*words, HOME=str(tmp_path / "file" / "home")))


@pytest.mark.parametrize("words", [("migrate",), ("dev", "--port", "0")], ids=" ".join)
def test_a_database_that_does_not_answer_is_told_in_a_sentence(
    command: Command, words: tuple[str, ...]
) -> None:
    in_one_sentence(command(*words, DATABASE_URL=NOBODY), "127.0.0.1", "Connection refused")


def test_a_malformed_database_url_is_not_quoted(command: Command) -> None:
    in_one_sentence(command("migrate", DATABASE_URL="postgresql://us:hu@sh@db/x"), "percent-encoded")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ORO_CONNECTIONS": "many"}, "REBOUND_ORO_ORO_CONNECTIONS: Input should be a valid integer"),
        ({"STOCK_MODE": "hush"}, "REBOUND_ORO_STOCK_MODE: Input should be 'batched' or 'near_real_time'"),
        (
            {"DATABASE_URL": NOBODY, "DATABASE_URL_FILE": "/some/where"},
            "REBOUND_ORO_DATABASE_URL and REBOUND_ORO_DATABASE_URL_FILE are both set; keep one",
        ),
        ({"DATABASE_URL_FILE": "/no/such/file"}, "REBOUND_ORO_DATABASE_URL_FILE names /no/such/file, which"),
    ],
)
def test_a_wrong_setting_is_named(command: Command, settings: dict[str, str], words: str) -> None:
    in_one_sentence(command("migrate", **settings), words)


def test_a_wrong_setting_is_named_where_dagster_reads_it_too(command: Command) -> None:
    told = command("run", "--from", "2026-03-04", "--to", "2026-03-04", ORO_URL="ftp://shop.example")
    in_one_sentence(told, "REBOUND_ORO_ORO_URL: URL scheme")


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--from", "2026-03-04", "--to", "2026-03-04"),
        ("push",),
        ("reconcile",),
        ("audit", "--from", "2026-03-04", "--to", "2026-03-04", "--out", "out"),
        ("doctor", "--subscribe", "https://pipeline.example"),
    ],
    ids=" ".join,
)
def test_a_url_that_secrets_must_not_go_to_is_named(
    command: Command, database_url: str, words: tuple[str, ...]
) -> None:
    both = {
        "ORO_CLIENT_ID": "id",
        "ORO_CLIENT_SECRET": "hush",
        "REBOUND_LOGIN": "me",
        "REBOUND_API_KEY": "hush",
    }
    urls = {
        "ORO_URL": "http://shop.example",
        "REBOUND_URL": "http://127.0.0.1:1",
        "DATABASE_URL": database_url,
    }
    told = command(*words, **both, **urls, WEBHOOK_ORO_SECRET="hush")
    in_one_sentence(told, "REBOUND_ORO_ORO_URL: the base URL of shop.example must begin with https://")


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-03-05", "2026-03-04", "2026-03-05 is after 2026-03-04"),
        ("2020-01-01", "2026-03-04", "2020-01-01 is not among the days from 2025-01-01"),
        ("2026-03-04", "2199-01-01", f"to yesterday, {YESTERDAY}"),
        ("04.03.2026", "2026-03-04", "'04.03.2026' does not match the format '%Y-%m-%d'"),
    ],
)
def test_days_that_there_are_not_are_refused(command: Command, first: str, last: str, words: str) -> None:
    in_one_sentence(command("run", "--from", first, "--to", last), words)


def test_there_are_no_days_before_the_first_one(command: Command) -> None:
    told = command("run", "--from", "2027-01-01", "--to", "2027-01-01", FIRST_DAY="2999-01-01")
    in_one_sentence(told, "the first one is 2999-01-01 (REBOUND_ORO_FIRST_DAY)")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"REBOUND_MAPPING_FILE": "/nowhere.yaml"}, "FAILURE  mapping: /nowhere.yaml"),
        ({"ALERT_URLS": "nonsense"}, "FAILURE  alerts: alert URL 1"),
        (
            {"FIRSTDAY": "2026-01-01"},
            "warning  settings: REBOUND_ORO_FIRSTDAY is no setting; is REBOUND_ORO_FIRST_DAY meant?",
        ),
        ({"VERIFY_TLS": "false"}, "warning  TLS: certificates are not verified"),
    ],
)
def test_the_doctor_reads_what_a_run_reads(
    command: Command, database_url: str, settings: dict[str, str], words: str
) -> None:
    told = command("doctor", DATABASE_URL=database_url, **settings)
    assert told.exit_code == 1
    assert words in told.stdout


def test_a_run_names_the_first_setting_that_it_misses(command: Command, database_url: str) -> None:
    told = command("run", "--from", "2026-03-04", "--to", "2026-03-04", DATABASE_URL=database_url)
    in_one_sentence(told, "REBOUND_ORO_REBOUND_URL is not set")


def test_a_database_that_is_not_prepared_is_told_how_to_be(command: Command, database_url: str) -> None:
    in_one_sentence(command("quarantine", "list", DATABASE_URL=database_url), "rebound-oro migrate")


def test_a_port_that_is_taken_is_told_before_anything_is_started(command: Command, postgres_url: str) -> None:
    port = postgres_url.rpartition(":")[2].partition("/")[0]
    in_one_sentence(command("dev", "--port", port), f"port {port} of this machine is taken", "--port")


def test_days_are_landed_and_decided_by_one_command(
    command: Command, database_url: str, tmp_path: Path
) -> None:
    prepare(database_url)
    first = YESTERDAY - timedelta(days=3)
    until = YESTERDAY + timedelta(days=1)
    days = ("--from", first.isoformat(), "--to", YESTERDAY.isoformat())
    with sandbox(tmp_path, orders=30, returns=12, days=4, until=until) as box:
        settings = variables(tmp_path / "home", database_url, box, first.isoformat())
        done = command("run", *days, variables=settings)
        assert done.exit_code == 0, done.output
        *places, count, last = done.output.splitlines()
        assert re.fullmatch(r"run .*: success", last)
        assert count == f"{len(places) - 1} places"
        with connect(database_url) as conn:
            [(lines, decided)] = conn.execute(
                "select (select count(*) from marts.return_line_destinations), (select count(*) from ledger.decisions)"
            ).fetchall()
        assert sum(int(place.split()[2]) for place in places[1:]) == lines > 0
        assert decided == 1
        refused = command("run", *days, variables={**settings, "REBOUND_ORO_REBOUND_API_KEY": "hush"})
    assert refused.exit_code == 1
    assert refused.stdout.endswith(": failure\n")
    assert refused.stderr.startswith("read_rebound_returns: ")
    assert len(refused.stderr.splitlines()) == 1
    assert "hush" not in refused.output


def test_replay_decides_files_and_says_that_every_unit_has_its_place(
    command: Command, postgres_url: str, tmp_path: Path
) -> None:
    files = ("orders.json", "returns.jsonl", "products.json", "aliases.csv", "policy.yaml")
    options = [word for name in files for word in (f"--{name.partition('.')[0]}", str(EXAMPLES / name))]
    done = command("replay", *options, "--out", str(tmp_path / "out"), DATABASE_URL=postgres_url)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["conserved"] is True
    assert (tmp_path / "out" / "credit_notes.jsonl").stat().st_size > 0


GIVEN = {
    name: EXAMPLES / f"{name}.{'jsonl' if name == 'returns' else 'json'}" for name in ("orders", "returns")
}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            {"orders": EXAMPLES / "returns.jsonl"},
            "returns.jsonl holds no orders that can be read; give JSON:API",
        ),
        ({"orders": '{"hello": 1}'}, "holds no orders"),
        ({"returns": "garbage"}, "holds no returns that can be read; give ReBound's"),
        ({"products": "garbage"}, "holds no products"),
        ({"products": EXAMPLES / "orders.json"}, "holds no products"),
        ({"aliases": "alias,sku\nOLD,\n"}, "holds no alias"),
    ],
    ids=lambda given: str(given)[-20:],
)
def test_replay_warns_of_a_file_of_another_kind_and_sums_up_the_rest(
    command: Command, postgres_url: str, tmp_path: Path, wrong: Mapping[str, Path | str], words: str
) -> None:
    """It is most likely a mix-up; each unit that was read has its place all the same."""
    [(name, content)] = wrong.items()
    file = content if isinstance(content, Path) else tmp_path / "given"
    if isinstance(content, str):
        file.write_text(content)
    options = [word for each, path in {**GIVEN, name: file}.items() for word in (f"--{each}", str(path))]
    told = command("replay", *options, "--out", str(tmp_path / "out"), DATABASE_URL=postgres_url)
    assert told.exit_code == 0
    [error] = [line for line in told.stderr.splitlines() if line.startswith("Warning: ")]
    assert words in error
    assert json.loads(told.stdout)["unusable_files"] == [error.removeprefix("Warning: ")]
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == json.loads(told.stdout)


def test_replay_tells_of_returns_that_stand_twice(
    command: Command, postgres_url: str, tmp_path: Path
) -> None:
    """Only the last document of a return counts: the units of the others would be gone without a word."""
    first = json.loads((EXAMPLES / "returns.jsonl").read_text().splitlines()[0])
    returns = tmp_path / "given.jsonl"
    returns.write_text("\n".join(json.dumps(first | {"carrier": each}) for each in ("a", "b", "b")))
    options = ("--orders", str(EXAMPLES / "orders.json"), "--returns", str(returns))
    told = command("replay", *options, "--out", str(tmp_path / "out"), DATABASE_URL=postgres_url)
    assert told.exit_code == 0
    assert "given.jsonl: returns stand in it more than once; 2 of its documents give way" in told.stderr


def test_replay_tells_of_a_file_with_nothing_in_it(
    command: Command, postgres_url: str, tmp_path: Path
) -> None:
    """Without orders every return waits for its order, as if that were yet to come."""
    orders = tmp_path / "orders.json"
    orders.write_text('{"data": []}')
    options = ("--orders", str(orders), "--returns", str(EXAMPLES / "returns.jsonl"))
    told = command("replay", *options, "--out", str(tmp_path / "out"), DATABASE_URL=postgres_url)
    assert told.exit_code == 0
    assert "orders.json: holds no orders\n" in told.stderr


def test_replay_names_what_is_wrong_in_a_policy(command: Command, postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("credit: {shipping: sometimes}\n")
    files = ("--orders", str(EXAMPLES / "orders.json"), "--returns", str(EXAMPLES / "returns.jsonl"))
    policy = ("--policy", str(tmp_path / "policy.yaml"), "--out", str(tmp_path / "out"))
    told = command("replay", *files, *policy, DATABASE_URL=postgres_url)
    in_one_sentence(told, "credit.shipping", "sometimes", "pro_rata")


@pytest.mark.parametrize(
    "words", [("demo", "--days", "0"), ("demo", "--returns", "-1"), ("dev", "--port", "70000")], ids=" ".join
)
def test_a_number_out_of_range_is_refused(command: Command, words: tuple[str, ...]) -> None:
    in_one_sentence(command(*words), "is not in the range")


def test_a_demo_does_not_mix_with_returns_of_somebody_else(command: Command, database_url: str) -> None:
    with connect(database_url) as conn:
        conn.execute(
            "insert into landing.rebound_returns (return_id, registered_at, document, document_hash, source, "
            "landed_at, landed_by) values ('R1', now(), '{}', '', 'api', now(), 'test')"
        )
    small = ("--days", "1", "--orders", "5", "--returns", "2")
    told = command("demo", *small, "--json", DATABASE_URL=database_url)
    assert told.exit_code == 1
    assert told.stdout == ""
    assert told.stderr.splitlines()[-1].startswith(
        "Error: the database holds returns that are not a demo's; unset REBOUND_ORO_DATABASE_URL"
    )
