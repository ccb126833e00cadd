"""Every format shows every game's positions and reads every game's moves back as it writes them."""

import functools
import random
import time
from typing import Any

import pytest

from mirrormatch import games, prompts
from mirrormatch.games import CHANCE, OVER, Observation, Problem, ProblemKind
from mirrormatch.games.contract.growth import COMMON, find_bomb
from mirrormatch.prompts import Exchange, PromptSettings, Reading
from mirrormatch.seeds import derive

pytestmark = pytest.mark.slow

SEEN = Observation(1, "You are O.", ("1", "2"))
FORMATS = prompts.names()
MARKS = (
    "<think>", "</think>", "[THINK]", "</thought>", "<|channel|>", "<|channel|>final", "<|message|>", "<|start|>",
    "<|constrain|>", "<|end|>", "assistantfinal", "analysis", "\\boxed{", "\\boxed{1} ", "\\boxed ", "{", "}",
    "<|start|>assistant", "\\text{", "\\fbox", "\\",
    "Answer:", "Answer: 4\n", "My ", "**", "> ", "#", "_", "\n\n", " \n", "<answer>", "<", "[", "is ",
)  # fmt: skip
SWITCHED = [PromptSettings(thinking=thinking) for thinking in (False, True)]


@functools.cache
def visited_moves(name: str) -> list[tuple[Any, Observation, str]]:
    """States of three games with the mover's observation and move: of solvers, where there are any, and at random."""
    game, found = games.get(name), list[tuple[Any, Observation, str]]()
    for number in range(3):
        rng, state = random.Random(derive(number, name)), game.start()
        while (role := game.to_act(state)) != OVER and len(found) < 200 * (number + 1):
            view = game.view(state, role) if role != CHANCE else None
            if role == CHANCE or (game.info.solver and number == 0):
                options = game.chance(state) if role == CHANCE else game.solution(view)
                action = rng.choices([a for a, _ in options], [p for _, p in options])[0]
            else:
                action = game.sample(view, game.legal(state), rng)
            if role != CHANCE:
                found.append((state, game.observe(state, role), action))
            state = game.apply(state, action)
    return found


@pytest.mark.parametrize("name", games.names())
@pytest.mark.parametrize("form", FORMATS)
def test_a_move_is_read_back_as_it_is_written(form: str, name: str) -> None:
    game = games.get(name)
    for settings in SWITCHED:
        prompt = prompts.get(form, settings)
        for state, observation, move in visited_moves(name):
            for reply in (
                prompt.format_answer(move),
                prompt.format_thinking("I think so.") + prompt.format_answer(move),
            ):
                answer = prompt.read(reply, truncated=False).answer
                assert answer == move, reply
                assert game.parse(state, answer) == move
            asked = prompt.turn(game.rules(), (), observation)
            assert observation.text in asked[-1].text and game.rules() in asked[0].text


@pytest.mark.parametrize("form", FORMATS)
def test_finished_reasoning_is_kept_apart_from_the_answer(form: str) -> None:
    prompt = prompts.get(form, PromptSettings(thinking=True))
    assert prompt.read(prompt.format_thinking("so") + prompt.format_answer("4"), truncated=False) == Reading("so", "4")


@pytest.mark.parametrize("form", FORMATS)
def test_without_reasoning_nothing_is_written_for_it(form: str) -> None:
    assert prompts.get(form, PromptSettings(thinking=False)).format_thinking("so") == ""


@pytest.mark.parametrize("settings", SWITCHED)
@pytest.mark.parametrize("form", FORMATS)
def test_two_different_answers_are_ambiguous_in_every_format(form: str, settings: PromptSettings) -> None:
    prompt = prompts.get(form, settings)
    answer = prompt.read(r"\boxed{4} or \boxed{5}", truncated=False).answer
    assert isinstance(answer, Problem) and answer.kind is ProblemKind.AMBIGUOUS


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("reply", ["I hold a king, so I raise and take 4", "4", "", "Answer: 4", "<think>4"])
def test_half_a_reply_is_truncated_in_every_format(form: str, reply: str) -> None:
    answer = prompts.get(form).read(reply, truncated=True).answer
    assert isinstance(answer, Problem) and answer.kind is ProblemKind.TRUNCATED


@pytest.mark.parametrize("form", FORMATS)
def test_legal_moves_are_listed_unless_switched_off(form: str) -> None:
    for is_listed in (True, False):
        text = prompts.get(form, PromptSettings(list_legal=is_listed)).turn("", (), SEEN)[-1].text
        assert ("1, 2." in text) is is_listed


@pytest.mark.parametrize("form", FORMATS)
def test_earlier_replies_without_their_reasoning_are_answers_alone(form: str) -> None:
    prompt = prompts.get(form, PromptSettings(thinking=True, history="full", keep_thoughts=False))
    reply = prompt.format_thinking("secret plan") + prompt.format_answer("2")
    own = prompt.turn("", (Exchange(SEEN, reply, (1, 2)),), SEEN)[2]
    assert own.role == "assistant" and own.token_ids is None
    assert "secret" not in own.text and prompt.read(own.text, truncated=False).answer == "2"


@pytest.mark.parametrize("form", FORMATS)
def test_a_problem_is_posed_with_the_form_of_its_answer(form: str) -> None:
    system, user = prompts.get(form).question("What is 1 + 1?")
    assert system.role == "system" and user.role == "user" and user.text.startswith("What is 1 + 1?")


# chain of thought, personas, dialogues


COT = prompts.get("cot")


@pytest.mark.parametrize("reply", [
    "I hold the jack.\nSo I bluff.\nAnswer: bet", "check loses.\n\n**Answer:** bet\n", "I bluff.\nThe answer is bet.",
    "I bluff.\nFinal answer:\nbet", "Answer: bet\n\nThe jack can only bluff.", "I bluff.\n\\boxed{bet}", "So:\nbet",
    "Moves: none. Pot: 2.\nSo:\nbet", "Answer: bet\nAnswer: bet",
])  # fmt: skip
def test_a_chain_of_thought_ends_in_its_answer(reply: str) -> None:
    answer = COT.read(reply, truncated=False).answer
    assert isinstance(answer, str) and answer.rstrip(".") == "bet"


def test_a_chain_of_thought_with_two_answers_is_ambiguous() -> None:
    reading = COT.read("Answer: bet\nNo, wait.\nAnswer: check", truncated=False)
    assert isinstance(reading.answer, Problem) and reading.spellings == ("bet", "check")


def test_a_labelled_answer_before_the_cut_counts() -> None:
    assert COT.read("Answer: bet\nbecause the", truncated=True).answer == "bet"


def test_a_chain_of_thought_is_asked_for_in_the_classic_words() -> None:
    asked = COT.turn("Rules.", (), SEEN)[-1].text
    assert asked == ('You are O.\nEnd with a line that holds "Answer:" and one of: 1, 2.\nLet\'s think step by step.')


def test_each_seat_has_a_persona_of_its_own_before_the_rules() -> None:
    prompt = prompts.get("role_play")
    texts = [prompt.turn("The rules.", (), SEEN._replace(role=role))[0].text for role in range(4)]
    assert len(set(texts)) == 4 and all(text.startswith("You are ") and "\nThe rules.\n" in text for text in texts)
    assert prompt.turn("The rules.", (), SEEN)[1:] == prompts.get("boxed").turn("The rules.", (), SEEN)[1:]


def test_a_dialogue_begins_with_its_description() -> None:
    assert [m.text for m in prompts.get("base").turn("Rules.", (), SEEN)] == [
        "Rules.\nThe user describes the game, and the assistant answers with one move and nothing else.",
        "You are O.\nLegal moves: 1, 2.",
    ]


@pytest.mark.parametrize("prefix", ["", "<|channel|>", "\\boxed{", "The final answer", "I think.\n"])
@pytest.mark.parametrize("form", FORMATS)
def test_reading_any_repeated_mark_is_quick(form: str, prefix: str) -> None:
    prompt = prompts.get(form)
    bombs = (find_bomb(lambda text: prompt.read(text, truncated=False), prefix, unit) for unit in (*MARKS, *COMMON))
    assert list(filter(None, bombs)) == []


@pytest.mark.parametrize("unit", ["\n", " \n", "* \n", "my\n", "<think>\n"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_reply_of_a_hundred_thousand_lines_is_read_within_seconds(form: str, unit: str) -> None:
    start = time.process_time()
    prompts.get(form).read(unit * 100_000 + "x", truncated=False)
    assert time.process_time() - start < 5
