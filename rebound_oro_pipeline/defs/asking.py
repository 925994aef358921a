"""When a sensor asks for a run: once for what waits, again only if that still waits after a pause.

The cursor remembers for which mark it asked, how often, and until when it waits for that run to help. The run key
names the mark and counts the runs asked for, so a daemon that died between asking and remembering asks with the same
key, which Dagster drops; any later run has another one, so nothing is forgotten, although Dagster drops a key that it
has seen for ever. Without a cursor, as after somebody reset it, it counts from the seconds of the clock, past all keys.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import dagster as dg

PAUSE: Final = timedelta(minutes=2)
"""Before the same is asked for a second time; it doubles with each further one."""
LONGEST_PAUSE: Final = timedelta(minutes=30)

BUSY: Final = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
)


@dataclass(frozen=True)
class Asked:
    """What a sensor answers: a run key, or why it asks for nothing; and the cursor to keep."""

    cursor: str | None
    run_key: str | None = None
    reason: str | None = None


def ask(sensor: str, cursor: str | None, *, waiting: int, mark: str | None, now: datetime) -> Asked:
    """Decide whether to ask for a run; `mark` is another one when more has come since."""
    if not waiting:
        return Asked(cursor, reason="nothing is due")
    before = json.loads(cursor) if cursor else {}
    tries = 0
    if before.get("mark") == mark:
        until = datetime.fromisoformat(before["until"])
        if now < until:
            return Asked(
                cursor, reason=f"a run was asked for; if it does not help, again at {until:%H:%M:%S}"
            )
        tries = before["tries"] + 1
    until = now + min(PAUSE * 2 ** min(tries, 10), LONGEST_PAUSE)
    asked = before.get("asked", int(now.timestamp())) + 1
    kept = {"mark": mark, "tries": tries, "until": until.isoformat(), "asked": asked}
    return Asked(json.dumps(kept), run_key=f"{sensor} {asked}: {mark}")


def busy_run(instance: dg.DagsterInstance, job_name: str) -> str | None:
    """Return the id of a run of a job that is still to end."""
    running = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=list(BUSY)), limit=1)
    return running[0].run_id if running else None
