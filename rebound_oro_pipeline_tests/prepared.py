"""The SQL models, read once in a process, and a database on which they work."""

from functools import cache
from typing import Any

import psycopg

from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.sqlmodels.read import read_models
from rebound_oro_pipeline.sqlmodels.relations import create_views
from rebound_oro_pipeline.sqlmodels.seeds import load_seeds


@cache
def models() -> Models:
    """Return the SQL models."""
    return read_models()


def prepare(conn: psycopg.Connection[Any]) -> None:
    """Load seeds and create views in a migrated database; commits."""
    load_seeds(conn, models())
    create_views(conn, models())
    conn.commit()
