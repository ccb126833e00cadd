"""The transformers engine gives the tokens of a plain model in any batch and beside any adapters."""

import asyncio
import gc
import json
import math
import shutil
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from tests.agents.engines.tiny_model import CONTEXT, save_adapter, save_model
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma3Config

from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._types import Completion, Sampling
from mirrormatch.agents.engines.hf import MAX_ADAPTERS, TransformersEngine, decoding, load_base
from mirrormatch.agents.engines.hf.drawing import Rules, draw, uniforms
from mirrormatch.errors import UserError

PROMPTS = ((5, 6, 7), (40,), tuple(range(100, 140)), (9, 8, 7, 6, 5, 4), (40,), tuple(range(300, 317)))
GREEDY = Sampling(max_tokens=12, temperature=0)
SAMPLED = Sampling(max_tokens=12)


@pytest.fixture(scope="module")
def engine(tiny: Path) -> TransformersEngine:
    return TransformersEngine(str(tiny))


@pytest.fixture(scope="module")
def plain(tiny: Path) -> Any:
    """The same model without an engine."""
    return load_base(str(tiny))[0]


@pytest.fixture(scope="module")
def adapter_paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return [save_adapter(folder / str(k), seed=k) for k in range(MAX_ADAPTERS + 1)]


@pytest.fixture(scope="module")
def two(engine: TransformersEngine, adapter_paths: list[Path]) -> tuple[str, str]:
    """The hashes of two adapters, loaded by the engine."""
    return engine.load(adapter_paths[0]), engine.load(adapter_paths[1])


def generate_all(
    engine: TransformersEngine,
    prompts: Sequence[tuple[int, ...]],
    sampling: Sampling = SAMPLED,
    adapters: Sequence[str | None] = (),
    seeds: Sequence[int] = (),
) -> list[Completion]:
    """All completions of concurrent requests; request number k has seed k by default."""

    async def gather() -> list[Completion]:
        names, numbers = adapters or [None] * len(prompts), seeds or range(len(prompts))
        asked = zip(prompts, names, numbers, strict=True)
        return await asyncio.gather(*(engine.generate(p, sampling, adapter=a, seed=s) for p, a, s in asked))

    return asyncio.run(gather())


def generate_one(
    engine: TransformersEngine, prompt: tuple[int, ...], sampling: Sampling = SAMPLED, seed: int = 0
) -> Completion:
    return generate_all(engine, [prompt], sampling, seeds=[seed])[0]


@torch.no_grad()
def plain_logprobs(
    model: Any, prompt: tuple[int, ...], completion: tuple[int, ...], temperature: float = 1.0
) -> Tensor:
    """Log-probs by one forward pass over the whole sequence, without cache, padding or other rows."""
    logits = model(torch.tensor([[*prompt, *completion]])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits / temperature, -1).gather(-1, torch.tensor(completion)[:, None])[:, 0]


@torch.no_grad()
def plain_greedy(model: Any, prompt: tuple[int, ...], num: int) -> tuple[int, ...]:
    out = model.generate(
        torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), max_new_tokens=num, do_sample=False
    )
    return tuple(out[0, len(prompt) :].tolist())


def merge_adapter(tiny: Path, adapter: Path) -> Any:
    """A base model with one adapter, by PEFT alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT uses a name of transformers' that will change
        return PeftModel.from_pretrained(load_base(str(tiny))[0], str(adapter)).eval()


# agreement with a plain model


def test_greedy_tokens_are_those_of_generate(engine: TransformersEngine, plain: Any) -> None:
    completions = [c.token_ids for c in generate_all(engine, PROMPTS, GREEDY)]
    assert completions == [plain_greedy(plain, prompt, 12) for prompt in PROMPTS]


@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
def test_log_probs_are_those_of_a_plain_forward_pass(
    engine: TransformersEngine, plain: Any, temperature: float
) -> None:
    for prompt, completion in zip(
        PROMPTS, generate_all(engine, PROMPTS, Sampling(max_tokens=9, temperature=temperature)), strict=True
    ):
        expected = plain_logprobs(plain, prompt, completion.token_ids, temperature)
        torch.testing.assert_close(torch.tensor(completion.logprobs), expected, atol=2e-5, rtol=0)


def test_greedy_log_probs_are_those_at_temperature_1(engine: TransformersEngine, plain: Any) -> None:
    completion = generate_one(engine, PROMPTS[0], GREEDY)
    expected = plain_logprobs(plain, PROMPTS[0], completion.token_ids)
    torch.testing.assert_close(torch.tensor(completion.logprobs), expected, atol=2e-5, rtol=0)


def test_log_probs_of_a_truncated_distribution_are_those_of_the_whole(engine: TransformersEngine, plain: Any) -> None:
    completion = generate_one(engine, PROMPTS[0], Sampling(max_tokens=9, top_k=3, top_p=0.5))
    expected = plain_logprobs(plain, PROMPTS[0], completion.token_ids)
    torch.testing.assert_close(torch.tensor(completion.logprobs), expected, atol=2e-5, rtol=0)


def test_scoring_a_reply_gives_the_log_probs_with_which_it_was_sampled(engine: TransformersEngine) -> None:
    completions = generate_all(engine, PROMPTS)

    async def score() -> list[tuple[float, ...]]:
        pairs = zip(PROMPTS, completions, strict=True)
        return await asyncio.gather(*(engine.logprobs(p, c.token_ids[: k + 3]) for k, (p, c) in enumerate(pairs)))

    for k, (found, completion) in enumerate(zip(asyncio.run(score()), completions, strict=True)):
        assert found == pytest.approx(completion.logprobs[: k + 3], abs=2e-5)


def test_scoring_nothing_gives_nothing(engine: TransformersEngine) -> None:
    assert asyncio.run(engine.logprobs(PROMPTS[0], ())) == ()


def test_scoring_uses_the_adapter(
    engine: TransformersEngine, tiny: Path, adapter_paths: list[Path], two: tuple[str, str]
) -> None:
    found = asyncio.run(engine.logprobs(PROMPTS[0], (1, 2, 3), adapter=two[1]))
    expected = plain_logprobs(merge_adapter(tiny, adapter_paths[1]), PROMPTS[0], (1, 2, 3))
    assert found == pytest.approx(expected.tolist(), abs=2e-5)


# seeds


def test_an_equal_request_gives_equal_tokens_alone_and_in_a_batch(engine: TransformersEngine) -> None:
    together = generate_all(engine, PROMPTS)
    assert [c.token_ids for c in together] == [generate_one(engine, p, seed=k).token_ids for k, p in enumerate(PROMPTS)]


def test_another_seed_gives_other_tokens(engine: TransformersEngine) -> None:
    assert generate_one(engine, PROMPTS[0], seed=1).token_ids != generate_one(engine, PROMPTS[0], seed=2).token_ids


def test_equal_prompts_of_a_batch_are_drawn_apart(engine: TransformersEngine) -> None:
    completions = generate_all(engine, [PROMPTS[0]] * 5, seeds=[1, 2, 3, 1, 2])
    assert [c.token_ids for c in completions[:2]] == [c.token_ids for c in completions[3:]]
    assert len({c.token_ids for c in completions}) == 3


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_the_first_and_the_last_seed_are_taken(engine: TransformersEngine, seed: int) -> None:
    assert len(generate_one(engine, PROMPTS[0], seed=seed).token_ids) == 12


def test_uniform_numbers_stay_below_1_in_single_precision() -> None:
    largest = max(
        torch.from_numpy(uniforms(torch.arange(200_000).numpy(), step)).float().max().item() for step in range(5)
    )
    assert 0.99999 < largest < 1.0


def test_uniform_numbers_are_uniform() -> None:
    found = torch.from_numpy(uniforms(torch.arange(100_000).numpy(), 0))
    counts = torch.histc(found, bins=10, min=0, max=1)
    assert float(((counts - 10_000) ** 2 / 10_000).sum()) < 27.9  # chi-square, 9 degrees of freedom, p = 0.001


# frequencies


def draw_many(
    logits: Sequence[float], num: int, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> Counter[int]:
    """The number of draws of each token."""
    rules = Rules(
        torch.full((num,), temperature), torch.full((num,), top_k), torch.full((num,), top_p), top_k > 0 or top_p < 1
    )
    points = torch.from_numpy(uniforms(torch.arange(num).numpy(), 3))
    return Counter(draw(torch.tensor([list(logits)] * num), rules, points).ids_B.tolist())


LOGITS = [math.log(p) for p in (0.1, 0.4, 0.2, 0.3)]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (0.1, 0.4, 0.2, 0.3)),
        ({"temperature": 0.5}, (1 / 30, 16 / 30, 4 / 30, 9 / 30)),  # squares: 0.01, 0.16, 0.04, 0.09
        ({"top_k": 2}, (0, 4 / 7, 0, 3 / 7)),
        ({"top_k": 9}, (0.1, 0.4, 0.2, 0.3)),
        ({"top_p": 0.6}, (0, 4 / 7, 0, 3 / 7)),  # 0.4 alone is less than 0.6
        ({"top_p": 0.8}, (0, 4 / 9, 2 / 9, 3 / 9)),
        ({"top_p": 0.8, "top_k": 2}, (0, 4 / 7, 0, 3 / 7)),
        ({"top_p": 0.0}, (0, 1, 0, 0)),
        ({"temperature": 0}, (0, 1, 0, 0)),
    ],
)
def test_tokens_are_drawn_as_often_as_the_settings_say(settings: dict[str, Any], expected: tuple[float, ...]) -> None:
    num = 20_000
    counts = draw_many(LOGITS, num, **settings)
    for token, share in enumerate(expected):
        allowed = 4 * math.sqrt(share * (1 - share) / num)  # four standard errors
        assert abs(counts[token] / num - share) <= allowed, (
            f"token {token}: {counts[token]} of {num}, {share:.3f} expected"
        )


def test_a_batch_may_mix_settings() -> None:
    rules = Rules(torch.tensor([0.0, 1.0, 1.0]), torch.tensor([0, 1, 0]), torch.tensor([1.0, 1.0, 1.0]), True)
    found = draw(torch.tensor([LOGITS] * 3), rules, torch.tensor([0.05, 0.05, 0.05]))
    assert found.ids_B.tolist() == [1, 1, 0]


def test_the_engine_draws_from_the_softmax(engine: TransformersEngine, plain: Any) -> None:
    num = 4_000
    completions = generate_all(engine, [PROMPTS[0]] * num, Sampling(max_tokens=1))
    with torch.no_grad():
        expected = torch.softmax(plain(torch.tensor([PROMPTS[0]])).logits[0, -1], -1) * num
    counts = torch.bincount(torch.tensor([c.token_ids[0] for c in completions]), minlength=len(expected))
    common = expected > 20
    rest = torch.stack([expected[~common].sum(), counts[~common].sum().float()])
    chi = float(((counts - expected)[common] ** 2 / expected[common]).sum() + (rest[1] - rest[0]) ** 2 / rest[0])
    freedom = int(common.sum())
    assert freedom >= 20, "the test means something"
    assert chi < freedom + 4 * math.sqrt(2 * freedom)


# where a reply ends


def test_the_budget_ends_a_reply(engine: TransformersEngine) -> None:
    completion = generate_one(engine, PROMPTS[0], Sampling(max_tokens=7))
    assert (len(completion.token_ids), len(completion.logprobs), completion.finish) == (7, 7, "length")


def test_an_end_of_turn_ends_a_reply(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = generate_one(engine, PROMPTS[0])
    monkeypatch.setattr(engine._encoder, "end_ids", frozenset({whole.token_ids[4]}))
    completion = generate_one(engine, PROMPTS[0])
    assert (completion.token_ids, completion.finish) == (whole.token_ids[:5], "stop")


def test_the_end_of_turn_is_no_part_of_the_text(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = generate_one(engine, PROMPTS[0])
    monkeypatch.setattr(engine._encoder, "end_ids", frozenset({whole.token_ids[4]}))
    assert generate_one(engine, PROMPTS[0]).text == engine._encoder.decode(whole.token_ids[:4])


def test_a_stop_string_ends_a_reply_behind_it(engine: TransformersEngine) -> None:
    whole = generate_one(engine, PROMPTS[0], Sampling(max_tokens=40))
    readable = engine._encoder.decode(whole.token_ids[10:12])
    completion = generate_one(engine, PROMPTS[0], Sampling(max_tokens=40, stop=("never said", readable)))
    assert (completion.token_ids, completion.finish) == (whole.token_ids[: len(completion.token_ids)], "stop")
    assert completion.text.endswith(readable)


def test_a_stop_string_of_many_bytes_is_found(engine: TransformersEngine) -> None:
    ids = [*engine.complete("x"), *(i for c in "日本" for i in engine.complete(c))]
    assert len(ids) == 7, "three tokens for each of the two characters"
    assert engine._has_stop(ids, ("日本",))


def test_a_prompt_that_fills_the_context_gets_an_empty_truncated_reply(engine: TransformersEngine) -> None:
    completion = generate_one(engine, (7,) * CONTEXT)
    assert completion == Completion(token_ids=(), logprobs=(), text="", finish="length", adapter=None)


def test_a_reply_ends_where_the_context_does(engine: TransformersEngine) -> None:
    completion = generate_one(engine, (7,) * (CONTEXT - 3))
    assert (len(completion.token_ids), completion.finish) == (3, "length")


@pytest.mark.parametrize("budgets", [(3, 40, 5, 20, 1, 40, 9, 30), (40, 1, 1, 1, 1, 1, 1, 1)])
def test_finished_rows_disturb_no_others(engine: TransformersEngine, budgets: tuple[int, ...]) -> None:
    async def request(prompt: tuple[int, ...], budget: int, seed: int) -> Completion:
        return await engine.generate(prompt, Sampling(max_tokens=budget), seed=seed)

    async def request_all() -> list[Completion]:
        prompts = (*PROMPTS, *PROMPTS[:2])
        return await asyncio.gather(*(request(p, b, k) for k, (p, b) in enumerate(zip(prompts, budgets, strict=True))))

    completions = asyncio.run(request_all())
    alone = [
        asyncio.run(request(p, b, k)) for k, (p, b) in enumerate(zip((*PROMPTS, *PROMPTS[:2]), budgets, strict=True))
    ]
    assert [c.token_ids for c in completions] == [c.token_ids for c in alone]


# adapters


def test_two_adapters_and_the_base_answer_as_themselves(
    engine: TransformersEngine, plain: Any, tiny: Path, adapter_paths: list[Path], two: tuple[str, str]
) -> None:
    names = (None, *two, None, *two)
    completions = generate_all(engine, [PROMPTS[0]] * 6, GREEDY, names)
    models = (plain, merge_adapter(tiny, adapter_paths[0]), merge_adapter(tiny, adapter_paths[1]))
    assert [c.token_ids for c in completions[:3]] == [plain_greedy(model, PROMPTS[0], 12) for model in models]
    assert [c.token_ids for c in completions[:3]] == [c.token_ids for c in completions[3:]]


def test_the_adapters_of_this_file_answer_differently(engine: TransformersEngine, two: tuple[str, str]) -> None:
    assert len({c.token_ids for c in generate_all(engine, [PROMPTS[0]] * 3, GREEDY, (None, *two))}) == 3


def test_every_completion_carries_the_hash_of_its_adapter(
    engine: TransformersEngine, adapter_paths: list[Path], two: tuple[str, str]
) -> None:
    completions = generate_all(engine, [PROMPTS[0]] * 3, GREEDY, (None, *two))
    assert [c.adapter for c in completions] == [None, *(_adapters.content_hash(p) for p in adapter_paths[:2])]


def test_an_adapter_that_was_never_loaded_is_a_fault_of_ours(engine: TransformersEngine) -> None:
    with pytest.raises(AssertionError, match="adapter feed was never loaded"):
        generate_all(engine, [PROMPTS[0]], adapters=["feed"])


def test_loading_an_adapter_draws_nothing_from_torchs_generator(tiny: Path, adapter_paths: list[Path]) -> None:
    """A resumed run loads fewer adapters than an undisturbed one, and ends with the same state of the generator."""
    engine, before = TransformersEngine(str(tiny)), torch.random.get_rng_state()
    for path in adapter_paths[:2]:
        engine.load(path)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_equal_content_is_held_once(engine: TransformersEngine, adapter_paths: list[Path], tmp_path: Path) -> None:
    name = engine.load(adapter_paths[0])
    num_held = len(engine._peft.peft_config)
    assert engine.load(shutil.copytree(adapter_paths[0], tmp_path / "copy")) == name
    assert len(engine._peft.peft_config) == num_held


def test_other_scaling_is_another_adapter(adapter_paths: list[Path], tmp_path: Path) -> None:
    louder = shutil.copytree(adapter_paths[0], tmp_path / "louder")
    config = json.loads((louder / _adapters.CONFIG).read_text())
    (louder / _adapters.CONFIG).write_text(json.dumps(config | {"lora_alpha": 99}))
    assert _adapters.content_hash(louder) != _adapters.content_hash(adapter_paths[0])


@pytest.fixture
def crowded(tiny: Path, adapter_paths: list[Path]) -> tuple[TransformersEngine, list[str]]:
    """An engine that loaded one adapter more than it has room for, and the hashes of all."""
    engine = TransformersEngine(str(tiny))
    return engine, [engine.load(path) for path in adapter_paths]


def test_the_adapter_unused_for_longest_makes_room(crowded: tuple[TransformersEngine, list[str]]) -> None:
    engine, names = crowded
    assert sorted(engine._peft.peft_config) == sorted(names[1:])


def test_an_adapter_in_use_stays(tiny: Path, adapter_paths: list[Path]) -> None:
    engine = TransformersEngine(str(tiny))
    names = [engine.load(path) for path in adapter_paths[:-1]]
    generate_all(engine, [PROMPTS[0]], GREEDY, [names[0]])
    names.append(engine.load(adapter_paths[-1]))
    assert sorted(engine._peft.peft_config) == sorted([names[0], *names[2:]])


def test_the_base_answers_exactly_as_before_when_adapters_have_come_and_gone(
    crowded: tuple[TransformersEngine, list[str]], tiny: Path
) -> None:
    assert generate_all(crowded[0], PROMPTS) == generate_all(TransformersEngine(str(tiny)), PROMPTS)


def test_an_adapter_that_made_room_comes_back_when_it_is_asked(
    crowded: tuple[TransformersEngine, list[str]], tiny: Path, adapter_paths: list[Path]
) -> None:
    engine, names = crowded
    completion = generate_all(engine, [PROMPTS[0]], GREEDY, [names[0]])[0]
    assert completion.token_ids == plain_greedy(merge_adapter(tiny, adapter_paths[0]), PROMPTS[0], 12)


def test_an_adapter_that_changed_while_it_was_away_is_refused(
    tiny: Path, adapter_paths: list[Path], tmp_path: Path
) -> None:
    engine = TransformersEngine(str(tiny))
    moving = shutil.copytree(adapter_paths[0], tmp_path / "moving")
    first, *_ = [engine.load(path) for path in (moving, *adapter_paths[1:])]
    shutil.copytree(adapter_paths[-1], moving, dirs_exist_ok=True)
    with pytest.raises(UserError, match=f"has changed: {first} was loaded from there, now it is"):
        generate_all(engine, [PROMPTS[0]], GREEDY, [first])


# adapters that don't fit


def test_an_adapter_made_for_another_base_is_refused_with_both_names(tiny: Path, tmp_path: Path) -> None:
    folder = save_adapter(tmp_path / "a", seed=1)
    _adapters.write_card(folder, "hf:other", "0123456789abcdef")
    engine = TransformersEngine(str(tiny))
    with pytest.raises(UserError) as problem:
        engine.load(folder)
    assert str(problem.value) == (
        f"the adapter at '{folder}' was made for 'hf:other' (0123456789abcdef), not for '{tiny}' ({engine.fingerprint})"
    )


def test_an_adapter_made_for_this_base_is_taken(engine: TransformersEngine, tiny: Path, tmp_path: Path) -> None:
    folder = save_adapter(tmp_path / "a", seed=1)
    _adapters.write_card(folder, str(tiny), engine.fingerprint)
    assert engine.load(folder) == _adapters.content_hash(folder)


def test_a_copy_of_the_base_elsewhere_is_the_same_base(engine: TransformersEngine, tiny: Path, tmp_path: Path) -> None:
    assert TransformersEngine(str(shutil.copytree(tiny, tmp_path / "copy"))).fingerprint == engine.fingerprint


def test_a_base_with_other_weights_is_another_base(engine: TransformersEngine, tmp_path: Path) -> None:
    assert TransformersEngine(str(save_model(tmp_path, seed=1))).fingerprint != engine.fingerprint


@pytest.mark.parametrize(
    ("shape", "reason"), [({"hidden": 96}, "size mismatch"), ({"layers": 4}, "0 tensors are missing, 12 are unknown")]
)
@pytest.mark.parametrize("others", [0, 1])
def test_an_adapter_of_another_shape_is_refused_with_both_names(
    shape: dict[str, int], reason: str, others: int, tiny: Path, adapter_paths: list[Path], tmp_path: Path
) -> None:
    engine = TransformersEngine(str(tiny))
    for path in adapter_paths[:others]:
        engine.load(path)
    folder = save_adapter(tmp_path / "a", seed=1, **shape)
    with pytest.raises(UserError, match=f"the adapter at '{folder}' does not fit '{tiny}': .*{reason}"):
        engine.load(folder)


@pytest.mark.parametrize("others", [0, 1])
def test_an_adapter_that_was_refused_leaves_no_trace(
    others: int, tiny: Path, adapter_paths: list[Path], tmp_path: Path
) -> None:
    engine = TransformersEngine(str(tiny))
    names = [engine.load(path) for path in adapter_paths[:others]]
    with pytest.raises(UserError):
        engine.load(save_adapter(tmp_path / "a", seed=1, layers=4))
    assert generate_all(engine, PROMPTS) == generate_all(TransformersEngine(str(tiny)), PROMPTS)
    assert list(engine._peft.peft_config if engine._peft else []) == names


def test_an_adapter_with_torn_weights_is_refused(tiny: Path, tmp_path: Path) -> None:
    folder = save_adapter(tmp_path / "a", seed=1)
    (folder / _adapters.WEIGHTS).write_bytes((folder / _adapters.WEIGHTS).read_bytes()[:-100])
    with pytest.raises(UserError, match=f"the adapter at '{folder}' can't be loaded: "):
        TransformersEngine(str(tiny)).load(folder)


@pytest.mark.parametrize("written", ["", "[1, 2]", "{"])
def test_an_adapter_with_broken_settings_is_refused(engine: TransformersEngine, tmp_path: Path, written: str) -> None:
    folder = save_adapter(tmp_path / "a", seed=1)
    (folder / _adapters.CONFIG).write_text(written)
    with pytest.raises(UserError, match=r"has no readable adapter_config\.json"):
        engine.load(folder)


@pytest.mark.parametrize("written", ["", "[]", "{}"])
def test_a_broken_card_is_refused(engine: TransformersEngine, tmp_path: Path, written: str) -> None:
    folder = save_adapter(tmp_path / "a", seed=123)
    (folder / _adapters.CARD).write_text(written)
    with pytest.raises(UserError, match=r"mirrormatch\.json' is broken"):
        engine.load(folder)


def test_a_missing_adapter_is_named(engine: TransformersEngine, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"no adapter at '{tmp_path}/nowhere': there is no such folder"):
        engine.load(tmp_path / "nowhere")


def test_a_folder_without_an_adapter_is_named(engine: TransformersEngine, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"no adapter at '{tmp_path}': it holds neither"):
        engine.load(tmp_path)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"no model can be loaded from '{tmp_path}'"):
        TransformersEngine(str(tmp_path))


def test_a_folder_without_a_config_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the folder has neither config\.json nor a \.gguf file$"):
        TransformersEngine(str(tmp_path))


def test_a_model_that_also_sees_is_generated_with(tiny: Path, tmp_path: Path) -> None:
    text = {
        "vocab_size": 512, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "head_dim": 32,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 64, "sliding_window": 16,
    }  # fmt: skip
    sight = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config: Any = Gemma3Config(text_config=text, vision_config={**sight, "image_size": 28, "patch_size": 14})
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)  # type: ignore[no-untyped-call]
    AutoTokenizer.from_pretrained(tiny).save_pretrained(tmp_path)
    seeing = TransformersEngine(str(tmp_path))
    completion = asyncio.run(seeing.generate((5,) * 60, Sampling(max_tokens=9)))
    assert len(completion.token_ids) <= 4


# batches


class GenerateRecorder:
    """Wraps an engine's generation and records the batches; may fail once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, problem: Exception | None = None) -> None:
        self.batches: list[list[tuple[int, ...]]] = []
        self._problem = problem
        self._really = decoding.generate
        monkeypatch.setattr(decoding, "generate", self)

    def __call__(
        self, model: Any, requests: Sequence[decoding.Request], **settings: Any
    ) -> tuple[list[decoding.GeneratedRow], decoding.ReadCounts]:
        self.batches.append([r.prompt_ids for r in requests])
        if self._problem is not None:
            problem, self._problem = self._problem, None
            raise problem
        return self._really(model, requests, **settings)


def test_requests_that_wait_together_are_served_together(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = GenerateRecorder(monkeypatch)
    generate_all(engine, PROMPTS)
    assert recorded.batches == [list(PROMPTS)]


def test_a_batch_is_no_larger_than_allowed(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = GenerateRecorder(monkeypatch)
    generate_all(TransformersEngine(str(tiny), max_batch=4), PROMPTS)
    assert recorded.batches == [list(PROMPTS[:4]), list(PROMPTS[4:])]


def test_adapters_are_served_one_after_the_other_in_the_order_of_the_requests(
    engine: TransformersEngine, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = GenerateRecorder(monkeypatch)
    generate_all(engine, PROMPTS, GREEDY, [two[1], None, two[1], two[0], None, two[1]])
    assert recorded.batches == [[PROMPTS[0], PROMPTS[2], PROMPTS[5]], [PROMPTS[1], PROMPTS[4]], [PROMPTS[3]]]


def test_batches_depend_on_the_order_of_the_requests_alone(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk(prompt: tuple[int, ...], num_turns: int) -> None:
        for _ in range(num_turns):
            completion = await engine.generate(prompt, Sampling(max_tokens=2))
            prompt = (*prompt, *completion.token_ids)

    async def talk_all() -> None:
        await asyncio.gather(*(talk(p, 1 + k % 3) for k, p in enumerate(PROMPTS)))

    recorded = GenerateRecorder(monkeypatch)
    asyncio.run(talk_all())
    first, recorded.batches = recorded.batches, []
    asyncio.run(talk_all())
    assert [len(batch) for batch in first] == [6, 4, 2]
    assert recorded.batches == first


def test_a_cancelled_request_is_not_served(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def give_up_one() -> None:
        waiting = [asyncio.create_task(engine.generate(p, SAMPLED)) for p in PROMPTS[:3]]
        await asyncio.sleep(0)
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    recorded = GenerateRecorder(monkeypatch)
    asyncio.run(give_up_one())
    assert recorded.batches == [[PROMPTS[0], PROMPTS[2]]]


def test_a_failure_reaches_everybody_who_waits(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def all_fail() -> list[Any]:
        asked = (engine.generate(p, SAMPLED) for p in PROMPTS)
        return await asyncio.gather(*asked, return_exceptions=True)

    GenerateRecorder(monkeypatch, RuntimeError("out of memory"))
    assert [str(found) for found in asyncio.run(all_fail())] == ["out of memory"] * len(PROMPTS)


def test_the_engine_works_after_a_failure(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def retry() -> Completion:
        with pytest.raises(RuntimeError, match="out of memory"):
            await engine.generate(PROMPTS[0], SAMPLED)
        return await engine.generate(PROMPTS[0], SAMPLED)

    GenerateRecorder(monkeypatch, RuntimeError("out of memory"))
    assert len(asyncio.run(retry()).token_ids) == 12


def test_the_engine_works_after_a_failure_in_another_event_loop(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    GenerateRecorder(monkeypatch, RuntimeError("out of memory"))
    with pytest.raises(RuntimeError, match="out of memory"):
        generate_all(engine, PROMPTS)
    assert len(generate_one(engine, PROMPTS[0]).token_ids) == 12


def test_an_interrupt_while_generating_stops_everything_at_once(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(decoding, "generate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        generate_all(engine, PROMPTS)


def test_an_interrupt_leaves_no_complaint_behind(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(decoding, "generate", interrupt)
        generate_all(engine, PROMPTS)
    generate_one(engine, PROMPTS[0])
    gc.collect()
    assert caplog.records == []
