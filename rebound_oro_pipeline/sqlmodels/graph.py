"""The graph of the models: order of building, ancestors, descendants."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from rebound_oro_pipeline.sqlmodels.errors import ModelError
from rebound_oro_pipeline.sqlmodels.model import Model


def topological_order(models: Mapping[str, Model]) -> tuple[str, ...]:
    """Return relations so that each comes after what it reads; a `previous` one comes after its readers.

    Independent relations keep the order of `models`. ModelError names the relations of a cycle.
    """
    before: dict[str, set[str]] = {
        relation: {other for other in model.depends_on if other in models}
        for relation, model in models.items()
    }
    for relation, model in models.items():
        for earlier in model.previous & models.keys():
            before[earlier].add(relation)
    sorter = TopologicalSorter({relation: sorted(before[relation]) for relation in models})
    try:
        return tuple(sorter.static_order())
    except CycleError as error:
        circle = " <- ".join(error.args[1])
        raise ModelError(
            f"models read each other in a circle: {circle}. Where one of them means the rows that another "
            "had before this build, its header says so: previous: schema.name"
        ) from error


def ancestors(models: Mapping[str, Model], relation: str) -> frozenset[str]:
    """Return everything a relation depends on, directly or not, seeds and landing tables included."""
    found: set[str] = set()
    waiting = [relation]
    while waiting:
        current = waiting.pop()
        if current in models:
            new = set(models[current].depends_on) - found
            found |= new
            waiting.extend(new)
    return frozenset(found)


def descendants(models: Mapping[str, Model], relation: str) -> frozenset[str]:
    """Return every model that depends on a relation, directly or not."""
    readers: dict[str, list[str]] = {}
    for reader, model in models.items():
        for read in model.depends_on:
            readers.setdefault(read, []).append(reader)
    found: set[str] = set()
    waiting = [relation]
    while waiting:
        new = set(readers.get(waiting.pop(), ())) - found
        found |= new
        waiting.extend(new)
    return frozenset(found)
