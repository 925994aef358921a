"""How a run whose process is gone is told from one that runs: the code server is asked.

Dagster's own launcher cannot tell. A run that dies with its code server (a container that is recreated, a machine that
starts anew) would stay "started" until `max_runtime_seconds`, keep its place in the pools, and hold back every sensor
that waits for its job to end.
"""

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import deserialize_value


class Launcher(DefaultRunLauncher):
    """Dagster's launcher of runs as processes of the code server, which also tells whether they are still there.

    Sound for one server at each address, started as `dagster api grpc`: it knows a run before the run can have started,
    and forgets it only once the run's end, or its crash, is stored. `dagster code-server start` does not answer the
    question; its runs are left to `max_runtime_seconds`, as are those of a process of their own (`rebound-oro run`).
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Have the daemon ask, once in `poll_interval_seconds`."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return FAILED where the server that answers does not know the run, else RUNNING.

        Never UNKNOWN: the daemon ends a run for that too.
        """
        client = self._get_grpc_client_for_termination(run.run_id)  # type: ignore[no-untyped-call]
        if client is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "no run of a code server, or ended meanwhile")
        try:
            known = deserialize_value(client.get_current_runs(), GetCurrentRunsResult).current_runs
        except DagsterUserCodeUnreachableError:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "its code server does not say")
        if run.run_id in known:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.FAILED,
            "the code server was started anew meanwhile, and the run's process ended with the old one",
        )
