# Two commands do everything: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CHECKED := $(VENV)/checked

.DEFAULT_GOAL := help
# Tests start programs by the hundred; each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE
# How many tests run at once; auto: three for a processor, at most 8. 0: one by one.
JOBS ?= auto
PYTEST := $(BIN)/python -m pytest
IN_PARALLEL := -n $(JOBS) --dist loadgroup --no-loadscope-reorder

# Tests of what decides: tables, cores without I/O, and properties with a tenth of what `make thorough`
# gives them.
CORES := tests/wire tests/rules tests/schema tests/view tests/engine tests/together tests/contract \
  tests/specs tests/test_config.py tests/emulator/auth/test_core.py \
  tests/emulator/auth/test_tokens.py tests/emulator/database/test_fuzz.py \
  tests/emulator/database/test_slow.py tests/emulator/database/test_listeners.py \
  tests/emulator/database/test_peer.py tests/emulator/database/test_on_disconnect.py \
  tests/client/test_ids.py tests/client/test_window_diff.py

# Tests that read the calendar: recorded answers, tokens, dates, ids. A faked clock disturbs tests of
# processes, timeouts and streams by itself, whatever the day, so those are not among them: neither
# tests/emulator but for these two folders, nor tests/client, tests/net, tests/faults, tests/bench,
# the official SDKs and most of tests/cli.
DATED := tests/emulator/auth tests/emulator/database tests/identity tests/schema tests/view tests/wire \
  tests/rules tests/test_config.py tests/cli/test_since.py tests/cli/test_conversations.py
DAYS := +400 -400

.PHONY: help demo demo-web test quick thorough over-rest any-day check collected mutants generate reference pictures faults bench peers clean

help:
	@echo "make demo                  emulator, simulated customers and the desk"
	@echo "make demo ARGS=--headless  the same, bounded and without a terminal"
	@echo "make demo-web              the same with the website: the chat widget and the team's dashboard"
	@echo "make test                  install, check and run every test, in parallel; 3 minutes, 4 with the peers"
	@echo "make test ARGS='-k inbox'  those of them"
	@echo "make quick                 ruff, and the tests of cores and tables; about half a minute"
	@echo "make thorough              every property with ten times the examples of make test, as many rounds;"
	@echo "                           ARGS=--hypothesis-profile=night: a hundred times"
	@echo "make over-rest             the client's tests over REST, those that make test runs over a WebSocket alone"
	@echo "make any-day               what reads the calendar, 400 days ahead and 400 back; needs faketime"
	@echo "make check                 ruff, mypy --strict, import-linter"
	@echo "make reference             write docs/api.md, settings.md, keys.md and man anew from the code"
	@echo "make pictures              draw the desk anew for docs/pictures"
	@echo "make mutants               every condition of the rules changed: do the tables notice?"
	@echo "make generate              write the blocking clients anew from the async ones"
	@echo "make faults                long: bad networks, clocks and company, ARGS='--rounds 1000 --seed 7'"
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

demo-web: $(STAMP)
	@$(BIN)/imbari-chat demo --web $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The checks run beside the tests, and say what they found below them.
test: $(STAMP)
	@$(MAKE) --no-print-directory check >$(CHECKED) 2>&1 & checks=$$!; \
	  $(MAKE) --no-print-directory collected && $(PYTEST) $(IN_PARALLEL) $(ARGS); tests=$$?; \
	  wait $$checks; checks=$$?; cat $(CHECKED); exit $$((tests ? tests : checks))

# pytest compiles tests in its own way: in a fresh clone once, beside mypy, and not in each worker.
collected: $(STAMP)
	@[ $$(find tests -name 'test_*.py' | wc -l) -le $$(find tests -name 'test_*-pytest-*.pyc' | wc -l) ] || \
	  $(PYTEST) --collect-only -qq >/dev/null || $(PYTEST) --collect-only -qq

quick: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PYTEST) -q -n 2 $(CORES) $(ARGS)

# Properties, state machines, rounds and large tables, of which make test tries a tenth; and every condition
# of the rules changed.
thorough: $(STAMP) mutants
	$(PYTEST) $(IN_PARALLEL) -m "hypothesis or rounds or drawn" --hypothesis-profile=thorough $(ARGS)

over-rest: $(STAMP)
	IMBARI_CHAT_TRANSPORT=rest $(PYTEST) $(IN_PARALLEL) tests/client $(ARGS)

# libfaketime shifts the times of files as well, so what Python compiles is kept apart. And it gets slower
# with each lock that a process makes: several processes take a fifth of the time of one.
any-day: $(STAMP)
	@command -v faketime >/dev/null || { echo "make any-day needs faketime, which sets a program's clock:" \
	  "apt-get install faketime, or see https://github.com/wolfcw/libfaketime" >&2; exit 2; }
	@for days in $(DAYS); do \
	  echo "== $$days days"; \
	  DONT_FAKE_MONOTONIC=1 PYTHONPYCACHEPREFIX=$(CURDIR)/$(VENV)/any-day/$$days \
	    faketime -f "$${days}d" $(PYTEST) -q $(IN_PARALLEL) -m "not peer" $(DATED) $(ARGS) || exit; \
	done

reference: $(STAMP)
	$(BIN)/python -m tools.reference

pictures: $(STAMP)
	$(BIN)/python -m tools.pictures

mutants: $(STAMP)
	@$(BIN)/python -m tests.mutants

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
