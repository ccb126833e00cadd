"""The transformers engine plays with models of many architectures, or refuses one in a line."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.agents.engines.architectures import ARCHITECTURES, REFUSED, save_architecture

from mirrormatch import games, prompts
from mirrormatch.agents.engines._types import Completion, Sampling
from mirrormatch.agents.engines.hf import UNLIMITED, TransformersEngine, find_context
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.errors import UserError

pytestmark = pytest.mark.slow

RULES = tuple(range(100, 140))  # a beginning that several prompts share
PROMPTS = ((*RULES, 5, 6, 7), (40,), (*RULES, *range(200, 230)), (9, 8, 7, 6), (*RULES, 300), tuple(range(300, 317)))
NUM_TOKENS = 16
ROUNDING = 1e-4  # nats, in single precision


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TransformersEngine:
    return TransformersEngine(str(save_architecture(tmp_path_factory.mktemp(request.param), request.param)))


def generate(engine: TransformersEngine) -> list[Completion]:
    """The completions of all prompts, as one batch."""

    async def gather() -> list[Completion]:
        sampling = Sampling(max_tokens=NUM_TOKENS)
        return await asyncio.gather(*(engine.generate(p, sampling, seed=k) for k, p in enumerate(PROMPTS)))

    return asyncio.run(gather())


@torch.no_grad()
def plain_logprobs(model: Any, prompt: tuple[int, ...], completion: tuple[int, ...]) -> list[float]:
    """Log-probs by one forward pass, without cache, padding or other rows."""
    logits = model(torch.tensor([[*prompt, *completion]]), use_cache=False).logits[0, len(prompt) - 1 : -1]
    found: list[float] = torch.log_softmax(logits, -1).gather(-1, torch.tensor(completion)[:, None])[:, 0].tolist()
    return found


def test_log_probs_are_those_of_a_plain_forward_pass(engine: TransformersEngine) -> None:
    for _ in range(2):  # the second time, beginnings of the prompts are known
        for prompt, completion in zip(PROMPTS, generate(engine), strict=True):
            expected = plain_logprobs(engine.model, prompt, completion.token_ids)
            assert completion.logprobs == pytest.approx(expected, abs=ROUNDING)


def test_scores_are_those_of_a_plain_forward_pass(engine: TransformersEngine) -> None:
    async def score() -> list[tuple[float, ...]]:
        return await asyncio.gather(*(engine.logprobs(p, (7, 8, 9)[: k % 4]) for k, p in enumerate(PROMPTS)))

    for k, (prompt, found) in enumerate(zip(PROMPTS, asyncio.run(score()), strict=True)):
        assert found == pytest.approx(plain_logprobs(engine.model, prompt, (7, 8, 9)[: k % 4]), abs=ROUNDING)


def test_a_game_is_played_and_every_reply_is_accounted_for(engine: TransformersEngine) -> None:
    agent = LLMAgent("tiny", engine, prompts.get("boxed"), Sampling(max_tokens=8), max_retries=1)
    episode = asyncio.run(play(games.get("tictactoe"), [agent, agent], seed=1))
    assert episode.turns
    assert all((turn.problem is None) == (turn.action is not None) for turn in episode.turns)
    assert all(turn.completion is not None and turn.completion.token_ids for turn in episode.turns)


@pytest.mark.parametrize("kind", REFUSED)
def test_an_architecture_without_a_cache_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"the architecture '{kind}' has no cache of transformers' kind; serve it"):
        TransformersEngine(str(save_architecture(tmp_path, kind)))


class Settings:
    """A model's configuration or a tokenizer, with any attributes."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"max_position_embeddings": 8, "max_seq_len": 9}, 8),
        ({"max_seq_len": 9}, 9),  # MPT
        ({"seq_length": 10}, 10),  # Bloom
        ({"context_length": 11}, 11),
        ({"max_position_embeddings": None}, 12),
        ({}, 12),
    ],
)
def test_a_context_is_read_under_the_names_that_architectures_give_it(config: dict[str, Any], expected: int) -> None:
    assert find_context(Settings(**config), Settings(model_max_length=12)) == expected


def test_a_model_that_states_no_context_has_a_large_one() -> None:
    assert find_context(Settings(), Settings(model_max_length=10**30)) == UNLIMITED
