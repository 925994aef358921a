"""Every command says what it does, with an example, and saying so is quick."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from rebound_oro_pipeline.cli import main

HEAVY = ("dagster", "pandas", "numpy", "psycopg", "httpx", "sqlalchemy", "sqlglot", "pydantic", "uvicorn")


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command, groups aside."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name)


COMMANDS = tuple(commands(main))
PASSED_ON = ("sandbox",)
"""Its options, help among them, are those of the sandbox's own process."""


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...]) -> None:
    command: click.Command = main
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    assert command.help is not None
    assert "Example: " in command.help
    example = command.help.partition("Example: ")[2].splitlines()[0]
    assert " ".join(("rebound-oro", *words)) in example
    assert command.get_short_help_str(limit=200).endswith((".", "…"))
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{words}: {parameter.name}"


@pytest.mark.parametrize("words", [words for words in COMMANDS if words != PASSED_ON], ids=" ".join)
def test_help_is_shown_on_request(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(main, [*words, "--help"])
    assert shown.exit_code == 0
    assert "Usage: " in shown.output


def test_a_wrong_command_is_named() -> None:
    told = CliRunner().invoke(main, ["dmeo"])
    assert told.exit_code == 2
    assert "dmeo" in told.output


def test_help_imports_nothing_heavy() -> None:
    """Neither does the import of the command line, of which `--help` and completion are made."""
    program = (
        "import sys; from rebound_oro_pipeline.cli import main; main(['--help'], standalone_mode=False); "
        f"sys.exit(', '.join(name for name in {HEAVY!r} if name in sys.modules) or None)"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "demo" in shown.stdout
