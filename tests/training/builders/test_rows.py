"""The builder of rows: which tokens are trained, and with which advantage."""

import pytest
from tests.training.records import make_player, make_step, make_trajectory, play_tictactoe

from mirrormatch.agents.engines.scripted import END
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.training.builders.rows import Rows, build_rows
from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.estimator import spread_advantages
from mirrormatch.training.matchmaker import Seat
from mirrormatch.training.trajectories import extract_trajectories
from mirrormatch.training.types import MAIN, Sample, Step, count_own_tokens

MIRROR = (Seat(MAIN, MAIN), Seat(MAIN, MAIN))


def rows_of(*steps: Step, advantage: float = 2.0, turn_discount: float = 1.0) -> list[Sample]:
    trajectory = make_trajectory(*steps, game="")
    (credit,) = spread_advantages([trajectory], [advantage], turn_discount)
    return build_rows(trajectory, credit)


# one turn


def test_a_turn_is_its_prompt_and_its_tokens_as_sampled() -> None:
    assert rows_of(make_step((1, 2), (3, 4), (-0.1, -0.2))) == [
        Sample(ids=(1, 2, 3, 4), own=(0, 0, 1, 1), logprobs=(0.0, 0.0, -0.1, -0.2), advantages=(0.0, 0.0, 2.0, 2.0))
    ]


def test_a_row_has_the_name_of_its_game() -> None:
    assert [row.game for row in build_rows(make_trajectory(make_step(), game="nim"), (1.0,))] == ["nim"]


def test_a_turn_without_tokens_has_no_row() -> None:
    assert rows_of(make_step((1, 2), ())) == []


def test_ids_and_log_probs_of_different_lengths_are_a_fault_of_ours() -> None:
    with pytest.raises(AssertionError, match="2 ids, 1 log-probs"):
        rows_of(make_step((1,), (3, 4), (-0.1,)))


# several turns


def test_turns_that_extend_each_other_are_one_row() -> None:
    assert rows_of(make_step((1, 2), (3, 4), (-0.1, -0.2)), make_step((1, 2, 3, 4, 5, 6, 7), (8,), (-0.3,))) == [
        Sample(
            ids=(1, 2, 3, 4, 5, 6, 7, 8),
            own=(0, 0, 1, 1, 0, 0, 0, 1),
            logprobs=(0.0, 0.0, -0.1, -0.2, 0.0, 0.0, 0.0, -0.3),
            advantages=(0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 2.0),
        )
    ]


def test_a_turn_that_extends_nothing_begins_a_row() -> None:
    made = rows_of(make_step((1, 2), (3, 4)), make_step((1, 2, 5), (6,)), make_step((1, 2, 5, 6, 7), (8,)))
    assert [row.ids for row in made] == [(1, 2, 3, 4), (1, 2, 5, 6, 7, 8)]


def test_a_prompt_that_differs_in_the_reply_alone_begins_a_row() -> None:
    made = rows_of(make_step((1, 2), (3, 4)), make_step((1, 2, 3, 9, 5), (6,)))
    assert [row.ids for row in made] == [(1, 2, 3, 4), (1, 2, 3, 9, 5, 6)]


def test_a_prompt_shorter_than_what_came_before_begins_a_row() -> None:
    assert len(rows_of(make_step((1, 2), (3, 4)), make_step((1, 2), (3,)))) == 2


def test_a_turn_without_tokens_is_skipped_between_others() -> None:
    made = rows_of(make_step((1,), (2,)), make_step((1, 2, 3), ()), make_step((1, 2, 3, 4), (5,)))
    assert [row.own for row in made] == [(0, 1, 0, 0, 1)]


@pytest.mark.parametrize("second", [(1, 3, 4), (1, 2, 4)], ids=["two rows", "one row"])
def test_a_discount_counts_the_turns_that_came_after(second: tuple[int, ...]) -> None:
    made = rows_of(
        make_step((1,), (2,)), make_step(second, (5,)), make_step((9,), (7,)), advantage=8.0, turn_discount=0.5
    )
    learned = [a for row in made for a, own in zip(row.advantages, row.own, strict=True) if own]
    assert learned == [2.0, 4.0, 8.0]


def test_own_tokens_are_counted_over_all_rows() -> None:
    assert (
        count_own_tokens(rows_of(make_step((1, 2), (3, 4)), make_step((1, 2, 3, 4, 5), (6,)), make_step((9,), (7, 8))))
        == 5
    )


# from real episodes


def rows_of_episode(first: LLMAgent, second: LLMAgent, advantage: float = 1.0) -> list[Sample]:
    batch = extract_trajectories(play_tictactoe(first, second), 0, MIRROR, 0)
    return Rows(PluginSettings())(batch, [(advantage,) * len(t.steps) for t in batch])


def text(ids: tuple[int, ...], own: tuple[int, ...]) -> str:
    return "".join(chr(i) if i != END else "." for i, o in zip(ids, own, strict=True) if o)


def test_a_whole_conversation_is_one_row() -> None:
    made = rows_of_episode(make_player("1", "2", "3"), make_player("5", "9"))
    assert [row.trajectory for row in made] == [0, 1]


def test_without_history_every_turn_is_a_row() -> None:
    made = rows_of_episode(make_player("1", history="state"), make_player("5", history="state"))
    assert [row.trajectory for row in made] == [0, 0, 1]


def test_only_tokens_of_the_role_itself_are_trained() -> None:
    row, _ = rows_of_episode(make_player("1", "2", "3"), make_player("5", "9"))
    replies = [f"<think>turn {k}</think>\\boxed{{{square}}}." for k, square in enumerate("123")]
    assert text(row.ids, row.own) == "".join(replies)


def test_nothing_that_was_read_has_an_advantage_or_a_log_prob() -> None:
    for row in rows_of_episode(make_player("1", "2", "3"), make_player("5", "9"), advantage=3.0):
        read = [(a, p) for a, p, own in zip(row.advantages, row.logprobs, row.own, strict=True) if not own]
        assert set(read) == {(0.0, 0.0)}


def test_the_first_four_columns_of_a_row_have_one_length() -> None:
    for row in rows_of_episode(make_player("1", "2", "3"), make_player("5", "9")):
        assert len({len(column) for column in row[:4]}) == 1


def test_a_seat_without_a_learner_has_no_row_and_keeps_its_place() -> None:
    batch = [make_trajectory(make_step(), learner=name) for name in ("main", None, "solver")]
    made = Rows(PluginSettings())(batch, [(1.0,), (2.0,), (3.0,)])
    assert [(row.trajectory, row.learner, row.advantages[-1]) for row in made] == [(0, "main", 1.0), (2, "solver", 3.0)]
