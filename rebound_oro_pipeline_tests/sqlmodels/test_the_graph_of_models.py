"""Order of building, ancestors and descendants."""

import pytest

from rebound_oro_pipeline.sqlmodels.errors import ModelError
from rebound_oro_pipeline.sqlmodels.graph import ancestors, descendants

FILES = {
    "marts/a_last.sql": "/* Last. */ select x from ledger.notes",
    "ledger/notes.sql": "/*\nNotes.\n\nmaterialized: append\n*/ select x from intermediate.matched",
    "intermediate/matched.sql": "/*\nMatched.\n\nprevious: ledger.notes\n*/\n"
    "select s.x from staging.items as s left join ledger.notes as n on s.x = n.x",
    "staging/items.sql": "/* Items. */ select x from landing.items",
    "staging/alone.sql": "/* Alone. */ select 1 as x",
}
EXTERNAL = ["landing.items", "ledger.notes"]


def test_models_come_after_what_they_read_and_the_ledger_after_those_who_read_it_as_it_was(project):
    order = list(project(FILES, EXTERNAL))
    assert sorted(order) == sorted(
        ["staging.items", "staging.alone", "intermediate.matched", "ledger.notes", "marts.a_last"]
    )
    chain = [name for name in order if name != "staging.alone"]
    assert chain == ["staging.items", "intermediate.matched", "ledger.notes", "marts.a_last"]
    assert list(project(FILES, EXTERNAL)) == order


def test_ancestors_and_descendants_follow_every_step(project):
    models = project(FILES, EXTERNAL)
    assert ancestors(models, "ledger.notes") == {"intermediate.matched", "staging.items", "landing.items"}
    assert descendants(models, "landing.items") == {
        "staging.items",
        "intermediate.matched",
        "ledger.notes",
        "marts.a_last",
    }
    assert descendants(models, "marts.a_last") == frozenset()


def test_a_circle_is_reported_with_its_relations_and_the_way_out(project):
    circular = {
        **FILES,
        "intermediate/matched.sql": FILES["intermediate/matched.sql"].replace("previous: ledger.notes", ""),
    }
    with pytest.raises(ModelError) as caught:
        project(circular, EXTERNAL)
    assert "intermediate.matched" in str(caught.value)
    assert "ledger.notes" in str(caught.value)
    assert "previous: schema.name" in str(caught.value)
