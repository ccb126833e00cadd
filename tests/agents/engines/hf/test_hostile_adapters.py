"""Adapters made to hang the process, fill its memory, run code or answer nonsense are refused before they are used."""

import asyncio
import json
import pickle
import resource
import shutil
import struct
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.agents.engines.tiny_model import save_adapter

from mirrormatch import prompts
from mirrormatch.agents.engines._adapters import CARD, CONFIG, WEIGHTS
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.errors import UserError
from mirrormatch.prompts import PromptSettings

MAX_S = 3.0  # for a refusal, on a busy machine
MAX_MB = 200  # of further memory
BOMB = "(([a-z_.])*)*[a-z_.]*$0"
FIRST = "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight"

NOT_FINITE, NO_NAME = "Input should be a finite number", "is not the plain name of a module"
SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"lora_alpha": float("inf")}, f"lora_alpha: {NOT_FINITE}"),
    ({"lora_alpha": float("nan")}, f"lora_alpha: {NOT_FINITE}"),
    ({"lora_alpha": 1e30}, "lora_alpha: Input should be less than"),
    ({"lora_dropout": float("nan")}, "lora_dropout: "),
    ({"alpha_pattern": {"q_proj": float("inf")}}, f"alpha_pattern.q_proj: {NOT_FINITE}"),
    ({"r": 10**6}, "rank 1000000, and its lora_A has rank 4"),
    ({"r": 5}, "rank 5, and its lora_A has rank 4"),
    ({"r": 0}, "r: Input should be greater"),
    ({"r": 10**400}, "r: Input should be less"),
    ({"rank_pattern": {"q_proj": 10**6}}, "rank 1000000, and its lora_A has rank 4"),
    ({"rank_pattern": {"elsewhere": 10**6}}, "rank 1,000,000 is too high for this base model"),
    ({"target_modules": BOMB}, NO_NAME),
    ({"target_modules": ["q_proj", ""]}, NO_NAME),
    ({"target_modules": ["q_proj", BOMB]}, NO_NAME),
    ({"exclude_modules": BOMB}, NO_NAME),
    ({"modules_to_save": [BOMB]}, NO_NAME),
    ({"modules_to_save": ["model"]}, "modules_to_save would copy"),
    ({"modules_to_save": ["norm", "layers", "mlp"]}, "modules_to_save would copy"),
    ({"layers_pattern": BOMB, "layers_to_transform": [0]}, NO_NAME),
    ({"rank_pattern": {BOMB: 4}}, NO_NAME),
    ({"alpha_pattern": {f"^{BOMB}": 4}}, NO_NAME),
    ({"alpha_pattern": {f"m{k}": 4 for k in range(1_000)}}, "should have at most 500 items"),
    ({"target_modules": ["q_proj"] * 100_001}, "target_modules: it has 100,001 entries"),
    ({"target_modules": [f"m{k}" for k in range(2_000)]}, "the settings name 2,000 modules"),
    ({"modules_to_save": [f"m{k}" for k in range(200)]}, "modules_to_save"),
    ({"layers_to_transform": list(range(20_000))}, "layers_to_transform"),
    ({"init_lora_weights": "pissa_niter_100000"}, "init_lora_weights='pissa_niter_100000'"),
    ({"megatron_config": {"a": 1}, "megatron_core": "antigravity"}, "megatron_config is not supported"),
]


@pytest.fixture(scope="module")
def engine(tiny: Path) -> TransformersEngine:
    return TransformersEngine(str(tiny), prefix_mb=0)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return save_adapter(tmp_path / "adapter", seed=1)


def change_settings(folder: Path, **settings: Any) -> None:
    values = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(values | settings))


def change_weights(folder: Path, name: str, weight: torch.Tensor) -> None:
    save_file(load_file(folder / WEIGHTS) | {name: weight}, folder / WEIGHTS)


def write_sparse(path: Path, tensors: dict[str, tuple[int, ...]]) -> None:
    """Writes a file of zeros in safetensors' format that takes a few bytes on disk."""
    header, end = dict[str, Any](), 0
    for name, shape in tensors.items():
        begin, end = end, end + 4 * shape[0] * shape[1]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(file.tell() + end)


def refusal(engine: TransformersEngine, folder: Path) -> str:
    """The one-line error of an adapter that is refused in little time and memory."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError) as problem:
        engine.load(folder)
    assert time.monotonic() - began < MAX_S
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MAX_MB << 10
    assert "\n" not in str(problem.value)
    return str(problem.value)


@pytest.mark.parametrize(("settings", "reason"), SETTINGS, ids=[f"{k}: {r}"[:60] for k, (_, r) in enumerate(SETTINGS)])
def test_a_setting_that_hangs_peft_or_is_no_finite_number_is_refused(
    settings: dict[str, Any], reason: str, engine: TransformersEngine, adapter: Path
) -> None:
    change_settings(adapter, **settings)
    message = refusal(engine, adapter)
    assert message.startswith(f"the adapter at {str(adapter)!r} can't be loaded: ") and reason in message
    assert len(message) < 600


@pytest.mark.parametrize("config", [b"[" * 1_000_000, b"[]", b"", b"\xff", b"{" + b" " * (17 << 20) + b"}"])
@pytest.mark.parametrize("name", [CONFIG, CARD])
def test_a_file_of_settings_that_is_no_json_object_is_refused(
    config: bytes, name: str, engine: TransformersEngine, adapter: Path
) -> None:
    (adapter / name).write_bytes(config)
    assert name in refusal(engine, adapter)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_that_are_not_finite_are_refused_by_name(
    value: float, dtype: torch.dtype, engine: TransformersEngine, adapter: Path
) -> None:
    weight = load_file(adapter / WEIGHTS)[FIRST].to(dtype)
    weight[3, 5] = value
    change_weights(adapter, FIRST, weight)
    assert f"{FIRST} holds numbers that are not finite" in refusal(engine, adapter)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float8_e4m3fn, torch.int32])
def test_weights_of_a_type_that_is_no_lora_s_are_refused(
    dtype: torch.dtype, engine: TransformersEngine, adapter: Path
) -> None:
    change_weights(adapter, FIRST, load_file(adapter / WEIGHTS)[FIRST].to(dtype))
    assert "BF16, F16, F32 can be loaded" in refusal(engine, adapter)


def test_weights_without_any_lora_are_refused(engine: TransformersEngine, adapter: Path) -> None:
    save_file({"x": torch.zeros(2)}, adapter / WEIGHTS)
    assert "holds no LoRA tensors" in refusal(engine, adapter)


def test_a_file_of_sixty_gigabytes_that_is_none_on_disk_is_refused(engine: TransformersEngine, adapter: Path) -> None:
    write_sparse(adapter / WEIGHTS, {FIRST: (4, 15 << 28)})
    assert (adapter / WEIGHTS).stat().st_size > 60 << 30
    assert "its weights are 16,106,127,360 numbers, and the base model's are" in refusal(engine, adapter)


def test_a_rank_for_which_peft_would_fill_the_memory_is_refused(engine: TransformersEngine, adapter: Path) -> None:
    write_sparse(adapter / WEIGHTS, {FIRST: (100_000, 1)})
    change_settings(adapter, r=100_000, target_modules="all-linear")
    assert "rank 100,000 is too high for this base model" in refusal(engine, adapter)


class Trace:
    """An object whose unpickling makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.mkdir, (self.path,))


@pytest.mark.parametrize("section", ["corda_config", "lora_ga_config"])
def test_no_file_that_settings_name_is_opened(
    section: str, engine: TransformersEngine, adapter: Path, tmp_path: Path
) -> None:
    expected = engine.load(shutil.copytree(adapter, tmp_path / "copy"))
    bomb = tmp_path / "bomb.bin"
    bomb.write_bytes(pickle.dumps(Trace(tmp_path / "opened")))
    change_settings(adapter, **{section: {"cache_file": str(bomb), "covariance_file": str(bomb)}})
    assert engine.load(adapter) == expected
    assert not (tmp_path / "opened").exists()


def test_finite_weights_that_overflow_are_an_error_of_every_reply_and_score(
    engine: TransformersEngine, adapter: Path
) -> None:
    change_weights(adapter, FIRST, torch.full_like(load_file(adapter / WEIGHTS)[FIRST], 3e38))
    prompt = prompts.get("boxed", PromptSettings())
    agent = LLMAgent("x", engine, prompt, Sampling(max_tokens=4), engine.load(adapter))
    with pytest.raises(UserError, match="computes NaN"):
        asyncio.run(agent.ask("2 + 2?", seed=0))
    with pytest.raises(UserError, match="computes NaN"):
        asyncio.run(engine.logprobs([5, 6], [7], adapter=agent.adapter))
