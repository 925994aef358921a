"""Small model projects, written for one test each."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import TypeAlias

import pytest

from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.sqlmodels.read import read_models

Project: TypeAlias = Callable[..., Models]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Write files below a temporary dbt_like_sql (again and again, if called again) and read them.

    `external` are relations that exist beside the models; migrations are not read unless it is None.
    """

    def write(files: Mapping[str, str | None], external: Iterable[str] | None = ("landing.items",)) -> Models:
        for name, text in files.items():
            path = tmp_path / "dbt_like_sql" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink(missing_ok=True)
            else:
                path.write_text(dedent(text).lstrip(), encoding="utf-8")
        return read_models(tmp_path / "dbt_like_sql", external=external)

    return write
