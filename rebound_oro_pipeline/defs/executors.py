"""Where the steps of a run execute: in the run's own process, in a process each, or on Celery workers."""

import dagster as dg

from rebound_oro_pipeline.settings import PREFIX, MissingSetting, Settings


def build_executor(settings: Settings) -> dg.ExecutorDefinition:
    """Return the executor of all jobs; raises MissingSetting where the chosen one is not installed."""
    if settings.executor == "celery":
        try:
            # What only this choice needs is not installed, and not loaded, for the others.
            from rebound_oro_pipeline.defs.celery_executor import celery_workers  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise MissingSetting(
                f"{PREFIX}EXECUTOR is celery, but {error.name} is not installed; "
                "install requirements/celery.txt, or rebound-oro-pipeline[celery]"
            ) from None
        return celery_workers
    return dg.multiprocess_executor if settings.executor == "multiprocess" else dg.in_process_executor
