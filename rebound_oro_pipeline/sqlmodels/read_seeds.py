"""Seeds: CSV files and `columns.yml`, which gives each its description, key and the type of each column."""

import csv
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rebound_oro_pipeline.sqlmodels.errors import ModelError
from rebound_oro_pipeline.sqlmodels.model import Seed, SeedColumn

SCHEMA = "seeds"
COLUMNS_FILE = "columns.yml"

_Name = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")]


class _DeclaredColumn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Annotated[str, Field(pattern=r'^[a-z][a-z0-9_ ,()\[\]"C]*$')]
    description: str = ""


class _DeclaredSeed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    description: str
    primary_key: list[_Name] = Field(min_length=1)
    columns: dict[_Name, _DeclaredColumn] = Field(min_length=1)


def read_seeds(directory: Path, faults: list[str]) -> dict[str, Seed]:
    """Return seeds by relation; what breaks a rule is added to `faults`."""
    if not directory.is_dir():
        return {}
    names = sorted(path.stem for path in directory.glob("*.csv"))
    declarations: dict[str, object] = {}
    if (directory / COLUMNS_FILE).is_file():
        declarations = yaml.safe_load((directory / COLUMNS_FILE).read_text(encoding="utf-8")) or {}
    faults.extend(
        f"{SCHEMA}/{COLUMNS_FILE}: {name} has no file {name}.csv"
        for name in declarations
        if name not in names
    )
    seeds: dict[str, Seed] = {}
    for name in names:
        try:
            seed = _seed(directory / f"{name}.csv", declarations.get(name, {}))
        except ModelError as error:
            faults.append(f"{SCHEMA}/{name}.csv: {error}")
        else:
            seeds[seed.relation] = seed
    return seeds


def _seed(path: Path, declaration: object) -> Seed:
    try:
        declared = _DeclaredSeed.model_validate(declaration)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{COLUMNS_FILE}, {where}: {first['msg']}") from error
    with path.open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file), [])
    if header != list(declared.columns):
        raise ModelError(f"its header is {header}, {COLUMNS_FILE} says {list(declared.columns)}")
    for column in declared.primary_key:
        if column not in declared.columns:
            raise ModelError(f"{COLUMNS_FILE}, primary_key: {column!r} is not a column")
    return Seed(
        relation=f"{SCHEMA}.{path.stem}",
        path=path,
        description=declared.description,
        primary_key=tuple(declared.primary_key),
        columns={
            name: SeedColumn(column.type, column.description) for name, column in declared.columns.items()
        },
    )
