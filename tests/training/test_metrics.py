"""The figures of a step are those of the learners' seats; what other players did is not the policy's."""

from dataclasses import replace

import pytest
from tests.training.records import make_player, make_step, make_trajectory, play_tictactoe

from mirrormatch.agents.types import Episode
from mirrormatch.training.metrics import Metrics, measure_credit, measure_play, round_for_log


def make_episode(*players: str) -> Episode:
    """X wins with three moves; all replies are legal."""
    return replace(play_tictactoe(make_player("1", "2", "3"), make_player("5", "9")), players=players or None)


def make_forfeit(*players: str) -> Episode:
    return replace(play_tictactoe(make_player("1", "pass"), make_player("5")), players=players)


def of_seats(found: Metrics, figure: str) -> dict[str, float]:
    return {name: value for name, value in found.items() if name.startswith(f"{figure}/")}


def test_a_mirror_game_counts_for_both_seats() -> None:
    for episode in (make_episode("main", "main"), make_episode()):
        assert of_seats(measure_play([episode], {}), "return") == {
            "return/tictactoe/0": 1.0,
            "return/tictactoe/1": -1.0,
        }


def test_a_foreign_seat_has_no_figures() -> None:
    episodes = [make_episode("main", "main@20"), make_episode("random", "main")]
    found = measure_play(episodes, {})
    assert of_seats(found, "return") == {"return/tictactoe/0": 1.0, "return/tictactoe/1": -1.0}
    assert of_seats(measure_play(episodes[:1], {}), "win") == {"win/tictactoe/0": 1.0}


def test_an_opponents_illegal_replies_are_not_the_policys() -> None:
    assert measure_play([make_forfeit("random", "main")], {})["illegal"] == 0.0
    assert measure_play([make_forfeit("main", "random")], {})["illegal"] == 0.5


def test_every_learner_counts() -> None:
    found = measure_play([make_forfeit("solver", "main")], {}, ("main", "solver"))
    assert sorted(of_seats(found, "return")) == ["return/tictactoe/0", "return/tictactoe/1"]
    assert found["illegal"] == pytest.approx(1 / 3)


def test_each_part_of_a_game_has_its_own_figures() -> None:
    """X plays a square and then no move; O has played one."""
    found = measure_play([make_forfeit("main", "main")], {})
    parts = ("X", "O")
    assert [found[f"illegal/tictactoe/{part}"] for part in parts] == [0.5, 0.0]
    assert [found[f"turns/tictactoe/{part}"] for part in parts] == [2.0, 1.0]
    assert [found[f"part_return/tictactoe/{part}"] for part in parts] == [-1.0, 1.0]
    assert [found[f"forfeit_own/tictactoe/{part}"] for part in parts] == [1.0, 0.0]
    assert [found[f"forfeit_other/tictactoe/{part}"] for part in parts] == [0.0, 1.0]
    assert found["illegal"] == pytest.approx(1 / 3)


def test_only_wins_can_be_owed_to_a_forfeit() -> None:
    found = measure_play([make_forfeit("main", "main"), make_episode("main", "main")], {})
    assert found["forfeit_wins/tictactoe/O"] == 1.0 and found["forfeit_wins/tictactoe/X"] == 0.0
    assert found["forfeit_wins"] == 0.5
    assert "forfeit_wins/tictactoe/X" not in measure_play([make_forfeit("main", "main")], {})


def test_a_dealt_part_is_measured_over_its_seats() -> None:
    """One seat of two is the spy, and it is another one in each episode."""
    dealt = (("spy", "civilian"), ("civilian", "spy"))
    one, other = (replace(make_episode("main", "main"), parts=parts) for parts in dealt)
    found = measure_play([one, other], {})
    assert (found["part_return/tictactoe/spy"], found["part_return/tictactoe/civilian"]) == (0.0, 0.0)
    assert of_seats(found, "return") == {"return/tictactoe/0": 1.0, "return/tictactoe/1": -1.0}


def test_replies_to_different_prompts_are_compared() -> None:
    """Three prompts of X with the replies 1, 2, 3; a second game repeats them, and in a third one all are 1."""
    game = make_episode("main", "main")
    one = game.turns[0].completion
    frozen = replace(game, turns=tuple(replace(turn, completion=one) for turn in game.turns))
    assert measure_play([game, game], {})["shared_replies/tictactoe/X"] == 0.0
    assert measure_play([frozen, frozen], {})["shared_replies/tictactoe/X"] == 1.0
    assert measure_play([game, frozen], {})["shared_replies/tictactoe/X"] == pytest.approx(5 / 12)
    assert "shared_replies" not in measure_play([replace(game, turns=game.turns[:1])], {})


def test_advantages_are_measured_per_part_and_over_all() -> None:
    batch = [make_trajectory(make_step(), make_step(), part="spy"), make_trajectory(make_step(), part="civilian")]
    found = measure_credit(batch, [(1.0, 3.0), (0.0,)], [], step=5)
    assert (found["advantage_mean/kuhn_poker/spy"], found["advantage_std/kuhn_poker/spy"]) == (2.0, 1.0)
    assert (found["zero_advantage/kuhn_poker/spy"], found["zero_advantage/kuhn_poker/civilian"]) == (0.0, 1.0)
    assert found["advantage_mean"] == pytest.approx(4 / 3) and found["zero_advantage"] == pytest.approx(1 / 3)
    assert found["sample_age"] == 5.0


def test_small_figures_keep_their_digits_in_the_log() -> None:
    assert round_for_log({"grad_norm": 1.23456789012e-7, "learner_tokens": 123456789.0}) == {
        "grad_norm": 1.23456789e-7,
        "learner_tokens": 123456789.0,
    }


def test_a_step_without_a_reply_of_a_learner_has_no_figures_of_replies() -> None:
    assert measure_play([make_episode("random", "optimal")], {"a": 0.5}) == {"baseline/a": 0.5}
