"""An answer under a constraint matches its regular expression, however improbable for the model."""

import asyncio
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.agents.engines.template_tokenizers import LLAMA_2, byte_level_tokenizer, sentencepiece_tokenizer
from tests.agents.engines.tiny_model import save_model, spaced_tokenizer
from transformers import AutoTokenizer

from mirrormatch import games
from mirrormatch.agents.engines._answer_regex import answer_regex, list_choices
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.engines.hf.constraints import TokenMasks
from mirrormatch.agents.models import NANO_PATH
from mirrormatch.agents.play import play
from mirrormatch.agents.scheduler import run_all
from mirrormatch.agents.spec import model_agent
from mirrormatch.agents.types import Episode

BOX = answer_regex("\\boxed{", list_choices(("bet", "check", "check twice")), "}")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(NANO_PATH)


@pytest.fixture(scope="module")
def masks(tokenizer: Any) -> TokenMasks:
    return TokenMasks(tokenizer, len(tokenizer), frozenset({tokenizer.eos_token_id}))


def allowed_texts(masks: TokenMasks, tokenizer: Any, text: str, pattern: str = BOX) -> set[str]:
    """The texts of the tokens that may come next."""
    allowed = masks.allow(tokenizer.encode(text, add_special_tokens=False), pattern)
    return {tokenizer.decode([token]) for token in np.flatnonzero(allowed)}


def test_the_opening_comes_first(masks: TokenMasks, tokenizer: Any) -> None:
    assert allowed_texts(masks, tokenizer, "") == {"\\boxed"}


def test_inside_the_box_only_the_beginnings_of_choices_may_come(masks: TokenMasks, tokenizer: Any) -> None:
    found = allowed_texts(masks, tokenizer, "\\boxed{")
    assert found and all(any(answer.startswith(text) for answer in ("bet}", "check}", "check ")) for text in found)
    assert {text[0] for text in found} == {"b", "c"}


def test_half_a_choice_is_gone_on_with(masks: TokenMasks, tokenizer: Any) -> None:
    assert {text[0] for text in allowed_texts(masks, tokenizer, "\\boxed{check")} == {"}", " "}


def test_after_the_answer_comes_the_end(masks: TokenMasks, tokenizer: Any) -> None:
    assert allowed_texts(masks, tokenizer, "\\boxed{bet}") == {tokenizer.eos_token}


def test_an_answer_may_end_where_another_goes_on(masks: TokenMasks, tokenizer: Any) -> None:
    assert allowed_texts(masks, tokenizer, "1", "(1|12)") == {"2", tokenizer.eos_token}


def test_every_end_of_turn_ends_an_answer_and_a_larger_vocabulary_has_no_other_tokens(tokenizer: Any) -> None:
    ends = frozenset({tokenizer.eos_token_id, 7})
    masks = TokenMasks(tokenizer, len(tokenizer) + 64, ends)
    ids = tokenizer.encode("\\boxed{bet}", add_special_tokens=False)
    assert set(np.flatnonzero(masks.allow(ids, BOX))) == ends
    assert not set(np.flatnonzero(masks.allow(ids[:2], BOX))) & ends
    assert len(masks.allow([], BOX)) == len(tokenizer) + 64


def test_a_reply_that_went_wrong_may_only_end(masks: TokenMasks, tokenizer: Any) -> None:
    assert allowed_texts(masks, tokenizer, "I think") == {tokenizer.eos_token}


def kinds_of_tokenizers() -> dict[str, Any]:
    spaced = {
        scheme: functools.partial(spaced_tokenizer, scheme) for scheme in ("always", "first", "never", "normalizer")
    }
    return {
        **spaced,
        "bytes": functools.partial(byte_level_tokenizer, LLAMA_2),
        "sentencepiece": functools.partial(sentencepiece_tokenizer, LLAMA_2),
        "sentencepiece, first": functools.partial(sentencepiece_tokenizer, LLAMA_2, "first"),
    }


@pytest.mark.parametrize("kind", kinds_of_tokenizers())
def test_any_sequence_of_allowed_tokens_is_an_answer(kind: str) -> None:
    tokenizer = kinds_of_tokenizers()[kind]()
    masks = TokenMasks(tokenizer, len(tokenizer), frozenset({tokenizer.eos_token_id}))
    rng = np.random.default_rng(0)
    found = set[str]()
    for _ in range(40):
        ids = list[int]()
        while not ids or ids[-1] != tokenizer.eos_token_id:
            ids.append(int(rng.choice(np.flatnonzero(masks.allow(ids, "(a|b a|a b)")))))
            assert len(ids) < 10
        before = tokenizer.encode("a", add_special_tokens=False)[-1:]  # shows the blank at the beginning of a token
        found.add(tokenizer.decode([*before, *ids[:-1]])[1:])
    assert found == {"a", "b a", "a b"}


def test_a_character_in_several_tokens_is_generated() -> None:
    agent = model_agent("nano")
    sampling = Sampling(max_tokens=24, constraint="(😀é|é😀)")
    for seed in range(4):
        found = asyncio.run(agent.engine.generate((5, 6), sampling, seed=seed))
        assert found.text in ("😀é", "é😀") and found.finish == "stop"


# whole games


def play_games(spec: str, game_name: str, num: int) -> list[Episode]:
    game, agent = games.get(game_name), model_agent(spec)
    return asyncio.run(run_all(functools.partial(play, game, [agent] * len(game.info.roles), k) for k in range(num)))


def count_problems(episodes: list[Episode]) -> int:
    return sum(turn.problem is not None for episode in episodes for turn in episode.turns)


def widen_context(folder: Path) -> Path:
    """Gives the model the context that long rules need."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 4096}))
    return folder


@pytest.fixture(scope="module")
def shape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights, which has never seen a game, a box or an end of turn."""
    return widen_context(save_model(tmp_path_factory.mktemp("shape")))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without a chat template."""
    folder = widen_context(save_model(tmp_path_factory.mktemp("base")))
    (folder / "chat_template.jinja").unlink()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("game", ["kuhn_poker", "tictactoe"])
@pytest.mark.parametrize("kind", ["shape", "base"])
def test_a_model_of_random_weights_plays_legal_moves_alone(
    kind: str, game: str, request: pytest.FixtureRequest
) -> None:
    episodes = play_games(f"hf:{request.getfixturevalue(kind)},constrain=yes,patience=0,max_tokens=24", game, 10)
    assert sum(len(e.turns) for e in episodes) >= 20 and count_problems(episodes) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", ["prompt=plain", "prompt=cot", "thinking=no", "thinking_tokens=0", "prompt=role_play"]
)
def test_every_prompt_ends_with_a_legal_move(shape: Path, settings: str) -> None:
    episodes = play_games(f"hf:{shape},constrain=yes,patience=0,max_tokens=16,{settings}", "kuhn_poker", 6)
    assert count_problems(episodes) == 0


@pytest.mark.slow
@pytest.mark.parametrize("game", ["simple_negotiation", "deal_or_no_deal", "countdown", "avalon:players=5"])
def test_the_binding_part_of_free_text_follows_its_grammar(shape: Path, game: str) -> None:
    episodes = play_games(f"hf:{shape},constrain=yes,patience=0,max_tokens=8,thinking=no", game, 2)
    assert count_problems(episodes) == 0 and all(e.forfeited_by is None for e in episodes)


@pytest.mark.slow
def test_a_bundled_model_keeps_its_own_reasoning() -> None:
    episodes = play_games("nano,constrain=yes,patience=0", "tictactoe", 4)
    thoughts = [turn.thinking for episode in episodes for turn in episode.turns]
    assert count_problems(episodes) == 0 and sum(map(bool, thoughts)) > len(thoughts) / 2


def test_reasoning_that_fills_the_context_is_dropped_for_the_answer(shape: Path) -> None:
    agent = model_agent(f"hf:{shape},constrain=yes,patience=0,max_tokens=4096")
    assert isinstance(agent.engine, TransformersEngine)
    agent.engine._context = 256
    episode = asyncio.run(play(games.get("kuhn_poker"), [agent] * 2, 1))
    assert count_problems([episode]) == 0


def test_an_answer_that_the_model_finds_itself_is_kept(tokenizer: Any) -> None:
    free, held = (model_agent(f"nano,temperature=0{more}") for more in ("", ",constrain=yes"))
    game = games.get("kuhn_poker")
    first, second = (asyncio.run(play(game, [agent] * 2, 3)).turns[0] for agent in (free, held))
    assert first.action == second.action and first.thinking == second.thinking
