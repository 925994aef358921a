"""Each materialisation: what a build leaves behind and counts; an unchanged second run writes nothing."""

from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from types import MappingProxyType

import psycopg
import pytest

from rebound_oro_pipeline.sqlmodels.build import Builder, BuildResult
from rebound_oro_pipeline.sqlmodels.errors import BuildError

DAY = {"window_start": datetime(2026, 1, 1, tzinfo=UTC), "window_end": datetime(2026, 1, 2, tzinfo=UTC)}
FIRST = {**DAY, "decided_at": datetime(2026, 2, 1, tzinfo=UTC)}
SECOND = {**DAY, "decided_at": datetime(2026, 2, 2, tzinfo=UTC)}
IN_WINDOW = "at >= %(window_start)s and at < %(window_end)s"


def header(*lines: str) -> str:
    return "\n".join(["/*", "Some rows.", "", *lines, "*/", ""])


@pytest.fixture
def landed(conn):
    """Make an empty landing table, one row per key, of any day."""
    conn.execute("create table landing.items (id integer, at timestamptz, amount numeric, note text)")
    return conn


def land(conn: psycopg.Connection, *rows: tuple) -> None:
    conn.execute("truncate landing.items")
    with conn.cursor().copy("copy landing.items from stdin") as copy:
        for row in rows:
            copy.write_row(row)


def numbers(result: BuildResult) -> tuple[int, int | None]:
    return result.rows_written, result.rows_in_window


class TestTable:
    """The working set of the last decision."""

    def test_is_emptied_and_filled(self, landed, project):
        text = (
            header("materialized: table", "grain: id")
            + f"select id, amount from landing.items where {IN_WINDOW}"
        )
        models = project({"intermediate/wanted.sql": text})
        builder = Builder(landed, models)
        land(landed, (1, "2026-01-01", 1, None), (2, "2026-01-02", 2, None))
        result = builder.build(models["intermediate.wanted"], DAY)
        assert (result.relation, *numbers(result)) == ("intermediate.wanted", 1, 1)
        assert result.seconds > 0
        land(landed, (3, "2026-01-01", 3, None), (4, "2026-01-01", 4, None))
        assert numbers(builder.build(models["intermediate.wanted"], DAY)) == (2, 2)
        assert landed.execute("select id from intermediate.wanted order by id").fetchall() == [(3,), (4,)]

    def test_takes_percent_signs_doubled(self, landed, project):
        """Every model passes through psycopg, so the rule is the same whether there are parameters or not."""
        land(landed, (1, "2026-01-01", 1, "a%b"))
        text = (
            header("materialized: table")
            + "select format('%%s', note) as note from landing.items where note like 'a%%'"
        )
        models = project({"intermediate/wanted.sql": text})
        Builder(landed, models).build(models["intermediate.wanted"], {})
        assert landed.execute("select note from intermediate.wanted").fetchall() == [("a%b",)]

    def test_needs_its_parameters(self, landed, project):
        text = header("materialized: table") + f"select id from landing.items where {IN_WINDOW}"
        models = project({"intermediate/wanted.sql": text})
        with pytest.raises(
            BuildError, match=r"intermediate\.wanted needs the parameters window_end; given: window_start"
        ):
            Builder(landed, models).build(
                models["intermediate.wanted"], {"window_start": DAY["window_start"]}
            )


def test_a_view_has_nothing_to_build(landed, project):
    models = project({"staging/items.sql": header() + "select id from landing.items"})
    assert numbers(Builder(landed, models).build(models["staging.items"], {})) == (0, None)
    landed.execute("select from staging.items")


class TestPartition:
    """The rows of the window become what the query gives."""

    TEXT = header("materialized: partition", "grain: id", "window: at") + (
        f"select id, at, amount, note from landing.items where {IN_WINDOW}"
    )

    @pytest.fixture
    def models(self, project):
        return project({"marts/sold.sql": self.TEXT})

    def test_only_what_changed_is_written(self, landed, models):
        builder = Builder(landed, models)
        land(
            landed,
            (1, "2026-01-01", "1.50", None),
            (2, "2026-01-01", 2, "b"),
            (3, "2026-01-02", 3, "next day"),
        )
        assert numbers(builder.build(models["marts.sold"], DAY)) == (2, 2)
        before = landed.execute("select id, ctid::text from marts.sold order by id").fetchall()
        assert numbers(builder.build(models["marts.sold"], DAY)) == (0, 2)
        assert landed.execute("select id, ctid::text from marts.sold order by id").fetchall() == before
        land(landed, (1, "2026-01-01", "1.50", "now"), (4, "2026-01-01 23:59:59.999999+00", 4, None))
        assert numbers(builder.build(models["marts.sold"], DAY)) == (3, 2)
        assert landed.execute("select id, amount, note from marts.sold order by id").fetchall() == [
            (1, Decimal("1.50"), "now"),
            (4, Decimal(4), None),
        ]

    def test_other_windows_are_not_touched(self, landed, models):
        builder = Builder(landed, models)
        other = {
            "window_start": datetime(2026, 1, 2, tzinfo=UTC),
            "window_end": datetime(2026, 1, 3, tzinfo=UTC),
        }
        land(landed, (1, "2026-01-01", 1, None), (2, "2026-01-02", 2, None))
        builder.build(models["marts.sold"], DAY)
        builder.build(models["marts.sold"], other)
        land(landed)
        assert numbers(builder.build(models["marts.sold"], DAY)) == (1, 0)
        assert landed.execute("select id from marts.sold").fetchall() == [(2,)]

    def test_a_key_that_moved_to_another_day_is_moved(self, landed, models):
        builder = Builder(landed, models)
        land(landed, (1, "2025-12-31", 1, None))
        builder.build(models["marts.sold"], {**DAY, "window_start": datetime(2025, 12, 31, tzinfo=UTC)})
        land(landed, (1, "2026-01-01", 1, None))
        assert numbers(builder.build(models["marts.sold"], DAY)) == (1, 1)
        assert landed.execute("select count(*) from marts.sold").fetchone() == (1,)

    def test_it_is_the_same_as_deleting_the_window_and_inserting(self, landed, models):
        """Random histories; every column may be null but key and window."""
        random = Random(1)
        builder = Builder(landed, models)
        for _ in range(15):
            rows = [
                (key, "2026-01-01", random.choice([None, 1, "1.0", 2]), random.choice([None, "", "x"]))
                for key in random.sample(range(8), random.randint(0, 8))
            ]
            land(landed, *rows)
            builder.build(models["marts.sold"], DAY)
            difference = "select * from {} except all select * from {}"
            for pair in (("marts.sold", "landing.items"), ("landing.items", "marts.sold")):
                assert landed.execute(difference.format(*pair)).fetchall() == []

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            ([(1, "2026-01-01", 1, None), (1, "2026-01-01", 2, None)], "several rows of one id: 1"),
            ([(None, "2026-01-01", 1, None)], "id may not be null: None"),
            ([(1, "2026-01-02", 1, None)], "at lies outside the window; restrict the query to it: 1"),
            ([(1, None, 1, None)], "at lies outside the window"),
        ],
    )
    def test_rows_that_contradict_the_header_are_refused(self, landed, project, rows, message):
        models = project({"marts/sold.sql": self.TEXT.replace(f" where {IN_WINDOW}", "")})
        land(landed, *rows)
        with pytest.raises(BuildError) as caught:
            Builder(landed, models).build(models["marts.sold"], DAY)
        assert message in str(caught.value)
        assert str(caught.value).startswith("marts.sold: ")

    def test_an_error_of_the_database_keeps_its_class_and_names_the_file(self, landed, project):
        models = project({"marts/sold.sql": self.TEXT.replace("amount,", "1 / amount as amount,")})
        land(landed, (1, "2026-01-01", 0, None))
        with pytest.raises(psycopg.errors.DivisionByZero) as caught:
            Builder(landed, models).build(models["marts.sold"], DAY)
        assert "sold.sql" in caught.value.__notes__[0]


class TestMovesWith:
    """Rows of a document that was dated anew wait where they lie for its new window, which takes them over."""

    NEXT_DAY = MappingProxyType(
        {
            "window_start": datetime(2026, 1, 2, tzinfo=UTC),
            "window_end": datetime(2026, 1, 3, tzinfo=UTC),
            "decided_at": datetime(2026, 2, 2, tzinfo=UTC),
        }
    )
    TEXTS = MappingProxyType(
        {
            "partition": TestPartition.TEXT.replace(
                "window: at", "window: at\nmoves_with: id of landing.items"
            ),
            "state": header(
                "materialized: state",
                "key: id",
                "window: at",
                "moves_with: id of landing.items",
                "opened: opened_at",
            )
            + f"select id, at, amount, note from landing.items where {IN_WINDOW}",
        }
    )

    @pytest.fixture(params=["partition", "state"])
    def build(self, request, landed, project):
        """Build the model, and return which rows there are, each with its day, and of a state with its opening."""
        landed.execute(
            "create table ledger.kept (id integer, at timestamptz, amount numeric, note text,"
            " opened_at timestamptz, resolved_at timestamptz, resolution text)"
        )
        relation = {"partition": "marts.kept", "state": "ledger.kept"}[request.param]
        models = project(
            {relation.replace(".", "/") + ".sql": self.TEXTS[request.param]}, ("landing.items", "ledger.kept")
        )
        builder = Builder(landed, models)
        there = "resolved_at is null" if request.param == "state" else "true"

        def build(parameters):
            result = builder.build(models[relation], parameters)
            rows = landed.execute(f"select id, at::date::text from {relation} where {there} order by id")
            return result.rows_written, rows.fetchall()

        return build

    def test_rows_stay_where_they_lie_until_the_new_window_is_built(self, landed, build):
        land(landed, (1, "2026-01-01", 1, None), (2, "2026-01-01", 2, None))
        build(FIRST)
        land(landed, (1, "2026-01-02", 1, None), (2, "2026-01-01", 2, None))
        assert build(SECOND) == (0, [(1, "2026-01-01"), (2, "2026-01-01")])
        assert build(self.NEXT_DAY) == (1, [(1, "2026-01-02"), (2, "2026-01-01")])
        assert build(SECOND) == (0, [(1, "2026-01-02"), (2, "2026-01-01")])

    def test_the_new_window_may_be_built_first(self, landed, build):
        land(landed, (1, "2026-01-01", 1, None))
        build(FIRST)
        land(landed, (1, "2026-01-02", 1, None))
        assert build(self.NEXT_DAY) == (1, [(1, "2026-01-02")])
        assert build(SECOND) == (0, [(1, "2026-01-02")])

    def test_rows_of_a_document_that_is_gone_go_with_the_window_where_they_lie(self, landed, build):
        land(landed, (1, "2026-01-01", 1, None))
        build(FIRST)
        land(landed)
        assert build(self.NEXT_DAY) == (0, [(1, "2026-01-01")])
        assert build(SECOND) == (1, [])


class TestAppend:
    """What the query gives is added to a table that a migration made."""

    EXTERNAL = ("landing.items", "ledger.notes")

    def test_columns_are_matched_by_name(self, landed, project):
        landed.execute(
            "create table ledger.notes (made_at timestamptz default now(), note text, id integer primary key)"
        )
        text = header("materialized: append", "grain: id", "window: at") + (
            "select i.id, i.note from landing.items as i"
            " where not exists (select from ledger.notes as n where n.id = i.id)"
        )
        models = project({"ledger/notes.sql": text.replace("\nwindow: at", "")}, self.EXTERNAL)
        builder = Builder(landed, models)
        land(landed, (1, None, None, "a"), (2, None, None, "b"))
        assert numbers(builder.build(models["ledger.notes"], {})) == (2, None)
        assert numbers(builder.build(models["ledger.notes"], {})) == (0, None)
        assert landed.execute(
            "select id, note, made_at is not null from ledger.notes order by id"
        ).fetchall() == [
            (1, "a", True),
            (2, "b", True),
        ]

    def test_rounds_see_what_the_rounds_before_them_wrote(self, landed, project):
        """A sequential allocation in set-based steps: each round starts where the sum so far ends."""
        landed.execute("create table ledger.notes (id integer primary key, starts numeric)")
        text = header(
            "materialized: append", "repeat: round", "rounds: select max(step.id) from landing.items as step"
        ) + (
            "select i.id, coalesce((select sum(j.amount) from landing.items as j"
            " inner join ledger.notes as n on j.id = n.id), 0) as starts"
            " from landing.items as i where i.id = %(round)s"
        )
        models = project({"ledger/notes.sql": text}, self.EXTERNAL)
        builder = Builder(landed, models)
        assert numbers(builder.build(models["ledger.notes"], {})) == (0, None)
        land(landed, (1, None, 5, None), (2, None, 7, None), (3, None, 1, None))
        assert numbers(builder.build(models["ledger.notes"], {})) == (3, None)
        assert landed.execute("select id, starts from ledger.notes order by id").fetchall() == [
            (1, 0),
            (2, 5),
            (3, 12),
        ]

    @pytest.mark.parametrize(
        ("held", "added", "known"), [(0, 1000, 1000), (0, 999, 0), (40_000, 1000, 40_000)]
    )
    def test_the_planner_hears_of_many_new_rows(self, landed, project, held, added, known):
        """Unless they are few, or few beside those that are there: a sample costs as much as a small day."""
        landed.execute("create table ledger.notes (id integer)")
        landed.execute("insert into ledger.notes select from generate_series(1, %s)", (held,))
        landed.execute("analyze ledger.notes")
        text = header("materialized: append") + f"select i.id from generate_series(1, {added}) as i (id)"
        models = project({"ledger/notes.sql": text}, self.EXTERNAL)
        Builder(landed, models).build(models["ledger.notes"], {})
        rows = landed.execute(
            "select greatest(reltuples, 0) from pg_class where relname = 'notes'"
        ).fetchone()
        assert rows == (known,)


class TestState:
    """Open rows become what the query gives; what no longer holds is closed."""

    EXTERNAL = ("landing.items", "ledger.quarantine", "ledger.holds")
    QUARANTINE = header(
        "materialized: state",
        "key: subject, reason",
        "window: registered_at",
        "opened: opened_at",
        "changed: changed_at",
    ) + (
        "select id::text as subject, 'unknown_sku' as reason, amount as quantity,"
        f" coalesce(note, '') as detail, at as registered_at from landing.items where {IN_WINDOW}"
    )
    HISTORY = """
        select
            subject, quantity, detail, opened_at::date::text, changed_at::date::text, resolved_at::date::text,
            resolution
        from ledger.quarantine order by subject, opened_at
    """

    @pytest.fixture
    def models(self, project):
        return project({"ledger/quarantine.sql": self.QUARANTINE}, self.EXTERNAL)

    def test_rows_are_opened_changed_closed_and_opened_again(self, landed, models):
        builder = Builder(landed, models)
        quarantine = models["ledger.quarantine"]
        land(landed, (1, "2026-01-01", 1, "a"), (2, "2026-01-01", 2, "b"), (3, "2026-01-01", None, "c"))
        assert numbers(builder.build(quarantine, FIRST)) == (3, 3)
        assert numbers(builder.build(quarantine, SECOND)) == (0, 3)
        land(landed, (2, "2026-01-01", 5, "b"), (3, "2026-01-01", None, "c"))
        assert numbers(builder.build(quarantine, SECOND)) == (2, 2)
        land(landed, (1, "2026-01-01", 1, "again"), (2, "2026-01-01", 5, "b"), (3, "2026-01-01", None, "c"))
        third = {**DAY, "decided_at": datetime(2026, 2, 3, tzinfo=UTC)}
        assert numbers(builder.build(quarantine, third)) == (1, 3)
        assert landed.execute(self.HISTORY).fetchall() == [
            ("1", 1, "a", "2026-02-01", "2026-02-01", "2026-02-02", "healed"),
            ("1", 1, "again", "2026-02-03", "2026-02-03", None, None),
            ("2", 5, "b", "2026-02-01", "2026-02-02", None, None),
            ("3", None, "c", "2026-02-01", "2026-02-01", None, None),
        ]

    def test_open_rows_of_other_windows_stay_open(self, landed, models):
        builder = Builder(landed, models)
        land(landed, (1, "2026-01-01", 1, "a"))
        builder.build(models["ledger.quarantine"], FIRST)
        other = {**SECOND, "window_start": DAY["window_end"], "window_end": datetime(2026, 1, 3, tzinfo=UTC)}
        land(landed)
        assert numbers(builder.build(models["ledger.quarantine"], other)) == (0, 0)
        assert numbers(builder.build(models["ledger.quarantine"], SECOND)) == (1, 0)

    def test_what_is_kept_is_written_once(self, landed, project):
        text = header(
            "materialized: state",
            "key: subject",
            "window: registered_at",
            "keep: held_since",
            "changed: changed_at",
        ) + (
            "select id::text as subject, 'unknown_order' as reason, 'r' as return_id, 'k' as return_line_key,"
            " 1 as quantity, at as registered_at, %(decided_at)s as held_since, amount::integer as attempts,"
            f" at as next_check_at from landing.items where {IN_WINDOW}"
        )
        models = project({"ledger/holds.sql": text}, self.EXTERNAL)
        builder = Builder(landed, models)
        land(landed, (1, "2026-01-01", 1, None))
        assert numbers(builder.build(models["ledger.holds"], FIRST)) == (1, 1)
        assert numbers(builder.build(models["ledger.holds"], SECOND)) == (0, 1)
        land(landed, (1, "2026-01-01", 2, None))
        assert numbers(builder.build(models["ledger.holds"], SECOND)) == (1, 1)
        assert landed.execute(
            "select attempts, held_since::date::text, changed_at::date::text from ledger.holds"
        ).fetchall() == [(2, "2026-02-01", "2026-02-02")]

    def test_two_rows_of_one_key_are_refused(self, landed, models):
        land(landed, (1, "2026-01-01", 1, "a"), (1, "2026-01-01", 2, "b"))
        with pytest.raises(
            BuildError, match=r"ledger\.quarantine: the query gives several rows of one subject, reason: 1"
        ):
            Builder(landed, models).build(models["ledger.quarantine"], FIRST)

    def test_the_time_of_the_decision_is_needed(self, landed, models):
        with pytest.raises(BuildError, match="needs the parameters decided_at"):
            Builder(landed, models).build(models["ledger.quarantine"], DAY)


def test_everything_is_undone_with_the_caller_s_transaction(landed, project):
    models = project({"marts/sold.sql": TestPartition.TEXT})
    land(landed, (1, "2026-01-01", 1, None))
    landed.commit()
    Builder(landed, models).build(models["marts.sold"], DAY)
    landed.rollback()
    assert landed.execute("select to_regclass('marts.sold')").fetchone() == (None,)
