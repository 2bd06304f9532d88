# What a developer, a reviewer and CI run. `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
HOST ?= $(or $(CDS_HOST),127.0.0.1)
PORT ?= $(or $(CDS_PORT),8080)
IMAGE ?= cds-service
VENV := .venv
BIN := $(VENV)/bin
# Stamps: a second run installs only what pyproject.toml changed.
RUN_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
# A FHIR server of another project, for tests/integration: its many libraries stay out of ours.
SEKMET := .venv-sekmet
SEKMET_STAMP := $(SEKMET)/.installed
# A CDS Hooks client of another project, for tests/sandbox: likewise.
HEALTHCHAIN := .venv-healthchain
HEALTHCHAIN_STAMP := $(HEALTHCHAIN)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Modules that decide about patients: every branch is tested.
CORE := cds_service/record.py,cds_service/facts/*,cds_service/reading/*,cds_service/pathway/*

.PHONY: help serve test lint check cover kills bench mutants value-sets register trace prefetch docs image-check clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

serve: $(RUN_STAMP) ## install and serve on 127.0.0.1:8080 (HOST, PORT; else CDS_HOST, CDS_PORT)
	$(BIN)/cds-service serve --host $(HOST) --port $(PORT)

test: lint check mutants cover ## everything that CI runs

lint: $(DEV_STAMP) ## ruff, mypy --strict, import contracts, dependencies
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

check: $(DEV_STAMP) ## content: cards, value sets, lexicon, templates, cases
	$(BIN)/python tools/make_value_sets.py --check
	$(BIN)/cds-service check

mutants: $(DEV_STAMP) ## every mutant of a card must be caught by one of its cases
	$(BIN)/cds-service check --mutants

cover: $(DEV_STAMP) $(SEKMET_STAMP) $(HEALTHCHAIN_STAMP) ## pytest; every branch of the core must be covered
	$(BIN)/python -m pytest --cov --cov-report=
	$(BIN)/coverage report --include='$(CORE)' --fail-under=100
	$(BIN)/coverage report --format=total | xargs printf 'All modules: %s %%\n'

kills: $(DEV_STAMP) ## kill -9 the service 200 times under load, on SQLite and on PostgreSQL (takes some minutes)
	tools/with-postgres $(BIN)/python -m pytest -m long tests/store/test_kill.py

bench: $(DEV_STAMP) ## throughput and CPU per call against a floor server, waits for FHIR servers; fails beyond the limits
	$(BIN)/python -m bench.run

value-sets: $(DEV_STAMP) ## make cards/value-sets/*.json from the verified codes
	$(BIN)/python tools/make_value_sets.py

register: $(DEV_STAMP) ## make cards/register.csv from the cards
	$(BIN)/cds-service cards --csv > .register.csv
	mv .register.csv cards/register.csv

trace: $(DEV_STAMP) ## make docs/pathway-trace.md from the cards and statements.yaml
	$(BIN)/cds-service trace > .pathway-trace.md
	mv .pathway-trace.md docs/pathway-trace.md

prefetch: $(DEV_STAMP) ## make docs/prefetch-templates.md from cards/prefetch.yaml
	$(BIN)/cds-service prefetch > .prefetch-templates.md
	mv .prefetch-templates.md docs/prefetch-templates.md

docs: $(DEV_STAMP) ## build the documentation site in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

image-check: ## build the container image, start it, ask for its health (needs docker)
	docker build --tag $(IMAGE) .
	@id=$$(docker run --rm --detach --env CDS_UUID_KEY="$$(head -c 32 /dev/urandom | base64)" \
	    $(IMAGE) serve --host 0.0.0.0 --port 8080 --insecure); \
	trap 'docker stop "$$id" >/dev/null' EXIT; \
	for _ in $$(seq 30); do \
	    state=$$(docker inspect --format '{{.State.Health.Status}}' "$$id"); \
	    [ "$$state" = healthy ] && { echo "healthy"; exit 0; }; sleep 1; \
	done; \
	docker logs "$$id"; echo "not healthy after 30 s: $$state" >&2; exit 1

clean: ## remove what the targets made
	rm -rf $(VENV) $(SEKMET) $(HEALTHCHAIN) build dist .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: Python 3.11 or later is needed" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$$($(PYTHON) --version) is too old: Python 3.11 or later is needed (make PYTHON=python3.12 ...)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) has no venv module: install it (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable .
	@touch $@

$(DEV_STAMP): pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[dev]'
	@touch $(RUN_STAMP) $@

# Elsewhere than in CI it may be missing: the tests that need it are then skipped and say so.
$(SEKMET_STAMP): tests/integration/requirements.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m venv $(SEKMET)
	@if $(SEKMET)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<; then touch $@; \
	elif [ -n "$${CI:-}" ]; then echo "sekmet-fhir could not be installed" >&2; exit 1; \
	else rm -rf $(SEKMET); echo "sekmet-fhir could not be installed: the tests that need it are skipped" >&2; fi

$(HEALTHCHAIN_STAMP): tests/sandbox/healthchain-requirements.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m venv $(HEALTHCHAIN)
	@if $(HEALTHCHAIN)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<; then touch $@; \
	elif [ -n "$${CI:-}" ]; then echo "healthchain could not be installed" >&2; exit 1; \
	else rm -rf $(HEALTHCHAIN); echo "healthchain could not be installed: the tests that need it are skipped" >&2; fi
