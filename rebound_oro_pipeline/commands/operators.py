"""The operators' commands, put together: `alias`, `quarantine`, `hold`, `outbox`, `trace` and the rest."""

import click

from rebound_oro_pipeline.commands.alias import alias
from rebound_oro_pipeline.commands.audit import audit
from rebound_oro_pipeline.commands.discrepancy import discrepancy
from rebound_oro_pipeline.commands.history import import_history
from rebound_oro_pipeline.commands.hold import hold
from rebound_oro_pipeline.commands.ledger import ledger, retention
from rebound_oro_pipeline.commands.outbox import outbox
from rebound_oro_pipeline.commands.output import SettingsReader
from rebound_oro_pipeline.commands.policy import policy
from rebound_oro_pipeline.commands.quarantine import quarantine
from rebound_oro_pipeline.commands.reconcile import reconcile
from rebound_oro_pipeline.commands.trace import replay_return, trace

COMMANDS: tuple[click.Command, ...] = (
    alias,
    quarantine,
    hold,
    outbox,
    trace,
    replay_return,
    ledger,
    retention,
    audit,
    policy,
    reconcile,
    discrepancy,
    import_history,
)


def register(group: click.Group, settings: SettingsReader) -> None:
    """Add the commands to a group; `settings` reads the settings, or ends the command with what is wrong in them."""
    for command in COMMANDS:
        command.context_settings["obj"] = settings
        group.add_command(command)
