"""How a step fails: in a sentence that says what to do, and tried again only where that can help."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from rebound_oro_pipeline.clients.errors import ApiError
from rebound_oro_pipeline.contracts.policy import PolicyError
from rebound_oro_pipeline.contracts.rebound_mapping import MappingError
from rebound_oro_pipeline.settings import MissingSetting
from rebound_oro_pipeline.sqlmodels.errors import BuildError


@contextmanager
def named_failure() -> Iterator[None]:
    """Turn a foreseen error into a failure of the step, without a stack of frames in the way."""
    try:
        yield
    except ApiError as error:
        raise dg.Failure(str(error), allow_retries=error.retryable) from error
    except (BuildError, MappingError, MissingSetting, PolicyError) as error:
        raise dg.Failure(str(error), allow_retries=False) from error
