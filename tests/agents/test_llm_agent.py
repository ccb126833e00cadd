"""A language model as a player: its prompts, and the treatment of its replies."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from mirrormatch import games, prompts
from mirrormatch.agents.engines._types import Completion, Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.agents.engines.scripted import END, ScriptedEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.agents.types import Episode, Turn
from mirrormatch.games import Problem, ProblemKind
from mirrormatch.prompts import PromptSettings
from mirrormatch.training import matchmaker
from mirrormatch.training.trajectories import extract_trajectories
from mirrormatch.training.types import MAIN

TICTACTOE, NEGOTIATION = games.get("tictactoe"), games.get("simple_negotiation")
SECRET = "the plan that nobody else may read"


class Seat:
    """An agent with scripted replies, and all prompts that it got."""

    def __init__(self, *replies: str, max_retries: int = 1, max_tokens: int = 200_000, **settings: Any) -> None:
        self.asked: list[str] = []
        self._replies = replies
        prompt = prompts.get("boxed", PromptSettings.model_validate(settings))
        sampling = Sampling(max_tokens=max_tokens)
        self.agent = LLMAgent("scripted", ScriptedEngine(self._reply), prompt, sampling, max_retries=max_retries)

    def _reply(self, prompt: str, seed: int) -> str:
        self.asked.append(prompt)
        return self._replies[(len(self.asked) - 1) % len(self._replies)]


def reply_with_move(number: int) -> str:
    return f"<think>thought {number}</think>\\boxed{{{number}}}"


def three_moves(**settings: Any) -> Seat:
    """X's agent after it took 1, 2 and 3, and won."""
    seat = Seat(reply_with_move(1), reply_with_move(2), reply_with_move(3), **settings)
    asyncio.run(play(TICTACTOE, [seat.agent, Seat(reply_with_move(5), reply_with_move(9)).agent]))
    assert len(seat.asked) == 3
    return seat


def first_problem(*replies: str, **settings: Any) -> Problem:
    """The problem with the first reply."""
    episode = asyncio.run(play(TICTACTOE, [Seat(*replies, **settings).agent, Seat(reply_with_move(5)).agent]))
    problem = episode.turns[0].problem
    assert problem is not None
    return problem


def test_one_move_in_two_spellings_is_one_move() -> None:
    turn = first_turn(Seat("\\boxed{4} so \\boxed{[4].}").agent)
    assert (turn.action, turn.problem) == ("4", None)


@pytest.mark.parametrize(
    "reply", ["\\boxed{4} \\boxed{[5]}", "\\boxed{4} \\boxed{four?}", "\\boxed{ten} \\boxed{eleven}"]
)
def test_two_answers_that_are_no_one_move_are_ambiguous(reply: str) -> None:
    assert first_problem(reply) == Problem(ProblemKind.AMBIGUOUS, "2 different answers")


# budgets, constraints, roles


class RequestRecorder(ScriptedEngine):
    """Records the sampling of its requests."""

    def __init__(self, *replies: str) -> None:
        self.asked: list[tuple[str, Sampling]] = []
        super().__init__(lambda prompt, seed: replies[(len(self.asked) - 1) % len(replies)])

    async def generate(self, prompt_ids: Any, sampling: Sampling, **rest: Any) -> Completion:
        self.asked.append(("".join(chr(i) for i in prompt_ids if i != END), sampling))
        return await super().generate(prompt_ids, sampling, **rest)


def first_turn(agent: LLMAgent) -> Turn:
    return asyncio.run(play(TICTACTOE, [agent, Seat(reply_with_move(5)).agent])).turns[0]


def test_reasoning_beyond_its_budget_is_ended_and_the_answer_asked_for() -> None:
    engine = RequestRecorder("<think>I think and think and think", "\\boxed{3}")
    agent = LLMAgent("scripted", engine, prompts.get("boxed"), Sampling(max_tokens=60), thinking_tokens=12)
    turn = first_turn(agent)
    assert (turn.action, turn.thinking) == ("3", "I thi")
    assert turn.completion is not None
    assert turn.completion.num_forced == len("</think>") and turn.completion.text == "<think>I thi</think>\\boxed{3}"
    assert len(turn.completion.token_ids) == len(turn.completion.logprobs) == 12 + 8 + 9 + 1
    assert engine.asked[1][0].endswith("<think>I thi</think>") and engine.asked[1][1].max_tokens == 60 - 12 - 8


def test_a_reply_without_reasoning_needs_no_second_request() -> None:
    engine = RequestRecorder("\\boxed{3}")
    agent = LLMAgent("scripted", engine, prompts.get("boxed"), Sampling(max_tokens=60), thinking_tokens=30)
    assert first_turn(agent).action == "3" and engine.asked[0][1].stop == ("</think>",)


def test_without_a_budget_for_reasoning_the_answer_is_asked_for_at_once() -> None:
    engine = RequestRecorder("\\boxed{3}")
    agent = LLMAgent("scripted", engine, prompts.get("boxed"), Sampling(max_tokens=60), thinking_tokens=0)
    assert first_turn(agent).action == "3"
    asked, sampling = engine.asked[0]
    assert asked.endswith("[assistant]</think>") and sampling.max_tokens == 60 - len("</think>")


def test_a_reply_with_forced_tokens_is_refused_by_training() -> None:
    agent = LLMAgent(
        "x", RequestRecorder("<think>long", "\\boxed{3}"), prompts.get("boxed"), Sampling(), thinking_tokens=8
    )
    with pytest.raises(AssertionError, match="8 tokens of a reply were not the model's own"):
        extract_trajectories(asyncio.run(play(TICTACTOE, [agent, agent])), 0, [matchmaker.Seat(MAIN, MAIN)] * 2, 0)


LEGAL = r"\\boxed\{(1|2|3|4|5|6|7|8|9)\}"  # at the beginning of tictactoe


def held_agent(engine: RequestRecorder, **settings: Any) -> LLMAgent:
    return LLMAgent("scripted", engine, prompts.get("boxed"), Sampling(max_tokens=40), constrain=True, **settings)


def test_an_answer_after_reasoning_is_held_to_the_legal_moves() -> None:
    engine = RequestRecorder("<think>I think</think>", "\\boxed{3}")
    turn = first_turn(held_agent(engine))
    assert (turn.action, turn.thinking) == ("3", "I think")
    assert [sampling.constraint for _, sampling in engine.asked[:2]] == [None, LEGAL]


def test_reasoning_that_the_model_ends_without_an_answer_is_closed_and_the_answer_follows() -> None:
    engine = RequestRecorder("Let me see.", "\\boxed{3}")
    turn = first_turn(held_agent(engine))
    assert turn.action == "3" and engine.asked[1][0].endswith("[assistant]Let me see.</think>")
    assert turn.completion is not None and turn.completion.num_forced == len("</think>")
    assert len(turn.completion.token_ids) == len(turn.completion.logprobs)


@pytest.mark.parametrize("reply", ["\\boxed{99}", "\\boxed{1} \\boxed{2}", "I resign", ""])
def test_a_whole_reply_that_is_no_legal_move_gets_a_held_answer(reply: str) -> None:
    engine = RequestRecorder(reply, "\\boxed{3}")
    assert first_turn(held_agent(engine)).action == "3" and engine.asked[1][1].constraint == LEGAL


def test_a_whole_reply_that_is_a_legal_move_needs_no_second_request() -> None:
    engine = RequestRecorder("\\boxed{4}")
    assert first_turn(held_agent(engine)).action == "4"
    assert engine.asked[0][1].constraint is None and "[assistant]\\boxed{4}" not in engine.asked[1][0][-40:]


def test_without_reasoning_the_answer_is_held_from_its_first_token() -> None:
    engine = RequestRecorder("\\boxed{3}")
    assert first_turn(held_agent(engine, thinking_tokens=0)).action == "3"
    assert engine.asked[0][0].endswith("[assistant]</think>") and engine.asked[0][1].constraint == LEGAL


def test_an_answer_is_drawn_with_other_numbers_than_its_reasoning() -> None:
    seeds = list[int]()

    def reply(prompt: str, seed: int) -> str:
        seeds.append(seed)
        return "<think>hm</think>"

    agent = LLMAgent("x", ScriptedEngine(reply), prompts.get("boxed"), Sampling(max_tokens=40), thinking_tokens=17)
    asyncio.run(agent.ask("2 + 2 =", seed=5))
    assert len(seeds) == 2 and seeds[0] == 5 != seeds[1]


def test_a_held_answer_comes_on_top_of_the_budget() -> None:
    engine = RequestRecorder("<think>I think and think and think and think</think>", "\\boxed{3}")
    turn = first_turn(held_agent(engine))
    assert turn.action == "3" and engine.asked[0][1].max_tokens == 40 < engine.asked[1][1].max_tokens


def test_free_text_is_held_to_the_form_of_its_game() -> None:
    engine = RequestRecorder("<think></think>", "\\boxed{say}")
    agent = held_agent(engine)
    asyncio.run(play(NEGOTIATION, [agent, agent]))
    constraint = engine.asked[1][1].constraint
    assert constraint is not None and re.fullmatch(constraint, "\\boxed{say | hello}")
    assert not re.fullmatch(constraint, "\\boxed{hello}")


def test_nothing_is_constrained_unless_asked_for() -> None:
    unasked = RequestRecorder("\\boxed{3}")
    first_turn(LLMAgent("scripted", unasked, prompts.get("boxed"), Sampling()))
    assert {sampling.constraint for _, sampling in unasked.asked} == {None}


def test_a_role_may_draw_its_tokens_in_its_own_way() -> None:
    engine = RequestRecorder("\\boxed{1}")
    cold = Sampling(temperature=0)
    agent = LLMAgent("scripted", engine, prompts.get("boxed"), Sampling(), by_role={1: cold}, max_retries=0)
    asyncio.run(play(TICTACTOE, [agent, agent]))
    assert [sampling for _, sampling in engine.asked] == [Sampling(), cold]


# history


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"history": "state"}, []),
        ({"history": "bounded", "history_turns": 1}, [2]),
        ({"history": "bounded", "history_turns": 2}, [1, 2]),
        ({"history": "full"}, [1, 2]),
    ],
)
def test_the_third_prompt_holds_as_many_earlier_turns_as_the_history_setting(
    settings: dict[str, Any], expected: list[int]
) -> None:
    prompt = three_moves(**settings).asked[2]
    assert [k for k in (1, 2, 3) if f"\\boxed{{{k}}}" in prompt] == expected


def test_own_thoughts_are_kept_where_the_settings_say_so() -> None:
    assert "thought 1" in three_moves(history="full", keep_thoughts=True).asked[2]


def test_own_thoughts_are_dropped_where_the_settings_say_so() -> None:
    prompt = three_moves(history="full", keep_thoughts=False).asked[2]
    assert "thought 1" not in prompt
    assert "\\boxed{1}" in prompt


def test_a_kept_reply_is_the_tokens_that_were_sampled() -> None:
    """The scripted engine ends a reply with an id of its own, which the text lacks."""
    seat, other = Seat(reply_with_move(1), reply_with_move(2), history="full"), Seat(reply_with_move(5))
    episode = asyncio.run(play(TICTACTOE, [seat.agent, other.agent]))
    first, second = (t for t in episode.turns if t.role == 0 and t.action is not None)
    assert first.prompt_ids is not None and first.completion is not None and second.prompt_ids is not None
    known_ids = first.prompt_ids + first.completion.token_ids
    assert known_ids[-1] == END
    assert second.prompt_ids[: len(known_ids)] == known_ids


# retries


def test_a_reply_that_is_no_move_is_asked_again_with_the_reason() -> None:
    seat = Seat("I pass.", reply_with_move(1), reply_with_move(2), reply_with_move(3))
    asyncio.run(play(TICTACTOE, [seat.agent, Seat(reply_with_move(5), reply_with_move(9)).agent]))
    assert "Your last reply was no move: no \\boxed{} answer." in seat.asked[1]


def test_the_reason_is_given_once() -> None:
    seat = Seat("I pass.", reply_with_move(1), reply_with_move(2), reply_with_move(3), history="full")
    asyncio.run(play(TICTACTOE, [seat.agent, Seat(reply_with_move(5), reply_with_move(9)).agent]))
    assert ["no move" in prompt for prompt in seat.asked] == [False, True, False, False]


def test_a_failed_reply_is_no_part_of_the_history() -> None:
    seat = Seat("I pass.", reply_with_move(1), reply_with_move(2), reply_with_move(3), history="full")
    asyncio.run(play(TICTACTOE, [seat.agent, Seat(reply_with_move(5), reply_with_move(9)).agent]))
    assert "I pass." not in "".join(seat.asked)


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_max_retries_is_the_number_of_retries(max_retries: int) -> None:
    seat = Seat("I pass.", max_retries=max_retries)
    episode = asyncio.run(play(TICTACTOE, [seat.agent, Seat(reply_with_move(5)).agent]))
    assert (len(seat.asked), episode.forfeited_by) == (1 + max_retries, 0)


def test_a_retry_is_drawn_with_another_seed() -> None:
    seeds: list[int] = []

    def reply(prompt: str, seed: int) -> str:
        seeds.append(seed)
        return "I pass."

    agent = LLMAgent("scripted", ScriptedEngine(reply), prompts.get("boxed"), Sampling(), max_retries=2)
    asyncio.run(play(TICTACTOE, [agent, agent]))
    assert len(set(seeds)) == 3


# garbage replies


def test_a_reply_of_100_000_characters_is_too_long() -> None:
    assert first_problem("x" * 100_000).kind is ProblemKind.TOO_LONG


def test_a_reply_of_100_000_characters_that_ends_in_a_move_is_too_long() -> None:
    assert first_problem("x" * 100_000 + "\\boxed{5}").kind is ProblemKind.TOO_LONG


def test_an_answer_of_10_000_characters_is_too_long() -> None:
    assert first_problem(f"\\boxed{{{'5' * 10_000}}}").kind is ProblemKind.TOO_LONG


def test_a_reply_that_was_cut_off_is_truncated() -> None:
    assert first_problem(reply_with_move(5), max_tokens=12).kind is ProblemKind.TRUNCATED


@pytest.mark.parametrize("reply", ["\ufffd\\boxed{5}", "\\boxed{5}\udcff"], ids=["replaced", "half a character"])
def test_a_reply_that_is_not_valid_text_is_garbled(reply: str) -> None:
    assert first_problem(reply).kind is ProblemKind.GARBLED


def test_bytes_of_a_real_tokenizer_that_are_no_text_are_garbled(tiny: Path) -> None:
    engine = TransformersEngine(str(tiny))
    half = engine.complete("é")[:1]
    text = engine._encoder.decode((*half, *engine.complete("\\boxed{5}")))
    reading = prompts.get("boxed").read(text, truncated=False)
    assert isinstance(reading.answer, Problem)
    assert reading.answer.kind is ProblemKind.GARBLED


def test_every_reply_of_a_failed_player_stays_in_the_episode() -> None:
    replies = ("x" * 100_000, "\ufffd", "nothing")
    episode = asyncio.run(play(TICTACTOE, [Seat(*replies, max_retries=2).agent, Seat(reply_with_move(5)).agent]))
    assert [t.reply for t in episode.turns] == list(replies)


# text for other players


def talker(*moves: str) -> Seat:
    return Seat(*(f"<think>{SECRET}</think>\\boxed{{{move}}}" for move in moves), history="full", max_retries=2)


def negotiation(first: Seat, second: Seat) -> Episode:
    return asyncio.run(play(NEGOTIATION, [first.agent, second.agent], seed=3))


def test_words_to_the_other_reach_it() -> None:
    seats = talker("say | hello there"), Seat("\\boxed{say}", history="full", max_retries=2)
    negotiation(*seats)
    assert "hello there" in seats[1].asked[0]


def test_reasoning_never_reaches_another_role() -> None:
    seats = talker("say | hello there"), Seat("\\boxed{say}", history="full", max_retries=2)
    negotiation(*seats)
    assert len(seats[1].asked) > 1
    assert SECRET not in "".join(seats[1].asked)


@pytest.mark.parametrize(
    "reply",
    [
        f"{SECRET}</think>\\boxed{{say | hello}}",
        f"<think>a</think><think>{SECRET}</think>\\boxed{{say | hello}}",
        f"{SECRET} \\boxed{{say | hello}}",
        f"\\boxed{{say | hello}} {SECRET}",
        f"<think>{SECRET}",
        f"<think>\\boxed{{say | {SECRET}}}</think>\\boxed{{say | hello}}",
    ],
)
def test_nothing_outside_the_answer_reaches_another_role(reply: str) -> None:
    seats = Seat(reply, history="full"), Seat("\\boxed{say}", history="full", max_retries=2)
    negotiation(*seats)
    assert SECRET not in "".join(seats[1].asked)


# the engine


class Stubborn(ScriptedEngine):
    """Answers with another adapter than the requested one."""

    async def generate(self, *args: Any, **settings: Any) -> Completion:
        return await super().generate(*args, **{**settings, "adapter": "old"})


def test_an_answer_by_another_adapter_is_a_fault_of_ours() -> None:
    engine = Stubborn(lambda prompt, seed: reply_with_move(5))
    agent = LLMAgent("scripted", engine, prompts.get("boxed"), Sampling(), adapter="new")
    with pytest.raises(AssertionError, match="adapter old answered for new"):
        asyncio.run(agent.ask("What is 2+2?", seed=0))


def test_a_question_outside_games_is_answered() -> None:
    reply = asyncio.run(Seat("<think>2+2=4.</think>\\boxed{4}").agent.ask("What is 2+2?", seed=0))
    assert (reply.answer, reply.thinking) == ("4", "2+2=4.")


def test_a_reply_carries_the_tokens_of_its_prompt_and_of_itself() -> None:
    reply = asyncio.run(Seat("\\boxed{4}").agent.ask("What is 2+2?", seed=0))
    assert reply.prompt_ids is not None and reply.completion is not None
    assert "".join(map(chr, reply.prompt_ids)).endswith("[user]What is 2+2?[assistant]")
    assert reply.completion.token_ids == (*map(ord, "\\boxed{4}"), END)
