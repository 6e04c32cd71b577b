# Touchline: the two commands are `make demo` and `make test`; `make` alone lists them all.
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-once test test-fast bench faults soak lint types downloads clean
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
TOUCHLINE := $(BIN)/touchline
UV := $(shell uv --version >/dev/null 2>&1 && echo uv || echo .local/uv/bin/uv)
# Tests of a file share worlds that take seconds to make; those on a real Kafka have the machine to themselves.
PURE := $(BIN)/pytest -m "not integration" --numprocesses auto --dist loadfile
# Another Kafka for the tests: make test TEST_KAFKA_VERSION=3.9.1
TEST_KAFKA_VERSION ?=
export TEST_KAFKA_VERSION

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.ready ## Install everything into .venv (needs Python 3.11, or uv)

demo: setup ## Play 90 days of a company, then go live with it; Ctrl-C ends it
	@$(TOUCHLINE) demo

demo-once: setup ## The same without going on live; 0 only if verify is clean and each story came out
	@$(TOUCHLINE) demo --once

test: lint types downloads ## Everything: lint, types, and all tests on a real Kafka and Redis
	@$(PURE) $(PYTEST_ARGS)
	@$(BIN)/pytest -m integration $(PYTEST_ARGS)

test-fast: setup ## The tests that need neither Kafka nor Redis
	@$(PURE) $(PYTEST_ARGS)

bench: downloads ## This worker and its peers at one job, many people, Salesforce, idle; some 20 minutes
	@$(BIN)/python -m tests.bench $(BENCH_ARGS)
	@$(BIN)/python -m tests.bench.scale $(SCALE_ARGS)
	@$(BIN)/python -m tests.bench.mixed $(MIXED_ARGS)
	@$(BIN)/python -m tests.bench.idle $(IDLE_ARGS)

faults: downloads ## Kill, stop, cut and corrupt everything on two Kafkas, and verify; about an hour
	@$(BIN)/python -m tests.faults $(FAULTS_ARGS)

soak: downloads ## The same for a night: four times the runs, two hours of random kills
	@$(BIN)/python -m tests.faults --soak $(FAULTS_ARGS)

lint: setup ## Style, formatting and the rules about who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: setup ## mypy --strict
	@$(BIN)/mypy

downloads: setup
	@TOUCHLINE_DATA_DIR=.local $(TOUCHLINE) stack fetch --kafka-version "$(TEST_KAFKA_VERSION)"

clean: ## Stop the local stack and remove its data, downloads, caches and .venv
	@if [ -x $(TOUCHLINE) ]; then $(TOUCHLINE) stack down; fi
	rm -rf .venv .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

.venv/.ready: pyproject.toml uv.lock | $(filter-out uv,$(UV))
	@$(UV) sync --frozen
	@touch $@

.local/uv/bin/uv:
	@echo "No uv here: installing it into .local/uv ..."
	@python3 -m venv .local/uv
	@.local/uv/bin/pip install --quiet --disable-pip-version-check uv
