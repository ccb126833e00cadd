"""Adapters of every kind that PEFT has: LoRA kinds load, the others are refused, and the base never changes."""

import asyncio
import dataclasses
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import torch
from peft import LoraConfig, PeftModel, PeftType, PromptTuningConfig, get_peft_model
from safetensors.torch import save_file
from tests.agents.engines.architectures import save_architecture
from tests.agents.engines.tiny_model import new_model, save_adapter

from mirrormatch.agents.engines import _adapter_kinds
from mirrormatch.agents.engines._adapter_kinds import describe_unsupported
from mirrormatch.agents.engines._adapters import CONFIG, WEIGHTS
from mirrormatch.agents.engines.hf import TransformersEngine, load_base
from mirrormatch.errors import UserError

pytestmark = pytest.mark.slow

PROMPT, REPLY = (5, 6, 7, 8), (9, 10, 11)
TARGETS = ["q_proj", "v_proj", "down_proj"]
LORA: dict[str, Any] = {"r": 4, "lora_alpha": 8, "target_modules": TARGETS, "task_type": "CAUSAL_LM"}

# Settings of LoRA beside the initialisations, with a value that differs from the default.
LOADED: dict[str, dict[str, Any]] = {
    "DoRA": {"use_dora": True},
    "rsLoRA": {"use_rslora": True},
    "several ranks": {"rank_pattern": {"q_proj": 2}},
    "several scales": {"alpha_pattern": {"q_proj": 16}},
    "some layers": {"layers_to_transform": [1]},
    "dropout": {"lora_dropout": 0.5},
    "whole modules": {"modules_to_save": ["norm"]},
    "biases of its own": {"lora_bias": True},
    "the head": {"target_modules": ["q_proj", "lm_head"]},
    "embeddings": {"target_modules": ["q_proj", "embed_tokens"]},
    "all linear layers": {"target_modules": "all-linear"},
}
REFUSED: dict[str, dict[str, Any]] = {
    "bias='all'": {"bias": "all"},
    "bias='lora_only'": {"bias": "lora_only"},
    "layer_replication": {"layer_replication": [[0, 2], [1, 2]]},
    "alora_invocation_tokens": {"alora_invocation_tokens": [1, 2]},
    "kasa_config": {"kasa_config": {"beta": 0.1, "gamma": 0.1}},
    "trainable_token_indices": {"trainable_token_indices": [6, 10]},
    "arrow_config": {"arrow_config": {"top_k": 1}},
    "a_later_setting": {"a_later_setting": {"x": 1}},
}


def initialisations() -> list[Any]:
    """Every value of `init_lora_weights` that the installed PEFT documents."""
    values: list[Any] = [True, False, "lora_ga"]
    for kind in get_args(get_type_hints(LoraConfig)["init_lora_weights"]):
        values += get_args(kind)
    return [str(v).replace("[number of iters]", "4") if isinstance(v, str) else v for v in values]


@pytest.fixture(scope="module")
def engine(tiny: Path) -> TransformersEngine:
    return TransformersEngine(str(tiny), prefix_mb=0)


@pytest.fixture(scope="module")
def other(engine: TransformersEngine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The hash of an adapter that the engine has loaded before."""
    return engine.load(save_adapter(tmp_path_factory.mktemp("other"), seed=1))


def score(engine: TransformersEngine, adapter: str | None = None) -> tuple[float, ...]:
    return asyncio.run(engine.logprobs(PROMPT, REPLY, adapter=adapter))


@pytest.fixture(autouse=True)
def unchanged(engine: TransformersEngine, other: str) -> Iterator[None]:
    """Checks in every test that the base and the other adapter answer as before, to the last bit."""
    before = score(engine), score(engine, other)
    yield
    assert (score(engine), score(engine, other)) == before


def save_lora(folder: Path, **settings: Any) -> Path:
    """Saves a LoRA adapter with random weights and these settings, made by PEFT. Returns the folder."""
    with warnings.catch_warnings(), torch.random.fork_rng(), torch.no_grad():
        warnings.simplefilter("ignore")  # PEFT's
        torch.manual_seed(3)
        model: Any = get_peft_model(new_model(), LoraConfig(**(LORA | settings)))
        for name, weight in model.named_parameters():
            if any(part in name for part in ("lora_", "modules_to_save", "trainable_tokens")):
                weight += torch.randn_like(weight) * 0.1
        model.save_pretrained(str(folder))
    return folder


def change_settings(folder: Path, **settings: Any) -> Path:
    """Changes an adapter's settings on disk. Returns its folder."""
    values = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(values | settings))
    return folder


@torch.no_grad()
def plain_logprobs(model: Any) -> Any:
    """The reply's log-probs by one forward pass."""
    logits = model(torch.tensor([[*PROMPT, *REPLY]])).logits[0, len(PROMPT) - 1 : -1]
    return torch.log_softmax(logits, -1).gather(-1, torch.tensor(REPLY)[:, None])[:, 0].tolist()


def peft_logprobs(tiny: Path, folder: Path) -> Any:
    """The reply's log-probs by PEFT alone, on a base model of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT's
        return plain_logprobs(PeftModel.from_pretrained(load_base(str(tiny))[0], str(folder)).eval())


def refusal(engine: TransformersEngine, folder: Path) -> str:
    """The one-line error of an adapter that is refused."""
    with pytest.raises(UserError) as problem:
        engine.load(folder)
    assert "\n" not in str(problem.value)
    return str(problem.value)


@pytest.mark.parametrize("settings", LOADED.values(), ids=LOADED)
def test_a_lora_adapter_answers_as_with_peft_alone(
    settings: dict[str, Any], engine: TransformersEngine, tiny: Path, tmp_path: Path
) -> None:
    name = engine.load(save_lora(tmp_path, **settings))
    assert score(engine, name) == pytest.approx(peft_logprobs(tiny, tmp_path), abs=2e-5)
    assert score(engine, name) != pytest.approx(score(engine), abs=1e-3)


def test_an_adapter_of_experts_loads_beside_others_and_leaves_the_base_as_it_was(tmp_path: Path) -> None:
    experts = TransformersEngine(str(save_architecture(tmp_path / "base", "mixtral")))
    before = score(experts)
    names, expected = [], []
    for seed in range(2):
        with warnings.catch_warnings(), torch.random.fork_rng(), torch.no_grad():
            warnings.simplefilter("ignore")  # PEFT's
            torch.manual_seed(seed)
            settings = LORA | {"target_modules": "all-linear"}
            model: Any = get_peft_model(load_base(experts.base)[0], LoraConfig(**settings))
            for name, weight in model.named_parameters():
                if "lora_" in name:
                    weight += torch.randn_like(weight) * 0.1
            model.save_pretrained(str(tmp_path / str(seed)))
        assert json.loads((tmp_path / str(seed) / CONFIG).read_text())["target_parameters"]
        names.append(experts.load(tmp_path / str(seed)))
        expected.append(plain_logprobs(model.eval()))
    assert [score(experts, name) for name in names] == [pytest.approx(e, abs=2e-5) for e in expected]
    assert score(experts) == before


@pytest.mark.parametrize("init", initialisations())
def test_an_initialisation_loads_exactly_or_is_refused_with_the_cure(
    init: Any, engine: TransformersEngine, tiny: Path, tmp_path: Path
) -> None:
    folder = change_settings(save_lora(tmp_path), init_lora_weights=init)
    if init in (True, False, "gaussian", "eva", "orthogonal", "mica"):
        assert score(engine, engine.load(folder)) == pytest.approx(peft_logprobs(tiny, folder), abs=2e-5)
    elif init == "loftq":
        assert "belongs to base weights that LoftQ has quantized" in refusal(engine, folder)
    else:
        assert "path_initial_model_for_weight_conversion" in refusal(engine, folder)


@pytest.mark.parametrize("init", ["pissa", "olora"])
def test_an_adapter_that_peft_has_converted_loads_as_it_was_trained(
    init: str, engine: TransformersEngine, tmp_path: Path
) -> None:
    with warnings.catch_warnings(), torch.random.fork_rng(), torch.no_grad():
        warnings.simplefilter("ignore")  # PEFT's
        settings: dict[str, Any] = LORA | {"init_lora_weights": init}
        model: Any = get_peft_model(new_model(), LoraConfig(**settings))
        model.peft_config["default"].init_lora_weights = True  # as PEFT's guide does before it saves the initial one
        model.save_pretrained(str(tmp_path / "initial"))
        model.peft_config["default"].init_lora_weights = init
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight += torch.randn_like(weight) * 0.1
        expected = plain_logprobs(model.eval())
        model.save_pretrained(
            str(tmp_path / "plain"), path_initial_model_for_weight_conversion=str(tmp_path / "initial")
        )
    assert score(engine, engine.load(tmp_path / "plain")) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("named", REFUSED)
def test_a_setting_that_would_change_the_base_is_refused_by_name(
    named: str, engine: TransformersEngine, tmp_path: Path
) -> None:
    assert named in refusal(engine, change_settings(save_lora(tmp_path), **REFUSED[named]))


@pytest.mark.parametrize("kind", sorted(PeftType))
def test_every_other_kind_of_peft_is_refused_by_its_name(
    kind: PeftType, engine: TransformersEngine, tmp_path: Path
) -> None:
    if kind is PeftType.LORA:
        return
    (tmp_path / CONFIG).write_text(json.dumps({"peft_type": kind.value}))
    save_file({"x": torch.zeros(1)}, tmp_path / WEIGHTS)
    assert f"of the kind {kind.value}, and only LORA" in refusal(engine, tmp_path)


@pytest.mark.parametrize(
    "field", [f.name for f in dataclasses.fields(LoraConfig) if f.name not in _adapter_kinds.FOLLOWED]
)
def test_every_setting_of_peft_that_is_not_followed_is_refused_by_name(field: str) -> None:
    assert field in describe_unsupported({"peft_type": "LORA", field: {"set": True}})


def test_a_prompt_tuning_adapter_that_peft_has_saved_is_refused(engine: TransformersEngine, tmp_path: Path) -> None:
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")  # PEFT's
        model = get_peft_model(new_model(), PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM"))
        model.save_pretrained(str(tmp_path))
    assert "of the kind PROMPT_TUNING" in refusal(engine, tmp_path)


def test_equal_weights_of_an_unsupported_kind_are_refused_beside_loaded_ones(
    engine: TransformersEngine, tmp_path: Path
) -> None:
    folder = save_lora(tmp_path)
    engine.load(folder)
    assert "pissa" in refusal(engine, change_settings(folder, init_lora_weights="pissa"))


@pytest.mark.parametrize("settings", [{"use_dora": True}, {"modules_to_save": ["norm"]}], ids=["DoRA", "whole modules"])
def test_an_adapter_comes_back_after_eight_others_as_it_was(
    settings: dict[str, Any], engine: TransformersEngine, tmp_path: Path
) -> None:
    name = engine.load(save_lora(tmp_path / "first", **settings))
    before = score(engine, name)
    for seed in range(20, 28):
        engine.load(save_adapter(tmp_path / str(seed), seed=seed))
    assert name not in engine._loaded
    assert score(engine, name) == before
