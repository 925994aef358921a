"""What is known of dbt_like_sql once it is read: models, seeds and tests, all frozen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

from rebound_oro_pipeline.sqlmodels.errors import ModelError

Materialization = Literal["view", "table", "partition", "append", "state"]
Severity = Literal["error", "warn"]
Step = Literal["returns", "offers", "reconciliation"]
"""What builds a model: the decision of returns, the offering of returnable items, or the reconciliation."""

Origins: TypeAlias = Mapping[str, tuple[tuple[str, str], ...]]
"""Column of a model → the (relation, column) pairs that it is made from, sorted; () for what comes from none."""

LAYERS = ("staging", "intermediate", "ledger", "marts", "reconciliation")
WRITTEN_BY_MODELS = (*LAYERS, "outbox")
"""Folders of models, each the name of a schema. `outbox` is for appending to a table of that schema."""

WINDOW_START, WINDOW_END = "window_start", "window_end"
DECIDED_AT = "decided_at"
ROUND = "round"
PARAMETERS = frozenset(
    {WINDOW_START, WINDOW_END, DECIDED_AT, ROUND, "policy_version", "decision_id", "run_id"}
)
"""Every parameter that a model may use. The window is half-open, aware UTC; `round` is set by the engine."""


@dataclass(frozen=True)
class Index:
    """An index that a header declares, in the order of its columns."""

    columns: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True)
class MovesWith:
    """What the rows of a model belong to: they lie in the window in which `relation` has a row of the same `column`."""

    column: str
    relation: str


@dataclass(frozen=True)
class Model:
    """One SQL file and the relation it gives (`dbt_like_sql/README.md` explains the keys of its header).

    `reads` is every relation in the text; `depends_on` leaves out the model itself and `previous`, what is
    read as it stood before. `code_version` changes with the query or with how it is built, not with layout.
    """

    relation: str
    path: Path
    sql: str
    description: str
    materialized: Materialization
    reads: frozenset[str]
    parameters: frozenset[str]
    code_version: str
    source: str | None = None
    owner: str | None = None
    grain: tuple[str, ...] = ()
    not_null: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    output_columns: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    window: str | None = None
    moves_with: MovesWith | None = None
    key: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    changed: str | None = None
    keep: tuple[str, ...] = ()
    rounds: str | None = None
    previous: frozenset[str] = frozenset()
    step: Step = "returns"

    @property
    def schema(self) -> str:
        """The schema, which is the layer's folder."""
        return self.relation.partition(".")[0]

    @property
    def name(self) -> str:
        """The name within its schema, which is the file's."""
        return self.relation.partition(".")[2]

    @property
    def depends_on(self) -> tuple[str, ...]:
        """Relations that must be up to date before this one is built, in alphabetical order."""
        return tuple(sorted(self.reads - self.previous - {self.relation}))


@dataclass(frozen=True)
class SeedColumn:
    """A column of a seed: its SQL type and what it means."""

    type: str
    description: str = ""


@dataclass(frozen=True)
class Seed:
    """Lookup data in a CSV file, loaded into `seeds.<name>`."""

    relation: str
    path: Path
    description: str
    primary_key: tuple[str, ...]
    columns: Mapping[str, SeedColumn] = field(hash=False)

    @property
    def shape(self) -> tuple[tuple[str, str], ...]:
        """Name and SQL type of each column, in the order of the file."""
        return tuple((name, column.type) for name, column in self.columns.items())


@dataclass(frozen=True)
class Assertion:
    """A test as a query: it selects the rows that are wrong. `relation` is the one it judges."""

    name: str
    path: Path
    relation: str
    sql: str
    description: str
    severity: Severity
    blocking: bool
    reads: frozenset[str]
    parameters: frozenset[str]


class Models(Mapping[str, Model]):
    """All models by relation, in an order in which they can be built; beside them seeds and tests."""

    def __init__(
        self,
        models: Mapping[str, Model],
        *,
        seeds: Mapping[str, Seed] = MappingProxyType({}),
        tests: tuple[Assertion, ...] = (),
    ) -> None:
        self._models = dict(models)
        self.seeds = MappingProxyType(dict(seeds))
        self.tests = tests

    def __getitem__(self, relation: str) -> Model:
        try:
            return self._models[relation]
        except KeyError:
            raise ModelError(f"no model gives {relation!r}; known: {', '.join(self._models)}") from None

    def __contains__(self, relation: object) -> bool:
        return relation in self._models

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def of_step(self, step: Step) -> tuple[Model, ...]:
        """Return the models that one step builds, in an order in which they can be built."""
        return tuple(model for model in self._models.values() if model.step == step)

    def __repr__(self) -> str:
        return f"Models({len(self._models)} models, {len(self.seeds)} seeds, {len(self.tests)} tests)"
