# Python 3.11 or newer and make are all that a machine needs.  `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
UV_VERSION := 0.13.9
BIN := .venv/bin
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
    if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
# uv reads the machine's own certificates, as pip does: agencies' networks inspect TLS.
export UV_SYSTEM_CERTS := true

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: .venv/.ready  ## make .venv with the frwatch command in it

$(BIN)/uv:
	@if [ -z "$(PYTHON)" ]; then echo "make: no Python 3.11 or newer found; install one, or say PYTHON=/path/to/python3" >&2; exit 3; fi
	@if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then rm -rf .venv; $(PYTHON) -m venv .venv; fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# Compiled once here, not at each start where Python may not write beside its sources: a command begins in half the time.
.venv/.ready: $(BIN)/uv pyproject.toml requirements.lock
	@$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## play a statewide scenario through Kafka and ClickHouse, and say what the LAPD would not
	@$(BIN)/frwatch demo

test: setup  ## the tests, on a real broker, engine and registry, and those that stand in policies
	@$(BIN)/frwatch policy test deploy/policies deploy/policies/pack
	@$(BIN)/pytest -m "not slow"

test-all: setup  ## the slow tests too
	@$(BIN)/pytest

faults: setup  ## break things under load, and count: some 75 minutes (FAULTS="--short --only worker" for less)
	@$(BIN)/python -m tests.faults $(FAULTS)

bench: setup  ## throughput, latency and memory, with the machine's name
	@$(BIN)/python -m tests.bench

lint: setup  ## lint, format, types, direction of imports
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy

lock: $(BIN)/uv  ## bring requirements.lock up to date with pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --no-emit-index-url --custom-compile-command 'make lock' --group dev pyproject.toml --output-file requirements.lock

clean:  ## remove .venv and caches; the stack's data in .frwatch stay
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help setup demo test test-all faults bench lint lock clean
