"""Steps as tasks of Celery, by dagster-celery over Redis (extra `celery`).

A task is acknowledged when it has ended: a step whose worker died is given to another one, within the same run, once
the time for redelivery is over. A step may then run twice, which every step here bears: landing and deciding can be
repeated, each in a transaction, and pushes go by the outbox.
"""

from typing import Any

import dagster as dg
from dagster._core.execution.retries import RetryMode
from dagster_celery.executor import CeleryExecutor

from rebound_oro_pipeline.settings import Settings

QUEUE = "dagster"
"""The queue that dagster-celery sends to; a worker serves one queue."""


def executor_of(settings: Settings) -> CeleryExecutor:
    """Return dagster-celery's executor for the broker of the settings; raises MissingSetting without one."""
    broker = settings.required("celery_broker_url")
    redelivery = {"visibility_timeout": settings.celery_redelivery_seconds}
    return CeleryExecutor(
        retries=RetryMode.ENABLED,
        broker=broker,
        backend=broker,
        config_source={
            "broker_transport_options": {"max_retries": 3, "interval_start": 0, **redelivery},
            "broker_connection_retry_on_startup": True,
            "result_backend_transport_options": redelivery,
            "task_acks_late": True,
            "worker_prefetch_multiplier": 1,
        },
    )


@dg.executor(name="celery", requirements=dg.multiple_process_executor_requirements())
def celery_workers(_context: dg.InitExecutorContext) -> Any:
    """Give each step to a worker; the broker is read from the settings when a run starts, and stands in no run."""
    return executor_of(Settings())
