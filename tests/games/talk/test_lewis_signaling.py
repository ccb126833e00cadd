"""Signalling: the points of a round, the views of both roles, and that no code beats the solution's."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pyspiel
import pytest
from tests.games.openspiel_agreement import agree
from tests.games.playing import play_game

from mirrormatch import games
from mirrormatch.games import Action, Problem, ProblemKind

GAME = games.get("lewis_signaling")
BIASED = games.get("lewis_signaling:interest=biased")
STATES = ("sun", "moon", "star", "cloud", "rain")
SIGNALS = ("ba", "do", "ki", "mu", "te")
SIZES = [(2, 2), (3, 3), (5, 2), (5, 5), (4, 3)]  # states, signals; OpenSpiel takes no more signals than states


def load_theirs(num_states: int, num_signals: int) -> Any:
    payoffs = ", ".join("1" if row == column else "0" for row in range(num_states) for column in range(num_states))
    given = {"num_states": num_states, "num_messages": num_signals, "payoffs": payoffs}
    return pyspiel.load_game("lewis_signaling", given)


def to_their_action(action: Action) -> int:
    return STATES.index(action) if action in STATES else SIGNALS.index(action)


def play_actions(*actions: str, game: Any = GAME) -> Any:
    state = game.start()
    for action in actions:
        state = game.apply(state, action)
    return state


def measure_points(game: Any, solvers: Sequence[bool], num_games: int = 300) -> float:
    return sum(float(game.returns(play_game(game, solvers, seed)[0])[0]) for seed in range(num_games)) / num_games


# what a round earns


@pytest.mark.parametrize(("num_states", "num_signals"), SIZES)
def test_one_round_is_openspiels(num_states: int, num_signals: int) -> None:
    game = games.get(f"lewis_signaling:states={num_states},signals={num_signals},rounds=1")
    assert agree(game, load_theirs(num_states, num_signals), lambda _, a, __: to_their_action(a), 500) == 1_500


@pytest.mark.parametrize(("num_states", "num_signals"), SIZES)
def test_several_rounds_earn_what_as_many_of_openspiels_games_do(num_states: int, num_signals: int) -> None:
    game = games.get(f"lewis_signaling:states={num_states},signals={num_signals},rounds=7")
    for seed in range(100):
        state, path = play_game(game, (False, False), seed)
        total = 0.0
        for k in range(0, len(path), 3):
            other = load_theirs(num_states, num_signals).new_initial_state()
            for action in path[k : k + 3]:
                other.apply_action(to_their_action(action))
            total += other.returns()[0]
        assert len(path) == 21 and game.returns(state) == (total, total)


def test_a_biased_sender_earns_by_the_guess_after_the_state_and_the_receiver_by_the_right_one() -> None:
    guesses = ("moon", "sun", "star")  # while the state is always the sun
    actions = [a for guess in guesses for a in ("sun", "ba", guess)]
    state = play_actions(*actions, game=games.get("lewis_signaling:rounds=3,interest=biased"))
    assert games.get("lewis_signaling:rounds=3,interest=biased").returns(state) == (1.0, 1.0)


def test_after_the_last_state_comes_the_first() -> None:
    game = games.get("lewis_signaling:rounds=1,interest=biased")
    assert game.returns(play_actions("star", "ki", "sun", game=game)) == (1.0, 0.0)


def test_four_right_guesses_of_six_are_a_win() -> None:
    assert GAME.info.win_at == 4.0


# best play


@pytest.mark.parametrize(("num_states", "num_signals"), [(2, 2), (3, 2), (2, 3), (3, 3), (4, 2)])
def test_no_pair_of_codes_earns_more_than_the_solution(num_states: int, num_signals: int) -> None:
    senders = list(product(range(num_signals), repeat=num_states))
    receivers = list(product(range(num_states), repeat=num_signals))
    best = max(sum(guess[send[s]] == s for s in range(num_states)) for send in senders for guess in receivers)
    assert count_solution_points(num_states, num_signals) == best == min(num_states, num_signals)


def count_solution_points(num_states: int, num_signals: int) -> float:
    """The solution's points in one round of every state."""
    game = games.get(f"lewis_signaling:states={num_states},signals={num_signals},rounds=1")
    total = 0.0
    for word in STATES[:num_states]:
        state = game.apply(game.start(), word)
        for role in (0, 1):
            ((action, _),) = game.solution(game.view(state, role))
            state = game.apply(state, action)
        total += game.returns(state)[0]
    return total


@pytest.mark.parametrize("num_states", [2, 3, 5])
def test_nothing_earns_more_than_babbling_against_a_babbler(num_states: int) -> None:
    game = games.get(f"lewis_signaling:states={num_states},rounds=1,interest=biased")
    for word, signal in product(STATES[:num_states], SIGNALS[:3]):
        state = play_actions(word, signal, game=game)
        guesses = game.solution(game.view(state, 1))
        earned = sum(p * game.returns(game.apply(state, guess))[0] for guess, p in guesses)
        assert earned == pytest.approx(1 / num_states)


def test_two_solvers_are_always_right() -> None:
    assert measure_points(GAME, (True, True), 50) == 6.0


def test_random_players_are_right_in_a_third_of_the_rounds() -> None:
    assert measure_points(GAME, (False, False), 1_000) == pytest.approx(2.0, abs=0.2)


# failing to move


def test_failing_to_move_loses_everything_for_both_with_common_interest() -> None:
    state = play_actions("sun", "ba", "sun", "moon")
    assert GAME.forfeit_returns(state, 0) == (0.0, 0.0)


def test_failing_to_move_leaves_the_other_the_rounds_that_are_left_with_a_biased_sender() -> None:
    state = play_actions("sun", "ba", "sun", "moon", game=BIASED)
    assert (BIASED.forfeit_returns(state, 0), BIASED.forfeit_returns(state, 1)) == ((0.0, 6.0), (5.0, 0.0))


# reading


@pytest.mark.parametrize("text", ["ba", "BA", "[ba]", "say ba", "send ba.", '"signal ba"'])
def test_a_signal_is_read_in_many_spellings(text: str) -> None:
    assert GAME.parse(play_actions("sun"), text) == "ba"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("sun", ProblemKind.ILLEGAL), ("mu", ProblemKind.ILLEGAL), ("ba do", ProblemKind.AMBIGUOUS),
        ("I see the sun, so ba", ProblemKind.AMBIGUOUS), ("banana", ProblemKind.NONE),
    ],
)  # fmt: skip
def test_anything_else_is_no_signal(text: str, kind: ProblemKind) -> None:
    move = GAME.parse(play_actions("sun"), text)
    assert isinstance(move, Problem) and move.kind is kind


# what is shown


def test_the_sender_is_shown_the_state() -> None:
    assert GAME.observe(play_actions("star"), 0).text.endswith("Round 1 of 6: the state is star. Send a signal.")


def test_the_receiver_is_shown_the_signal() -> None:
    assert GAME.observe(play_actions("star", "do"), 1).text.endswith("Round 1 of 6: the signal is do. Guess the state.")


@pytest.mark.parametrize("actions", [(), ("do",)])
def test_the_receiver_is_shown_the_same_in_every_state(actions: tuple[str, ...]) -> None:
    assert len({GAME.observe(play_actions(word, *actions), 1) for word in STATES[:3]}) == 1


@pytest.mark.parametrize("role", [0, 1])
def test_both_are_shown_the_rounds_that_are_over(role: int) -> None:
    text = GAME.observe(play_actions("star", "do", "sun"), role).text
    assert "Right guesses: 0 of 1.\nRound 1: state star, signal do, guess sun: wrong.\nRound 2 of 6:" in text


def test_with_a_biased_sender_both_are_shown_who_got_the_point() -> None:
    text = BIASED.observe(play_actions("star", "do", "sun", game=BIASED), 1).text
    assert "guess sun: a point for the sender." in text and "Your points: 0. The sender's points: 1." in text
