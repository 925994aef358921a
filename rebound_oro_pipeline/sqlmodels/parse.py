"""What sqlglot makes of a SELECT: the relations it reads, its columns, and a hash that ignores layout.

sqlglot is slow to load and to parse, so only what `query` has not seen before comes here.
"""

from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType

from sqlglot import Token, TokenType, exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError

from rebound_oro_pipeline.sqlmodels.errors import ModelError

_DIALECT = Postgres()
_NO_SELECT = (exp.DML, exp.DDL, exp.Command, exp.Merge, exp.Into, exp.Drop, exp.Lock)
_QUOTED = frozenset(
    {
        TokenType.IDENTIFIER,
        TokenType.STRING,
        TokenType.NATIONAL_STRING,
        TokenType.RAW_STRING,
        TokenType.HEREDOC_STRING,
        TokenType.UNICODE_STRING,
        TokenType.BYTE_STRING,
    }
)


def parse_query(sql: str) -> tuple[frozenset[str], tuple[str, ...], str]:
    """Return relations, output columns and code hash of a single SELECT (see `Query`); ModelError for anything else."""
    try:
        tokens = _DIALECT.tokenize(sql.replace("%%", "%"))
        statements = [tree for tree in _DIALECT.parser().parse(tokens, sql) if tree is not None]
    except SqlglotError as error:
        raise ModelError(f"sqlglot cannot parse the query: {error}") from error
    if len(statements) != 1:
        raise ModelError(f"one SELECT is expected, {len(statements)} statements are there")
    tree = statements[0]
    if not isinstance(tree, exp.Query):
        raise ModelError(f"one SELECT is expected, found {type(tree).__name__.upper()}")
    other = tree.find(*_NO_SELECT)
    if other is not None:
        raise ModelError(f"a model only selects; found {type(other).__name__.upper()}")
    return _relations(tree), _output_columns(tree), _code_hash(tokens)


def parse_tree(sql: str) -> exp.Query:
    """Return the tree of a query that `read_query` accepted, for lineage and rewriting."""
    tree = _DIALECT.parse(sql.replace("%%", "%"))[0]
    assert isinstance(tree, exp.Query)  # noqa: S101 - read_query refused everything else
    return tree


def _relations(tree: exp.Query) -> frozenset[str]:
    """Return every table read; a name without a schema must be a CTE that is visible where it stands."""
    relations = set()
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue  # a function in FROM
        if table.catalog:
            raise ModelError(f"{table.sql(dialect=_DIALECT)}: names have two parts, schema.name")
        if table.db:
            relations.add(f"{_folded(table.args['db'])}.{_folded(table.this)}")
        elif _folded(table.this) not in _visible_ctes(table):
            raise ModelError(f"{table.name!r} is no CTE: write schema.name")
    return frozenset(relations)


def _visible_ctes(table: exp.Table) -> set[str]:
    """Return the names of the CTEs that PostgreSQL lets this table reference mean."""
    visible = set()
    child: exp.Expr = table
    parent = table.parent
    while parent is not None:
        if isinstance(parent, exp.With):
            recursive = bool(parent.args.get("recursive"))
            for cte in parent.expressions:
                if cte is child and not recursive:
                    break
                visible.add(_folded(cte.args["alias"].this))
        elif (clause := parent.args.get("with_")) is not None and clause is not child:
            visible.update(_folded(cte.args["alias"].this) for cte in clause.expressions)
        child, parent = parent, parent.parent
    return visible


def _folded(identifier: exp.Identifier) -> str:
    """Return a name as PostgreSQL folds it: lower case unless quoted."""
    return identifier.name if identifier.quoted else identifier.name.lower()


def _output_columns(tree: exp.Query, ctes: Mapping[str, exp.Query] = MappingProxyType({})) -> tuple[str, ...]:
    """Return the names of the output columns, following `select * from cte`; () where they cannot be told."""
    ctes = {**ctes, **{cte.alias: cte.this for cte in tree.ctes if isinstance(cte.this, exp.Query)}}
    if isinstance(tree, exp.SetOperation | exp.Subquery):
        return _output_columns(tree.this, ctes)
    names: list[str] = []
    for selected in tree.selects:
        if not selected.is_star:
            names.append(selected.output_name)
            continue
        source = _only_source(tree)
        if source not in ctes or not isinstance(selected, exp.Star):
            return ()
        columns = _output_columns(ctes[source], {name: cte for name, cte in ctes.items() if name != source})
        if not columns:
            return ()
        names.extend(columns)
    return tuple(names) if all(names) else ()


def _only_source(tree: exp.Query) -> str:
    """Return the name of a query's only source where it has no schema; otherwise an empty string."""
    start = tree.args.get("from_")
    if start is None or tree.args.get("joins") or not isinstance(start.this, exp.Table) or start.this.db:
        return ""
    return start.this.name


def _code_hash(tokens: list[Token]) -> str:
    """Hash what the parser saw: comments and layout are not among the tokens."""
    digest = sha256()
    for token in tokens:
        text = token.text if token.token_type in _QUOTED else token.text.lower()
        digest.update(f"{token.token_type.name}\0{text}\0".encode())
    return digest.hexdigest()
