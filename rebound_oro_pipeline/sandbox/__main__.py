"""`python -m rebound_oro_pipeline.sandbox`: both systems imitated on loopback, until SIGTERM or SIGINT.

Prints one JSON line with addresses and credentials when it is ready.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path

from rebound_oro_pipeline.sandbox.oro.profiles import PROFILES
from rebound_oro_pipeline.sandbox.scenario import ScenarioSettings
from rebound_oro_pipeline.sandbox.server import SandboxSettings, run
from rebound_oro_pipeline.sandbox.world import HomeInUseError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox; returns the exit status."""
    options = _parser().parse_args(arguments)
    until = datetime.combine(options.until or datetime.now(UTC).date(), time(), UTC)
    try:
        scenario = ScenarioSettings(
            seed=options.seed,
            days=options.days,
            orders=options.orders,
            returns=options.returns,
            until=until,
            profile=options.profile,
        )
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    settings = SandboxSettings(
        home=options.home,
        scenario=scenario,
        oro_port=options.oro_port,
        rebound_port=options.rebound_port,
        control_port=options.control_port,
        latency_scale=options.latency_scale,
        queue_wait_seconds=options.queue_wait_seconds,
        token_expires_in=options.token_expires_in,
    )
    try:
        asyncio.run(run(settings, _announce))
    except (OSError, HomeInUseError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _announce(addresses: Mapping[str, str]) -> None:
    sys.stdout.write(json.dumps(addresses) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rebound_oro_pipeline.sandbox", description=main.__doc__)
    add = parser.add_argument
    add("--home", type=Path, required=True, help="folder of its state")
    add("--seed", type=int, default=1, help="the integer that everything is made from")
    add("--days", type=int, default=30, help="days of returns")
    add("--orders", type=int, default=2000)
    add("--returns", type=int, default=600)
    add("--profile", choices=tuple(PROFILES), default="6.1", help="release of OroCommerce")
    add("--until", type=date.fromisoformat, help="end of the last day and present of the scenario (today)")
    add("--oro-port", type=int, default=0, help="0: chosen by the system")
    add("--rebound-port", type=int, default=0, help="0: chosen by the system")
    add("--control-port", type=int, default=0, help="0: chosen by the system")
    add("--latency-scale", type=float, default=0.0, help="1: as slow as a small shop, 0: not delayed")
    add("--queue-wait-seconds", type=float, default=25.0, help="how long a sync batch waits for a consumer")
    add("--token-expires-in", type=int, default=3600, help="seconds, by the scenario's clock")
    return parser


if __name__ == "__main__":
    sys.exit(main())
