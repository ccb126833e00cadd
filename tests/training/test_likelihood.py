"""Log-probs from trees against the same samples one by one: values, entropies and gradients, on many architectures."""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from mirrormatch.training import likelihood as module
from mirrormatch.training.likelihood import Likelihood
from mirrormatch.training.types import Sample

VOCAB_SIZE = 97
ROPE = {
    "vocab_size": VOCAB_SIZE, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 512,
    "initializer_range": 0.3, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0,
}  # fmt: skip
GPT2 = {
    "vocab_size": VOCAB_SIZE, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 128, "initializer_range": 0.3,
    "attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0,
}  # fmt: skip
BLOOM = {"vocab_size": VOCAB_SIZE, "hidden_size": 32, "n_layer": 2, "n_head": 2, "initializer_range": 0.3}
MAMBA = {"vocab_size": VOCAB_SIZE, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", ROPE),
    "qwen3": ("qwen3", ROPE),
    "gpt2": ("gpt2", GPT2),
    "gemma2": ("gemma2", {**ROPE, "final_logit_softcapping": 5.0, "query_pre_attn_scalar": 16}),
    "granite": ("granite", {**ROPE, "logits_scaling": 4.0}),
    "cohere": ("cohere", {**ROPE, "logit_scale": 0.3}),
    "bloom": ("bloom", BLOOM),
    "mamba": ("mamba", MAMBA),
    "short window": ("mistral", {**ROPE, "sliding_window": 16}),
    "window": ("mistral", {**ROPE, "sliding_window": 100}),
}
TREES = {"llama", "qwen3", "gpt2", "gemma2", "granite", "cohere", "window"}
TEMPERATURE = 0.7


class Result(NamedTuple):
    logps: Tensor
    entropies: Tensor
    gradient: Tensor


def new_model(name: str, attention: str | None = None) -> Any:
    model_type, settings = MODELS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config: Any = AutoConfig.for_model(model_type, **settings)
        return AutoModelForCausalLM.from_config(config, attn_implementation=attention)  # type: ignore[no-untyped-call]


def games(seed: int = 0, num: int = 16, start: int = 12) -> list[Sample]:
    """Conversations of one to three turns that share their beginnings, and some of them everything."""
    rng = random.Random(seed)
    starts = [[rng.randrange(1, VOCAB_SIZE) for _ in range(start)] for _ in range(2)]
    made = list[Sample]()
    for _ in range(num):
        ids = list(rng.choice(starts))
        own = [0] * len(ids)
        for _ in range(rng.randrange(1, 4)):
            prompt = [rng.randrange(1, 3) for _ in range(3)]
            reply = [rng.randrange(1, 4) for _ in range(rng.randrange(1, 7))]
            ids, own = [*ids, *prompt, *reply], [*own, *[0] * len(prompt), *[1] * len(reply)]
        made.append(Sample(tuple(ids), tuple(own), (0.0,) * len(ids), (0.0,) * len(ids)))
    return made


def gradient(model: torch.nn.Module) -> Tensor:
    return torch.cat([weight.grad.flatten() for weight in model.parameters() if weight.grad is not None])


def some_loss(logps: Tensor, numbers: Tensor, entropies: Tensor | None) -> Tensor:
    """A loss of every sign whose gradient depends on each own token's number."""
    loss = (logps.exp() * (1.7 * numbers).sin()).sum() + (logps * (0.3 * numbers).cos()).sum()
    return loss if entropies is None else loss + (entropies * (0.9 * numbers).sin()).sum()


def one_by_one(model: Any, samples: Sequence[Sample], with_entropy: bool = False) -> Result:
    """Every sample alone through the whole model, as one reads it in a paper."""
    model.zero_grad()
    logps, entropies = list[Tensor](), list[Tensor]()
    for sample in samples:
        logits = model(input_ids=torch.tensor([sample.ids])).logits[0].float() / TEMPERATURE
        log_softmax = logits.log_softmax(-1)
        for t in (t for t, own in enumerate(sample.own) if own):
            logps.append(log_softmax[t - 1, sample.ids[t]])
            entropies.append(-(log_softmax[t - 1].exp() * log_softmax[t - 1]).sum())
    logps_N, entropies_N = torch.stack(logps), torch.stack(entropies)
    loss = some_loss(logps_N, torch.arange(len(logps)), entropies_N if with_entropy else None)
    loss.backward()  # type: ignore[no-untyped-call]
    return Result(logps_N.detach(), entropies_N.detach(), gradient(model))


def packed(model: Any, samples: Sequence[Sample], max_tokens: int, with_entropy: bool = False) -> Result:
    likelihood = Likelihood(model)
    model.zero_grad()
    plan = likelihood.plan(samples, max_tokens)
    logps_N, entropies_N = torch.full((plan.num_own,), torch.nan), torch.full((plan.num_own,), torch.nan)
    for part in plan.parts:
        logps_K, entropies_K = likelihood(part, TEMPERATURE, entropy_gradient=with_entropy)
        own_K = torch.from_numpy(part.own)
        logps_N[own_K], entropies_N[own_K] = logps_K.detach(), entropies_K.detach()
        some_loss(logps_K, own_K, entropies_K if with_entropy else None).backward()  # type: ignore[no-untyped-call]
    return Result(logps_N, entropies_N, gradient(model))


def assert_equal(found: Result, expected: Result, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(found.logps, expected.logps, rtol=0, atol=tolerance)
    torch.testing.assert_close(found.entropies, expected.entropies, rtol=0, atol=tolerance)
    assert (found.gradient - expected.gradient).norm() <= 1e-5 * expected.gradient.norm()


@pytest.mark.parametrize("max_tokens", [1, 64, 100_000])
@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_is_that_of_one_row_per_sample(name: str, max_tokens: int) -> None:
    model, samples = new_model(name), games()
    assert_equal(packed(model, samples, max_tokens), one_by_one(model, samples))


@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen3"])
def test_eager_attention_gives_the_same(name: str) -> None:
    model, samples = new_model(name, "eager"), games()
    assert_equal(packed(model, samples, 512), one_by_one(model, samples))


@pytest.mark.parametrize("name", ["qwen3", "gemma2", "mamba"])
def test_the_entropies_have_a_gradient_where_one_is_wanted(name: str) -> None:
    model, samples = new_model(name), games()
    assert_equal(packed(model, samples, 256, with_entropy=True), one_by_one(model, samples, with_entropy=True))


@pytest.mark.parametrize("name", ["gemma2", "bloom", "cohere"])
def test_a_vocabulary_in_chunks_gives_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, samples = new_model(name), games()
    monkeypatch.setattr(module, "MAX_LOGITS", 5 * VOCAB_SIZE)
    found = packed(model, samples, 256, with_entropy=True)
    assert_equal(found, one_by_one(model, samples, with_entropy=True))


@pytest.mark.parametrize("name", MODELS)
def test_a_model_reads_trees_exactly_where_it_can(name: str) -> None:
    likelihood = Likelihood(new_model(name))
    assert likelihood.reads_trees == (name in TREES)
    assert any(part.is_tree for part in likelihood.plan(games(), 100_000).parts) == (name in TREES)


@pytest.mark.parametrize("name", sorted(TREES))
def test_half_precision_reads_trees_too(name: str) -> None:
    assert Likelihood(new_model(name).bfloat16()).reads_trees


@pytest.mark.parametrize("name", sorted(set(MODELS) - TREES))
def test_half_precision_hides_no_difference(name: str) -> None:
    assert not Likelihood(new_model(name).bfloat16()).reads_trees


def test_a_model_that_reads_trees_already_still_does() -> None:
    model = new_model("qwen3")
    assert [Likelihood(model).reads_trees for _ in range(2)] == [True, True]


def test_sequences_longer_than_the_window_are_rows_of_their_own() -> None:
    model, samples = new_model("window"), games(start=100)
    assert not any(part.is_tree for part in Likelihood(model).plan(samples, 2_048).parts)
    assert_equal(packed(model, samples, 2_048), one_by_one(model, samples))


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma2"])
def test_recomputed_activations_give_the_same_gradient(name: str) -> None:
    model, samples = new_model(name), games()
    expected = packed(model, samples, 256)
    model.train()
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable()  # transformers renamed it in 5.23
    assert any(getattr(m, "gradient_checkpointing", False) for m in model.modules())
    assert_equal(packed(model, samples, 256), expected)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_ordinary_calls_of_a_model_that_reads_trees_stay_as_they_were(attention: str) -> None:
    model = new_model("qwen3", attention)
    inputs = {"input_ids": torch.arange(24).view(2, 12), "attention_mask": torch.tensor([[0] * 4 + [1] * 8, [1] * 12])}
    before = model(**inputs).logits
    assert Likelihood(model).reads_trees
    assert torch.equal(model(**inputs).logits, before)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # PEFT uses the older name
def test_the_active_adapter_counts() -> None:
    model, samples = new_model("qwen3"), games()
    base = packed(model, samples, 256)
    settings = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    peft = get_peft_model(model, settings)
    adapted = packed(peft, samples, 256)
    assert_equal(adapted, one_by_one(peft, samples))
    assert not torch.allclose(adapted.logps, base.logps, atol=0.1)
    with torch.no_grad(), peft.disable_adapter():
        (part,) = (likelihood := Likelihood(peft)).plan(samples, 10_000).parts
        torch.testing.assert_close(likelihood(part, TEMPERATURE).logps, base.logps, rtol=0, atol=1e-5)
