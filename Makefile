# Each target sets itself up: a local .venv, uv from the package index if it is missing, and
# dependencies at the versions and hashes that requirements/ pins.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(or $(shell command -v python3.11),python3)
VENV := .venv
BIN := $(VENV)/bin
UV := $(or $(shell command -v uv),$(BIN)/uv)
# one BLAS thread: two that contend cost more than they bring
export OPENBLAS_NUM_THREADS := 1

.PHONY: help demo demo-all test test-all check changelog docs bench bench-reading bench-recovery bench-few-events bench-fit bench-coverage bench-agreement bench-correction bench-gate bench-sequential bench-report bench-kill bench-soak bench-scale reference gate fuzz lock clean

help:  ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## Run the arena on a simulated model and print how far the threat shifts it
	@rm -rf logs/demo
	$(BIN)/inspect eval arena_evals/shutdown_dilemma --model arena/frame-sensitive --model-role grader=arena/grader --log-dir logs/demo
	@echo
	$(BIN)/arena analyze logs/demo

demo-all: $(VENV)/.test  ## Run every task and condition on a simulated model; report time and number of calls
	@rm -rf logs/demo-all
	$(BIN)/python benchmarks/everything.py logs/demo-all

test: check  ## Lint, format, types, import boundaries and tests, but for the slow ones
	$(BIN)/pytest -n 2 -m "not slow"

test-all: check  ## The same with the slow ones: sweeps and runs that are killed, nodes of Ray
	$(BIN)/pytest -n 2

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/arena lint
	$(BIN)/inspect-evals-lint arena_evals

docs: $(VENV)/.docs  ## Build the documentation site, with links checked, into build/site
	$(BIN)/python docs/site/make_site.py

changelog: $(VENV)/.test  ## Show what the fragments in changelog.d come to
	$(BIN)/towncrier build --draft

bench: $(VENV)/.test  ## Measure cost beside bare Inspect, samples_df, statsmodels and R; write it into docs/performance.md
	$(BIN)/python -W ignore benchmarks/performance.py docs/performance.md

bench-reading: $(VENV)/.test  ## Read a million samples in 100 logs; report time and memory beside Inspect's own table
	$(BIN)/python benchmarks/reading.py

bench-recovery: $(VENV)/.test  ## Run 100 seeds of a model whose shift is known and count how often it is found
	$(BIN)/python benchmarks/recovery.py

bench-few-events: $(VENV)/.test  ## Simulate how often the interval covers where events are rare
	$(BIN)/python -W ignore benchmarks/few_events.py

bench-fit: $(VENV)/.test  ## Time the mixed model beside statsmodels (and glmmTMB, if there is R), and at 1.5 million trials
	$(BIN)/python -W ignore benchmarks/fit.py

bench-coverage: $(VENV)/.test  ## Simulate how often the mixed model's intervals hold the truth
	$(BIN)/python -W ignore benchmarks/coverage.py

bench-agreement: $(VENV)/.test  ## Simulate how often the intervals of agreement hold the truth
	$(BIN)/python benchmarks/agreement.py

bench-correction: $(VENV)/.test  ## Simulate how often a rate corrected by labels is right where the judge errs by arm
	$(BIN)/python benchmarks/correction.py

bench-gate: $(VENV)/.test  ## Simulate how often the gate alarms and passes, by what the release is worse
	$(BIN)/python benchmarks/gate.py

bench-sequential: $(VENV)/.test  ## Simulate how often and how early a run that looks after every block decides
	$(BIN)/python benchmarks/sequential.py 1000

bench-scale: $(VENV)/.test  ## Measure what a sample costs in processor time and bytes of log, for docs/scale.md
	$(BIN)/python benchmarks/scale.py

RELEASE := arena_evals/shutdown_dilemma --model arena/frame-sensitive -T arms=baseline,threat,positive_control -T judged=false --display none

reference: $(VENV)/.test  ## Run the reference of the gate on a simulated model and make its logs small
	@rm -rf logs/reference-whole
	$(BIN)/inspect eval $(RELEASE) -M seed=1 --log-dir logs/reference-whole
	$(BIN)/python benchmarks/reference.py logs/reference-whole logs/reference

gate: $(VENV)/.demo  ## Hold the same simulated model, run again, against the reference
	@rm -rf logs/candidate
	$(BIN)/inspect eval $(RELEASE) -M seed=2 --log-dir logs/candidate
	$(BIN)/arena gate --reference logs/reference --candidate logs/candidate --plan logs/reference/gate.yaml

bench-report: $(VENV)/.test  ## Time a report on 10 models, 8 scenarios and 100,000 trials, and weigh its page
	$(BIN)/python benchmarks/report.py

bench-kill: $(VENV)/.test  ## Kill a run 50 times with signal 9, resume it, and count what is lost, doubled or paid twice
	PYTHONPATH=tests $(BIN)/python benchmarks/kill.py 50 30 --cache 7D

bench-soak: $(VENV)/.test  ## Run 20,160 samples over three real clients in random faults; report calls and memory
	PYTHONPATH=tests $(BIN)/python benchmarks/soak.py

fuzz: $(VENV)/.test  ## Read 10,000 texts that nobody would write, and make calls of tools that nobody would make
	ARENA_FUZZ=10000 $(BIN)/pytest -n 2 --timeout 3600 tests/test_fuzz.py tests/test_world_fuzz.py

lock: $(BIN)/uv  ## Pin the newest versions of every dependency into requirements/
	$(UV) pip compile -q pyproject.toml --group build --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --upgrade -o requirements/run.txt
	$(UV) pip compile -q pyproject.toml --group dev --extra parquet --extra ray --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --upgrade -o requirements/test.txt
	$(UV) pip compile -q pyproject.toml --group docs --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --upgrade -o requirements/docs.txt

clean:  ## Remove everything that make has built
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed; set PYTHON=" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(BIN)/uv: | $(VENV)/.made
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt

define install
	@echo "Installing what $(1) pins into $(VENV) ..."
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(1)
	@$(UV) pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps -e .
	@touch $@
endef

$(VENV)/.demo: requirements/run.txt pyproject.toml $(VENV)/.made | $(BIN)/uv
	$(call install,requirements/run.txt)

$(VENV)/.test: requirements/test.txt pyproject.toml $(VENV)/.made | $(BIN)/uv
	$(call install,requirements/test.txt)
	@touch $(VENV)/.demo

$(VENV)/.docs: requirements/docs.txt pyproject.toml $(VENV)/.made | $(BIN)/uv
	$(call install,requirements/docs.txt)
