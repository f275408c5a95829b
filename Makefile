# Everything a person does with a checkout. `make` alone says what there is.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
ARGS ?=

# The page: built from web/ with Node, the machine's or one from a wheel. What is built is not committed.
PAGE := src/ambient/server/static/index.html
WEB := $(shell git ls-files web 2>/dev/null || find web -type f -not -path '*/node_modules/*')
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm

.PHONY: help up test check page screenshots test-cluster bench soak lock manifests
.DEFAULT_GOAL := help

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

# With a key for Claude in the environment, Claude is installed too.
CLAUDE := $(if $(ANTHROPIC_API_KEY)$(ANTHROPIC_AUTH_TOKEN)$(CLAUDE_CODE_USE_VERTEX),$(VENV)/claude.stamp)

up: $(VENV)/run.stamp $(CLAUDE) $(PAGE)  ## install what is missing and start Ambient here; ARGS="--port 9000"
	@exec $(BIN)/ambient up $(ARGS)

test: $(VENV)/dev.stamp $(VENV)/adapters.stamp $(PAGE) tests/judge/node_modules/.stamp  ## every test but those that need a cluster
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n 2 --dist loadfile -m "not cluster and not soak" --cov=ambient.core --cov=ambient.contract --cov-branch --cov-report= $(ARGS)
	@$(BIN)/coverage report --include='src/ambient/core/*,src/ambient/contract/*' --skip-covered --fail-under=90

test-cluster: $(VENV)/dev.stamp  ## what needs a cluster: builds the images, installs the platform at KUBECONFIG
	@deploy/images >/dev/null
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -m "cluster and not soak" --timeout=300 $(ARGS)

manifests: $(VENV)/dev.stamp  ## write deploy/base anew from settings, contract and code
	@$(BIN)/python -m ambient.engines.kube.crd deploy/base/crds
	@$(BIN)/python deploy/generate.py

check: $(VENV)/dev.stamp  ## format, lint, types, who imports whom, generated files, the page, news
	@.ci/check

page: $(PAGE)  ## build the web page

bench: $(VENV)/dev.stamp  ## the table of numbers; ARGS="--quick" or names of rows
	@$(BIN)/python -m bench $(ARGS)

screenshots: $(VENV)/dev.stamp $(PAGE)  ## take docs/images anew, in Chromium; ARGS="--all FOLDER" for every page
	@$(BIN)/python -m bench.screenshots $(ARGS)

soak: $(VENV)/dev.stamp tests/judge/node_modules/.stamp  ## the long variants of the model, kill and rotation tests
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -m soak --timeout=3600 $(ARGS)

# Extras are kept: pip takes `coverage[toml]` for another package than `coverage`, and would fetch its newest.
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --quiet \
	--no-header --no-annotate --no-strip-extras --no-emit-index-url --no-emit-find-links
lock: $(BIN)/uv  ## resolve the dependencies anew; ARGS="--upgrade"
	$(COMPILE) pyproject.toml --group build -o requirements/run.txt $(ARGS)
	$(COMPILE) pyproject.toml --extra claude --group build -c requirements/run.txt -o requirements/claude.txt $(ARGS)
	$(COMPILE) pyproject.toml --extra claude --extra mcp --extra s3 --extra server --group build --group dev -c requirements/run.txt -o requirements/dev.txt $(ARGS)
	$(COMPILE) pyproject.toml --extra langgraph --extra pydantic-ai --group build -c requirements/dev.txt -o requirements/adapters.txt $(ARGS)
	$(COMPILE) pyproject.toml --extra server --extra s3 -c requirements/dev.txt -o requirements/server.txt $(ARGS)
	$(COMPILE) --group runner -c requirements/run.txt -o requirements/runner.txt $(ARGS)
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

$(VENV)/claude.stamp: $(VENV)/run.stamp requirements/claude.txt
	@echo "Installing Claude into $(VENV) (once; its command line is some 100 MB)"
	@$(PIP) install --require-hashes -r requirements/claude.txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(PAGE): $(WEB) web/node_modules/.stamp
	@echo "Building the web page"
	@cd web && $(NPM) run --silent build -- --logLevel warn
	@touch $@

web/node_modules/.stamp: web/package-lock.json | $(VENV)/bin/python
	@command -v npm >/dev/null || $(PIP) install --require-hashes -r requirements/node.txt
	@cd web && $(NPM) ci --silent --ignore-scripts
	@touch $@

# Format, lint, types (those of the API made anew from its description) and unit tests of the page.
web/node_modules/.checked: $(WEB) $(VENV)/dev.stamp web/node_modules/.stamp $(wildcard src/ambient/server/*.py src/ambient/server/routes/*.py src/ambient/contract/*.py)
	@PYTHONPATH=src:tests $(BIN)/python -m support.openapi web/openapi.json
	@cd web && $(NPM) run --silent types >/dev/null && $(NPM) run --silent check
	@touch $@

# Agents of other makes: much to install, and needed by the tests of their adapters alone.
$(VENV)/adapters.stamp: $(VENV)/dev.stamp requirements/adapters.txt
	@$(PIP) install --require-hashes -r requirements/adapters.txt
	@touch $@

# The judges of our streams are the official TypeScript client's; a machine without Node gets one from a wheel.
tests/judge/node_modules/.stamp: tests/judge/package-lock.json $(VENV)/dev.stamp
	@command -v npm >/dev/null || $(PIP) install --require-hashes -r requirements/node.txt
	@cd tests/judge && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@
