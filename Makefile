# Everything a person or a pipeline does with this tree. Needs git, make and Python 3.11 or newer; makes .venv itself.
.PHONY: demo test test-slow lint types imports bench rehearse mutants clean help
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2

help: ## List what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[emulator,stores]' --group dev
	@touch $@

demo: .venv/installed ## Plan, apply and plan again, against the built-in emulator: no account, no token
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo/run.sh

test: lint types imports .venv/installed ## All that CI runs
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --quiet

test-slow: lint types imports .venv/installed ## The same and every slow test
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --quiet --hypothesis-profile new -m 'slow or not slow'

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/installed
	$(BIN)/mypy

imports: .venv/installed
	$(BIN)/lint-imports

bench: .venv/installed ## Measure, and write docs/performance.md; with BASE=main compare with that version
	@cd tests && ../$(BIN)/python -m bench $(if $(BASE),--base $(BASE))

rehearse: .venv/installed ## Kill applies and inject faults at every request, and write docs/reliability.md
	@cd tests && ../$(BIN)/python -m rehearse

mutants: .venv/installed ## Change what decides and writes in every small way; the tests must notice
	$(BIN)/python -m pip install --quiet --disable-pip-version-check mutmut==3.8.1
	@cd tests && ../$(BIN)/python -m mutation

clean: ## Remove what the other targets made
	rm -rf .venv .acrsync .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* .bench .rehearsal dist build
