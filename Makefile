# Everything a person does with a checkout. `make` alone says what there is.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
ARGS ?=

.PHONY: help up test check bench soak lock
.DEFAULT_GOAL := help

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

up: $(VENV)/run.stamp  ## install what is missing and start Ambient here; ARGS="--port 9000"
	@exec $(BIN)/ambient up $(ARGS)

test: $(VENV)/dev.stamp tests/judge/node_modules/.stamp  ## every test but those that need a cluster
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n 2 --dist loadfile -m "not cluster and not soak" --cov=ambient --cov-branch --cov-report= $(ARGS)
	@$(BIN)/coverage report --include='src/ambient/core/*,src/ambient/contract/*' --skip-covered --fail-under=90

check: $(VENV)/dev.stamp  ## format, lint, types, who imports whom, generated files, news
	@.ci/check

bench: $(VENV)/dev.stamp  ## the table of numbers; ARGS="--quick" or names of rows
	@$(BIN)/python -m bench $(ARGS)

soak: $(VENV)/dev.stamp tests/judge/node_modules/.stamp  ## the long variants of the model, kill and rotation tests
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -m soak --timeout=3600 $(ARGS)

COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --quiet \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links
lock: $(BIN)/uv  ## resolve the dependencies anew; ARGS="--upgrade"
	$(COMPILE) pyproject.toml --group build -o requirements/run.txt $(ARGS)
	$(COMPILE) pyproject.toml --all-extras --group build --group dev -c requirements/run.txt -o requirements/dev.txt $(ARGS)
	$(COMPILE) --group node -o requirements/node.txt $(ARGS)

$(BIN)/uv: $(VENV)/bin/python
	@$(PIP) install uv

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Ambient needs Python 3.11 or newer with venv (Debian: apt-get install python3-venv)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# Hashes hold for everything that comes from outside; our own code needs no index and no network.
$(VENV)/run.stamp: $(VENV)/bin/python requirements/run.txt pyproject.toml
	@echo "Installing Ambient into $(VENV) (once; under a minute)"
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# The judges of our streams are the official TypeScript client's; a machine without Node gets one from a wheel.
tests/judge/node_modules/.stamp: tests/judge/package-lock.json $(VENV)/dev.stamp
	@command -v npm >/dev/null || $(PIP) install --require-hashes -r requirements/node.txt
	@cd tests/judge && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@
