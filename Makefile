# Every target says what it does: `make help`.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS := never
KILLS ?= 100
DECISIONS ?= 1000000
CALLS ?= 20000
RUN_CONFIG ?= config.example.toml
PYTHONS ?= python3.12 python3.13
SBOM ?= dist/huntgroup.cdx.json

.PHONY: help setup setup-run browser proxies clients run test check lint fmt types arch fast pythons bench faults figures oracle month twilio asterisk clean lock sbom

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  %-10s %s\n", $$1, $$2}'

# the stamps make the environment once, and again when what it is made from has changed
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "huntgroup needs Python 3.11 or newer (PYTHON=/path/to/python make ...)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@

$(VENV)/.run: $(VENV)/.made requirements/run.txt pyproject.toml
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/run.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.made requirements/dev.txt pyproject.toml
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements/dev.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps -e .
	@touch $(VENV)/.run $@

setup: $(VENV)/.dev  ## make .venv with everything (running and testing)

setup-run: $(VENV)/.run

run: $(VENV)/.run  ## run a server with the example configuration and demo agents on SQLite; prints where to look
	@exec $(BIN)/huntgroup --config $(RUN_CONFIG) demo

browser:
	@tests/browser/install

proxies:
	@tests/deploy/install
	@tests/pooler/install

clients:
	@tests/clients/install

test: setup browser proxies clients  ## everything that CI runs: lint, types, architecture, every test but the long fault runs
	$(MAKE) --no-print-directory lint types arch
	$(BIN)/pytest -n 2 --dist loadgroup

check: setup lint types arch fast  ## lint, types, architecture and the fast tests: before every commit

lint:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

fmt: setup  ## put the code into the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types:
	$(BIN)/mypy

arch:
	$(BIN)/lint-imports

fast:
	$(BIN)/pytest -n 2 --dist loadgroup -m "not slow and not browser"

pythons: proxies  ## the fast tests on other interpreters that are here: PYTHONS="python3.12 python3.13"
	@for one in $(PYTHONS); do \
	  $$one -c '' 2>/dev/null || { echo "no $$one here: its tests are skipped"; continue; }; \
	  $(MAKE) --no-print-directory VENV=.run/$$(basename $$one) PYTHON=$$one setup fast || exit 1; \
	done

bench: setup  ## measure against hand-written references; prints a table, writes bench-results.json
	$(BIN)/python -m tests.bench

faults: setup proxies  ## the long fault runs: KILLS=100 kills on each database, races, mutants, upgrades
	HUNTGROUP_FAULTS=long HUNTGROUP_KILLS=$(KILLS) $(BIN)/pytest tests/faults tests/deploy tests/upgrade -s

figures: setup  ## how well languages and issues are told, on the public texts beside this checkout
	$(BIN)/python -m tests.bench.understanding

oracle: setup  ## compare hours with a slow minute-by-minute oracle: DECISIONS=1000000
	$(BIN)/python -m tests.router.hours.calendar_oracle $(DECISIONS)

month: setup  ## live through a month of requests for calls, over both changes of the clocks, twice: CALLS=20000
	CALLS=$(CALLS) $(BIN)/pytest tests/router/flows/callbacks/test_month.py -s

twilio: setup  ## compare what we ask of Twilio with its OpenAPI description: fetches that and a mock server into .run (npm)
	tests/channels/twilio

asterisk: setup  ## dial over a real Asterisk, telephones played by sipp: needs root and Debian, makes .run/asterisk (600 MB)
	tests/channels/callback/asterisk/run

lock: setup  ## pin every dependency with its hashes
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate pyproject.toml -o requirements/run.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --extra dev pyproject.toml -o requirements/dev.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate requirements/build.in -o requirements/build.txt

sbom: setup  ## a bill of materials of what a node runs, as CycloneDX: dist/huntgroup.cdx.json
	@mkdir -p $(dir $(SBOM))
	$(BIN)/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --mc-type application --output-reproducible --of JSON -o $(SBOM) requirements/run.txt

clean:  ## forget the environment and everything that was made
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist test-output .run bench-results.json
