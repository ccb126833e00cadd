# `make demo` and `make test` are all that is needed; each prepares .venv by itself.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
# One thread per process is fastest for models of a million parameters.
export OMP_NUM_THREADS ?= 1
export HF_HUB_OFFLINE ?= 1
export HF_HUB_DISABLE_TELEMETRY ?= 1

.PHONY: help setup demo demo-short test lint docs nano bench clean

help:
	@echo "make demo    fine-tune the bundled model by self-play and show what it learned (minutes, no GPU)"
	@echo "make test    run the tests"
	@echo "make setup   prepare $(VENV) only"
	@echo "make bench   compare speeds        make nano   rebuild the bundled model from nothing"

setup: $(BIN)/.ready

# torch first and pinned: on a plain index an unpinned torch brings gigabytes of CUDA along.
# reasoning-gym (the extra [evals]) compiles a C library: it is left out where there is no compiler.
$(BIN)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet -e '.[train,test]'
	@if command -v cc >/dev/null 2>&1; then $(BIN)/pip install --quiet -e '.[evals]'; \
	else echo "no C compiler: the extra [evals] (reasoning-gym) is left out"; fi
	@touch $@

demo: setup
	$(BIN)/mirrormatch train configs/kuhn_nano.toml --out runs/demo --resume

# The same path in a minute, for continuous integration.
demo-short: setup
	rm -rf runs/demo-short
	$(BIN)/mirrormatch train configs/kuhn_nano.toml --out runs/demo-short --set learn.steps=3 --set play.episodes=24 \
		--set measure.episodes=10 --set measure.items=5 --set measure.thoughts=4 --set measure.every=0

test: setup lint
	$(BIN)/python -m pytest -q

lint: setup
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

# Golden transcripts of games that are new or of a new version, the page of every game, the tables of the bridges.
docs: setup
	$(BIN)/python -m pytest -q --write-golden tests/test_golden_transcripts.py tests/test_game_pages.py
	$(BIN)/python -m mirrormatch.games.bridges.core.openspiel_table docs/openspiel.md
	$(BIN)/python -m mirrormatch.games.bridges.core.textarena_table docs/textarena.md

bench: setup
	$(BIN)/pip install --quiet -e '.[bench]'
	$(BIN)/python -m pytest benchmarks -q

# From nothing to the bundled model: docs/nano.md says how long it takes.
nano: setup
	$(BIN)/python -m mirrormatch.training.nano.pretrain agents/nano

clean:
	rm -rf $(VENV) runs dist .pytest_cache .mypy_cache .ruff_cache
