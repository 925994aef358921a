"""What the code server of a test serves: a job that runs until its process is ended, and one that ends by itself."""

import time

import dagster as dg


@dg.op
def wait() -> None:
    time.sleep(60)


@dg.job(executor_def=dg.in_process_executor)
def waits() -> None:
    wait()


@dg.op
def nap() -> None:
    time.sleep(4)


@dg.job(executor_def=dg.in_process_executor)
def naps() -> None:
    nap()


defs = dg.Definitions(jobs=[waits, naps])
