# Every target installs what it needs first; `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV ?= .venv
WORKERS ?= 2
BIN := $(VENV)/bin
# Newer than its prerequisites exactly when the last installation succeeded.
INSTALLED := $(VENV)/.installed
export PYTHON VENV

.PHONY: help setup demo test lint bench agreement soak docker-test lock clean

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

test: lint ## lint, then every test that ends within minutes, two at a time (WORKERS=0: one after the other)
	$(BIN)/python -m pytest -m "not soak" -n $(WORKERS)

bench: $(INSTALLED) ## measure speeds (tests/bench); the numbers are this machine's
	$(BIN)/python -m pytest tests/bench -s --timeout=0 -o python_files='bench_*.py'

agreement: $(INSTALLED) ## compare the scorers with vnu, TypeScript, Babel and Tailwind (needs Node.js and Java)
	$(BIN)/python -m tests.agreement

soak: $(INSTALLED) ## the long proofs: crashes, outages, hundreds of checkpoints
	$(BIN)/python -m pytest -m soak --timeout=0

docker-test: $(INSTALLED) ## build the CPU image and prove it in containers; exit code 77 where there is no container engine
	$(BIN)/python -m tests.docker.prove

lock: $(INSTALLED) ## write constraints.txt from what is installed
	@.ci/lock > constraints.new && mv constraints.new constraints.txt && touch $(INSTALLED)

clean: ## remove what was built or measured; $(VENV) stays
	rm -rf build dist demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find watcher scorers tests -name __pycache__ -type d -prune -exec rm -rf {} +
