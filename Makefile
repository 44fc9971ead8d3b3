# Two commands do everything on a fresh machine, set-up included: make bench, make test.
PYTHON ?= python3
VENV ?= .venv
# Environments are made side by side.
MAKEFLAGS += --jobs=4
BIN := $(VENV)/bin
INSTALL := -m pip install --quiet --disable-pip-version-check

# Where tests/compat runs: the oldest pytest and pytest-xdist that are supported, and pytest alone.
OLD_AND_BARE := $(addprefix $(VENV)/compat/,oldest/.made oldest-alone/.made newest-alone/.made)

# An environment for each framework of cases/frameworks; `make test FRAMEWORKS=` leaves them out.
FRAMEWORKS ?= mindspore paddlepaddle jax

.DEFAULT_GOAL := help
.PHONY: help bench frameworks frameworks-all test lint format fuzz clean

help:  ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile

bench: $(VENV)/.cases  ## Measure this machine on the built-in case: the six-dimension table and a results folder
	@echo "== measuring this machine on cases/image_classification/digits.case.yaml (about three minutes)"
	$(BIN)/pytest --sixdim -v cases/image_classification/digits.case.yaml

frameworks: $(FRAMEWORKS:%=$(VENV)/frameworks/%/.made)  ## Install MindSpore, PaddlePaddle and JAX for the cases in cases/frameworks

frameworks-all:  ## The same, and TensorFlow
	$(MAKE) frameworks FRAMEWORKS="mindspore paddlepaddle jax tensorflow"

# Most tests wait for processes: four at a time keep two cores busy. Thousands of processes import the same modules, so
# their byte code is kept, whatever the environment says.
test: $(VENV)/.dev $(OLD_AND_BARE) frameworks  ## Run the tests
	@echo "== running the tests (about twelve minutes on two idle cores)"
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest -n 4 --dist worksteal tests

lint: $(VENV)/.dev  ## Check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest_sixdim.schema --check
	$(BIN)/pytest -q tests/test_layers.py

format: $(VENV)/.dev  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fuzz: $(VENV)/.dev  ## Fuzz the readers of files, logs and tools' output, a minute each (SECONDS=60)
	$(BIN)/python -m tests.fuzz.fuzz $(or $(SECONDS),60)

clean:  ## Remove the virtual environment and caches, never results
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "pytest-sixdim needs Python 3.10 or newer, and $(PYTHON) is not: make PYTHON=/path/to/python3 ..."; exit 1; }
	@echo "== making a virtual environment in $(VENV)"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.cases: pyproject.toml | $(BIN)/python
	@echo "== installing the plugin and what the built-in cases need (torch: a download of gigabytes)"
	$(BIN)/python $(INSTALL) -e '.[cases]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.cases
	@echo "== installing what the tests and checks need"
	$(BIN)/python $(INSTALL) -e '.[cases,dev]'
	@touch $@

$(VENV)/frameworks/%/.made: cases/frameworks/%/requirements.txt | $(BIN)/python
	@echo "== installing what cases/frameworks/$* needs in $(@D) (a download of up to a gigabyte)"
	$(BIN)/python -m venv $(@D)
	$(@D)/bin/python $(INSTALL) -r $<
	@touch $@

$(VENV)/compat/oldest/.made: RELEASES = pytest==8.4.0 pytest-xdist==3.6.1
$(VENV)/compat/oldest-alone/.made: RELEASES = pytest==8.4.0
$(VENV)/compat/newest-alone/.made: RELEASES = pytest
$(OLD_AND_BARE): %/.made: pyproject.toml | $(BIN)/python
	@echo "== installing the plugin with $(RELEASES) in $*"
	$(BIN)/python -m venv --clear $*
	$*/bin/python $(INSTALL) -e . $(RELEASES)
	@touch $@
