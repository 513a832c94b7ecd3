# Every target works on a fresh machine that has Python 3.11 and make; `make help` lists them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# What fails by chance where real processes run is looked at once more, and named.
TWICE := $(BIN)/python -m tests.second_look
# Much of a test here is waiting for a process: three at a time keep two cores busy, of those with a browser two.
# One file stays together, and the longest ones begin first (tests/conftest.py).
SIDE_BY_SIDE := --dist loadfile --no-loadscope-reorder

.PHONY: help run lint test check test-long bench bench-judge pictures lock clean browser
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

$(VENV)/.created:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Sluice needs Python 3.11 or newer. Name yours: make run PYTHON=/path/to/python3.11"; exit 2; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created requirements.txt
	@echo "Installing what Sluice needs (about a minute the first time) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@echo "Installing what the tests need ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

browser: $(VENV)/.installed-dev
	@$(BIN)/python tests/browser.py

run: $(VENV)/.installed  ## install, start Sluice and open it: on your workspace when one is configured, else on the local Azure
	@$(BIN)/python -m services.launch $(if $(PORT),--port $(PORT))

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint  ## the quick part of the tests: lint, types, import rules, unit tests
	$(PYTEST) -q tests/unit tests/docs tests/samples -m "not emulator and not e2e and not long"

# The browser tests have a process of their own: Playwright keeps an event loop running that other tests would meet.
test: lint browser  ## everything: lint, types, import rules, all tests, the browser ones too
	$(TWICE) -n 3 $(SIDE_BY_SIDE) -m "not e2e and not long"
	$(TWICE) tests/e2e -n 2 $(SIDE_BY_SIDE) -m "not long"

test-long: lint browser  ## every repeated test at its full count
	SLUICE_TEST_COUNTS=full $(PYTEST) -m "not e2e"
	SLUICE_TEST_COUNTS=full $(PYTEST) tests/e2e

bench: $(VENV)/.installed-dev browser  ## benchmarks, each beside a peer in the same run
	$(BIN)/python -m benchmarks

bench-judge: $(VENV)/.installed-dev  ## how often the judge of shadow tests is wrong, beside two others: RUNS=50 for a quick look
	$(BIN)/python -m benchmarks.judge $(RUNS)

pictures: $(VENV)/.installed-dev browser  ## refresh the screenshots in docs/img
	SLUICE_PICTURES=docs/img $(PYTEST) tests/e2e -m e2e -k pictures

lock: $(VENV)/.installed  ## refresh the locked requirements
	$(BIN)/uv pip compile requirements.in --upgrade --universal --python-version 3.11 --no-emit-index-url --custom-compile-command "make lock" -o requirements.txt -q
	$(BIN)/uv pip compile requirements-dev.in --upgrade --universal --python-version 3.11 --no-emit-index-url --custom-compile-command "make lock" -o requirements-dev.txt -q

clean:  ## remove the installed packages and the state of the local Azure
	rm -rf $(VENV) .local-azure .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
