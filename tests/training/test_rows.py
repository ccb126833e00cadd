"""From an episode to training rows: which tokens are trained, and with which advantage."""

import asyncio
from typing import Any

import pytest

from mirrormatch import agents, games, prompts
from mirrormatch.agents.engines._types import Completion, Sampling
from mirrormatch.agents.engines.scripted import END, ScriptedEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.agents.types import Episode
from mirrormatch.prompts import PromptSettings
from mirrormatch.training.rows import Row, build_rows, count_own_tokens
from mirrormatch.training.trajectories import Move, Trajectory, extract_trajectories

TICTACTOE = games.get("tictactoe")


def move(prompt_ids: tuple[int, ...], token_ids: tuple[int, ...], logprobs: tuple[float, ...] = ()) -> Move:
    logprobs = logprobs or (-0.5,) * len(token_ids)
    return Move(
        prompt_ids, Completion(token_ids=token_ids, logprobs=logprobs, text="", finish="stop", adapter="learner")
    )


def rows_of(*moves: Move, advantage: float = 2.0, turn_discount: float = 1.0) -> list[Row]:
    return build_rows(Trajectory("kuhn_poker", 0, 0.0, moves), advantage, turn_discount)


# one turn


def test_a_turn_is_its_prompt_and_its_tokens_as_sampled() -> None:
    assert rows_of(move((1, 2), (3, 4), (-0.1, -0.2))) == [
        Row(prompt_ids=(1, 2), completion_ids=(3, 4), own=(1, 1), logprobs=(-0.1, -0.2), advantages=(2.0, 2.0))
    ]


def test_a_turn_without_tokens_has_no_row() -> None:
    assert rows_of(move((1, 2), ())) == []


def test_ids_and_log_probs_of_different_lengths_are_a_fault_of_ours() -> None:
    with pytest.raises(AssertionError, match="2 ids, 1 log-probs"):
        rows_of(move((1,), (3, 4), (-0.1,)))


# several turns


def test_turns_that_extend_each_other_are_one_row() -> None:
    assert rows_of(move((1, 2), (3, 4), (-0.1, -0.2)), move((1, 2, 3, 4, 5, 6, 7), (8,), (-0.3,))) == [
        Row(
            prompt_ids=(1, 2),
            completion_ids=(3, 4, 5, 6, 7, 8),
            own=(1, 1, 0, 0, 0, 1),
            logprobs=(-0.1, -0.2, 0.0, 0.0, 0.0, -0.3),
            advantages=(2.0, 2.0, 0.0, 0.0, 0.0, 2.0),
        )
    ]


def test_a_turn_that_extends_nothing_begins_a_row() -> None:
    made = rows_of(move((1, 2), (3, 4)), move((1, 2, 5), (6,)), move((1, 2, 5, 6, 7), (8,)))
    assert [row.ids for row in made] == [(1, 2, 3, 4), (1, 2, 5, 6, 7, 8)]


def test_a_prompt_that_differs_in_the_reply_alone_begins_a_row() -> None:
    made = rows_of(move((1, 2), (3, 4)), move((1, 2, 3, 9, 5), (6,)))
    assert [row.ids for row in made] == [(1, 2, 3, 4), (1, 2, 3, 9, 5, 6)]


def test_a_prompt_shorter_than_what_came_before_begins_a_row() -> None:
    assert len(rows_of(move((1, 2), (3, 4)), move((1, 2), (3,)))) == 2


def test_a_turn_without_tokens_is_skipped_between_others() -> None:
    made = rows_of(move((1,), (2,)), move((1, 2, 3), ()), move((1, 2, 3, 4), (5,)))
    assert [row.own for row in made] == [(1, 0, 0, 1)]


@pytest.mark.parametrize("second", [(1, 3, 4), (1, 2, 4)], ids=["two rows", "one row"])
def test_a_discount_counts_the_turns_that_came_after(second: tuple[int, ...]) -> None:
    made = rows_of(move((1,), (2,)), move(second, (5,)), move((9,), (7,)), advantage=8.0, turn_discount=0.5)
    learned = [a for row in made for a, own in zip(row.advantages, row.own, strict=True) if own]
    assert learned == [2.0, 4.0, 8.0]


def test_own_tokens_are_counted_over_all_rows() -> None:
    assert count_own_tokens(rows_of(move((1, 2), (3, 4)), move((1, 2, 3, 4, 5), (6,)), move((9,), (7, 8)))) == 5


# from real episodes


def seat(*squares: str, history: str = "full") -> LLMAgent:
    """Takes the given squares in turn; the number of its earlier replies selects the next one."""

    def reply(prompt: str, seed: int) -> str:
        num_replies = prompt.count("[assistant]") - 1
        return f"<think>turn {num_replies}</think>\\boxed{{{squares[min(num_replies, len(squares) - 1)]}}}"

    prompt = prompts.get("boxed", PromptSettings.model_validate({"history": history}))
    return LLMAgent("scripted", ScriptedEngine(reply), prompt, Sampling(), max_retries=0)


def episode(first: LLMAgent, second: LLMAgent) -> Episode:
    return asyncio.run(play(TICTACTOE, [first, second]))


def text(ids: tuple[int, ...], own: tuple[int, ...]) -> str:
    return "".join(chr(i) if i != END else "." for i, o in zip(ids, own, strict=True) if o)


def test_a_whole_conversation_is_one_row() -> None:
    won = extract_trajectories(episode(seat("1", "2", "3"), seat("5", "9")), "return")
    assert [len(build_rows(t, 1.0, 1.0)) for t in won] == [1, 1]


def test_without_history_every_turn_is_a_row() -> None:
    played = episode(seat("1", history="state"), seat("5", history="state"))
    assert [len(build_rows(t, 1.0, 1.0)) for t in extract_trajectories(played, "return")] == [2, 1]


def test_only_tokens_of_the_role_itself_are_trained() -> None:
    first, _ = extract_trajectories(episode(seat("1", "2", "3"), seat("5", "9")), "return")
    (row,) = build_rows(first, 1.0, 1.0)
    replies = [f"<think>turn {k}</think>\\boxed{{{square}}}." for k, square in enumerate("123")]
    assert text(row.completion_ids, row.own) == "".join(replies)


def test_nothing_that_was_read_has_an_advantage_or_a_log_prob() -> None:
    for trajectory in extract_trajectories(episode(seat("1", "2", "3"), seat("5", "9")), "return"):
        for row in build_rows(trajectory, 3.0, 1.0):
            read = [(a, p) for a, p, own in zip(row.advantages, row.logprobs, row.own, strict=True) if not own]
            assert set(read) <= {(0.0, 0.0)}


def test_the_last_four_columns_of_a_row_have_one_length() -> None:
    for trajectory in extract_trajectories(episode(seat("1", "2", "3"), seat("5", "9")), "return"):
        for row in build_rows(trajectory, 3.0, 1.0):
            assert len({len(column) for column in row[1:]}) == 1


# rewards


@pytest.mark.parametrize(
    ("squares", "returns"),
    [((("1", "2", "3"), ("5", "9")), [1.0, -1.0]), ((("1", "9", "7"), ("4", "5", "6")), [-1.0, 1.0])],
    ids=["first wins", "second wins"],
)
def test_the_reward_is_the_return(squares: tuple[tuple[str, ...], tuple[str, ...]], returns: list[float]) -> None:
    played = episode(seat(*squares[0]), seat(*squares[1]))
    assert [(t.role, t.reward) for t in extract_trajectories(played, "return")] == list(enumerate(returns))


def with_returns(played: Episode, **changes: Any) -> Episode:
    return Episode(**{field: getattr(played, field) for field in Episode.__dataclass_fields__} | changes)


def test_the_reward_may_be_the_outcome_alone() -> None:
    played = with_returns(episode(seat("1", "2", "3"), seat("5", "9")), returns=(7.0, -7.0))
    assert [t.reward for t in extract_trajectories(played, "outcome")] == [1.0, -1.0]


def test_a_forfeit_is_a_reward_for_both() -> None:
    played = episode(seat("1", "pass"), seat("5"))
    assert played.forfeited_by == 0
    assert [t.reward for t in extract_trajectories(played, "return")] == [-1.0, 1.0]


def test_a_failed_reply_is_learned_from() -> None:
    played = episode(seat("1", "pass"), seat("5"))
    assert [len(t.moves) for t in extract_trajectories(played, "return")] == [2, 1]


def test_a_role_that_never_replied_has_no_trajectory() -> None:
    assert [t.role for t in extract_trajectories(episode(seat("pass"), seat("5")), "return")] == [0]


def test_a_role_without_tokens_can_not_be_trained() -> None:
    played = asyncio.run(play(TICTACTOE, [agents.get("random"), seat("5")]))
    with pytest.raises(AssertionError, match="role 0 plays without tokens"):
        extract_trajectories(played, "return")
