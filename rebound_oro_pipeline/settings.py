"""Every setting, read from the environment; nothing else in the package reads it.

Each setting is a variable `REBOUND_ORO_<NAME>`. A secret may stand in a file instead (container secrets):
`REBOUND_ORO_<NAME>_FILE` names it. docs/settings.md lists them; a test compares it with this module.
"""

from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import AnyHttpUrl, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "REBOUND_ORO_"
SECRETS = ("database_url", "dagster_database_url", "oro_client_secret", "rebound_api_key")


class MissingSetting(ValueError):  # noqa: N818 - reads as what it says in a traceback
    """A setting that this command needs is not set; the message names the variable."""


class Settings(BaseSettings):
    """Settings of one process. Reading them opens nothing: no network, no database."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, env_ignore_empty=True)

    home: Path = Field(
        default=Path(".rebound_oro"),
        description="Folder of the embedded PostgreSQL, Dagster and the sandbox.",
    )
    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL 15 or later to use instead of the embedded one."
    )
    database_url_file: Path | None = Field(default=None, description="File that holds database_url.")
    dagster_database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL for Dagster's own storage; by default a second database of the embedded server, "
        "or the schema `dagster` of database_url.",
    )
    dagster_database_url_file: Path | None = Field(
        default=None, description="File that holds dagster_database_url."
    )

    oro_url: AnyHttpUrl | None = Field(default=None, description="OroCommerce, without path.")
    oro_api_prefix: str = Field(default="/admin/api", description="Path of OroCommerce's back-office API.")
    oro_client_id: str | None = Field(
        default=None, description="OAuth client id of OroCommerce (client credentials)."
    )
    oro_client_secret: SecretStr | None = Field(
        default=None, description="OAuth client secret of OroCommerce."
    )
    oro_client_secret_file: Path | None = Field(
        default=None, description="File that holds oro_client_secret."
    )
    oro_connections: int = Field(
        default=4, ge=1, le=16, description="Requests to OroCommerce at the same time."
    )
    oro_subtotals: bool = Field(
        default=False,
        description="Ask for the orders' subtotals too: dear, and needed only for tax by rate and for the tax inside a "
        "shipping price that includes it.",
    )
    oro_credit_note_type: str = Field(
        default="reboundcreditnotes", description="Resource type of credit notes."
    )
    oro_credit_note_line_type: str = Field(
        default="reboundcreditnotelines", description="Resource type of their lines."
    )

    rebound_url: AnyHttpUrl | None = Field(default=None, description="ReBound, without path.")
    rebound_login: str | None = Field(default=None, description="Login of ReBound's API.")
    rebound_api_key: SecretStr | None = Field(default=None, description="Key of ReBound's API.")
    rebound_api_key_file: Path | None = Field(default=None, description="File that holds rebound_api_key.")
    rebound_connections: int = Field(
        default=4, ge=1, le=8, description="Requests to ReBound at the same time."
    )

    policy_file: Path | None = Field(default=None, description="policy.yaml; every key of it has a default.")
    rebound_mapping_file: Path | None = Field(
        default=None, description="Mapping of ReBound's documents, if not the default."
    )

    first_day: date = Field(default=date(2025, 1, 1), description="First daily partition.")
    daily_cron: str = Field(default="15 4 * * *", description="When the daily returns run, UTC.")
    daily_enabled: bool = Field(default=False, description="Whether the daily schedule starts switched on.")
    push_enabled: bool = Field(default=False, description="Whether the push sensor starts switched on.")
    stock_mode: Literal["batched", "near_real_time"] = Field(
        default="batched", description="Stock levels on a schedule, or whenever something is waiting."
    )
    stock_cron: str = Field(default="*/30 * * * *", description="When batched stock levels are written, UTC.")
    reconcile_cron: str = Field(
        default="15 5 * * *", description="When OroCommerce is read back and compared, UTC."
    )

    @model_validator(mode="after")
    def _one_source_per_secret(self) -> Self:
        for name in SECRETS:
            if getattr(self, name) is not None and getattr(self, f"{name}_file") is not None:
                message = f"{PREFIX}{name.upper()} and {PREFIX}{name.upper()}_FILE are both set; keep one"
                raise ValueError(message)
        return self

    def secret(self, name: str) -> str | None:
        """Return the value of a secret from its variable or its file; None where neither is set."""
        value: SecretStr | None = getattr(self, name)
        if value is not None:
            return value.get_secret_value()
        path: Path | None = getattr(self, f"{name}_file")
        return path.read_text(encoding="utf-8").strip() if path else None

    def required(self, name: str) -> str:
        """Return a setting as text; MissingSetting names the variable to set."""
        value = self.secret(name) if name in SECRETS else getattr(self, name)
        if value is None:
            suffix = f" (or {PREFIX}{name.upper()}_FILE)" if name in SECRETS else ""
            raise MissingSetting(
                f"{PREFIX}{name.upper()}{suffix} is not set; `rebound-oro demo` shows a complete example"
            )
        return str(value)
