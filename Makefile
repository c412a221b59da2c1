# Everything a person or a pipeline does with this tree. Needs git, make and Python 3.11 or newer; makes .venv itself.
.PHONY: demo docs quick simulate test test-slow test-lowest test-sdist test-tools lock lint types imports bench rehearse mutants size clean help
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 4

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[emulator,stores,truststore]' --group dev
	@# The real Open Policy Agent. It declares a newer Python than it needs; without it its tests are skipped.
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --ignore-requires-python opa-golib-python-bindings==0.4.4
	@touch $@

demo: .venv/installed ## Plan, apply and plan again, against the built-in emulator: no account, no token
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo/run.sh

quick: .venv/installed ## Unit and golden tests only
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --quiet tests/unit tests/golden

test: lint types imports docs .venv/installed ## All that CI runs
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --quiet --cov --cov-report=term:skip-covered

test-slow: lint types imports docs .venv/installed ## The same and every slow test
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --quiet --hypothesis-profile new -m 'slow or not slow'

# Both need no other tool than those of the group `test`: tests that want more say so and are skipped. TESTS: only these.
test-lowest: ## Run the tests with the oldest versions that pyproject.toml allows
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct --editable '.[emulator,stores,truststore]' --group test
	.venv-lowest/bin/python -m pytest --numprocesses $(WORKERS) --quiet $(TESTS)

test-sdist: ## Build the source archive, unpack it, and run its tests as a packager does
	rm -rf build/sdist
	$(PYTHON) -m venv build/sdist/venv
	build/sdist/venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade build 'pip>=25.1'
	build/sdist/venv/bin/python -m build --sdist --outdir build/sdist
	mkdir build/sdist/source
	tar --extract --file build/sdist/acrsync-*.tar.gz --strip-components 1 --directory build/sdist/source
	cd build/sdist/source && ../venv/bin/python -m pip install --quiet --disable-pip-version-check '.[emulator,stores,truststore]' --group test
	cd build/sdist/source && ../venv/bin/pytest --numprocesses $(WORKERS) --quiet $(TESTS)

test-tools: .venv/installed ## Check pipelines, schema, image and policies with external tools
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --quiet -m slow tests/gitops

lock: .venv/installed ## Update requirements.lock to the newest versions
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@{ sed -n '/^#/p' requirements.lock && printf 'hatch-fancy-pypi-readme\nhatchling\n' | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra emulator --extra stores --extra truststore pyproject.toml - ; } > requirements.lock.new
	@mv requirements.lock.new requirements.lock

docs: .venv/installed ## Build the site of the documentation, strictly, into build/docs/html
	$(BIN)/python docs/site/build.py

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/installed
	$(BIN)/mypy

imports: .venv/installed
	$(BIN)/lint-imports

bench: .venv/installed ## Measure, and write docs/performance.md; with BASE=main compare with that version
	@cd tests && ../$(BIN)/python -m bench $(if $(BASE),--base $(BASE))

rehearse: .venv/installed ## Kill applies and inject faults at every request, and write docs/reliability.md; SAMPLE=0.25
	@cd tests && ../$(BIN)/python -m rehearse $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED))

simulate: .venv/installed ## Many runners on one account, by seeds, for SECONDS=60; SEED=N tells the story of one
	@cd tests && SECONDS=$(or $(SECONDS),60) SEED=$(SEED) ../$(BIN)/python -m simulate

mutants: .venv/installed ## Mutate the code that decides and writes; the tests must fail. MODULES: only these
	$(BIN)/python -m pip install --quiet --disable-pip-version-check mutmut==3.8.1
	@cd tests && WORKERS=$(WORKERS) ../$(BIN)/python -m mutation $(MODULES)

size: ## Count lines and statements, for each package
	@$(PYTHON) tests/size.py

clean: ## Remove the files of the other targets
	rm -rf .venv .venv-lowest .acrsync .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* .bench .rehearsal dist build
