"""From the folder dbt_like_sql to `Models`: every file read and checked, nothing run."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import cast, get_args

from rebound_oro_pipeline.sqlmodels.errors import ModelError
from rebound_oro_pipeline.sqlmodels.external import relations_of_migrations
from rebound_oro_pipeline.sqlmodels.graph import topological_order
from rebound_oro_pipeline.sqlmodels.header import Header, is_relation, parse_header, split_names
from rebound_oro_pipeline.sqlmodels.model import (
    LAYERS,
    PARAMETERS,
    ROUND,
    WRITTEN_BY_MODELS,
    Assertion,
    Index,
    Materialization,
    Model,
    Models,
    MovesWith,
    Severity,
    Step,
)
from rebound_oro_pipeline.sqlmodels.query import Query, keep_queries, read_query
from rebound_oro_pipeline.sqlmodels.read_seeds import read_seeds

_COMMON_KEYS = ("materialized", "grain", "owner", "not_null", "columns", "previous", "window", "step")
_KEYS: Mapping[str, tuple[str, ...]] = {
    "view": (),
    "table": ("indexes",),
    "partition": ("indexes", "moves_with"),
    "append": ("repeat", "rounds"),
    "state": ("key", "opened", "changed", "keep", "moves_with"),
}
_REQUIRED: Mapping[str, tuple[str, ...]] = {"partition": ("grain", "window"), "state": ("key", "window")}
_MODEL_KEYS = frozenset(_COMMON_KEYS).union(*_KEYS.values())
_TEST_KEYS = frozenset({"severity", "blocking", "on"})


def find_models_directory() -> Path:
    """Return where dbt_like_sql lies: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parent.parent
    for directory in (package / "dbt_like_sql", package.parent / "dbt_like_sql"):
        if directory.is_dir():
            return directory
    raise ModelError(f"dbt_like_sql is neither inside {package} nor beside it; install the package again")


def read_models(directory: Path | None = None, *, external: Iterable[str] | None = None) -> Models:
    """Read all models, seeds and tests below `directory` (by default the folder that came with the package).

    `external` are the relations that others make, by default those of the migrations. Raises ModelError with
    a line for every file that breaks a rule.
    """
    root = directory or find_models_directory()
    others = relations_of_migrations() if external is None else frozenset(external)
    faults: list[str] = []
    found: dict[str, Model] = {}
    for path in sorted(root.rglob("*.sql")):
        if path.relative_to(root).parts[0] in ("seeds", "tests"):
            continue
        with _noted(faults, root, path):
            model = _read_model(root, path)
            if model.relation in found:
                raise ModelError(
                    f"{found[model.relation].path.relative_to(root)} gives {model.relation} as well"
                )
            found[model.relation] = model
    seeds = read_seeds(root / "seeds", faults)
    known = found.keys() | seeds.keys() | others
    for model in found.values():
        with _noted(faults, root, model.path):
            _check_relations(model, known, others)
            _check_step(model, found)
    tests: list[Assertion] = []
    for path in sorted((root / "tests").rglob("*.sql")):
        with _noted(faults, root, path):
            tests.append(_read_test(path, known))
    if faults:
        raise ModelError(f"{root} cannot be read:\n" + "\n".join(f"- {fault}" for fault in faults))
    if directory is None:
        texts = [*(model.sql for model in found.values()), *(test.sql for test in tests)]
        rounds = (model.rounds for model in found.values() if model.rounds)
        keep_queries(read_query(text) for text in (*texts, *rounds))
    return Models(
        {relation: found[relation] for relation in topological_order(found)}, seeds=seeds, tests=tuple(tests)
    )


@contextmanager
def _noted(faults: list[str], root: Path, path: Path) -> Iterator[None]:
    """Keep a ModelError with the name of its file, so that one reading reports all faults."""
    try:
        yield
    except ModelError as error:
        faults.append(f"{path.relative_to(root)}: {error}")


def _read_model(root: Path, path: Path) -> Model:
    folders = path.relative_to(root).parts[:-1]
    if not 1 <= len(folders) <= 2 or folders[0] not in WRITTEN_BY_MODELS:
        raise ModelError(f"a model lies in <layer>/[<source>/]; layers: {', '.join(WRITTEN_BY_MODELS)}")
    (name,) = split_names("file name", path.stem)
    header, sql = parse_header(path.read_text(encoding="utf-8"), _MODEL_KEYS)
    materialized = cast("Materialization", header.one_of("materialized", tuple(_KEYS), "view"))
    _check_keys(header, materialized)
    query = read_query(sql)
    rounds = _read_rounds(header, query)
    key = header.names("key")
    model = Model(
        relation=f"{folders[0]}.{name}",
        path=path,
        sql=query.sql,
        description=header.description,
        materialized=materialized,
        reads=query.relations | (rounds.relations if rounds else frozenset()),
        parameters=(query.parameters | (rounds.parameters if rounds else frozenset())) - {ROUND},
        code_version=_code_version(query, header),
        source=folders[1] if len(folders) > 1 else None,
        owner=header.text("owner"),
        grain=header.names("grain") or key,
        not_null=header.names("not_null"),
        columns=header.described_names("columns"),
        output_columns=query.output_columns,
        indexes=_indexes(header.text("indexes")),
        window=header.name("window"),
        moves_with=_moves_with(header),
        key=key,
        opened=header.names("opened"),
        changed=header.name("changed"),
        keep=header.names("keep"),
        rounds=rounds.sql if rounds else None,
        previous=frozenset(header.relations("previous")),
        step=cast("Step", header.one_of("step", get_args(Step), "returns")),
    )
    _check_columns(model)
    return model


def _check_keys(header: Header, materialized: str) -> None:
    for key in header.values:
        if key not in _COMMON_KEYS and key not in _KEYS[materialized]:
            raise ModelError(f"header key {key!r} has no meaning for materialized: {materialized}")
    for key in _REQUIRED.get(materialized, ()):
        if not header.text(key):
            raise ModelError(f"materialized: {materialized} needs the header key {key!r}")


def _read_rounds(header: Header, query: Query) -> Query | None:
    """Return the query that says how often an `append` is repeated; None for a single time."""
    repeat, rounds = header.text("repeat"), header.text("rounds")
    if (repeat is None) != (rounds is None) or repeat not in (None, ROUND):
        raise ModelError("'repeat: round' and 'rounds: select …' belong together")
    if (ROUND in query.parameters) != (rounds is not None):
        raise ModelError("%(round)s is for 'repeat: round', and 'repeat: round' needs it")
    return read_query(rounds) if rounds else None


def _moves_with(header: Header) -> MovesWith | None:
    """Read `column of schema.name`."""
    text = header.text("moves_with")
    if text is None:
        return None
    column, of, relation = text.partition(" of ")
    if not of or not is_relation(relation):
        raise ModelError(f"header key 'moves_with': expected 'column of schema.name', found {text!r}")
    (name,) = split_names("moves_with", column)
    return MovesWith(name, relation)


def _indexes(text: str | None) -> tuple[Index, ...]:
    """Read `(col, col); unique (col)`."""
    indexes = []
    for part in (text or "").split(";"):
        declared = part.strip()
        if not declared:
            continue
        columns = declared.removeprefix("unique").strip()
        if not (columns.startswith("(") and columns.endswith(")")):
            raise ModelError(
                f"header key 'indexes': expected (column, …) or unique (column, …), found {declared!r}"
            )
        indexes.append(Index(split_names("indexes", columns[1:-1]), unique=declared.startswith("unique")))
    return tuple(indexes)


def _code_version(query: Query, header: Header) -> str:
    """Hash what decides content and shape of the relation; prose, owner and column descriptions do not."""
    build = {key: value.split() for key, value in header.values.items() if key not in ("owner", "columns")}
    return sha256(f"{query.code_hash} {sorted(build.items())}".encode()).hexdigest()[:16]


def _check_columns(model: Model) -> None:
    """Where the text alone tells the output columns, those that the header names must be among them."""
    if not model.output_columns:
        return
    named: dict[str, Collection[str]] = {
        "grain": model.grain,
        "not_null": model.not_null,
        "columns": model.columns,
        "window": (model.window,) if model.window else (),
        "moves_with": (model.moves_with.column,) if model.moves_with else (),
        "key": model.key,
        "keep": model.keep,
        "indexes": [column for index in model.indexes for column in index.columns],
    }
    for key, columns in named.items():
        for column in columns:
            if column not in model.output_columns:
                raise ModelError(f"header key {key!r} names {column!r}, which the query does not select")
    for column in (*model.opened, *filter(None, [model.changed])):
        if column in model.output_columns:
            raise ModelError(f"{column!r} is set from decided_at (header), so the query may not select it")


def _check_relations(model: Model, known: Collection[str], others: Collection[str]) -> None:
    _check_known(model.reads | ({model.moves_with.relation} if model.moves_with else set()), known)
    _check_parameters(model.parameters)
    if model.materialized in ("append", "state"):
        if model.relation not in others:
            raise ModelError(
                f"materialized: {model.materialized} adds to a table, but no migration makes {model.relation}"
            )
    elif model.relation in others:
        raise ModelError(f"a migration makes {model.relation} already; only append and state may write to it")
    elif model.schema not in LAYERS:
        raise ModelError(f"only append and state models may lie in {model.schema}")
    if model.materialized == "view" and model.parameters:
        raise ModelError(f"a view cannot take parameters: {', '.join(sorted(model.parameters))}")
    for relation in model.previous:
        if relation not in model.reads or relation == model.relation:
            raise ModelError(f"header key 'previous' names {relation}, which the query does not read")


def _check_step(model: Model, found: Mapping[str, Model]) -> None:
    """Raise where a step reads what another one makes, unless it is the decision, which waits for nobody."""
    for relation in model.depends_on:
        if relation in found and found[relation].step not in (model.step, "returns"):
            raise ModelError(
                f"step: {model.step} cannot read {relation}, which step {found[relation].step} makes"
            )


def _check_known(reads: Collection[str], known: Collection[str]) -> None:
    unknown = sorted(set(reads) - set(known))
    if unknown:
        raise ModelError(f"{', '.join(unknown)}: neither a model, nor a seed, nor made by a migration")


def _check_parameters(parameters: Collection[str]) -> None:
    unknown = sorted(set(parameters) - PARAMETERS)
    if unknown:
        raise ModelError(f"unknown parameter {', '.join(unknown)}; known: {', '.join(sorted(PARAMETERS))}")


def _read_test(path: Path, known: Collection[str]) -> Assertion:
    header, sql = parse_header(path.read_text(encoding="utf-8"), _TEST_KEYS)
    if not path.stem.startswith("assert_"):
        raise ModelError("a test's file is named assert_*.sql")
    if not header.description.startswith("Fails if "):
        raise ModelError('the header of a test opens with "Fails if …"')
    if not header.text("on"):
        raise ModelError("header key 'on' is missing: the relation that the test judges, schema.name")
    (relation,) = header.relations("on")
    query = read_query(sql)
    _check_known(query.relations | {relation}, known)
    _check_parameters(query.parameters)
    return Assertion(
        name=path.stem,
        path=path,
        relation=relation,
        sql=query.sql,
        description=header.description,
        severity=cast("Severity", header.one_of("severity", ("error", "warn"), "error")),
        blocking=header.one_of("blocking", ("yes", "no"), "no") == "yes",
        reads=query.relations,
        parameters=query.parameters,
    )
