"""What can go wrong between us and PostgreSQL, beside psycopg's own errors.

    WarehouseError
    ├── DatabaseUrlError        the configured URL cannot be read
    ├── UnsupportedServerError  the server or database is not one we can work with
    ├── EmbeddedPostgresError   our own server cannot be made, started or stopped
    ├── MigrationError          a migration fails, or files and database contradict each other
    ├── StatementFileError      a file of SQL statements is not of the agreed form
    └── AliasError              an alias, or a file of aliases, cannot be used

The text of each is a sentence for a person, with the remedy, and never holds a password.
"""


class WarehouseError(Exception):
    """Base of all of them."""


class DatabaseUrlError(WarehouseError):
    """The text given as a database URL cannot be read. It is never quoted, because it may hold a password."""


class UnsupportedServerError(WarehouseError):
    """The server answers, but is too old or keeps text in another encoding than UTF-8."""


class EmbeddedPostgresError(WarehouseError):
    """The embedded server cannot be made, placed, started or stopped."""


class MigrationError(WarehouseError):
    """A migration fails, or the files and the database contradict each other."""


class StatementFileError(WarehouseError):
    """A file of statements does not have the form `-- name: xyz`, followed by the statement, and so on."""


class AliasError(WarehouseError):
    """An alias is empty or says nothing, or a file of aliases does not have the columns `alias,sku`."""
