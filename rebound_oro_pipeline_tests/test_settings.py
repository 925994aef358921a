"""Settings: every variable is read, secrets come from files too, and what is missing is named."""

import os
from datetime import date
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import AfterValidator, AnyHttpUrl, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from rebound_oro_pipeline.settings import PREFIX, SECRETS, MissingSetting, Settings

SAMPLES: dict[Any, tuple[str, Any]] = {
    int: ("7", 7),
    str: ("some text", "some text"),
    date: ("2026-02-03", date(2026, 2, 3)),
    Path: ("/some/where", Path("/some/where")),
    SecretStr: ("hush", SecretStr("hush")),
    AnyHttpUrl: ("https://shop.example", AnyHttpUrl("https://shop.example")),
}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def sample(field: FieldInfo) -> tuple[str, Any]:
    """Return a text for a field that is not its default, and the value that it means."""
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not NoneType]
    if get_origin(field.annotation) is Literal:
        return kinds[-1], kinds[-1]
    if any(isinstance(each, AfterValidator) for each in field.metadata):
        return "0 6 * * 1-5", "0 6 * * 1-5"
    if kinds == [bool]:
        return str(not field.default).lower(), not field.default
    least = max((bound.ge for bound in field.metadata if hasattr(bound, "ge")), default=0)
    return (str(least + 1), least + 1) if kinds[0] is int else SAMPLES[kinds[0]]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_read_from_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, value = sample(Settings.model_fields[name])
    assert getattr(Settings(), name) != value
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", text)
    assert getattr(Settings(), name) == value


@pytest.mark.parametrize("name", Settings.model_fields)
def test_an_empty_variable_counts_as_not_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", "")
    assert getattr(Settings(), name) == getattr(Settings.model_construct(), name)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_stands_in_its_variable_or_in_a_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"{PREFIX}{name.upper()}"
    assert Settings().secret(name) is None
    monkeypatch.setenv(variable, "from the variable")
    assert Settings().secret(name) == "from the variable"
    monkeypatch.setenv(variable, " from the variable\n")
    assert Settings().required(name) == "from the variable"
    monkeypatch.setenv(variable, "  ")
    with pytest.raises(MissingSetting, match=variable):
        Settings().required(name)
    monkeypatch.delenv(variable)
    (tmp_path / "secret").write_text("from the file\n")
    monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / "secret"))
    assert Settings().secret(name) == "from the file"
    assert Settings().required(name) == "from the file"


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_both_places_is_refused_by_the_names_of_both(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of the two is stale, nobody knows."""
    variable = f"{PREFIX}{name.upper()}"
    monkeypatch.setenv(variable, "hush")
    monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / "secret"))
    with pytest.raises(ValidationError, match=f"{variable} and {variable}_FILE are both set") as refused:
        Settings()
    assert "hush" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_named_with_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBOUND_ORO_REBOUND_API_KEY_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(
        MissingSetting, match=r"REBOUND_API_KEY_FILE names .*nowhere, which cannot be read: No such"
    ):
        Settings().required("rebound_api_key")
    (tmp_path / "nowhere").write_text(" \n")
    with pytest.raises(MissingSetting, match=r"REBOUND_API_KEY_FILE names .*nowhere, which is empty"):
        Settings().required("rebound_api_key")


@pytest.mark.parametrize("name", ["oro_url", "oro_client_id", "rebound_login"])
def test_what_is_missing_is_named_by_its_variable(name: str) -> None:
    with pytest.raises(MissingSetting, match=f"^{PREFIX}{name.upper()} is not set; docs/settings.md lists"):
        Settings().required(name)


@pytest.mark.parametrize("name", SECRETS)
def test_a_missing_secret_is_named_with_the_file_that_may_hold_it(name: str) -> None:
    variable = f"{PREFIX}{name.upper()}"
    with pytest.raises(MissingSetting, match=rf"^{variable} \(or {variable}_FILE\) is not set"):
        Settings().required(name)


def test_a_wrong_value_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a secret that was put into the wrong variable."""
    monkeypatch.setenv("REBOUND_ORO_ORO_CONNECTIONS", "hush-hush")
    with pytest.raises(ValidationError, match="oro_connections") as refused:
        Settings()
    assert "hush-hush" not in str(refused.value)


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(f"{PREFIX}{name.upper()}", "hush-hush")
    settings = Settings()
    assert "hush-hush" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    "cron", ["15 4 * * *", "*/30 * * * *", "@daily", "0 6 * jan-mar mon,wed", "0 6 * * 1#1", "0 6 ? * 1"]
)
def test_a_cron_schedule_is_taken(cron: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBOUND_ORO_DAILY_CRON", cron)
    assert Settings().daily_cron == cron


@pytest.mark.parametrize("cron", ["xx", "15 4 * *", "15 4 * * * *", "4:15"])
def test_what_is_no_cron_schedule_is_refused_with_an_example(
    cron: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REBOUND_ORO_DAILY_CRON", cron)
    with pytest.raises(ValidationError, match="such as 15 4"):
        Settings()
