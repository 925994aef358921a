"""What headers promise and what tests forbid: passed or failed, with a sample that JSON can hold."""

import json
from datetime import UTC, datetime

import pytest

from rebound_oro_pipeline.sqlmodels.checks import checks_of, run_checks
from rebound_oro_pipeline.sqlmodels.errors import BuildError
from rebound_oro_pipeline.sqlmodels.relations import create_views

FILES = {
    "marts/items.sql": """
        /*
        Items.

        grain: id
        not_null: amount
        window: at
        */
        select id, at, amount, units, document from landing.items
    """,
    "tests/assert_amounts_are_positive.sql": """
        /*
        Fails if an amount is below 0 (100 %% of them count).

        severity: warn
        blocking: yes
        on: marts.items
        */
        select id, amount, at, units, document, '\\x00ff'::bytea as raw, array[amount] as amounts
        from marts.items
        where amount < 0 and at >= %(window_start)s and at < %(window_end)s
    """,
}
JANUARY = {"window_start": datetime(2026, 1, 1, tzinfo=UTC), "window_end": datetime(2026, 2, 1, tzinfo=UTC)}


@pytest.fixture
def models(conn, project):
    """Models over a table of three good items in January."""
    conn.execute(
        "create table landing.items"
        " (id integer, at timestamptz, amount numeric, units numrange, document jsonb)"
    )
    conn.execute(
        "insert into landing.items"
        " select n, '2026-01-05', n, numrange(0, n), '{\"a\": [1]}' from generate_series(1, 3) as n"
    )
    models = project(FILES)
    create_views(conn, models)
    return models


def failed(results) -> dict[str, int]:
    return {result.name: result.failing_rows for result in results if not result.passed}


def test_good_data_pass_every_check(conn, models):
    results = run_checks(conn, checks_of(models), JANUARY)
    assert [(result.name, result.relation) for result in results] == [
        ("grain_is_unique", "marts.items"),
        ("columns_are_not_null", "marts.items"),
        ("assert_amounts_are_positive", "marts.items"),
    ]
    assert all(result.passed and result.failing_rows == 0 and result.sample == [] for result in results)


def test_a_second_row_of_one_grain_fails(conn, models):
    conn.execute("insert into landing.items select * from landing.items where id = 2")
    results = run_checks(conn, checks_of(models), JANUARY)
    assert failed(results) == {"grain_is_unique": 1}
    assert results[0].sample == [{"id": 2, "rows_of_one_key": 2}]
    assert (results[0].severity, results[0].blocking) == ("error", True)
    assert results[0].description == "Fails if two rows share id."


def test_a_null_fails_in_the_grain_and_where_the_header_forbids_it(conn, models):
    conn.execute("update landing.items set amount = null where id = 1")
    conn.execute("update landing.items set id = null where id = 2")
    assert failed(run_checks(conn, checks_of(models), JANUARY)) == {"columns_are_not_null": 2}


def test_a_test_shows_the_wrong_rows_as_json_can_hold_them(conn, models):
    conn.execute("update landing.items set amount = -0.10 where id = 3")
    (result,) = run_checks(conn, checks_of(models), JANUARY)[2:]
    assert (result.passed, result.failing_rows, result.severity, result.blocking) == (False, 1, "warn", True)
    assert json.loads(json.dumps(result.sample)) == [
        {
            "id": 3,
            "amount": "-0.10",
            "at": "2026-01-05T00:00:00+00:00",
            "units": "[0, 3)",
            "document": {"a": [1]},
            "raw": "00ff",
            "amounts": ["-0.10"],
        }
    ]


def test_all_wrong_rows_are_counted_and_twenty_shown(conn, models):
    conn.execute("insert into landing.items select n, '2026-01-05', -n from generate_series(100, 149) as n")
    (result,) = run_checks(conn, checks_of(models), JANUARY)[2:]
    assert (result.failing_rows, len(result.sample)) == (50, 20)


def test_only_the_window_is_looked_at_and_without_one_everything(conn, models):
    conn.execute("insert into landing.items values (9, '2026-03-01', -1), (9, '2026-03-01', -1)")
    assert failed(run_checks(conn, checks_of(models), JANUARY)) == {}
    assert failed(run_checks(conn, checks_of(models))) == {
        "grain_is_unique": 1,
        "assert_amounts_are_positive": 2,
    }


def test_checks_can_be_restricted_to_relations(conn, models):
    assert checks_of(models, relations=["marts.others"]) == ()
    assert run_checks(conn, ()) == []
    assert len(checks_of(models, relations=["marts.items"])) == 3


def test_of_a_state_only_open_rows_are_judged(conn, project):
    """A key that was closed and opened again has two rows, one of them open."""
    models = project(
        {
            "ledger/quarantine.sql": "/*\nBad.\n\nmaterialized: state\n"
            "key: subject, reason\nwindow: registered_at\n*/\n"
            "select 's' as subject, 'r' as reason, now() as registered_at where false"
        },
        external=["ledger.quarantine"],
    )
    for resolution in ("healed", "healed", None):
        conn.execute(
            "insert into ledger.quarantine values ('s', 'r', null, null, null, 1, '', now(), now(), now(),"
            " case when %(r)s::text is not null then now() end, %(r)s)",
            {"r": resolution},
        )
    assert failed(run_checks(conn, checks_of(models))) == {}


def test_a_parameter_that_is_missing_is_named(conn, project):
    models = project(
        {
            "marts/one.sql": "/* One. */ select 1 as one",
            "tests/assert_one.sql": "/*\nFails if never.\n\non: marts.one\n*/\n"
            "select one from marts.one where one = %(run_id)s",
        }
    )
    with pytest.raises(BuildError, match=r"check assert_one on marts\.one needs run_id"):
        run_checks(conn, checks_of(models))
