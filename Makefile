# Two commands do everything: `make run` and `make test`. Each installs what it needs the first time.
# On Debian and Ubuntu missing system packages are installed where we may (as root); else the command is said.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := run
# More than there are cores: tests of a daemon mostly wait for it.
TEST_PROCESSES ?= 3

.PHONY: help run test lint format types check bench bench-quick bench-engine torture deb clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(VENV)/.installed $(RUN)/docferry.yaml  ## install if needed, start the daemon with the embedded engine
	@printf '%s\n' '' \
	  'Drop documents into   $(CURDIR)/$(RUN)/inbox' \
	  'Results appear in     $(CURDIR)/$(RUN)/outbox' \
	  'Try it from another terminal:' \
	  '    cp $(CURDIR)/config/samples/report.pdf $(CURDIR)/$(RUN)/inbox/' \
	  'Ask it there:' \
	  '    cd $(CURDIR)/$(RUN) && PATH="$(CURDIR)/$(BIN):$$PATH"' \
	  '    docferry status' \
	  'Ctrl-C stops it.' ''
	@exec $(BIN)/docferry run -c $(RUN)/docferry.yaml

test: $(VENV)/.installed-for-tests  ## install what the tests need, run all of them
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS)

lint: $(VENV)/.installed-for-tests  ## formatting and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-for-tests  ## mypy, strict
	$(BIN)/mypy

format: $(VENV)/.installed-for-tests  ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: test lint types  ## what CI runs

bench: $(VENV)/.installed-for-tests  ## measure against what people would use instead (about 20 minutes)
	$(BIN)/python tests/bench/run.py
	cd tests && ../$(BIN)/python rules/bench_routing.py

bench-quick: $(VENV)/.installed-for-tests  ## the same, small, in two minutes
	$(BIN)/python tests/bench/run.py --quick

bench-engine: $(VENV)/.installed-for-tests  ## what the engine reads from documents with known truth
	$(BIN)/python tests/bench/engine.py

torture: $(VENV)/.installed-for-tests  ## drop, kill, restart and check for SECONDS (default 1800)
	$(BIN)/python tests/torture/torture.py --seconds $(or $(SECONDS_OF_TORTURE),1800)

deb: $(VENV)/.installed  ## a Debian package in dist/
	systemd/package/build-deb

clean:  ## remove what was installed and built here, not your documents
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(RUN)/docferry.yaml: | $(VENV)/.installed
	@$(BIN)/docferry init $(RUN) > /dev/null

# Editable, so that an edit of the source is what runs.
$(VENV)/.installed: pyproject.toml .constraints.txt | $(VENV)/bin/python
	@echo 'Installing docferry and its engine into $(VENV), once; this takes a minute or two.'
	$(BIN)/python -m pip install --quiet --editable '.[engine,metrics,alerts]' --constraint .constraints.txt
	touch $@

$(VENV)/.installed-for-tests: $(VENV)/.installed tests/setup
	tests/setup $(BIN)/python
	touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'docferry needs Python 3.11 or newer; try: make $(MAKECMDGOALS) PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv; } || \
	  { echo 'Python cannot make virtual environments here: sudo apt install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
