.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Installs go by the lock files alone: every wheel by its hash, the project itself without any download.
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install --no-deps

COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
    $(UPGRADE) pyproject.toml

# Every command is a name, not a file.
.PHONY: bench bench-analyses bench-imports bench-search bench-tracing browser check clean coverage dist floors format fuzz \
    help hooks image-check licences lock migrate mutants revision run screenshot test test-lowest

help:  ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/runtime: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what Daybook needs into $(VENV) (once, until requirements.lock changes)"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/development: requirements-dev.lock $(VENV)/runtime
	@echo "Installing what tests and checks need into $(VENV) (once, until requirements-dev.lock changes)"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

run: $(VENV)/runtime  ## Serve on http://127.0.0.1:8000 with a database of its own, debug on
	@DAYBOOK_DEBUG=$${DAYBOOK_DEBUG:-1} $(BIN)/daybook serve

test: $(VENV)/development  ## Run the tests on a real PostgreSQL (TESTS="tests/diary -x" for some)
	@$(BIN)/python -m pytest -n auto $(TESTS)

$(VENV)-lowest/development: requirements-lowest.lock pyproject.toml
	@test -x $(VENV)-lowest/bin/python || $(PYTHON) -m venv $(VENV)-lowest
	@echo "Installing the lowest versions that pyproject.toml allows into $(VENV)-lowest"
	@$(PIP:$(BIN)/%=$(VENV)-lowest/bin/%) --require-hashes -r requirements-lowest.lock
	@$(PIP:$(BIN)/%=$(VENV)-lowest/bin/%) --no-build-isolation --editable .
	@touch $@

test-lowest: $(VENV)-lowest/development  ## Run the tests of the web and the database on the lowest versions that pyproject.toml allows
	@$(VENV)-lowest/bin/python -m pytest -n auto tests/web tests/database tests/diary tests/accounts

coverage: $(VENV)/development  ## Run the tests with coverage of lines and branches, and fail below the share in pyproject.toml
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -n auto $(TESTS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

browser:  ## Install the Chromium that drives the tracing page in tests (Debian, as root)
	@apt-get update -qq && apt-get install -y -qq chromium

floors: $(VENV)/development  ## Draw the floors in the docs again, from the import contracts in pyproject.toml
	@$(BIN)/python -m scripts.floors

screenshot: $(VENV)/development  ## Take the picture of the tracing page in the docs again
	@TRACING_SCREENSHOT=docs/images/tracing.png $(BIN)/python -m pytest -q tests/tracing/test_browser.py

bench: $(VENV)/development  ## Compare with other ways of serving the same pages (PAGES=today for one), and what tracing costs
	@$(BIN)/python -m benchmarks.bench
	@test -n "$(PAGES)" || $(BIN)/python -m benchmarks.tracing_cost --processes 6

bench-analyses: $(VENV)/development  ## Measure 100 photos at once on a pool of 2 connections
	@$(BIN)/python -m benchmarks.analyses

bench-imports: $(VENV)/development  ## Measure 50,000 bookmarks of each format, and a process killed half-way
	@$(BIN)/python -m benchmarks.imports

bench-tracing: $(VENV)/development  ## Measure what tracing costs, off and on
	@$(BIN)/python -m benchmarks.tracing_cost

bench-search: $(VENV)/development  ## Measure searching 300,000 contents of 30 people
	@$(BIN)/python -m benchmarks.search

check: $(VENV)/development  ## Format, lint, types and import contracts, without changing anything
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/development  ## Format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

hooks: $(VENV)/development  ## Check each commit by git hooks (.pre-commit-config.yaml)
	@$(BIN)/prek install

migrate: $(VENV)/runtime  ## Bring the database (DATABASE_URL, or the embedded one) to the newest schema
	@$(BIN)/daybook migrate

revision: $(VENV)/runtime  ## Write a migration from the models: make revision MESSAGE="add weights"
	@$(BIN)/alembic revision --autogenerate -m "$(MESSAGE)"

fuzz: $(VENV)/development  ## Send 20,000 requests that the API document allows, or does not, and check each answer
	@$(BIN)/python -m scripts.fuzz

licences: $(VENV)/runtime  ## List the licences of what Daybook runs with, and fail on the GPL and the AGPL
	@$(BIN)/python -m scripts.licences

mutants: $(VENV)/development  ## Remove each owner filter and guard in turn, and run the tests that should notice (ONLY=library)
	@$(BIN)/python -m scripts.mutants --only "$(ONLY)" $(if $(LISTED),--listed)

# Versions that are in the lock files stay, until they are to be the newest: make lock UPGRADE=--upgrade
lock: $(VENV)/development  ## Resolve what pyproject.toml asks for into the lock files (UPGRADE=--upgrade for the newest)
	@$(BIN)/$(COMPILE) --group build -o requirements.lock
	@$(BIN)/$(COMPILE) --group build --group dev -c requirements.lock -o requirements-dev.lock
	@$(BIN)/$(COMPILE) --group build --group test --resolution lowest-direct --upgrade -o requirements-lowest.lock

dist: $(VENV)/runtime  ## Build the wheel and the source distribution into dist/
	@$(BIN)/hatchling build

image-check: $(VENV)/runtime  ## Build the container image and run it in production (an engine, or root on Debian)
	@scripts/image-check

clean:  ## Remove the virtual environment and caches (never the data in .daybook)
	@rm -rf .venv* dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage* benchmarks/contenders/node/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
