"""create_views: made once, made again when the definition changes, left alone otherwise."""

from dataclasses import replace

import psycopg
import pytest

from rebound_oro_pipeline.sqlmodels.build import Builder
from rebound_oro_pipeline.sqlmodels.catalog import columns_of
from rebound_oro_pipeline.sqlmodels.cursor import Statements
from rebound_oro_pipeline.sqlmodels.errors import BuildError
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.sqlmodels.relations import OWNED, create_views, ensure_schema
from rebound_oro_pipeline_tests import prepared

WINDOW = {"window_start": "2026-01-01", "window_end": "2026-01-02"}
FILES = {
    "staging/items.sql": """
        /*
        Items as landed: 100 % of them.

        columns:
            sku: code of the product
        */
        select item_id, sku, at from landing.items
    """,
    "intermediate/wanted.sql": """
        /*
        Items of the window.

        materialized: table
        grain: item_id
        indexes: (sku)
        */
        select item_id, sku, at from staging.items where at >= %(window_start)s and at < %(window_end)s
    """,
    "marts/sold.sql": """
        /*
        What was sold.

        materialized: partition
        grain: item_id
        window: at
        */
        select item_id, sku, at from intermediate.wanted
    """,
    "marts/report.sql": "/* For people. */ select * from marts.sold",
}


@pytest.fixture
def landed(conn):
    """Land two items."""
    conn.execute("create table landing.items (item_id integer, sku text, at timestamptz)")
    conn.execute("insert into landing.items values (1, 'A', '2026-01-01'), (2, 'B', '2026-01-05')")
    return conn


def relfilenodes(conn: psycopg.Connection) -> dict[str, int]:
    rows = conn.execute(
        "select oid::regclass::text, oid::bigint from pg_class"
        " where relnamespace::regnamespace::text in ('staging', 'intermediate', 'marts')"
        " and relkind in ('v', 'r')"
    )
    return dict(rows.fetchall())


def names(conn: psycopg.Connection, relation: str) -> list[str]:
    return [column.name for column in columns_of(Statements(conn), [relation])[relation]]


def test_schemas_are_made_where_they_are_missing(landed):
    ensure_schema(landed)
    ensure_schema(landed, "staging", "seeds")
    found = landed.execute("select nspname from pg_namespace where nspname in ('staging', 'marts', 'seeds')")
    assert len(found.fetchall()) == 3


def test_everything_is_made_once_in_order_and_then_left_alone(landed, project):
    models = project(FILES)
    assert create_views(landed, models) == [
        "staging.items",
        "intermediate.wanted",
        "marts.sold",
        "marts.report",
    ]
    before = relfilenodes(landed)
    assert create_views(landed, models) == []
    reformatted = {
        "staging/items.sql": FILES["staging/items.sql"].replace(
            "select item_id,", "SELECT   item_id, -- why\n        "
        )
    }
    assert create_views(landed, project(reformatted)) == []
    assert relfilenodes(landed) == before


def test_descriptions_reach_the_database_and_a_new_wording_rebuilds_nothing(landed, project):
    create_views(landed, project(FILES))
    before = relfilenodes(landed)
    reworded = {"staging/items.sql": FILES["staging/items.sql"].replace("as landed", "as they came")}
    assert create_views(landed, project(reworded)) == ["staging.items"]
    assert relfilenodes(landed) == before
    (text,) = landed.execute("select obj_description('staging.items'::regclass, 'pg_class')").fetchone()
    assert text.startswith("Items as they came: 100 % of them.\n\ndefinition ")
    assert (
        columns_of(Statements(landed), ["staging.items"])["staging.items"][1].description
        == "code of the product"
    )


def test_what_reads_the_books_stays_when_that_changes_from_which_they_are_kept(landed, project):
    """A view of a ledger table does not change with what was added to it, and is not missing when others read it."""
    landed.execute("create table ledger.books (item_id integer primary key, sku text)")
    books = {
        "ledger/books.sql": """
            /*
            Items for good.

            materialized: append
            grain: item_id
            */
            select item_id, sku from intermediate.wanted
        """,
        "marts/of_the_books.sql": "/* From the books. */ select item_id, sku from ledger.books",
        "marts/of_both.sql": """
            /* From the books, and of the window. */
            select books.item_id from marts.of_the_books as books inner join intermediate.wanted using (item_id)
        """,
    }
    others = ("landing.items", "ledger.books")
    create_views(landed, project({**FILES, **books}, external=others))
    wanted = FILES["intermediate/wanted.sql"].replace("select item_id,", "select item_id + 0 as item_id,")
    made = create_views(landed, project({"intermediate/wanted.sql": wanted}, external=others))
    assert "marts.of_both" in made
    assert "marts.of_the_books" not in made
    assert landed.execute("select count(*) from marts.of_both").fetchone() == (0,)


def test_working_sets_are_unlogged_and_indexed_partitions_are_durable_and_keyed(landed, project):
    create_views(landed, project(FILES))
    assert landed.execute(
        "select relname, relpersistence::text from pg_class where relname in ('wanted', 'sold') order by 1"
    ).fetchall() == [("sold", "p"), ("wanted", "u")]
    indexes = landed.execute(
        "select tablename, indexdef from pg_indexes where tablename in ('wanted', 'sold')"
    ).fetchall()
    assert len(indexes) == 3
    assert any("UNIQUE" in text and "(item_id)" in text for table, text in indexes if table == "sold")


def test_a_view_that_gains_a_column_keeps_its_grants(landed, project):
    create_views(landed, project(FILES))
    landed.execute("grant select on staging.items to public")
    more = {
        "staging/items.sql": FILES["staging/items.sql"].replace("sku, at from", "sku, at, 1 as more from")
    }
    create_views(landed, project(more))
    assert names(landed, "staging.items") == ["item_id", "sku", "at", "more"]
    (granted,) = landed.execute(
        "select relacl::text from pg_class where oid = 'staging.items'::regclass"
    ).fetchone()
    assert "=r/" in granted


def test_a_column_that_goes_or_changes_takes_the_readers_along(landed, project):
    create_views(landed, project(FILES))
    changed = {name: text.replace("sku", "sku_code") for name, text in FILES.items()}
    changed["staging/items.sql"] = changed["staging/items.sql"].replace(
        "item_id, sku_code", "item_id, sku as sku_code"
    )
    create_views(landed, project(changed))
    for relation in ("staging.items", "intermediate.wanted", "marts.sold", "marts.report"):
        assert set(names(landed, relation)) == {"item_id", "sku_code", "at"}


def test_a_star_downstream_follows_a_change_upstream(landed, project):
    """`select *` is expanded when a view is made; only the upstream text changes here."""
    create_views(landed, project(FILES))
    changed = {
        "marts/sold.sql": FILES["marts/sold.sql"].replace(
            "item_id, sku, at from", "item_id, sku, at, 1 as n from"
        )
    }
    assert create_views(landed, project(changed)) == ["marts.sold", "marts.report"]
    assert names(landed, "marts.report")[-1] == "n"


def test_a_partitioned_table_keeps_its_rows_when_columns_change(landed, project):
    models = project(FILES)
    builder = Builder(landed, models)
    for name in ("intermediate.wanted", "marts.sold"):
        builder.build(models[name], WINDOW)
    changed = {
        "intermediate/wanted.sql": FILES["intermediate/wanted.sql"]
        .replace("sku, at from", "item_id::numeric as weight, at from")
        .replace("(sku)", "(at)"),
        "marts/sold.sql": FILES["marts/sold.sql"]
        .replace("item_id, sku, at", "item_id::bigint as item_id, weight, at, 'x' collate \"C\" as code")
        .replace("grain: item_id", "grain: item_id, at"),
    }
    create_views(landed, project(changed))
    assert landed.execute("select item_id, weight, at::date::text from marts.sold").fetchall() == [
        (1, None, "2026-01-01")
    ]
    types = {
        column.name: column.type for column in columns_of(Statements(landed), ["marts.sold"])["marts.sold"]
    }
    assert types == {
        "item_id": "bigint",
        "at": "timestamp with time zone",
        "weight": "numeric",
        "code": 'text collate "C"',
    }
    indexes = landed.execute("select indexdef from pg_indexes where tablename = 'sold'").fetchall()
    assert len(indexes) == 2
    assert any("(item_id, at)" in text for (text,) in indexes)


def test_a_view_becomes_a_working_set_and_back(landed, project):
    create_views(landed, project(FILES))
    as_view = {"intermediate/wanted.sql": "/* Items. */ select item_id, sku, at from staging.items"}
    assert create_views(landed, project(as_view)) == ["intermediate.wanted", "marts.sold", "marts.report"]
    assert create_views(landed, project(FILES)) == ["intermediate.wanted", "marts.sold", "marts.report"]


def test_what_others_made_and_tables_with_rows_are_never_replaced(landed, project):
    ensure_schema(landed)
    landed.execute("create table staging.items (precious text)")
    with pytest.raises(BuildError, match=r"staging\.items exists and is no view of ours"):
        create_views(landed, project(FILES))
    landed.execute("drop table staging.items")
    create_views(landed, project(FILES))
    with pytest.raises(BuildError, match=r"marts\.sold exists and is no view of ours"):
        create_views(
            landed, project({"marts/sold.sql": "/* Sold. */ select item_id from intermediate.wanted"})
        )


def test_the_header_may_only_name_columns_that_the_query_gives(landed, project):
    """A star over a relation hides the columns from the text; the database knows them."""
    with pytest.raises(BuildError, match=r"staging\.items: the header names column 'colour'"):
        create_views(
            landed,
            project({"staging/items.sql": "/*\nItems.\n\ngrain: colour\n*/ select * from landing.items"}),
        )


def test_views_and_working_sets_whose_file_is_gone_are_dropped_but_no_rows_are_lost(landed, project):
    create_views(landed, project(FILES))
    rest = project(
        {
            "intermediate/wanted.sql": None,
            "marts/sold.sql": None,
            "marts/report.sql": "/* For people. */ select * from staging.items",
        }
    )
    create_views(landed, rest)
    assert set(relfilenodes(landed)) == {"staging.items", "marts.report", "marts.sold"}


def test_an_error_of_the_database_names_the_file(landed, project):
    with pytest.raises(psycopg.errors.UndefinedColumn) as caught:
        create_views(landed, project({"staging/items.sql": "/* Items. */ select colour from landing.items"}))
    assert "staging.items" in caught.value.__notes__[0]
    assert "items.sql" in caught.value.__notes__[0]


def test_two_processes_may_start_at_once(landed, project, database_url):
    """The second waits for the first and then finds nothing to do."""
    landed.commit()
    models = project(FILES)
    create_views(landed, models)
    with psycopg.connect(database_url) as other:
        other.execute("set lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            create_views(other, models)
        other.rollback()
        landed.commit()
        assert create_views(other, models) == []


def test_a_connection_in_autocommit_is_refused_unless_a_transaction_is_open(database_url, project):
    models = project({"staging/one.sql": "/* One. */ select 1 as one"})
    with psycopg.connect(database_url, autocommit=True) as conn:
        with pytest.raises(BuildError, match="models are built in a transaction"):
            create_views(conn, models)
        with conn.transaction():
            assert create_views(conn, models) == ["staging.one"]


def test_whichever_model_of_ours_changes_nothing_that_reads_it_is_missing(prepared_conn):
    """As when a new version of the project meets the database of the last one."""
    conn, models = prepared_conn, prepared.models()
    owned = [relation for relation, model in models.items() if model.materialized in OWNED]
    for relation in owned:
        changed = {**models, relation: replace(models[relation], code_version="another")}
        with conn.transaction(force_rollback=True):
            assert relation in create_views(conn, Models(changed, seeds=models.seeds))
            assert columns_of(Statements(conn), owned).keys() == set(owned), relation
