"""What may stand in dbt_like_sql, and how a file that breaks a rule is named."""

import pytest

from rebound_oro_pipeline.sqlmodels import read
from rebound_oro_pipeline.sqlmodels.errors import ModelError
from rebound_oro_pipeline.sqlmodels.external import relations_of_migrations
from rebound_oro_pipeline.sqlmodels.read import find_models_directory, read_models

ITEMS = """
    /*
    Items, one row each.
    Second line of the first paragraph: it has a colon.

    A second paragraph.

    materialized: table
    grain: item_id
    not_null: quantity
    owner: data
    indexes: (sku, item_id); unique (item_id)
    columns:
        item_id: the item's id,
            as landed
        sku: code of the product
    */
    select item_id, sku, quantity from landing.items where registered_at >= %(window_start)s
"""


def header(*lines: str) -> str:
    return "\n".join(["/*", "Some rows.", "", *lines, "*/", ""])


def test_a_file_becomes_a_model_of_its_folder_s_schema(project):
    model = project({"staging/oro/stg_oro__items.sql": ITEMS})["staging.stg_oro__items"]
    assert (model.schema, model.name, model.source) == ("staging", "stg_oro__items", "oro")
    assert model.description == (
        "Items, one row each. Second line of the first paragraph: it has a colon.\n\nA second paragraph."
    )
    assert model.materialized == "table"
    assert model.grain == ("item_id",)
    assert model.not_null == ("quantity",)
    assert model.owner == "data"
    assert [(index.columns, index.unique) for index in model.indexes] == [
        (("sku", "item_id"), False),
        (("item_id",), True),
    ]
    assert dict(model.columns) == {"item_id": "the item's id, as landed", "sku": "code of the product"}
    assert model.output_columns == ("item_id", "sku", "quantity")
    assert model.depends_on == ("landing.items",)
    assert model.parameters == {"window_start"}


def test_all_faults_are_reported_at_once_with_their_files(project):
    with pytest.raises(ModelError) as caught:
        project(
            {
                "staging/one.sql": header("materialised: view") + "select 1 as a",
                "marts/two.sql": header() + "select * from orders",
            }
        )
    assert "staging/one.sql: unknown header key 'materialised'" in str(caught.value)
    assert "marts/two.sql: 'orders' is no CTE: write schema.name" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("staging/x.sql", "select 1 as a", "does not open with a /* … */ header"),
        ("staging/x.sql", "/*\ngrain: a\n*/\nselect 1 as a", "has no description"),
        ("staging/x.sql", "/*\nSome rows.\n  grain: a\n*/\n" + "select 1 as a", "an indented line"),
        ("staging/x.sql", header("grain: a", "grain: a") + "select 1 as a", "'grain' stands twice"),
        ("staging/x.sql", header("grain: a", "prose") + "select 1 as a", "expected 'key: value'"),
        ("staging/x.sql", header("materialized: magic") + "select 1 as a", "allowed: view, table"),
        (
            "staging/x.sql",
            header("grain: b") + "select 1 as a",
            "'grain' names 'b', which the query does not select",
        ),
        ("staging/x.sql", header("grain: A b") + "select 1 as a", "'A b' is not a column name"),
        (
            "staging/x.sql",
            header("keep: a") + "select 1 as a",
            "'keep' has no meaning for materialized: view",
        ),
        ("staging/x.sql", header("indexes: a") + "select 1 as a", "'indexes' has no meaning"),
        (
            "staging/x.sql",
            header("materialized: table", "indexes: a") + "select 1 as a",
            "expected (column, …)",
        ),
        (
            "staging/x.sql",
            header("columns:", "    a words") + "select 1 as a",
            "expected 'name: description'",
        ),
        (
            "staging/x.sql",
            header("materialized: partition") + "select 1 as a",
            "needs the header key 'grain'",
        ),
        ("staging/x.sql", header() + "select 1 as a; select 2 as a", "2 statements"),
        ("staging/x.sql", header() + "", "0 statements"),
        ("staging/x.sql", header() + "create view a.b as select 1", "found CREATE"),
        (
            "staging/x.sql",
            header() + "merge into a.b using c.d on true when matched then delete",
            "found MERGE",
        ),
        (
            "staging/x.sql",
            header() + "with d as (delete from a.b returning *) select * from d",
            "found DELETE",
        ),
        ("staging/x.sql", header() + "select 1 as a into b.c", "found INTO"),
        ("staging/x.sql", header() + "select a from landing.items for update", "found LOCK"),
        ("staging/x.sql", header() + "select from where", "sqlglot cannot parse"),
        ("staging/x.sql", header() + "select * from a.b.c", "names have two parts"),
        ("staging/x.sql", header() + "select * from landing.itemz", "landing.itemz: neither a model"),
        ("staging/x.sql", header() + "select 'a%' as a", "line 1 of the query: write %%"),
        ("staging/x.sql", header() + "select %(window_start)s as a", "a view cannot take parameters"),
        ("marts/x.sql", header("materialized: table") + "select %(today)s as a", "unknown parameter today"),
        ("marts/x.sql", header("previous: marts.y") + "select 1 as a", "which the query does not read"),
        ("other/x.sql", header() + "select 1 as a", "layers: staging, intermediate"),
        ("staging/a/b/x.sql", header() + "select 1 as a", "a model lies in <layer>/[<source>/]"),
        ("staging/X.sql", header() + "select 1 as a", "'X' is not a column name"),
        ("ledger/x.sql", header("materialized: append") + "select 1 as a", "no migration makes ledger.x"),
        ("outbox/x.sql", header() + "select 1 as a", "only append and state"),
        ("landing/items.sql", header() + "select 1 as a", "layers:"),
    ],
)
def test_a_broken_rule_is_named(project, name, text, message):
    with pytest.raises(ModelError) as caught:
        project({name: text})
    assert f"- {name}: " in str(caught.value)
    assert message in str(caught.value)


def test_a_relation_is_made_once(project):
    with pytest.raises(ModelError, match=r"staging/oro/x\.sql gives staging\.x as well"):
        project(
            {
                "staging/oro/x.sql": header() + "select 1 as a",
                "staging/rebound/x.sql": header() + "select 1 as a",
            }
        )


def test_a_view_may_not_stand_where_a_migration_made_a_table(project):
    with pytest.raises(ModelError, match=r"a migration makes ledger\.claims already"):
        project({"ledger/claims.sql": header() + "select 1 as a"}, external=["ledger.claims"])


def test_a_cte_is_known_only_where_postgresql_would_know_it(project):
    """A name that a later CTE introduces would be looked for on the search path: a hidden dependency."""
    later = header() + "with a as (select * from b), b as (select 1 as x) select * from a"
    with pytest.raises(ModelError, match="'b' is no CTE"):
        project({"staging/x.sql": later})
    nested = """
        with a as (select 1 as x),
        b as (
            select * from (with c as (select * from a) select * from c) as inside
            cross join lateral (select * from a) as z
        )
        select * from b union all select * from a
    """
    assert project({"staging/x.sql": header() + nested})["staging.x"].depends_on == ()
    recursive = (
        "with recursive a as (select 1 as x union all select x + 1 from a where x < 3) select * from a"
    )
    assert project({"staging/x.sql": header() + recursive})["staging.x"].output_columns == ("x",)


def test_functions_in_from_are_no_relations(project):
    text = """
        select e.k, g.n
        from landing.items as items
        cross join lateral jsonb_to_recordset(items.document) as e (k text)
        cross join unnest(array[1, 2]) with ordinality as g (n, i), generate_series(1, 2) as s (n)
        where items.sku like 'a%%' and mod(items.n, 2) = 0
    """
    assert project({"staging/x.sql": header() + text})["staging.x"].depends_on == ("landing.items",)


def test_reading_oneself_or_what_was_before_is_no_dependency(project):
    files = {
        "intermediate/a.sql": header("materialized: table", "previous: ledger.b")
        + "select i.x from landing.items as i left join ledger.b as b on i.x = b.x",
        "ledger/b.sql": header("materialized: append")
        + "select a.x from intermediate.a as a where not exists (select from ledger.b as b where b.x = a.x)",
    }
    models = project(files, external=["landing.items", "ledger.b"])
    assert models["intermediate.a"].depends_on == ("landing.items",)
    assert models["intermediate.a"].reads == {"landing.items", "ledger.b"}
    assert models["ledger.b"].depends_on == ("intermediate.a",)


def test_code_version_ignores_layout_comments_and_prose_only(project):
    def version(text: str, *keys: str) -> str:
        return project({"staging/x.sql": header("materialized: table", *keys) + text})[
            "staging.x"
        ].code_version

    first = version("select a, 'Text' as t from landing.items", "grain: a")
    assert (
        version("SELECT a,\n  -- why\n  'Text' AS t\nFROM landing.items;", "grain: a", "owner: data") == first
    )
    assert version("select a, 'text' as t from landing.items", "grain: a") != first
    assert version("select a, 'Text' as t from landing.items", "grain: t") != first
    assert version("select a, 'Text' as \"T\" from landing.items", "grain: a") != first


def test_rounds_and_the_round_parameter_belong_together(project):
    repeated = header("materialized: append", "repeat: round", "rounds: select max(x) from staging.a")
    files = {"staging/a.sql": header() + "select 1 as x", "ledger/b.sql": repeated + "select %(round)s as x"}
    model = project(files, external=["ledger.b"])["ledger.b"]
    assert model.depends_on == ("staging.a",)
    assert model.parameters == frozenset()
    with pytest.raises(ModelError, match=r"'repeat: round' needs it"):
        project({"ledger/b.sql": repeated + "select 1 as x"}, external=["ledger.b"])
    with pytest.raises(ModelError, match=r"%\(round\)s is for 'repeat: round'"):
        project(
            {"ledger/b.sql": header("materialized: append") + "select %(round)s as x"}, external=["ledger.b"]
        )
    with pytest.raises(ModelError, match="belong together"):
        project(
            {"ledger/b.sql": header("materialized: append", "repeat: round") + "select 1 as x"},
            external=["ledger.b"],
        )


def test_columns_set_from_decided_at_are_not_selected(project):
    keys = ("materialized: state", "key: a", "window: at", "opened: opened_at")
    with pytest.raises(ModelError, match="'opened_at' is set from decided_at"):
        project(
            {"ledger/x.sql": header(*keys) + "select a, at, at as opened_at from landing.items"},
            external=["landing.items", "ledger.x"],
        )


def test_a_test_says_what_it_judges(project):
    files = {"marts/x.sql": header() + "select 1 as a"}
    good = "/*\nFails if a is 2.\n\nseverity: warn\nblocking: yes\non: marts.x\n*/\nselect a from marts.x"
    (test,) = project({**files, "tests/assert_a.sql": good}).tests
    assert (test.name, test.relation, test.severity, test.blocking) == ("assert_a", "marts.x", "warn", True)
    for text, message in [
        (good.replace("Fails if", "When"), 'opens with "Fails if …"'),
        (good.replace("on: marts.x\n", ""), "'on' is missing"),
        (good.replace("on: marts.x", "on: marts.y"), "marts.y: neither"),
        (good.replace("severity: warn", "severity: loud"), "allowed: error, warn"),
    ]:
        with pytest.raises(ModelError) as caught:
            project({**files, "tests/assert_a.sql": text})
        assert message in str(caught.value)
    with pytest.raises(ModelError, match=r"named assert_\*\.sql"):
        project({**files, "tests/assert_a.sql": good, "tests/a.sql": good})


def test_an_unknown_relation_is_an_error_that_lists_the_known(project):
    with pytest.raises(ModelError, match=r"no model gives 'marts\.y'; known: marts\.x"):
        project({"marts/x.sql": header() + "select 1 as a"})["marts.y"]


def test_migrations_tell_what_exists_beside_the_models(tmp_path):
    (tmp_path / "0001.sql").write_text(
        "create table landing.a (x int);\ncreate unlogged table if not exists landing.b ();\n"
        "create or replace view push.c as select 1;\n-- create table landing.d\n"
    )
    (tmp_path / "0002.sql").write_text("drop table if exists landing.a;\nCREATE TABLE landing.e ();")
    assert relations_of_migrations(tmp_path) == {"landing.b", "push.c", "landing.e"}
    assert {"landing.oro_orders", "ledger.claims", "outbox.messages"} <= relations_of_migrations()


def test_the_project_s_own_models_can_be_read():
    models = read_models()
    assert models["ledger.claims"].path.is_relative_to(find_models_directory())
    assert len(models) >= 30


def test_the_folder_is_found_inside_an_installed_package_and_beside_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(read, "__file__", str(tmp_path / "package" / "sqlmodels" / "read.py"))
    with pytest.raises(ModelError, match="dbt_like_sql is neither inside"):
        find_models_directory()
    for directory in (tmp_path / "dbt_like_sql", tmp_path / "package" / "dbt_like_sql"):
        directory.mkdir(parents=True)
        assert find_models_directory() == directory
