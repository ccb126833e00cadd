"""Mini Hanabi is OpenSpiel's Hanabi, move by move; observations hold exactly what the players may know."""

import random
from typing import Any

import pyspiel
import pytest
from tests.games.openspiel_agreement import agree

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Action, Problem, ProblemKind

GAME = games.get("mini_hanabi")
COLOURS = ("red", "yellow", "green", "white", "blue")
LETTERS = "RYGWB"
#       first: red 1, yellow 2   second: yellow 1, yellow 3
DEAL = ("R1", "Y2", "Y1", "Y3")
VARIANTS = {
    "mini_hanabi": 2_000,
    "mini_hanabi:colours=3,hand=3": 500,
    "mini_hanabi:ranks=5,lives=1": 500,
    "mini_hanabi:colours=5,ranks=5,hand=5,hints=8,lives=3": 200,
    "mini_hanabi:hints=1,lives=3": 500,
}


def their_game(game: Any) -> Any:
    s = game.settings
    given = {"colors": s.colours, "ranks": s.ranks, "hand_size": s.hand}
    tokens = {"max_information_tokens": s.hints, "max_life_tokens": s.lives}
    return pyspiel.load_game("hanabi", {"players": 2, **given, **tokens})


def their_action(game: Any, action: Action) -> int:
    """OpenSpiel numbers cards by colour and rank; moves as discards, plays, colours and ranks, in this order."""
    s, words = game.settings, action.split()
    if len(words) == 1:
        return LETTERS.index(action[0]) * int(s.ranks) + int(action[1]) - 1
    if words[0] in ("discard", "play"):
        return int(words[1]) - 1 + (int(s.hand) if words[0] == "play" else 0)
    if words[1] == "colour":
        return 2 * int(s.hand) + COLOURS.index(words[2])
    return 2 * int(s.hand) + int(s.colours) + int(words[2]) - 1


def reach(*actions: str, deal: tuple[str, ...] = DEAL, name: str = "mini_hanabi") -> Any:
    """Returns the state after the deal and the actions, draws included."""
    state = games.get(name).start()
    for action in (*deal, *actions):
        state = games.get(name).apply(state, action)
    return state


def play_game(solvers: tuple[bool, bool], seed: int, name: str = "mini_hanabi") -> Any:
    game, rng = games.get(name), random.Random(seed)
    state = game.start()
    while (role := game.to_act(state)) != OVER:
        if role == CHANCE:
            options = game.chance(state)
        elif solvers[role]:
            options = game.solution(game.view(state, role))
        else:
            options = tuple((a, 1.0) for a in game.legal(state) or ())
        state = game.apply(state, rng.choices([a for a, _ in options], [p for _, p in options])[0])
    return state


def mean_score(solvers: tuple[bool, bool], num_games: int = 300) -> float:
    return sum(GAME.returns(play_game(solvers, seed))[0] for seed in range(num_games)) / num_games


# against OpenSpiel


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_every_position_is_openspiels(name: str) -> None:
    game = games.get(name)
    assert agree(game, their_game(game), lambda _, a, __: their_action(game, a), VARIANTS[name]) > 8 * VARIANTS[name]


@pytest.mark.parametrize("name", VARIANTS)
def test_what_the_hints_tell_is_openspiels(name: str) -> None:
    game, rng = games.get(name), random.Random(3)
    for _ in range(50):
        ours, other = game.start(), their_game(game).new_initial_state()
        while (role := game.to_act(ours)) != OVER:
            dealt = game.chance(ours) if role == CHANCE else ()
            action = rng.choice([a for a, _ in dealt] or game.legal(ours) or ())
            other.apply_action(their_action(game, action))
            ours = game.apply(ours, action)
            assert knowledge(ours, game) == [line.split("|")[3] for line in str(other).splitlines() if "||" in line]


def knowledge(state: Any, game: Any) -> list[str]:
    """Each card's possible colours and ranks by its owner's knowledge, in OpenSpiel's notation: `RY123`."""
    return [
        "".join(LETTERS[k] for k in range(game.settings.colours) if colours >> k & 1)
        + "".join(str(r + 1) for r in range(game.settings.ranks) if ranks >> r & 1)
        for hand in state.known
        for colours, ranks in hand
    ]


# moves, by hand


def test_the_next_card_of_a_colour_is_built() -> None:
    state = reach("play 1")
    assert (state.built, state.lives, state.discarded) == ((1, 0), 2, ())


def test_a_card_out_of_order_costs_a_life_and_is_discarded() -> None:
    state = reach("play 2")
    assert (state.built, state.lives, state.discarded) == ((0, 0), 1, (4,))


def test_the_second_lost_life_ends_the_game_without_a_point() -> None:
    state = reach("play 1", "R1", "play 2", "R2", "play 1")  # red 1 fits; yellow 3 and then yellow 2 don't
    assert GAME.to_act(state) == OVER and GAME.returns(state) == (0.0, 0.0)


def test_a_drawn_card_becomes_the_last_of_the_hand() -> None:
    assert reach("play 1", "R3").hands[0] == (4, 2)


def test_nothing_can_be_discarded_with_all_hint_tokens() -> None:
    assert GAME.legal(reach()) == ("hint colour yellow", "hint rank 1", "hint rank 3", "play 1", "play 2")


def test_a_hint_costs_a_token_and_a_discard_regains_it() -> None:
    assert (reach("hint rank 1").hints, reach("hint rank 1", "discard 2").hints) == (2, 3)


def test_without_tokens_there_is_no_hint() -> None:
    state = reach("hint rank 1", "hint rank 2", "hint rank 3")
    assert GAME.legal(state) == ("discard 1", "discard 2", "play 1", "play 2")


def test_a_hint_that_matches_no_card_is_refused() -> None:
    with pytest.raises(ValueError, match="not allowed now"):
        GAME.apply(reach(), "hint colour red")


def test_completing_a_colour_regains_a_token() -> None:
    deal = ("R1", "R3", "R2", "Y1")
    state = reach("play 1", "Y1", "play 1", "Y1", "hint colour yellow", "hint rank 3", "play 1", deal=deal)
    assert (state.built, state.hints) == ((3, 0), 2)


def test_all_cards_built_end_the_game_at_once() -> None:
    reds = ("play 1", "Y2", "play 1", "Y3", "play 1", "R1")  # red 1, 2 and 3
    state = reach(*reds, "play 1", "R1", "play 1", "Y1", "play 1", deal=("R1", "R3", "R2", "Y1"))
    assert GAME.to_act(state) == OVER and GAME.returns(state) == (6.0, 6.0)


def test_with_the_deck_empty_each_player_has_one_more_turn() -> None:
    state, num_turns = reach("hint rank 1"), 0
    while GAME.to_act(state) != OVER:
        if GAME.to_act(state) == CHANCE:
            state = GAME.apply(state, GAME.chance(state)[0][0])
            continue
        num_turns += not any(state.left)
        state = GAME.apply(state, "discard 1" if state.hints < 3 else (GAME.legal(state) or ())[0])
    assert num_turns == 2


@pytest.mark.parametrize("name", VARIANTS)
def test_the_longest_game_is_as_long_as_promised(name: str) -> None:
    game = games.get(name)
    state, num_turns = game.start(), 0
    while (role := game.to_act(state)) != OVER:
        if role == CHANCE:
            state = game.apply(state, game.chance(state)[0][0])
            continue
        legal = game.legal(state) or ()
        state = game.apply(state, next((a for a in legal if a.startswith("hint")), legal[0]))
        num_turns += 1
    assert num_turns == game.info.max_turns


# reading


@pytest.mark.parametrize(
    ("text", "move"),
    [
        ("play card 2", "play 2"), ("[Play 1]", "play 1"), ("hint yellow", "hint colour yellow"),
        ("hint color yellow", "hint colour yellow"), ("Hint: 3", "hint rank 3"), ("hint 1s", "hint rank 1"),
    ],
)  # fmt: skip
def test_moves_are_read_in_many_spellings(text: str, move: str) -> None:
    assert GAME.parse(reach(), text) == move


@pytest.mark.parametrize("text", ["play", "yellow", "1", "play 1 or play 2", "do not play 1", "hint", "play 1 2"])
def test_anything_else_is_no_move(text: str) -> None:
    move = GAME.parse(reach(), text)
    assert isinstance(move, Problem) and move.kind is ProblemKind.NONE


# observations


def test_a_player_is_shown_the_partners_cards_and_what_the_partner_knows() -> None:
    text = GAME.observe(reach("hint rank 1"), 0).text
    assert (
        "Partner's cards:\n  1: yellow 1; knows: any colour, rank 1\n  2: yellow 3; knows: any colour, rank 2 or 3"
        in text
    )


def test_a_player_is_shown_what_is_known_of_its_own_cards() -> None:
    text = GAME.observe(reach("hint rank 1"), 1).text
    assert text.endswith("Your cards, as far as you know:\n  1: any colour, rank 1\n  2: any colour, rank 2 or 3")


def test_both_are_shown_what_has_been_played() -> None:
    state = reach("play 2", "R3")
    assert "Moves: You: play 2 (yellow 2, a life lost)." in GAME.observe(state, 0).text
    assert "Moves: Partner: play 2 (yellow 2, a life lost)." in GAME.observe(state, 1).text


@pytest.mark.parametrize("role", [0, 1])
def test_a_player_is_shown_the_same_for_every_hand_of_its_own(role: int) -> None:
    elsewhere = ("Y2", "R3", *DEAL[2:]) if role == 0 else (*DEAL[:2], "R3", "R2")
    assert GAME.observe(reach(), role).text == GAME.observe(reach(deal=elsewhere), role).text


# the solver


def test_two_solvers_build_most_of_the_cards() -> None:
    assert mean_score((True, True)) > 4.2  # 4.8 of 6


@pytest.mark.parametrize("solvers", [(True, False), (False, True)])
def test_a_solver_helps_a_random_partner(solvers: tuple[bool, bool]) -> None:
    assert mean_score(solvers) > mean_score((False, False)) + 0.6  # 1.6 against 0.4


def test_the_solver_plays_what_it_knows_to_fit() -> None:
    state = reach("play 1", "R3", "play 1", "R1", "hint rank 3", "hint rank 2")
    # the first knows that its yellow 2 is a 2; with red 1 and yellow 1 built every 2 fits
    assert GAME.solution(GAME.view(state, 0)) == (("play 1", 1.0),)
