# One command per intent; each does its own set-up, and the second run finds it done.
# On a fresh Debian 12 or 13 nothing but make (and root or sudo for missing packages) is needed.

PYTHON := .venv/bin/python

.PHONY: help setup demo test check bench bench-quick bench-hot profile soak soak-memory screenshots clean

help:
	@echo "make demo         the server, a simulated Dynamics and simulated calls on one port"
	@echo "make test         every check and every test, as CI runs them"
	@echo "make check        format, lint, types and layers alone"
	@echo "make bench        speed against the peers; make bench-quick in seven minutes;"
	@echo "                  make bench-hot, the hot path alone against the reference, in one"
	@echo "make profile      a flame graph of the server under load: build/profile.svg"
	@echo "make soak         a hundred kills under load, a thousand contacts through faults of"
	@echo "                  Dynamics: nothing lost, nothing doubled"
	@echo "make soak-memory  an hour of panels that come and go: no growth, no slowing down"
	@echo "make screenshots  pictures of every page and state in build/screenshots"
	@echo "make setup        .venv with everything for development"
	@echo "make clean        remove what the above made"

setup:
	@scripts/setup dev

demo:
	@scripts/setup runtime
	@$(PYTHON) -m adapter demo $(ARGS)

test:
	@scripts/setup test
	@scripts/test

check:
	@scripts/setup dev
	@scripts/check

bench:
	@scripts/setup dev
	@$(PYTHON) -m bench $(ARGS)

bench-quick:
	@scripts/setup dev
	@$(PYTHON) -m bench --quick $(ARGS)

bench-hot:
	@scripts/setup dev
	@$(PYTHON) -m bench --only screenpop-normal,reference --measures saturation,latency $(ARGS)

profile:
	@scripts/setup dev
	@scripts/profile $(ARGS)

soak:
	@scripts/setup soak
	@$(PYTHON) -m pytest -n auto --dist worksteal -m soak
	@$(PYTHON) -m tests.crash.marathon --kills 100 $(ARGS)
	@$(PYTHON) -m tests.outbox.marathon --contacts 1000

soak-memory:
	@scripts/setup dev
	@$(PYTHON) -m bench.churn $(ARGS)

screenshots:
	@scripts/screenshots $(ARGS)

clean:
	rm -rf .venv build dist htmlcov .coverage .coverage.* .grimp_cache .hypothesis .import_linter_cache \
		.mypy_cache .pytest_cache .ruff_cache .bench test-results
	find adapter tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
