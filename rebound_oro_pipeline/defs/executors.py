"""Where the steps of a run execute: in the run's own process, in a process each, or on Celery workers."""

from typing import Any

import dagster as dg

from rebound_oro_pipeline.settings import PREFIX, MissingSetting, Settings


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Have a process that stores many events keep its connections: Dagster connects anew for each of them."""
    instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=4)


def _in_process(context: dg.InitExecutorContext) -> Any:
    create = dg.in_process_executor.executor_creation_fn
    assert create is not None  # noqa: S101 - Dagster's own has one
    keep_connections(context.instance)
    return create(context)


IN_PROCESS = dg.ExecutorDefinition(
    name="in_process",
    config_schema=dg.in_process_executor.config_schema.as_field(),
    executor_creation_fn=_in_process,
    description="Execute all steps in the process of their run.",
)


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
    return dg.multiprocess_executor if settings.executor == "multiprocess" else IN_PROCESS
