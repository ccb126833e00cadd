"""The figures of a step are those of the learners' seats; what other players did is not the policy's."""

from dataclasses import replace

import pytest
from tests.training.records import make_player, play_tictactoe

from mirrormatch.agents.types import Episode
from mirrormatch.training.metrics import Metrics, measure_play


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


def test_a_step_without_a_reply_of_a_learner_has_no_figures_of_replies() -> None:
    assert measure_play([make_episode("random", "optimal")], {"a": 0.5}) == {"baseline/a": 0.5}
