"""Every setting, read from the environment; nothing else in the package reads it.

Each setting is a variable `REBOUND_ORO_<NAME>`. A secret may stand in a file instead (container secrets):
`REBOUND_ORO_<NAME>_FILE` names it. docs/settings.md lists them; a test compares it with this module.
"""

import os
import re
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AnyHttpUrl, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "REBOUND_ORO_"
_CRON = re.compile(r"@\w+|[\w*/,#?-]+(?:\s+[\w*/,#?-]+){4}")
SECRETS = (
    "database_url",
    "dagster_database_url",
    "celery_broker_url",
    "oro_client_secret",
    "rebound_api_key",
    "webhook_rebound_secret",
    "webhook_oro_secret",
    "alert_urls",
    "metrics_token",
)


_OF_DAGSTER = f"{PREFIX}CODE_SERVER"
"""Read by workspace.yaml."""


def _cron(text: str) -> str:
    if _CRON.fullmatch(text.strip()) is None:
        raise ValueError(
            f"{text!r} is no cron schedule; write minute, hour, day, month and day of the week, such as 15 4 * * *"
        )
    return text


Cron = Annotated[str, AfterValidator(_cron)]
"""Five fields, or a word with an @; whether they make a schedule is for Dagster to say (`defs/schedules.py`)."""


class WrongSetting(ValueError):  # noqa: N818 - reads as what it says in a traceback
    """A setting that cannot be used; the message names the variable."""


class MissingSetting(ValueError):  # noqa: N818 - reads as what it says in a traceback
    """A setting that this command needs is not set; the message names the variable."""


class Settings(BaseSettings):
    """Settings of one process. Reading them opens nothing: no network, no database."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,  # pydantic would quote the secrets
    )

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

    source_url: AnyHttpUrl | None = Field(
        default=None,
        description="Where the files of this repository are read in a browser, such as "
        "https://git.example.com/returns/blob/main; assets link to the documentation and their SQL there, else they "
        "name the files.",
    )

    executor: Literal["in_process", "multiprocess", "celery"] = Field(
        default="in_process",
        description="Where the steps of a run execute: in the run's process, in a process each, or on Celery workers.",
    )
    celery_broker_url: SecretStr | None = Field(
        default=None,
        description="Redis through which steps reach Celery workers and their results come back.",
    )
    celery_broker_url_file: Path | None = Field(
        default=None, description="File that holds celery_broker_url."
    )
    celery_redelivery_seconds: int = Field(
        default=3600,
        ge=1,
        description="After which a step whose Celery worker died is given to another one; longer than any step takes.",
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
        description="Ask for the orders' subtotals too: dear, and needed only for tax by rate, for the tax inside a "
        "shipping price that includes it, and for that of lines that were half given away.",
    )
    oro_credit_note_type: str = Field(
        default="reboundcreditnotes", description="Resource type of credit notes."
    )
    oro_credit_note_line_type: str = Field(
        default="reboundcreditnotelines", description="Resource type of their lines."
    )
    oro_credit_note_names_file: Path | None = Field(
        default=None,
        description="YAML file with the fields and relations of an entity of your own (docs/orocommerce.md).",
    )

    rebound_url: AnyHttpUrl | None = Field(default=None, description="ReBound, without path.")
    rebound_login: str | None = Field(default=None, description="Login of ReBound's API.")
    rebound_api_key: SecretStr | None = Field(default=None, description="Key of ReBound's API.")
    rebound_api_key_file: Path | None = Field(default=None, description="File that holds rebound_api_key.")
    rebound_connections: int = Field(
        default=4, ge=1, le=8, description="Requests to ReBound at the same time."
    )

    verify_tls: bool = Field(
        default=True,
        description="Whether the certificates of OroCommerce and ReBound are verified. False is for trials, and warned "
        "of in the log by each process: whoever sits between reads the secrets. An authority of your own is named by "
        "SSL_CERT_FILE instead.",
    )

    rebound_order_path: str = Field(
        default="orders/push/json",
        min_length=1,
        description="Call, below /api, by which ReBound is told of orders; not public, so ask ReBound.",
    )

    policy_file: Path | None = Field(default=None, description="policy.yaml; every key of it has a default.")
    rebound_mapping_file: Path | None = Field(
        default=None, description="Mapping of ReBound's documents, if not the default."
    )

    first_day: date = Field(default=date(2025, 1, 1), description="First daily partition.")
    daily_cron: Cron = Field(default="15 4 * * *", description="When the daily returns run, UTC.")
    daily_enabled: bool = Field(default=False, description="Whether the daily schedule starts switched on.")
    push_enabled: bool = Field(default=False, description="Whether the push sensor starts switched on.")
    stock_mode: Literal["batched", "near_real_time"] = Field(
        default="batched", description="Stock levels on a schedule, or whenever something is waiting."
    )
    stock_cron: Cron = Field(
        default="*/30 * * * *", description="When batched stock levels are written, UTC."
    )
    reconcile_cron: Cron = Field(
        default="15 5 * * *", description="When OroCommerce is read back and compared, UTC."
    )
    reconcile_enabled: bool = Field(
        default=False, description="Whether the nightly reconciliation starts switched on."
    )
    open_returns_cron: Cron = Field(
        default="45 */4 * * *", description="When open returns of the last 30 days are read again, UTC."
    )
    open_returns_enabled: bool = Field(
        default=False, description="Whether the schedule of open returns starts switched on."
    )
    catalogue_cron: Cron = Field(
        default="30 3 * * *", description="When products and stock levels are read again, UTC."
    )
    catalogue_enabled: bool = Field(
        default=False, description="Whether the schedule of the catalogue starts switched on."
    )
    catch_up_cron: Cron = Field(
        default="15 2 * * *", description="When returns and orders are looked for that webhooks missed, UTC."
    )
    catch_up_enabled: bool = Field(
        default=False, description="Whether the nightly catch-up starts switched on."
    )
    follow_up_enabled: bool = Field(
        default=False,
        description="Whether the sensors of webhooks, due holds and people's decisions start switched on.",
    )

    alert_urls: SecretStr | None = Field(
        default=None,
        description="Where failed runs and checks are told: URLs of apprise (json://, slack://, mailto://…), "
        "separated by blanks.",
    )
    alert_urls_file: Path | None = Field(default=None, description="File that holds alert_urls.")
    alert_quiet_minutes: int = Field(
        default=60, ge=1, description="How long the same trouble is not told again."
    )

    offers_enabled: bool = Field(
        default=False,
        description="Whether the schedule that finds returnable items and the sensor that sends them to ReBound start "
        "switched on.",
    )
    offers_cron: Cron = Field(
        default="*/15 * * * *",
        description="When changed orders are read and returnable items are found, UTC.",
    )

    webhook_rebound_secret: SecretStr | None = Field(
        default=None,
        description="What ReBound's webhooks prove themselves with: HMAC key, header value or Basic password. "
        "Without it none is taken.",
    )
    webhook_rebound_secret_file: Path | None = Field(
        default=None, description="File that holds webhook_rebound_secret."
    )
    webhook_rebound_scheme: Literal["hmac", "header", "basic"] = Field(
        default="hmac", description="HMAC-SHA256 over the raw body, a secret header, or HTTP Basic."
    )
    webhook_rebound_header: str = Field(
        default="X-ReBound-Signature",
        min_length=1,
        description="Header that holds the signature, or the secret itself.",
    )
    webhook_rebound_encoding: Literal["hex", "base64"] = Field(
        default="hex", description="How the signature is written."
    )
    webhook_rebound_timestamp_header: str | None = Field(
        default=None, description="Header with the time of sending, if ReBound sends one."
    )
    webhook_rebound_signed: Literal["body", "timestamp.body"] = Field(
        default="body", description="What is signed; only a signed time keeps replays out."
    )
    webhook_rebound_window_seconds: int = Field(
        default=300, ge=1, description="How far the timestamp header may be from our clock."
    )
    webhook_rebound_user: str | None = Field(default=None, description="User of HTTP Basic.")
    webhook_oro_secret: SecretStr | None = Field(
        default=None,
        description="Secret of OroCommerce's webhook subscription. Without it none of its webhooks is taken.",
    )
    webhook_oro_secret_file: Path | None = Field(
        default=None, description="File that holds webhook_oro_secret."
    )
    webhook_oro_window_seconds: int = Field(
        default=86_400,
        ge=1,
        description="How old OroCommerce's webhooks may be: its retries keep the time of the first attempt.",
    )
    webhook_max_bytes: int = Field(
        default=2_097_152, ge=1024, description="Largest body of a webhook; more is answered 413."
    )
    webhook_max_depth: int = Field(
        default=32, ge=8, description="How deep a webhook's JSON may be nested; more is answered 400."
    )
    webhook_requests_per_second: int = Field(
        default=1000,
        ge=1,
        description="Webhooks of one sender that each worker takes; more are answered 429.",
    )
    webhook_trusted_proxies: str | None = Field(
        default=None,
        description="Addresses of reverse proxies, separated by commas, whose X-Forwarded-For names the sender.",
    )

    metrics_token: SecretStr | None = Field(
        default=None,
        description="Bearer token for the webhook receiver's /metrics; without it, nobody may read them.",
    )
    metrics_token_file: Path | None = Field(default=None, description="File that holds metrics_token.")

    @model_validator(mode="after")
    def _one_source_per_secret(self) -> Self:
        for name in SECRETS:
            if getattr(self, name) is not None and getattr(self, f"{name}_file") is not None:
                message = f"{PREFIX}{name.upper()} and {PREFIX}{name.upper()}_FILE are both set; keep one"
                raise ValueError(message)
        return self

    def secret(self, name: str) -> str | None:
        """Return a secret from its variable or its file, without blanks around it; None where there is none.

        Raises MissingSetting where the file cannot be read or is empty.
        """
        value: SecretStr | None = getattr(self, name)
        if value is not None:
            # Of blanks alone it is none: anybody could sign with it.
            return value.get_secret_value().strip() or None
        path: Path | None = getattr(self, f"{name}_file")
        if path is None:
            return None
        variable = f"{PREFIX}{name.upper()}_FILE"
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise MissingSetting(f"{variable} names {path}, which cannot be read: {reason}") from None
        if not text:
            raise MissingSetting(f"{variable} names {path}, which is empty")
        return text

    def secret_is_set(self, name: str) -> bool:
        """Whether a secret is given, without reading it."""
        return getattr(self, name) is not None or getattr(self, f"{name}_file") is not None

    def required(self, name: str) -> str:
        """Return a setting as text; MissingSetting names the variable to set."""
        value = self.secret(name) if name in SECRETS else getattr(self, name)
        if value is None:
            suffix = f" (or {PREFIX}{name.upper()}_FILE)" if name in SECRETS else ""
            raise MissingSetting(
                f"{PREFIX}{name.upper()}{suffix} is not set; docs/settings.md lists what can be set"
            )
        return str(value)


def unknown_variables() -> dict[str, str | None]:
    """Return variables that begin as ours do and are no setting, each with the one that is probably meant.

    They are passed over in silence, so a mistyped one leaves its default in force.
    """
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    given = sorted(name for name in map(str.upper, os.environ) if name.startswith(PREFIX))
    return {
        name: next(iter(get_close_matches(name, known, n=1)), None)
        for name in given
        if name not in known and name != _OF_DAGSTER
    }
