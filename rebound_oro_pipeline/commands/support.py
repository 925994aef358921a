"""What all commands share: how they end, and what they say when something outside of them is wrong."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from rebound_oro_pipeline.processes import orderly_end

if TYPE_CHECKING:
    from rebound_oro_pipeline.settings import Settings

INTERRUPTED = 130
"""Exit status after Ctrl+C or SIGTERM, as shells have it."""
NOBODY_READS = 141
"""Exit status where what reads our output has ended, such as `head`: as shells have it for SIGPIPE."""
_SILENCE = logging.NullHandler()


class Commands(click.Group):
    """A group whose commands clean up when interrupted, and tell foreseen errors in a sentence, without frames."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        # What psycopg logs is what it ignores while an error, or an interrupt, is on its way to us already.
        logging.getLogger("psycopg").addHandler(_SILENCE)
        try:
            with orderly_end():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # What is left in the buffers would be tried again at the end, and complained of.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(NOBODY_READS)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if isinstance(error, _foreseen()):
                raise click.ClickException(_told(error)) from error
            raise


def read_settings() -> Settings:
    """Return the settings of the environment, or end the command with what is wrong in them."""
    from pydantic import ValidationError

    from rebound_oro_pipeline.settings import PREFIX, Settings

    try:
        return Settings()
    except ValidationError as error:
        faults = []
        for fault in error.errors():
            variable = "_".join(str(part) for part in fault["loc"]).upper()
            message = fault["msg"].removeprefix("Value error, ")
            faults.append(f"{PREFIX}{variable}: {message}" if variable else message)
        raise click.ClickException("; ".join(faults)) from None


def _told(error: Exception) -> str:
    import psycopg

    from rebound_oro_pipeline.settings import PREFIX

    words = " ".join(str(error).split())
    # Without a state nobody answered: what the server says has one.
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return (
            f"{words}; check {PREFIX}DATABASE_URL, and that the server runs; `rebound-oro doctor` tells more"
        )
    return words


def _foreseen() -> tuple[type[Exception], ...]:
    """Return the errors whose text tells a person what to do."""
    import psycopg

    from rebound_oro_pipeline.clients.errors import ApiError
    from rebound_oro_pipeline.contracts.credit_note_names import NamesError
    from rebound_oro_pipeline.contracts.policy import PolicyError
    from rebound_oro_pipeline.contracts.rebound_mapping import MappingError
    from rebound_oro_pipeline.demo_scene import DemoError
    from rebound_oro_pipeline.dev import DevError
    from rebound_oro_pipeline.settings import MissingSetting, WrongSetting
    from rebound_oro_pipeline.sqlmodels.errors import SqlModelError
    from rebound_oro_pipeline.warehouse.errors import WarehouseError

    return (
        ApiError,
        DemoError,
        DevError,
        MappingError,
        MissingSetting,
        NamesError,
        OSError,
        PolicyError,
        SqlModelError,
        WarehouseError,
        WrongSetting,
        psycopg.OperationalError,
    )
