"""How a step fails: in a sentence that says what to do, and tried again only where that can help."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import psycopg

from rebound_oro_pipeline.clients.errors import ApiError
from rebound_oro_pipeline.contracts.credit_note_names import NamesError
from rebound_oro_pipeline.contracts.policy import PolicyError
from rebound_oro_pipeline.contracts.rebound_mapping import MappingError
from rebound_oro_pipeline.settings import MissingSetting
from rebound_oro_pipeline.sqlmodels.errors import BuildError

ATTENDED = "rebound_oro/attended"
"""Tag of runs that somebody waits for: they say at once what is wrong, and are not repeated by themselves."""

FIRST_WAIT_SECONDS = 30.0
"""Before the second try; it doubles with each further one. The clients' own tries have been used up by then."""


def is_attended(run: dg.DagsterRun) -> bool:
    """Whether somebody waits for the run; one that repeats it from Dagster's UI bears its tags all the same."""
    return ATTENDED in run.tags and run.parent_run_id is None


@contextmanager
def named_failure(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, *, tries: int = 1
) -> Iterator[None]:
    """Turn a foreseen error into a failure of the step, without a stack of frames in the way.

    What may pass by itself is tried again, up to so many tries in all. No RetryPolicy does that, because Dagster
    also applies one to Ctrl+C and to our own mistakes.
    """
    try:
        yield
    except (ApiError, psycopg.OperationalError) as error:
        may_pass = not isinstance(error, ApiError) or error.retryable
        if may_pass and context.retry_number + 1 < tries and not is_attended(context.run):
            wait = FIRST_WAIT_SECONDS * 2**context.retry_number * random.uniform(0.5, 1.5)  # noqa: S311
            raise dg.RetryRequested(max_retries=tries - 1, seconds_to_wait=wait) from error
        raise dg.Failure(str(error), allow_retries=False) from error
    except (BuildError, MappingError, MissingSetting, NamesError, PolicyError) as error:
        raise dg.Failure(str(error), allow_retries=False) from error
