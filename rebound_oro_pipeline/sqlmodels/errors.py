"""What can go wrong with SQL models.

    SqlModelError
    ├── ModelError    a file cannot be read as a model, seed or test; nothing was run
    └── BuildError    a model cannot be built as asked; the transaction should be rolled back

Errors of the database itself (psycopg.Error) keep their class; a note on them names the model and its file.
"""


class SqlModelError(Exception):
    """Root of the errors of this package."""


class ModelError(SqlModelError):
    """A file of dbt_like_sql breaks a rule; the message names file, name and remedy."""


class BuildError(SqlModelError):
    """A model and the values or rows at hand do not fit; the message names relation, column and remedy."""
