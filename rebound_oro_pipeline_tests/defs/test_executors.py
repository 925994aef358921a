"""Where steps execute is a setting; what only Celery needs is neither installed nor loaded for the others."""

import importlib.util

import pytest

from rebound_oro_pipeline.defs.all import build_definitions
from rebound_oro_pipeline.defs.executors import IN_PROCESS, build_executor
from rebound_oro_pipeline.settings import MissingSetting, Settings

JOBS = ("returns", "push_credit_notes", "push_inventory_levels", "reconcile")
OF_A_SINGLE_STEP = ("follow_up", "open_returns", "catch_up", "catalogue")


@pytest.mark.parametrize("chosen", ["in_process", "multiprocess"])
def test_a_job_has_the_executor_that_is_set_unless_it_is_a_single_step(chosen: str) -> None:
    """A single step executes in its run, and keeps its connections."""
    defs = build_definitions(Settings.model_validate({"executor": chosen}))
    assert {job: defs.resolve_job_def(job).executor_def.name for job in JOBS} == dict.fromkeys(JOBS, chosen)
    for job in OF_A_SINGLE_STEP:
        assert defs.resolve_job_def(job).executor_def is IN_PROCESS, job


@pytest.mark.skipif(
    importlib.util.find_spec("dagster_celery") is not None, reason="dagster-celery is installed here"
)
def test_celery_that_is_not_installed_is_named_with_the_remedy() -> None:
    with pytest.raises(
        MissingSetting, match=r"dagster_celery is not installed; install requirements/celery\.txt"
    ):
        build_executor(Settings(executor="celery"))
