# The verbs of this project. `make demo` and `make test` need nothing but Python 3.11 or later with pip and venv, make and git.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export REBOUND_ORO_HOME ?= $(CURDIR)/.rebound_oro
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
# Bytecode (of tests, too), and what sqlglot makes of the models, are made once, also where Python is told to write none.
WARM := $(BIN)/python -m compileall -q rebound_oro_pipeline && PYTHONDONTWRITEBYTECODE= $(BIN)/python -c \
	"import rebound_oro_pipeline.definitions"
WORKERS ?= 3

.PHONY: demo test dev storm bench lint format lock clean help

help:  ## what each verb does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /: /'

demo: $(VENV)/.base  ## install, then run the whole loop on a sandbox of both systems
	$(BIN)/rebound-oro demo $(ARGS)

test: $(VENV)/.dev  ## install what tests need, and pass them
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

dev: $(VENV)/.base  ## open Dagster's UI on the data of the demo
	$(BIN)/rebound-oro dev $(ARGS)

storm: $(VENV)/.dev  ## kills, a fault storm, two pushing processes; prints a report (ARGS="--returns 2000" for a short one)
	$(BIN)/python -m benchmarks.storm $(ARGS)

bench: $(VENV)/.dev .venv-bench/.made  ## measure everything as ratios, into bench.md (ARGS="--quick" to see it run; --large for 3M lines)
	$(BIN)/python -m benchmarks.bench $(ARGS)

lint: $(VENV)/.dev  ## every linter that CI runs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 dbt_like_sql rebound_oro_pipeline/warehouse/migrations
	git ls-files -z '*.yml' '*.yaml' | xargs -0 $(BIN)/yamllint --strict

format: $(VENV)/.dev  ## let ruff and sqlfluff mend what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar --processes 2 dbt_like_sql rebound_oro_pipeline/warehouse/migrations

lock: $(VENV)/.dev  ## resolve the pinned ranges anew into requirements/*.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml requirements/build.in $(LOCK_OPTIONS) --output-file requirements/base.txt
	$(BIN)/uv pip compile pyproject.toml requirements/build.in --extra dev $(LOCK_OPTIONS) --output-file requirements/dev.txt
	$(BIN)/uv pip compile pyproject.toml requirements/build.in --extra celery $(LOCK_OPTIONS) --output-file requirements/celery.txt
	$(BIN)/uv pip compile requirements/bench.in $(LOCK_OPTIONS) --output-file requirements/bench.txt
	$(BIN)/uv pip compile pyproject.toml requirements/build.in --extra k8s $(LOCK_OPTIONS) --output-file requirements/k8s.txt

LOCK_OPTIONS := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header \
	--no-annotate --no-emit-index-url

clean:  ## remove what the others made: the environment, the embedded server and its data, caches
	@if [ -x $(BIN)/rebound-oro ]; then $(BIN)/rebound-oro db remove --yes; fi
	rm -rf $(VENV) .venv-bench .venv-celery .venv-deploy $(REBOUND_ORO_HOME) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: requirements/base.txt pyproject.toml | $(VENV)/bin/python
	$(PIP_INSTALL) --require-hashes --requirement requirements/base.txt
	$(PIP_INSTALL) --no-build-isolation --editable .
	@$(WARM)
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	$(PIP_INSTALL) --require-hashes --requirement requirements/dev.txt
	$(PIP_INSTALL) --no-build-isolation --editable .
	@$(WARM)
	@touch $@ $(VENV)/.base

# Peers to compare with live in an environment of their own, so that nothing of theirs can become a dependency.
.venv-bench/.made: requirements/bench.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	@touch $@

include deploy/orocommerce/Makefile.inc
include deploy/Makefile.inc
