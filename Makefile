# Two commands do everything: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test check generate faults bench peers clean

help:
	@echo "make demo                  emulator, simulated customers and a live inbox"
	@echo "make demo ARGS=--headless  the same, bounded and without a terminal"
	@echo "make test                  install, check and run every test"
	@echo "make check                 ruff, mypy --strict, import-linter"
	@echo "make generate              write the blocking clients anew from the async ones"
	@echo "make faults                long: a bad network and a server that dies, ARGS='--rounds 1000 --seed 7'"
	@echo "make bench                 speed, ours beside the peers', in one run"
	@echo "make peers                 the Node programs that tests marked peer compare with"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "imbari-chat needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.11 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/imbari-chat demo $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest $(ARGS)

generate: $(STAMP)
	$(BIN)/python -m tools.blocking

faults: $(STAMP)
	@$(BIN)/python -m tests.faults $(ARGS)

bench: $(STAMP)
	$(BIN)/python -m bench $(ARGS)

peers:
	npm install --no-audit --no-fund --no-package-lock --ignore-scripts

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
