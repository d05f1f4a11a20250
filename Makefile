# Two commands for a fresh machine: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input --quiet

# The first Python on the path that is new enough; `make PYTHON=... test` chooses another.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for one in python3 python3.14 python3.13 python3.12 python3.11; do \
  "$$one" -c '$(NEW_ENOUGH)' 2>/dev/null && { echo "$$one"; break; }; done)

.PHONY: help demo test coverage fuzz cancellations check format lint types tidy fix wheel-test peers bench performance chaos sim soak clean
.NOTPARALLEL:
.DEFAULT_GOAL := help

help: ## List what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

# One stamp a set of packages: pip runs again only when pyproject.toml has changed, or when the folder has moved, for
# an editable install remembers where it was made.
$(shell [ "$$(cat $(VENV)/.installed 2>/dev/null)" = "$(CURDIR)" ] || rm -f $(VENV)/.installed*)

$(VENV)/.installed: pyproject.toml
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' 2>/dev/null || \
	  { echo "listenkey needs Python 3.11 or newer: install it, or run make PYTHON=/path/to/python3.11"; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "this Python cannot make environments: install its venv (Debian, Ubuntu: apt install python3-venv)"; exit 1; }
	@echo "Making $(VENV) with $$("$(PYTHON)" --version) (once; less than a minute) ..."
	@"$(PYTHON)" -m venv $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1'
	@echo "Installing listenkey ..."
	@$(PIP) install --editable .
	@printf '%s' "$(CURDIR)" >$@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "Installing what the tests need ..."
	@$(PIP) install --group test
	@touch $@

$(VENV)/.installed-fuzz: $(VENV)/.installed-test
	@echo "Installing what fuzzing needs ..."
	@$(PIP) install --group fuzz
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-test
	@echo "Installing what the checks need ..."
	@$(PIP) install --group dev
	@touch $@

demo: $(VENV)/.installed ## The whole thing with no account and no internet
	@$(PY) -m listenkey demo $(ARGS)

# One process for each processor; one that is done takes tests from another.
test: $(VENV)/.installed-test ## The whole suite, on every processor
	@$(PY) -m pytest --numprocesses auto --dist worksteal $(ARGS)

# Two long tests are left out: they play days that add no line.
coverage: $(VENV)/.installed-test ## Branch coverage of core/ and journal/ by their own tests: 100 %, or it fails
	@$(PY) -m coverage run -m pytest -q tests/unit/core tests/unit/journal tests/contract/test_journals.py \
	  -k 'not seven_quiet_days and not same_draws'
	@$(PY) -m coverage report

cancellations: $(VENV)/.installed-test ## 400 cancellations at random instants, in opening, reading, committing and closing
	@CANCELLATIONS=400 $(PY) -m pytest -q -o timeout=600 tests/promises/test_closing_ends_whatever_happens.py

# The properties with 20,000 examples each (half an hour), then the decoder guided by coverage (a quarter of an hour).
fuzz: $(VENV)/.installed-fuzz ## Long fuzzing: 20,000 examples of each property, 10,000,000 frames; not part of check
	@HYPOTHESIS_PROFILE=fuzz $(PY) -m pytest -q -m hypothesis -o timeout=7200 \
	  tests/fuzz tests/unit/core tests/unit/events tests/unit/journal tests/unit/wire
	@$(PY) -m tests.fuzz.decoder $(ARGS)

check: format lint types tidy coverage wheel-test test ## What continuous integration runs

format: $(VENV)/.installed-dev ## Formatting (reads only; `make fix` writes)
	@$(PY) -m ruff format --check .

lint: $(VENV)/.installed-dev ## Lint
	@$(PY) -m ruff check .

types: $(VENV)/.installed-dev ## mypy strict; pyright on the public types and on tests/typing
	@$(PY) -m mypy
	@$(PY) tests/typing/complete.py
	@$(PY) -m pyright --pythonpath $(PY) tests/typing/api.py

tidy: $(VENV)/.installed-test ## The house rules: floors, lengths, words
	@$(PY) -m pytest -q tests/tidy

fix: $(VENV)/.installed-dev ## Write the formatting and the safe fixes
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

wheel-test: $(VENV)/.installed ## The built wheel, with src out of the way
	@sh tests/wheel/run.sh $(PY)

peers: $(VENV)/.installed ## Unmodified peers against the sandbox, each in an environment of its own
	@$(PY) benchmarks/interop/run.py $(ARGS)

bench: $(VENV)/.installed ## From the socket to your code, beside bare parts and other clients; ten minutes
	@$(PY) -m benchmarks.throughput $(ARGS)

performance: $(VENV)/.installed ## Renew docs/reference/performance.md and its pictures from docs/reference/performance.json
	@$(PY) -m benchmarks.throughput.page

chaos: $(VENV)/.installed-test ## Every fault of docs/reference/faults.md with real processes; about 40 minutes
	@$(PY) -m pytest -m nightly tests/chaos $(ARGS)

sim: $(VENV)/.installed-test ## Two hundred simulated worlds in a minute; see docs/explanation/simulation.md
	@$(PY) -m sim --tier commit

soak: $(VENV)/.installed ## Half an hour of load and faults: memory, descriptors and threads stay, the ledger is delivered
	@$(PY) -m benchmarks.recovery.soak $(ARGS)

clean: ## Remove what was made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
