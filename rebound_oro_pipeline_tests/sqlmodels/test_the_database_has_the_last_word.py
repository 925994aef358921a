"""Dependencies as sqlglot reads them against what PostgreSQL records; and where columns come from."""

from dataclasses import replace

import pytest

from rebound_oro_pipeline.defs.tables import column_types
from rebound_oro_pipeline.sqlmodels.catalog import columns_of
from rebound_oro_pipeline.sqlmodels.cursor import Statements
from rebound_oro_pipeline.sqlmodels.lineage import column_lineage
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.sqlmodels.origins import origins_of
from rebound_oro_pipeline.sqlmodels.read import read_models
from rebound_oro_pipeline.sqlmodels.relations import create_views
from rebound_oro_pipeline_tests import prepared
from rebound_oro_pipeline_tests.sqlmodels.agreement import disagreements

FILES = {
    "staging/items.sql": "/* Items. */ select * from landing.items",
    "intermediate/hard.sql": """
        /*
        Constructs that hide a name well.

        materialized: table
        */
        with recursive

        items as (select * from staging.items as items where items.at < %(window_end)s),

        chain as (
            select items.id, items.parts from items
            union all
            select chain.id + 1, chain.parts from chain where chain.id < 3
        ),

        unused as materialized (select count(*) as n from landing.hidden_in_an_unused_cte)

        select distinct on (chain.id)
            chain.id,
            part.code collate "C" as code,
            array(select deep.id from landing.hidden_in_an_array as deep) as deep,
            exists (table landing.hidden_in_table_command) as is_there,
            sum(chain.id) filter (where chain.id > 1) over (partition by part.code) as running,
            numrange(0, chain.id) && numrange(1, 2) as overlaps,
            chain.parts @? '$[*].code' as has_code
        from chain
        cross join lateral jsonb_to_recordset(chain.parts) as part (code text)
        left join lateral (
            select last.id from only landing.hidden_in_lateral as last where last.id = chain.id limit 1
        ) as latest on true
        where (chain.id, part.code) in (select other.id, 'x' from landing.hidden_in_where as other)
        union all
        (values (1, 'a', array[1], true, 1::bigint, true, true))
    """,
}
HIDDEN = [
    f"landing.hidden_in_{name}" for name in ("an_unused_cte", "an_array", "table_command", "lateral", "where")
]


@pytest.fixture
def models(conn, project):
    """Write a project with every construct that could hide a name."""
    for name in ("landing.items", *HIDDEN):
        conn.execute(f"create table {name} (id integer, at timestamptz, parts jsonb)")
    models = project(FILES, external=["landing.items", *HIDDEN])
    create_views(conn, models)
    return models


def test_both_see_the_same_relations(conn, models):
    assert set(models["intermediate.hard"].depends_on) == {"staging.items", *HIDDEN}
    assert disagreements(conn, models) == []


def test_a_disagreement_is_told_and_nothing_stays_behind(conn, models, monkeypatch):
    monkeypatch.setattr("rebound_oro_pipeline.sqlmodels.parse._visible_ctes", lambda table: {"items"})
    conn.execute("create view pg_temp.items as select 1 as id")
    text = "/* Found on the search path. */ select id from items"
    blind = Models({"staging.items": models["staging.items"]})
    assert disagreements(conn, blind) == []
    path = models["staging.items"].path
    path.write_text(text, encoding="utf-8")
    (told,) = disagreements(
        conn, read_models(path.parent.parent / "staging" / "..", external=["landing.items", *HIDDEN])
    )
    assert told.startswith("staging.items: PostgreSQL alone sees ['pg_temp_")
    assert conn.execute("select to_regclass('pg_temp.query_under_test')").fetchone() == (None,)


def test_the_database_agrees_about_the_project_s_own_models(prepared_conn):
    origins = origins_of(prepared.models(), column_types())
    assert disagreements(prepared_conn, prepared.models(), origins) == []


def test_a_column_that_is_not_read_is_told(conn, models):
    origins = {"staging.items": {"id": (("landing.items", "id"), ("landing.items", "other"))}}
    read = Models({"staging.items": models["staging.items"]})
    assert disagreements(conn, read, origins) == [
        "staging.items: sqlglot alone sees the columns [('landing.items', 'other')]"
    ]


def test_a_column_that_is_named_otherwise_is_told(conn, models, monkeypatch):
    """What is built is inserted under the names that sqlglot read."""
    monkeypatch.setattr("rebound_oro_pipeline.sqlmodels.parse._output_columns", lambda tree: ("at", "id"))
    other = replace(models["staging.items"], sql="select items.id, items.at from landing.items as items")
    (told,) = disagreements(conn, Models({"staging.items": other}))
    assert told == "staging.items: PostgreSQL gives ('id', 'at'), sqlglot ('at', 'id')"


def test_columns_are_followed_to_the_relations_that_are_read(conn, models):
    columns = {
        name: [column.name for column in found]
        for name, found in columns_of(Statements(conn), [*models, "landing.items", *HIDDEN]).items()
    }
    assert column_lineage(models["staging.items"], columns) == {
        "id": (("landing.items", "id"),),
        "at": (("landing.items", "at"),),
        "parts": (("landing.items", "parts"),),
    }
    hard = column_lineage(models["intermediate.hard"], columns)
    assert list(hard) == columns["intermediate.hard"]
    assert hard["id"] == (("staging.items", "id"),)
    assert hard["has_code"] == (("staging.items", "parts"),)
    assert hard["deep"] == (("landing.hidden_in_an_array", "id"),)
