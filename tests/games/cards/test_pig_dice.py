"""Pig is OpenSpiel's, and its solution agrees with the published one and with slow value iteration."""

import itertools
import random
from functools import cache
from typing import Any

import pyspiel
import pytest
from tests.games.openspiel_agreement import agree

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Action, Problem
from mirrormatch.games.cards.pig_dice import Race, Rules, View, winning_chances

GAME = games.get("pig_dice")
GOAL = 50


def their_game(goal: int, sides: int) -> Any:
    return pyspiel.load_game("pig", {"winscore": goal, "diceoutcomes": sides, "horizon": 10 * goal})


def their_action(ours: Any, action: Action, other: Any) -> int:
    return ("roll", "stop").index(action) if action in ("roll", "stop") else int(action) - 1


def reach(*actions: str) -> Any:
    """Returns the state after the decisions and rolls."""
    state = GAME.start()
    for action in actions:
        state = GAME.apply(state, action)
    return state


def shown_lines(state: Any, role: int) -> list[str]:
    return GAME.observe(state, role).text.splitlines()


def solver_move(goal: int, mine: int, their: int, total: int) -> Action:
    ((action, _),) = games.get(f"pig_dice:goal={goal}").solution(View(0, Race((mine, their), 0, total, False, 0, None)))
    return action


@cache
def slow_values(goal: int, sides: int) -> dict[tuple[int, int, int], float]:
    """The mover's chance to win, by its points, the other's and the turn's, by value iteration over all states."""
    states = [(i, j, k) for i in range(goal) for j in range(goal) for k in range(goal - i + sides)]
    values = dict.fromkeys(states, 0.0)
    change = 1.0
    while change > 1e-11:
        change = 0.0
        for i, j, k in reversed(states):
            new = max(slow_stop(values, goal, i, j, k), slow_roll(values, goal, sides, i, j, k))
            change = max(change, abs(new - values[i, j, k]))
            values[i, j, k] = new
    return values


def slow_stop(values: dict[tuple[int, int, int], float], goal: int, i: int, j: int, k: int) -> float:
    return 1.0 if i + k >= goal else 1 - values[j, i + k, 0]


def slow_roll(values: dict[tuple[int, int, int], float], goal: int, sides: int, i: int, j: int, k: int) -> float:
    if i + k >= goal:
        return 0.0  # can't be better than winning now
    return (1 - values[j, i, 0] + sum(values[i, j, k + die] for die in range(2, sides + 1))) / sides


# rules


@pytest.mark.slow
@pytest.mark.parametrize(("goal", "sides", "num_games"), [(50, 6, 2_000), (10, 4, 500), (20, 20, 500), (100, 6, 100)])
def test_it_is_openspiels_pig(goal: int, sides: int, num_games: int) -> None:
    agree(games.get(f"pig_dice:goal={goal},sides={sides}"), their_game(goal, sides), their_action, num_games)


def test_with_100_points_it_ends_where_openspiels_default_does() -> None:
    default = pyspiel.load_game("pig").get_parameters()
    game = games.get("pig_dice:goal=100")
    assert (default["winscore"], default["horizon"], default["diceoutcomes"]) == (100, game.info.max_turns, 6)


def test_a_game_of_500_decisions_is_a_draw_as_in_openspiel() -> None:
    state, other = GAME.start(), their_game(GOAL, 6).new_initial_state()
    for _ in range(500):
        assert GAME.to_act(state) == other.current_player()
        state = GAME.apply(state, "stop")
        other.apply_action(1)
    assert (GAME.to_act(state), GAME.returns(state)) == (OVER, tuple(other.returns()))


def test_the_last_decision_is_not_rolled_out() -> None:
    state = GAME.apply(reach(*["stop"] * 499), "roll")
    assert (GAME.to_act(state), GAME.returns(state)) == (OVER, (0.0, 0.0))


def test_rolls_add_up_and_a_stop_keeps_them() -> None:
    assert reach("roll", "6", "roll", "3", "stop").scores == (9, 0)


def test_a_one_loses_the_turn_and_its_points() -> None:
    state = reach("roll", "6", "roll", "1")
    assert (state.scores, state.role, state.total) == ((0, 0), 1, 0)


def test_points_that_are_not_kept_do_not_win() -> None:
    state = reach(*["roll", "6"] * 9)
    assert (state.total, GAME.to_act(state)) == (54, 0)


def test_from_the_goal_on_one_can_only_stop() -> None:
    assert GAME.legal(reach(*["roll", "6"] * 9)) == ("stop",)


def test_who_stops_at_the_goal_wins() -> None:
    state = reach(*["roll", "6"] * 9, "stop")
    assert (GAME.to_act(state), GAME.returns(state)) == (OVER, (1.0, -1.0))


@pytest.mark.parametrize("text", ["roll", "Roll!", "[roll]", "r", "roll again"])
def test_a_roll_is_named_in_many_ways(text: str) -> None:
    assert GAME.parse(GAME.start(), text) == "roll"


@pytest.mark.parametrize("text", ["stop", "STOP.", "hold", "bank", "s", "stay"])
def test_a_stop_is_named_in_many_ways(text: str) -> None:
    assert GAME.parse(GAME.start(), text) == "stop"


@pytest.mark.parametrize("text", ["", "6", "roll or stop", "don't stop", "I will roll", "roll a 6"])
def test_a_sentence_is_no_decision(text: str) -> None:
    assert isinstance(GAME.parse(GAME.start(), text), Problem)


def test_at_the_start_only_the_goal_and_the_points_are_shown() -> None:
    assert shown_lines(GAME.start(), 0) == [
        "Goal: 50. Your score: 0. Other's score: 0.",
        "Your turn. Turn total: 0.",
    ]


def test_one_is_shown_how_the_turn_goes() -> None:
    assert shown_lines(reach("roll", "6", "roll", "4"), 0) == [
        "Goal: 50. Your score: 0. Other's score: 0.",
        "Last: you rolled 4.",
        "Your turn. Turn total: 10.",
    ]


def test_one_is_shown_what_the_other_has_kept() -> None:
    assert shown_lines(reach("roll", "6", "stop"), 1) == [
        "Goal: 50. Your score: 0. Other's score: 6.",
        "Last: other stopped and kept 6.",
        "Your turn. Turn total: 0.",
    ]


def test_one_is_shown_what_was_lost() -> None:
    assert shown_lines(reach("roll", "6", "roll", "1"), 0)[1] == "Last: you rolled 1 and lost 6."


def test_the_draw_is_announced_fifty_decisions_before() -> None:
    assert shown_lines(reach(*["stop"] * 449), 0)[-1] == "Other's turn. Turn total: 0."
    assert shown_lines(reach(*["stop"] * 450), 0)[-1] == "Decisions left before a draw: 50."


# the solution


@pytest.mark.slow
@pytest.mark.parametrize(("goal", "sides"), [(10, 6), (10, 4), (20, 6)])
def test_the_solution_is_what_a_slow_iteration_over_every_state_says(goal: int, sides: int) -> None:
    game, values = games.get(f"pig_dice:goal={goal},sides={sides}"), slow_values(goal, sides)
    for i, j in itertools.product(range(goal), repeat=2):
        for k in range(goal - i + sides):
            ((action, _),) = game.solution(View(0, Race((i, j), 0, k, False, 0, None)))
            stop, roll = slow_stop(values, goal, i, j, k), slow_roll(values, goal, sides, i, j, k)
            assert (roll if action == "roll" else stop) == pytest.approx(max(stop, roll), abs=1e-9), (i, j, k)


def test_to_100_the_first_player_wins_53_06_percent() -> None:
    assert winning_chances(Rules(100, 6))[0][0] == pytest.approx(0.5306, abs=5e-5)


def test_to_50_the_first_player_wins_54_6_percent() -> None:
    assert winning_chances(Rules(50, 6))[0][0] == pytest.approx(0.546, abs=5e-4)


def test_to_100_one_holds_at_21_at_the_start() -> None:
    assert [solver_move(100, 0, 0, total) for total in (20, 21)] == ["roll", "stop"]


def test_one_stops_at_the_goal() -> None:
    assert solver_move(50, 30, 45, 20) == "stop"


def test_one_rolls_for_the_goal_when_the_other_is_about_to_win() -> None:
    assert solver_move(50, 20, 49, 25) == "roll"


def play_out(first: Any, second: Any, seed: int) -> Any:
    """Plays a game and returns its last state; each player is a function from state to decision."""
    rng, state = random.Random(seed), GAME.start()
    while (role := GAME.to_act(state)) != OVER:
        if role == CHANCE:
            state = GAME.apply(state, rng.choice(GAME.chance(state))[0])
        else:
            state = GAME.apply(state, (first, second)[role](state, rng))
    return state


def best_decision(state: Any, rng: random.Random) -> Action:
    return GAME.solution(GAME.view(state, state.role))[0][0]


def any_decision(state: Any, rng: random.Random) -> Action:
    return rng.choice(GAME.legal(state) or ())


def until_it_is_lost(state: Any, rng: random.Random) -> Action:
    return min(GAME.legal(state) or ())


@pytest.mark.parametrize("solver", [0, 1])
def test_the_solution_beats_random_play(solver: int) -> None:
    players = (best_decision, any_decision) if solver == 0 else (any_decision, best_decision)
    assert sum(GAME.returns(play_out(*players, seed))[solver] == 1.0 for seed in range(200)) >= 180


def test_the_draw_is_far_even_from_a_player_who_wastes_time() -> None:
    assert max(play_out(best_decision, until_it_is_lost, seed).num_decisions for seed in range(300)) < 400
