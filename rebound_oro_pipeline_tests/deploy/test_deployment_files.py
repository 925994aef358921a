"""What the files of deploy/ name exists: paths, commands and their options, settings, secrets; Dagster takes its part.

Without Docker, Kubernetes or Redis; `make lint-deploy` has the linters that need more.
"""

import importlib.util
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import dagster as dg
import pytest
import yaml
from dagster._cli import create_dagster_cli
from dagster._daemon.cli import create_dagster_daemon_cli
from dagster_webserver.cli import create_dagster_webserver_cli

from rebound_oro_pipeline.cli import main
from rebound_oro_pipeline.definitions import defs
from rebound_oro_pipeline.defs.jobs import RETURNS
from rebound_oro_pipeline.defs.local import LOCATION
from rebound_oro_pipeline.defs.storage import EventLog
from rebound_oro_pipeline.processes import accepts_connections, port_to_listen_on, running
from rebound_oro_pipeline.settings import PREFIX, SECRETS, Settings
from rebound_oro_pipeline.sqlmodels.relations import ensure_schema
from rebound_oro_pipeline.warehouse.cluster import INITIAL_SETTINGS
from rebound_oro_pipeline.warehouse.connection import connect
from rebound_oro_pipeline.wiring import DAGSTER_SCHEMA
from rebound_oro_pipeline_tests.pipeline_at_work import environment

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
HOME = "/opt/dagster/dagster_home"
CODE_SERVER = "REBOUND_ORO_CODE_SERVER"
"""Read by workspace.yaml, not by the pipeline."""
OURS = {
    "rebound-oro": main,
    "dagster": create_dagster_cli(),
    "dagster-daemon": create_dagster_daemon_cli(),
    "dagster-webserver": create_dagster_webserver_cli(),
}
OF_OTHER_IMAGES = ("celery", "postgres")
"""Programs that the tests' environment does not have: `make test-celery` runs the worker's command."""


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


COMPOSE = read("compose.yaml")
VALUES = read("helm/values.yaml")
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def check_command(words: Sequence[str]) -> None:
    """Raise click's error where a program knows no such command or option."""
    command, rest = OURS[words[0]], list(words[1:])
    with click.Context(command) as context:
        while isinstance(command, click.Group):
            _, found, rest = command.resolve_command(context, rest)
            assert found is not None
            command = found
    command.make_context(words[0], rest, resilient_parsing=True)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield the name of a service and each command line that it runs."""
    (default,) = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    yield "image", yaml.safe_load(default)
    for name, service in COMPOSE["services"].items():
        words = service.get("command")
        if words and words[:2] == ["sh", "-c"]:
            if name != "redis":
                yield from ((name, part.split()) for part in words[2].split(" && "))
        elif words:
            yield name, words
    for file in ("migrate", "webhook"):
        for document in yaml.safe_load_all((DEPLOY / f"helm/{file}.yaml").read_text(encoding="utf-8")):
            for container in document["spec"].get("template", {}).get("spec", {}).get("containers", []):
                yield file, container["command"]
    (deployment,) = VALUES["dagster-user-deployments"]["deployments"]
    server = ["dagster", "code-server", "start", "--host", "0.0.0.0", "--port", str(deployment["port"])]
    yield "chart", server + deployment["codeServerArgs"]


COMMANDS = tuple(commands())


@pytest.mark.parametrize(
    ("service", "words"), COMMANDS, ids=[f"{name}-{words[0]}" for name, words in COMMANDS]
)
def test_every_command_and_option_exists(service: str, words: list[str]) -> None:
    if words[0] not in OF_OTHER_IMAGES:
        check_command(words)
    modules = [word.partition("=")[2] or word for word in words if "rebound_oro_pipeline." in word]
    for module in modules:
        assert importlib.util.find_spec(module), module


def variables() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield where a variable is set, its name, and the service that it is set for."""
    for name, service in COMPOSE["services"].items():
        if "build" in service:
            for variable in service["environment"]:
                yield name, variable, service
    for variable in VALUES["dagster-user-deployments"]["deployments"][0]["env"]:
        yield "chart", variable, {}
    for file in ("migrate", "webhook"):
        for document in yaml.safe_load_all((DEPLOY / f"helm/{file}.yaml").read_text(encoding="utf-8")):
            for container in document["spec"].get("template", {}).get("spec", {}).get("containers", []):
                yield from ((file, each["name"], {}) for each in container["env"])
    for variable in re.findall(r"\b(REBOUND_ORO_[A-Z_]+)=", DOCKERFILE):
        yield "image", variable, {}


def test_every_variable_is_a_setting_and_every_secret_a_file_that_its_service_gets() -> None:
    for name, variable, service in variables():
        if variable == CODE_SERVER:
            continue
        setting = variable.removeprefix(PREFIX).lower()
        assert setting in Settings.model_fields, f"{name}: {variable}"
        assert setting not in SECRETS, f"{name}: {variable} is a secret; name a file"
        if service and setting.endswith("_file"):
            secret = Path(service["environment"][variable])
            assert secret.parent == Path("/run/secrets")
            assert secret.name in service["secrets"], f"{name}: {variable}"


def examples() -> dict[str, tuple[str, bool]]:
    """Return the lines of rebound-oro.env.example: value of each variable, and whether it is commented out."""
    lines = (DEPLOY / "rebound-oro.env.example").read_text(encoding="utf-8").splitlines()
    found = [re.fullmatch(r"(#?)(REBOUND_ORO_\w+)=(.*)", line) for line in lines]
    return {match[2]: (match[3], match[1] == "#") for match in found if match}


def test_every_setting_reaches_the_containers() -> None:
    """By the file of settings, by a file of a secret, or because the image or the compose file sets it."""
    for name, service in COMPOSE["services"].items():
        if "build" in service:
            assert service["env_file"] == [{"path": "rebound-oro.env", "required": False}], name
    services = COMPOSE["services"]
    fixed = {*services["code"]["environment"], f"{PREFIX}HOME"}
    given = examples()
    assert not fixed & set(given), "what the compose file sets counts more than the file of settings"
    secrets = {f"{PREFIX}{name.upper()}" for name in SECRETS}
    assert {*fixed, *given, *secrets} - {CODE_SERVER} == {
        f"{PREFIX}{name.upper()}" for name in Settings.model_fields
    }
    assert not secrets & set(given)
    assert f"{PREFIX}HOME=" in DOCKERFILE


def test_the_example_of_settings_says_the_defaults_and_where_files_lie() -> None:
    services = COMPOSE["services"]
    for variable, (value, commented) in examples().items():
        setting = variable.removeprefix(PREFIX).lower()
        default = Settings.model_fields[setting].default
        shown = str(default).lower() if isinstance(default, bool) else str(default or "")
        if setting.endswith("_file"):
            assert commented, f"{variable} names a file that may not be there"
            path = Path(value)
            if setting.removesuffix("_file") in SECRETS:
                assert path == Path("/run/secrets") / setting.removesuffix("_file")
                users = {name for name, each in services.items() if path.name in each.get("secrets", [])}
                assert users & {"code", "webhook"}, variable
            else:
                for name in ("code", "worker"):
                    assert f"./config:{path.parent}:ro" in services[name]["volumes"], variable
        elif default is not None or commented:
            assert value == shown, variable
    with environment({variable: value for variable, (value, _) in examples().items()}):
        Settings()


def test_policy_and_mapping_lie_in_kubernetes_where_they_do_with_compose() -> None:
    (deployment,) = VALUES["dagster-user-deployments"]["deployments"]
    mounted = {mount["name"]: mount["mountPath"] for mount in deployment["volumeMounts"]}
    assert f"./config:{mounted['config']}:ro" in COMPOSE["services"]["code"]["volumes"]
    assert (DEPLOY / "config").is_dir()
    ignored = subprocess.run(["git", "check-ignore", "-q", "deploy/rebound-oro.env"], cwd=ROOT, check=False)
    assert ignored.returncode == 0
    assert not included("deploy/rebound-oro.env")


def test_postgresql_is_set_as_the_embedded_server_and_has_memory_for_parallel_queries() -> None:
    """Its defaults are those that matter; `work_mem` is raised to 128 MB for a decision."""
    service = COMPOSE["services"]["postgres"]
    settings = dict(word.removeprefix("-c").split("=") for word in service["command"][1:])
    of_itself = {"synchronous_commit": "on", "timezone": "UTC", "log_timezone": "UTC"}
    assert {**settings, **of_itself} == INITIAL_SETTINGS
    assert service["shm_size"] == "1g"


def test_redis_runs_without_privileges() -> None:
    redis = COMPOSE["services"]["redis"]
    assert redis["user"] == "redis"
    assert redis["cap_drop"] == ["ALL"]
    assert redis["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed here")
def test_redis_asks_for_its_password_and_says_it_to_nobody(tmp_path: Path) -> None:
    port = port_to_listen_on(0, RuntimeError)
    (tmp_path / "password").write_text("of-letters-4711\n")
    program, option, script = COMPOSE["services"]["redis"]["command"]
    here = (
        script.replace("$$", "$")
        .replace("/run/secrets/redis_password", str(tmp_path / "password"))
        .replace("dir /data\n", f"dir {tmp_path}\nbind 127.0.0.1\nport {port}\n")
    )
    with running((program, option, here), stdout=subprocess.DEVNULL) as (server,):
        give_up = time.monotonic() + 20
        while not accepts_connections(port):
            assert time.monotonic() < give_up
            time.sleep(0.05)
        line = Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert b"redis-server" in line, "the shell gave way to it, so that it gets the container's signals"
        assert b"4711" not in line
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"PING\r\n")
            assert client.recv(100).startswith(b"-NOAUTH")
            client.sendall(b"AUTH of-letters-4711\r\n")
            assert client.recv(100) == b"+OK\r\n"
            client.sendall(b"CONFIG GET appendonly\r\n")
            assert b"yes" in client.recv(100)


def test_every_secret_lies_where_git_and_the_image_do_not_look() -> None:
    used = {secret for service in COMPOSE["services"].values() for secret in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    for secret in COMPOSE["secrets"].values():
        path = f"deploy/{secret['file']}"
        assert subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False).returncode == 0, (
            path
        )
        assert not included(path)


def included(path: str) -> bool:
    """Return whether .dockerignore lets a path into the build: it names what it lets in, and nothing else."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    let_in = [line[1:] for line in lines if line.startswith("!")]
    return any(path == name or path.startswith(f"{name}/") for name in let_in)


def test_what_is_copied_into_the_image_exists_and_reaches_the_build() -> None:
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    assert "rebound_oro_pipeline" in sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert included(source), source


def test_the_image_is_built_from_hashed_locks_and_runs_as_nobody_in_particular() -> None:
    for name in ("base", "celery", "k8s"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        assert text.count("==") <= text.count("--hash=")
    assert "--require-hashes" in DOCKERFILE
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001"]
    assert "HEALTHCHECK" in DOCKERFILE
    images = [*re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)]
    images += [service["image"] for service in COMPOSE["services"].values() if "build" not in service]
    assert all("/" not in image for image in images), "a short name, so that each place has its own registry"
    assert "://" not in DOCKERFILE
    python = re.findall(r"^ARG PYTHON=(.+)$", DOCKERFILE, re.MULTILINE)
    assert python == ["3.11"]


def test_the_services_are_those_that_the_pipeline_needs() -> None:
    services = COMPOSE["services"]
    always = {name for name, service in services.items() if "profiles" not in service}
    assert always == {"postgres", "migrate", "code", "webserver", "daemon", "webhook"}
    assert {name for name, service in services.items() if service.get("profiles") == ["celery"]} == {
        "worker",
        "redis",
    }
    for name in ("code", "webserver", "daemon", "webhook", "worker"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


@pytest.fixture
def is_healthy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Return what the health check of the image asks, for each service."""
    spec = importlib.util.spec_from_file_location("is_healthy", DEPLOY / "is_healthy.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    asked: list[Any] = []
    monkeypatch.setattr(module, "_answers", lambda port, path: asked.append((port, path)) or 0)
    monkeypatch.setattr(module, "_succeeds", lambda command: asked.append(command) or 0)
    for _, words in COMMANDS:
        assert module.main(["/opt/venv/bin/python", f"/opt/venv/bin/{words[0]}", *words[1:]]) == 0
    return iter([asked])


def test_each_service_has_a_health_check_that_exists(is_healthy: Iterator[list[Any]]) -> None:
    asked = next(is_healthy)
    assert (3000, "/server_info") in asked
    assert (8080, "/health") in asked
    questions = [each for each in asked if isinstance(each, list)]
    assert {question[0] for question in questions} == {"dagster", "dagster-daemon", "celery"}
    for question in questions:
        if question[0] != "celery":
            check_command(question)


def test_the_workspace_is_the_code_server_of_the_compose_file() -> None:
    (location,) = read("workspace.yaml")["load_from"]
    assert location["grpc_server"]["host"] == {"env": CODE_SERVER}
    assert COMPOSE["services"]["daemon"]["environment"][CODE_SERVER] in COMPOSE["services"]
    assert f"--workspace={HOME}/workspace.yaml" in COMPOSE["services"]["webserver"]["command"]
    assert f"DAGSTER_HOME={HOME} " in DOCKERFILE


def test_the_code_location_bears_one_name_wherever_it_is_served() -> None:
    """By it Dagster's pages of jobs find their runs; those of commands bear it as a tag."""
    (anywhere,) = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))["load_from"]
    (compose,) = read("workspace.yaml")["load_from"]
    workspace = VALUES["dagsterWebserver"]["workspace"]
    (chart,) = workspace["servers"]
    (deployment,) = VALUES["dagster-user-deployments"]["deployments"]
    assert anywhere["python_module"]["location_name"] == LOCATION
    assert compose["grpc_server"]["location_name"] == LOCATION
    assert workspace["enabled"]
    assert chart == {"host": deployment["name"], "port": deployment["port"], "name": LOCATION}


def as_the_chart_writes_it(values: Mapping[str, Any] = VALUES) -> dict[str, Any]:
    """Return the parts of dagster.yaml that Dagster's chart makes of the values, but storage and launcher.

    After its templates configmap-instance.yaml, _run-coordinator.tpl and _concurrency.tpl.
    """
    daemon = values["dagsterDaemon"]
    monitoring, retries = daemon["runMonitoring"], daemon["runRetries"]
    queue = daemon["runCoordinator"]["config"]["queuedRunCoordinator"]
    coordinator = {"dequeue_interval_seconds": queue["dequeueIntervalSeconds"]}
    written: dict[str, Any] = {
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": "QueuedRunCoordinator",
            "config": coordinator,
        },
        "run_monitoring": {
            "enabled": monitoring["enabled"],
            "start_timeout_seconds": monitoring["startTimeoutSeconds"],
            "cancel_timeout_seconds": monitoring["cancelTimeoutSeconds"],
            "poll_interval_seconds": monitoring["pollIntervalSeconds"],
            "free_slots_after_run_end_seconds": monitoring["freeSlotsAfterRunEndSeconds"],
        },
        "run_retries": {"enabled": retries["enabled"], "max_retries": retries["maxRetries"]},
        "retention": {
            kind: {"purge_after_days": kept["purgeAfterDays"]}
            for kind, kept in values["retention"].items()
            if kind != "enabled"
        },
        "telemetry": values["telemetry"],
    }
    if "retryOnAssetOrOpFailure" in retries:
        written["run_retries"]["retry_on_asset_or_op_failure"] = retries["retryOnAssetOrOpFailure"]
    concurrency = values["concurrency"]
    if concurrency["enabled"]:
        runs, pools = concurrency["runs"], concurrency["pools"]
        written["concurrency"] = {
            "pools": {"default_limit": pools["defaultLimit"], "granularity": pools["granularity"]},
            "runs": {
                "max_concurrent_runs": runs["maxConcurrentRuns"],
                "tag_concurrency_limits": runs["tagConcurrencyLimits"],
            },
        }
    if not concurrency["enabled"] or "maxConcurrentRuns" in queue:
        coordinator["max_concurrent_runs"] = queue.get("maxConcurrentRuns", -1)
    return {**written, **values["additionalInstanceConfig"]}


@pytest.mark.parametrize("source", ["dagster.yaml", "helm/values.yaml"])
def test_dagster_takes_its_configuration_and_stores_where_the_settings_say(
    source: str, database_url: str, tmp_path: Path
) -> None:
    """The file holds no secret: the URL comes from a file, as container platforms provide it."""
    with connect(database_url) as conn:
        ensure_schema(conn, DAGSTER_SCHEMA)
    (tmp_path / "url").write_text(database_url)
    config = read("dagster.yaml")
    if source != "dagster.yaml":
        config = {"storage": config["storage"], **as_the_chart_writes_it()}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
    given = {"REBOUND_ORO_DATABASE_URL_FILE": str(tmp_path / "url"), "DAGSTER_HOME": str(tmp_path)}
    with environment(given), dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, EventLog)
        assert "postgresql" not in str(instance.get_ref().to_dict())
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 2
        assert not instance.run_retries_retry_on_asset_or_op_failure
        assert not instance.telemetry_enabled
        pools = instance.get_concurrency_config()
        assert pools.pool_config.default_pool_limit == 1
        assert pools.run_queue_config is not None
        assert pools.run_queue_config.max_concurrent_runs == 8
        assert {limit["key"] for limit in pools.run_queue_config.tag_concurrency_limits} == {
            "oro/push",
            "rebound/push",
            "dagster/backfill",
        }
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] == 60
        assert instance.get_settings("freshness") == {"enabled": True}


def test_the_chart_s_queue_and_concurrency_beside_it_are_refused(tmp_path: Path) -> None:
    """Why `concurrency` is no part of additionalInstanceConfig: the chart knows nothing of what stands there."""
    theirs = as_the_chart_writes_it({**VALUES, "concurrency": {**VALUES["concurrency"], "enabled": False}})
    ours = {"concurrency": as_the_chart_writes_it()["concurrency"]}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({**theirs, **ours}))
    with pytest.raises(dg.DagsterInvalidConfigError, match="max_concurrent_runs"):
        dg.DagsterInstance.from_config(str(tmp_path))


def test_the_documentation_waits_for_the_migration_and_names_pools_that_there_are() -> None:
    text = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    name = yaml.safe_load((DEPLOY / "helm" / "migrate.yaml").read_text(encoding="utf-8"))["metadata"]["name"]
    install = text[text.index("## Kubernetes") :]
    assert (
        install.index("helm/migrate.yaml\n") < install.index(f"job/{name}\n") < install.index("helm upgrade")
    )
    named = set(re.findall(r"concurrency set (\w+)", text))
    pools = {node.pool for job in defs.resolve_all_job_defs() for node in job.graph.iterate_op_defs()}
    assert named <= pools
    assert {"oro_reading", "rebound_api"} == {
        node.pool for node in defs.resolve_job_def(RETURNS).graph.iterate_op_defs() if node.pool is not None
    }


def test_a_step_is_given_to_another_worker_before_its_run_is_given_up() -> None:
    limit = read("dagster.yaml")["run_monitoring"]["max_runtime_seconds"]
    assert limit > Settings.model_fields["celery_redelivery_seconds"].default
    deadline = VALUES["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]["jobSpecConfig"]
    assert deadline["activeDeadlineSeconds"] == limit


def test_the_chart_s_storage_names_the_driver_that_works_with_dagster() -> None:
    """See docs/decisions/0002; psycopg 3 fails on the first event."""
    assert VALUES["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"
