"""An answer under a constraint is one of the choices, however improbable for the model."""

import asyncio
from typing import Any

import pytest
from tests.agents.engines.tiny_model import spaced_tokenizer
from transformers import AutoTokenizer

from mirrormatch import games, prompts
from mirrormatch.agents.engines._types import Constraint, Sampling
from mirrormatch.agents.engines.hf.constraints import TokenTexts
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.models import NANO_PATH
from mirrormatch.agents.play import play
from mirrormatch.agents.spec import model_agent

BOX = Constraint("\\boxed{", ("bet", "check", "check twice"), "}")
ALL = ["bet}", "check}", "check twice}"]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(NANO_PATH)


@pytest.fixture(scope="module")
def texts(tokenizer: Any) -> TokenTexts:
    return TokenTexts(tokenizer, len(tokenizer), frozenset({tokenizer.eos_token_id}))


def permitted_texts(texts: TokenTexts, tokenizer: Any, text: str) -> set[str]:
    """The texts of the tokens that may come next."""
    permit = texts.permit(text, BOX)
    assert permit.only
    return {tokenizer.decode([token]) for token in permit.ids}


def test_inside_the_box_only_the_beginnings_of_choices_may_come(texts: TokenTexts, tokenizer: Any) -> None:
    found = permitted_texts(texts, tokenizer, "I think. \\boxed{")
    assert {"b", "c"} <= found
    assert all(any(answer.startswith(text) for answer in ALL) for text in found)


def test_half_a_choice_is_gone_on_with(texts: TokenTexts, tokenizer: Any) -> None:
    assert permitted_texts(texts, tokenizer, "\\boxed{be") <= {"t", "t}"}
    found = permitted_texts(texts, tokenizer, "\\boxed{check")
    assert "}" in found and all(text[0] in "} " for text in found)


def test_after_the_answer_comes_the_end(texts: TokenTexts, tokenizer: Any) -> None:
    assert permitted_texts(texts, tokenizer, "\\boxed{bet}") == {tokenizer.eos_token}


@pytest.mark.parametrize("scheme", ["always", "first", "never", "normalizer"])
def test_a_token_that_begins_with_a_space_is_no_choice_without_one(scheme: str) -> None:
    tokenizer = spaced_tokenizer(scheme)
    bare, spaced = tokenizer.convert_tokens_to_ids(["a", "▁a"])
    texts = TokenTexts(tokenizer, len(tokenizer), frozenset({tokenizer.eos_token_id}))
    assert texts.permit("{", Constraint("{", ("a", "b"), "}")).ids.count(bare) == 1
    assert spaced not in texts.permit("{", Constraint("{", ("a", "b"), "}")).ids
    assert texts.permit("{b", Constraint("{", ("b a",), "}")).ids.count(spaced) == 1


def test_before_the_box_all_is_free_but_a_token_that_answers_wrongly_at_once(texts: TokenTexts, tokenizer: Any) -> None:
    permit = texts.permit("I think \\boxed", BOX)
    assert not permit.only
    forbidden = {tokenizer.decode([token]) for token in permit.ids} - {tokenizer.eos_token}
    assert "{" not in forbidden
    assert all(not any(answer.startswith(text.partition("{")[2]) for answer in ALL) for text in forbidden)


def test_where_no_opening_has_begun_only_whole_wrong_answers_are_forbidden(texts: TokenTexts, tokenizer: Any) -> None:
    forbidden = {tokenizer.decode([token]) for token in texts.permit("I think {", BOX).ids}
    assert tokenizer.eos_token in forbidden
    assert all(BOX.opening in text for text in forbidden - {tokenizer.eos_token})


def test_an_answer_without_an_opening_begins_at_once_and_may_end_where_another_goes_on(texts: TokenTexts) -> None:
    alone = Constraint("", ("1", "12"), "")
    first, second, end = (texts.permit(text, alone) for text in ("", "1", "12"))
    assert first.only and not set(first.ids) & set(end.ids)
    assert set(second.ids) > set(end.ids)


@pytest.mark.slow
@pytest.mark.parametrize("prompt", ["plain", "plain,thinking=yes"])
def test_a_constrained_answer_alone_is_legal(prompt: str) -> None:
    game = games.get("tictactoe")
    agent = model_agent(f"nano,prompt={prompt},constrain=yes,patience=0,temperature=1.5,max_tokens=96")
    turns = asyncio.run(play(game, [agent] * 2, 1)).turns
    assert {t.problem.kind for t in turns if t.problem} <= {"truncated"}


@pytest.mark.slow
@pytest.mark.parametrize("game_name", ["kuhn_poker", "tictactoe", "connect_four"])
def test_a_constrained_model_makes_no_illegal_move_even_in_a_game_that_it_never_saw(game_name: str) -> None:
    game = games.get(game_name)
    agent = model_agent("nano,constrain=yes,patience=0,temperature=1.5,max_tokens=96")

    async def play_both() -> list[Any]:
        return list(await asyncio.gather(*(play(game, [agent] * 2, seed) for seed in range(6))))

    problems = [t.problem.kind for episode in asyncio.run(play_both()) for t in episode.turns if t.problem]
    assert set(problems) <= {"truncated"}  # an exhausted budget is the only way to give no answer


def test_the_same_request_without_a_constraint_is_answered_as_ever() -> None:
    engine = model_agent("nano").engine
    agent = LLMAgent("nano", engine, prompts.get("boxed"), Sampling(max_tokens=48, temperature=0))
    free = Sampling(max_tokens=48, temperature=0, constraint=Constraint("\\boxed{", ("bet", "check"), "}"))
    game = games.get("kuhn_poker")
    state = game.apply(game.apply(game.start(), "J"), "K")
    ids = engine.encode(agent.prompt.turn(game.rules(), (), game.observe(state, 0)))

    async def both() -> tuple[str, str]:
        plain = await engine.generate(ids, agent.sampling)
        bound = await engine.generate(ids, free)
        return plain.text, bound.text

    plain, bound = asyncio.run(both())
    assert plain == bound and plain.endswith("}")
