# Every target installs what it needs first; `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV ?= .venv
# At most two of them have engines. All wait for processes and servers now and then: three keep two cores busy.
WORKERS ?= 3
BIN := $(VENV)/bin
# Newer than its prerequisites exactly when the last installation succeeded.
INSTALLED := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
export PYTHON VENV
# Hundreds of tests start uimon, and each start would compile all its modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo quick test coverage gpu lint bench agreement soak docker-test lock clean
.PHONY: tests quick-tests

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

$(INSTALLED): pyproject.toml constraints.txt .ci/setup
	@echo "installing into $(VENV) (minutes the first time)"
	@.ci/setup
	@touch $@

setup: $(INSTALLED) ## make the virtual environment and install what constraints.txt lists

demo: $(INSTALLED) ## see it all on a CPU: a real trainer, uimon beside it, a local stand-in for W&B
	@$(BIN)/uimon demo

# With --quiet mkdocs counts no warnings, and --strict would refuse nothing.
lint: $(INSTALLED) ## ruff, mypy, which room may import which, and docs/ without a broken link
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

quick: $(INSTALLED) ## lint, then every test that starts no process, no engine and no server: under two minutes
	@$(MAKE) --no-print-directory --jobs=2 lint quick-tests

test: $(INSTALLED) ## lint and every test that ends within minutes, side by side (WORKERS=0: tests one after the other)
	@$(MAKE) --no-print-directory --jobs=2 lint tests

tests: $(INSTALLED)
	$(PYTEST) -m "not soak" -n $(WORKERS) --durations=15

# They wait for threads and clocks for two thirds of the time: six keep two cores busy.
quick-tests: $(INSTALLED)
	$(PYTEST) -p tests.support.quick -m "not soak and not engine" -n 6 -q -rfE

coverage: $(INSTALLED) ## the tests once more, slower, and which lines and branches they reach; processes that they start count
	$(PYTEST) -m "not soak" -n $(WORKERS) --cov --cov-report=term:skip-covered

gpu: $(INSTALLED) ## the tests that need an NVIDIA GPU; they are skipped where there is none
	$(PYTEST) -m gpu

bench: $(INSTALLED) ## measure speeds (tests/bench); the numbers are this machine's
	$(PYTEST) tests/bench -s --timeout=0 -o python_files='bench_*.py'

agreement: $(INSTALLED) ## compare the scorers with vnu, TypeScript, Babel and Tailwind (needs Node.js and Java)
	$(BIN)/python -m tests.agreement

soak: $(INSTALLED) ## the long proofs: crashes, outages, hundreds of checkpoints
	$(PYTEST) -m soak --timeout=0

docker-test: $(INSTALLED) ## build the CPU image and prove it in containers; exit code 77 where there is no container engine
	$(BIN)/python -m tests.docker.prove

lock: $(INSTALLED) ## write constraints.txt from what is installed
	@.ci/lock > constraints.new && mv constraints.new constraints.txt && touch $(INSTALLED)

clean: ## remove what was built or measured; $(VENV) stays
	rm -rf build dist demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find watcher scorers tests -name __pycache__ -type d -prune -exec rm -rf {} +
