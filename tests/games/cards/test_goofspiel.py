"""Goofspiel is OpenSpiel's, move by move; no player sees a bid too early; its solution is an equilibrium."""

import random
from typing import Any

import pyspiel
import pytest
from tests.games.openspiel_agreement import NUM_GAMES, agree

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Action, Game, Problem, ProblemKind
from mirrormatch.games.theory.best_response import exploitability
from mirrormatch.games.theory.information_states import information_states

GAME = games.get("goofspiel")
AT_RANDOM = games.get("goofspiel:cards=4,order=random")
SEARCHED = ("cards=4", "cards=4,order=ascending", "cards=4,score=point_difference", "cards=3,order=random")
ROLES = (0, 1)


def reach(*actions: str, game: Game[Any, Any] = GAME) -> Any:
    """Returns the state after the actions, chance's included."""
    state = game.start()
    for action in actions:
        state = game.apply(state, action)
    return state


def render_for(state: Any, role: int, game: Game[Any, Any] = GAME) -> str:
    return game.observe(state, role).text


def mean_return(game: Game[Any, Any], solver: int, num_games: int = 300) -> float:
    """The solver's mean return in that seat against random play."""
    rng, total = random.Random(3), 0.0
    for _ in range(num_games):
        state = game.start()
        while (role := game.to_act(state)) != OVER:
            if role == solver:
                moves, weights = zip(*game.solution(game.view(state, role)), strict=True)
                action = rng.choices(moves, weights)[0]
            else:
                action = rng.choice([a for a, _ in game.chance(state)] if role == CHANCE else game.legal(state) or ())
            state = game.apply(state, action)
        total += game.returns(state)[solver]
    return total / num_games


# the rules


@pytest.mark.parametrize("score", ["win_loss", "point_difference"])
@pytest.mark.parametrize("order", ["descending", "ascending", "random"])
@pytest.mark.parametrize("cards", [4, 5])
def test_random_games_are_openspiels_move_by_move(cards: int, order: str, score: str) -> None:
    theirs = pyspiel.load_game_as_turn_based(
        "goofspiel", {"num_cards": cards, "points_order": order, "returns_type": score, "imp_info": False}
    )
    game = games.get("goofspiel").with_settings(f"cards={cards},order={order},score={score}")
    num_positions = NUM_GAMES * (cards - 1) * (3 if order == "random" else 2)
    assert agree(game, theirs, lambda ours, action, state: int(action) - 1) == num_positions


def test_the_longest_game_is_openspiels_too() -> None:
    theirs = pyspiel.load_game_as_turn_based("goofspiel", {"num_cards": 13, "points_order": "random"})
    game = games.get("goofspiel:cards=13,order=random")
    assert agree(game, theirs, lambda ours, action, state: int(action) - 1, num_games=200) == 200 * 12 * 3


@pytest.mark.parametrize(
    ("bids", "first"),
    [
        ("54 43 32 21", 1.0),  # the first wins 5 + 4 + 3 + 2, the second the last prize with its 5
        ("55 44 33 22", 0.0),  # every prize is discarded
        ("15 54 43 32", 1.0),  # 5 to the second, 4 + 3 + 2 to the first, and 1 to it: 2 against 1
        ("51 12 23 34", -1.0),  # 5 to the first, 4 + 3 + 2 + 1 to the second
    ],
)
def test_more_points_win(bids: str, first: float) -> None:
    assert GAME.returns(reach(*bids.replace(" ", ""))) == (first, -first)


def test_the_point_difference_is_halved() -> None:
    game = games.get("goofspiel:score=point_difference")
    # 14 points to the first, 1 to the second: the largest possible win
    assert game.returns(reach(*"54433221", game=game)) == (6.5, -6.5) == (game.info.max_return, game.info.min_return)


def test_the_last_round_plays_itself() -> None:
    state = reach(*"54433221")
    assert (GAME.to_act(state), state.prizes[-1], state.bids[-2:]) == (OVER, 1, (1, 5))


def test_a_card_can_be_bid_only_once() -> None:
    assert GAME.legal(reach("3", "2")) == ("1", "2", "4", "5")


@pytest.mark.parametrize("game", [GAME, AT_RANDOM], ids=lambda game: game.info.name)
def test_exchanged_bids_give_exchanged_returns(game: Game[Any, Any]) -> None:
    rng = random.Random(11)
    for _ in range(200):
        state, path = game.start(), tuple[Action, ...]()
        while (role := game.to_act(state)) != OVER:
            path += (rng.choice([a for a, _ in game.chance(state)] if role == CHANCE else game.legal(state) or ()),)
            state = game.apply(state, path[-1])
        mirrored = game.swap_seats(path)
        assert mirrored is not None
        assert game.returns(reach(*mirrored, game=game)) == game.returns(state)[::-1]


# observations


def test_the_second_does_not_see_the_bid_that_waits_for_its_own() -> None:
    assert len({(GAME.view(reach(bid), 1), GAME.observe(reach(bid), 1)) for bid in "12345"}) == 1


def test_the_first_sees_its_own() -> None:
    assert render_for(reach("3"), 0).endswith("\nYou have bid 3.")


def test_both_see_the_bids_of_a_finished_round() -> None:
    assert render_for(reach("3", "2"), 1) == (
        "You are the second player.\n"
        "Prize 5: you bid 2, the other 3, the other wins.\n"
        "Points: you 0, the other 5.\n"
        "Your cards: 1, 3, 4, 5.\n"
        "The other's cards: 1, 2, 4, 5.\n"
        "The prize now: 4. Then: 3, 2, 1."
    )


def test_prizes_at_random_are_known_one_by_one() -> None:
    state = reach("2", "1", "4", "3", game=AT_RANDOM)
    assert render_for(state, 0, AT_RANDOM).endswith("The prize now: 3. Later, in any order: 1, 4.")


@pytest.mark.parametrize("text", ["4", "[4]", "bid 4", "Four.", "play 4", "card four"])
def test_a_bid_may_be_written_in_many_ways(text: str) -> None:
    assert GAME.parse(GAME.start(), text) == "4"


@pytest.mark.parametrize(
    ("text", "kind"),
    [("3", ProblemKind.ILLEGAL), ("4 or 5", ProblemKind.AMBIGUOUS), ("7", ProblemKind.NONE), ("45", ProblemKind.NONE)],
)
def test_what_is_no_card_in_the_hand_is_no_bid(text: str, kind: ProblemKind) -> None:
    problem = GAME.parse(reach("3", "2"), text)
    assert isinstance(problem, Problem) and problem.kind is kind


# the solution


@pytest.mark.parametrize("given", SEARCHED)
def test_no_player_gains_against_the_solution(given: str) -> None:
    game = games.get("goofspiel").with_settings(given)
    assert exploitability(game, lambda view: dict(game.solution(view))).value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("given", SEARCHED)
def test_uniform_play_is_as_exploitable_as_openspiel_says(given: str) -> None:
    game = games.get("goofspiel").with_settings(given)
    settings: Any = game.settings
    theirs = pyspiel.load_game_as_turn_based(
        "goofspiel",
        {"num_cards": settings.cards, "points_order": settings.order, "returns_type": settings.score},
    )
    moves = {infoset.view: infoset.legal for infoset in information_states(game)}
    found = exploitability(game, lambda view: dict.fromkeys(moves[view], 1 / len(moves[view])))
    assert found.value == pytest.approx(pyspiel.exploitability(theirs, pyspiel.UniformRandomPolicy(theirs)))


def test_the_equilibrium_of_the_default_game_is_mixed_from_the_first_bid() -> None:
    assert len(GAME.solution(GAME.view(GAME.start(), 0))) > 1


def test_the_solver_plays_the_same_in_both_seats() -> None:
    assert [GAME.solution(GAME.view(reach("3", "2"), role)) for role in ROLES] == [
        GAME.solution(GAME.view(reach("2", "3"), 1 - role)) for role in ROLES
    ]


@pytest.mark.parametrize("given", ["cards=5", "cards=4,order=random", "cards=8,order=random"])
def test_the_solver_beats_random_play_in_either_seat(given: str) -> None:
    game = games.get("goofspiel").with_settings(given)
    assert min(mean_return(game, solver) for solver in ROLES) > 0.3
