"""What the code server of a test serves: a job that runs until its process is ended, for a minute at most."""

import time

import dagster as dg


@dg.op
def wait() -> None:
    time.sleep(60)


@dg.job(executor_def=dg.in_process_executor)
def waits() -> None:
    wait()


defs = dg.Definitions(jobs=[waits])
