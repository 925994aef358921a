"""Seeds: a CSV file and its types become a table that holds exactly what the file says."""

import psycopg
import pytest

from rebound_oro_pipeline.sqlmodels.errors import ModelError
from rebound_oro_pipeline.sqlmodels.relations import create_views
from rebound_oro_pipeline.sqlmodels.seeds import load_seeds

COLUMNS = """
    reasons:
      description: Why things come back.
      primary_key: [reason]
      columns:
        reason: {type: text collate "C", description: the code}
        position: {type: integer}
        is_ours: {type: boolean}
        words: {type: text}
"""
CSV = 'reason,position,is_ours,words\nfaulty,1,true,"It broke, at once"\nlate,2,false,\n'
FILES = {
    "seeds/columns.yml": COLUMNS,
    "seeds/reasons.csv": CSV,
    "staging/reasons.sql": "/* Reasons. */ select * from seeds.reasons",
}


def rows(conn: psycopg.Connection) -> list[tuple]:
    return conn.execute("select * from seeds.reasons order by reason").fetchall()


def test_a_seed_becomes_a_table_with_types_key_and_descriptions(conn, project):
    models = project(FILES)
    assert models["staging.reasons"].depends_on == ("seeds.reasons",)
    assert load_seeds(conn, models) == {"seeds.reasons": 2}
    assert rows(conn) == [("faulty", 1, True, "It broke, at once"), ("late", 2, False, None)]
    (text,) = conn.execute("select obj_description('seeds.reasons'::regclass, 'pg_class')").fetchone()
    assert text.startswith("Why things come back.")
    with pytest.raises(psycopg.errors.UniqueViolation):
        conn.execute("insert into seeds.reasons (reason) values ('late')")


def test_only_rows_that_differ_are_written(conn, project):
    models = project(FILES)
    load_seeds(conn, models)
    assert load_seeds(conn, models) == {"seeds.reasons": 0}
    changed = CSV.replace("faulty,1", "faulty,7").replace("late,2", "other,3")
    assert load_seeds(conn, project({"seeds/reasons.csv": changed})) == {"seeds.reasons": 3}
    assert [row[:2] for row in rows(conn)] == [("faulty", 7), ("other", 3)]


def test_what_people_changed_in_the_table_is_put_right(conn, project):
    models = project(FILES)
    load_seeds(conn, models)
    conn.execute("update seeds.reasons set words = 'mine' where reason = 'late'")
    assert load_seeds(conn, models) == {"seeds.reasons": 1}


def test_a_seed_whose_columns_change_is_made_anew_with_its_readers(conn, project):
    models = project(FILES)
    load_seeds(conn, models)
    create_views(conn, models)
    changed = project({"seeds/columns.yml": COLUMNS.replace("type: integer", "type: numeric")})
    assert load_seeds(conn, changed) == {"seeds.reasons": 2}
    assert create_views(conn, changed) == ["staging.reasons"]
    assert create_views(conn, changed) == []


def test_a_seed_of_keys_alone_is_legal(conn, project):
    columns = "codes: {description: Codes., primary_key: [code], columns: {code: {type: text}}}\n"
    models = project({"seeds/columns.yml": columns, "seeds/codes.csv": "code\na\nb\n"})
    assert load_seeds(conn, models) == {"seeds.codes": 2}
    assert load_seeds(conn, models) == {"seeds.codes": 0}


def test_a_value_of_the_wrong_type_names_the_file(conn, project):
    models = project({**FILES, "seeds/reasons.csv": CSV.replace("late,2", "late,two")})
    with pytest.raises(psycopg.DataError) as caught:
        load_seeds(conn, models)
    assert "reasons.csv" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"seeds/columns.yml": "{}"}, "seeds/reasons.csv: columns.yml, description: Field required"),
        ({"seeds/reasons.csv": None}, "seeds/columns.yml: reasons has no file reasons.csv"),
        ({"seeds/reasons.csv": CSV.replace("position", "place")}, "columns.yml says ['reason', 'position'"),
        ({"seeds/columns.yml": COLUMNS.replace("[reason]", "[code]")}, "primary_key: 'code' is not a column"),
        (
            {"seeds/columns.yml": COLUMNS.replace("type: integer", "type: 'integer); drop'")},
            "columns.position.type",
        ),
    ],
)
def test_a_file_and_its_declaration_must_agree(project, files, message):
    with pytest.raises(ModelError) as caught:
        project({**FILES, **files})
    assert message in str(caught.value)
