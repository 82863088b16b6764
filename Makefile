# Everything a newcomer or CI needs. Targets set up what they need themselves, and are quick when nothing changed.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
PIP = $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off
SHOWN = config/setup/shown.sh $(STAMPS)
CORE := $(shell find src -name '*.pyx' -o -name '*.pxd' -o -name '*.h')
# Tests start hundreds of processes: where an environment forbids to keep what was compiled, each compiles all its source.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup build build-debug generate fmt lint docs types test integration prove mends hostile chaos sanitize fuzz bench load run session screens deploy-check check wheel clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMPS)/build ## make .venv, install everything, compile the core

$(STAMPS)/needs:
	@config/setup/needs.sh $(PYTHON)
	@mkdir -p $(STAMPS) && touch $@

# Whoever ends it in the middle leaves half a .venv, or half a compiled file that is newer than its source: both are made anew.
$(STAMPS)/venv: pyproject.toml setup.py | $(STAMPS)/needs
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || \
	  $(SHOWN)/venv.log "1/3 making $(VENV) (some seconds)" $(PYTHON) -m venv --clear $(VENV)
	@$(SHOWN)/packages.log "2/3 installing some 140 packages (320 MB to fetch; a minute or two)" $(SHELL) -ec \
	  "$(PIP) 'setuptools>=77,<90' 'Cython>=3.1,<4' && SOLQUOTE_BUILD=none $(PIP) --no-build-isolation --editable '.[dev,load,telemetry,postgresql,parquet,redis]'"
	@touch $@

$(STAMPS)/build: $(STAMPS)/venv $(CORE)
	@test ! -e $(STAMPS)/compiling || find src \( -name '*.c' -o -name '*.so' \) -delete
	@touch $(STAMPS)/compiling
	@$(SHOWN)/core.log "3/3 compiling the core (a minute or two; later only what changed)" \
	  $(BIN)/python setup.py build_ext --inplace
	@rm $(STAMPS)/compiling && touch $@

build: setup ## compile what changed

build-debug: $(STAMPS)/venv ## compile with bounds checks and annotated HTML
	SOLQUOTE_BUILD=debug $(BIN)/python setup.py --quiet build_ext --inplace --force

generate: setup ## regenerate what is made: from proto/, settings, metrics, the HTTP API, and deploy/monitoring (dashboards, rules, runbook)
	$(BIN)/python proto/generate.py
	$(BIN)/python proto/reference.py
	$(BIN)/python -m solquote.metrics_reference > docs/metrics.md.new && mv docs/metrics.md.new docs/metrics.md
	$(BIN)/python -m solquote.http_reference > docs/http.md.new && mv docs/http.md.new docs/http.md
	$(BIN)/python deploy/monitoring
	$(BIN)/python -m solquote.setting_models > settings.new && mv settings.new src/quote_core/data/settings.json
	$(BIN)/solquote settings --markdown > docs/settings.md.new && mv docs/settings.md.new docs/settings.md

fmt: setup ## format
	$(BIN)/ruff format src tests benchmarks docs deploy proto setup.py
	$(BIN)/ruff check --fix --quiet src tests benchmarks docs deploy proto setup.py

lint: setup ## format, lint, imports, contracts: check only
	$(BIN)/ruff format --check --quiet src tests benchmarks docs deploy proto setup.py
	$(BIN)/ruff check --quiet src tests benchmarks docs deploy proto setup.py
	$(BIN)/lint-imports
	cd proto && ../$(BIN)/buf lint && ../$(BIN)/buf breaking --against baseline.json
	$(BIN)/python proto/events_baseline.py
	$(BIN)/python proto/generate.py --check
	$(BIN)/python proto/reference.py --check
	$(BIN)/python deploy/monitoring --check

docs: setup ## the documents as a site, in build/site; fails for a link that leads nowhere
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

types: setup ## mypy, strict
	$(BIN)/mypy

# Which tests stay together, and in which order, is said in tests/conftest.py.
# One more than two cores have work for: half of the time a test waits for a process, a server or a time-out.
TEST_WORKERS ?= 3
PYTEST = $(BIN)/python -m pytest --numprocesses $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder
test: setup ## all tests (TEST_WORKERS=3)
	$(PYTEST) -r s -m "not long"

integration: setup ## only the tests with real processes and servers
	$(PYTEST) -m "integration and not long"

prove: setup ## the long proofs of the shared-memory table, some half an hour
	$(BIN)/python tests/prove

mends: setup ## take each mend out of a copy of the source and see its test fail, some eight minutes
	$(BIN)/python tests/mends

HOSTILE_MINUTES ?= 60
hostile: setup ## an hour of the local quote service before a node that lies (HOSTILE_MINUTES=60)
	$(BIN)/python tests/hostile --minutes $(HOSTILE_MINUTES)

CHAOS_MINUTES ?= 10
chaos: setup ## the whole platform through kills, pauses, a full disk, clock steps and halts (CHAOS_MINUTES=10)
	$(BIN)/python tests/chaos --minutes $(CHAOS_MINUTES)

deploy-check: setup ## what deploy/ and the release hold, against schemas, linters and the product's own names
	$(BIN)/python -m pytest -r s tests/unit/deploy

check: lint types docs test ## what CI runs; deploy-check is in test

bench: setup ## every benchmark, each figure beside its reference
	@for file in benchmarks/*.py benchmarks/peers/run.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

LOAD ?=
load: setup ## load a platform of its own with k6 and readers, and keep a report (LOAD="soak"; tests/load/README.md)
	$(BIN)/python tests/load $(LOAD)

# The compiled core built apart, so that the release build stays; the interpreter itself is not instrumented, hence the
# preload. The compiler names its own runtime libraries. Every object comes from malloc, so that a byte read behind one is seen.
SANITIZED = build/sanitize/lib
SANITIZERS = $$($${CC:-cc} -print-file-name=libasan.so):$$($${CC:-cc} -print-file-name=libubsan.so)
ON_SANITIZED = LD_PRELOAD=$(SANITIZERS) ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
  PYTHONPATH=$(SANITIZED) $(BIN)/python
sanitize: setup ## golden, property and row tests on what is compiled, and spoilt messages, under address and undefined-behaviour sanitizers
	SOLQUOTE_BUILD=sanitize $(BIN)/python setup.py -q build --build-base build/sanitize --build-lib $(SANITIZED)
	$(ON_SANITIZED) -m pytest tests/golden tests/unit/quote_core/dex tests/unit/quote_core/events \
	  tests/unit/local_quote tests/unit/aggregator tests/contract/test_events.py
	$(ON_SANITIZED) tests/fuzz/fuzz_events.py

FUZZ_RUNS ?= 1000000
fuzz: setup ## coverage-guided fuzzing of every decoder and quote (FUZZ_RUNS=1000000)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'atheris>=3,<4'
	@mkdir -p build/fuzz/corpus
	$(BIN)/python tests/fuzz/fuzz_dex.py -runs=$(FUZZ_RUNS) -max_len=512 -timeout=20 -print_final_stats=1 \
	  -artifact_prefix=build/fuzz/ build/fuzz/corpus

run: setup ## the whole platform on the recorded market
	@exec $(BIN)/solquote up

session: setup ## record docs/session.md anew, from a platform of its own
	$(BIN)/python docs/session.py

screens: setup ## take docs/screens anew, from a platform of its own (Debian: apt-get install chromium)
	$(BIN)/python docs/screens.py

wheel: setup ## the package as a wheel in dist/
	$(BIN)/python -m build --wheel --outdir dist .

clean: ## remove what was built
	rm -rf $(VENV) $(STAMPS) build dist src/*.egg-info
	find src -name '*.so' -delete
