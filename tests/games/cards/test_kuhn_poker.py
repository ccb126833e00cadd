"""A match of Kuhn poker is so many hands of it; test_games_against_openspiel.py compares single hands."""

import asyncio
import random
from typing import Any

import pytest

from mirrormatch import agents, games, play
from mirrormatch.games import CHANCE, OVER, Action
from mirrormatch.games.theory.best_response import exploitability
from mirrormatch.games.theory.information_states import information_states

HAND = games.get("kuhn_poker")
MATCH = games.get("kuhn_poker:hands=2")
LONG = games.get("kuhn_poker:hands=5")
FOLDED = ("J", "K", "check", "bet", "fold")
CALLED = ("J", "Q", "bet", "call")  # by the first player, who has the queen and didn't open this hand
UNIFORM = 0.4583333333333333  # exploitability of uniform play in one hand


def reach(*actions: Action, game: Any = MATCH) -> Any:
    state = game.start()
    for action in actions:
        state = game.apply(state, action)
    return state


def play_random_match(seed: int) -> list[tuple[tuple[Action, ...], int]]:
    """The actions and the opener of each hand of a random match of five."""
    rng, state, hands = random.Random(seed), LONG.start(), list[tuple[tuple[Action, ...], int]]()
    actions, opener = list[Action](), -1
    while (role := LONG.to_act(state)) != OVER:
        options = [a for a, _ in LONG.chance(state)] if role == CHANCE else LONG.legal(state) or ()
        opener = role if len(actions) == 2 else opener
        actions.append(rng.choice(options))
        after = LONG.apply(state, actions[-1])
        if len(after.past) > len(state.past) or LONG.to_act(after) == OVER:
            hands.append((tuple(actions), opener))
            actions.clear()
        state = after
    return hands


@pytest.mark.parametrize("seed", range(50))
def test_a_match_pays_the_sum_of_its_hands(seed: int) -> None:
    hands, won = play_random_match(seed), 0.0
    for actions, opener in hands:
        cards = actions[:2] if opener == 0 else actions[1::-1]  # the first seat of a single hand opens it
        won += HAND.returns(reach(*cards, *actions[2:], game=HAND))[opener]
    assert LONG.returns(reach(*(a for actions, _ in hands for a in actions), game=LONG)) == (won, -won)


def test_the_players_open_in_turn() -> None:
    assert {tuple(opener for _, opener in play_random_match(seed)) for seed in range(20)} == {(0, 1, 0, 1, 0)}


def test_every_hand_has_a_deal_of_its_own() -> None:
    deals = {tuple(actions[:2] for actions, _ in play_random_match(seed)) for seed in range(200)}
    assert len({first for first, *_ in deals}) == len({last for *_, last in deals}) == 6
    assert len({(first, second) for first, second, *_ in deals}) > 30


def test_the_move_that_ends_a_hand_earns_its_chips() -> None:
    episode = asyncio.run(play(LONG, [agents.get("optimal"), agents.get("random")], 3))
    paid = [t.rewards[0] for t in episode.turns if t.rewards is not None and any(t.rewards)]
    assert len(paid) == 5 and sum(paid) == episode.returns[0]
    assert {abs(chips) for chips in paid} <= {1.0, 2.0}


def test_a_fold_shows_no_card_and_a_call_shows_both() -> None:
    folded, called = (
        MATCH.observe(reach(*FOLDED, *"JQ"), 0).text,
        LONG.observe(reach(*FOLDED, *CALLED, game=LONG), 0).text,
    )
    assert "Hand 1: your card J; you check; other bet; you fold; -1." in folded
    assert "Hand 2: your card J, the other's Q; other bet; you call; -2." in called


def test_the_second_player_sees_the_same_hands_from_its_side() -> None:
    text = LONG.observe(reach(*FOLDED, *CALLED, game=LONG), 1).text
    assert text == (
        "Hand 1: your card K; other check; you bet; other fold; +1.\n"
        "Hand 2: your card Q, the other's J; you bet; other call; +2.\n"
        "Hand 3 of 5. Your chips so far: +3. Your card is not dealt yet.\nMoves: none. Pot: 2."
    )


def test_the_folded_card_of_the_other_stays_hidden() -> None:
    one, other = (reach(card, "K", "check", "bet", "fold", "Q", "K") for card in "JQ")
    assert MATCH.view(one, 1) == MATCH.view(other, 1) and MATCH.view(one, 0) != MATCH.view(other, 0)


def test_the_solution_of_a_hand_is_the_solution_of_a_match() -> None:
    policy = {s.view: dict(MATCH.solution(s.view)) for s in information_states(MATCH)}
    assert exploitability(MATCH, policy.__getitem__).value == pytest.approx(0.0, abs=1e-12)


def test_uniform_play_loses_as_much_in_every_hand() -> None:
    policy = {s.view: dict.fromkeys(s.legal, 1 / len(s.legal)) for s in information_states(MATCH)}
    assert exploitability(MATCH, policy.__getitem__).value == pytest.approx(2 * UNIFORM)


@pytest.mark.parametrize(("hands", "equal"), [(1, False), (2, True), (5, False), (6, True)])
def test_the_seats_are_equal_in_an_even_number_of_hands(hands: int, equal: bool) -> None:
    game = games.get(f"kuhn_poker:hands={hands}")
    path = [*FOLDED, *CALLED][: 5 if hands == 1 else None]
    for _ in range(hands - 2):
        path += ["K", "J", "check", "check"]
    assert (game.swap_seats(tuple(path)) is not None) == equal


def test_a_match_of_two_hands_with_the_seats_exchanged_ends_the_other_way_round() -> None:
    swapped = MATCH.swap_seats((*FOLDED, *CALLED))
    assert swapped == ("Q", "J", "bet", "call", "K", "J", "check", "bet", "fold")
    assert MATCH.returns(reach(*FOLDED, *CALLED)) == (-3.0, 3.0) and MATCH.returns(reach(*swapped)) == (3.0, -3.0)


def test_one_hand_is_the_game_without_a_setting() -> None:
    assert games.get("kuhn_poker:hands=1").info == HAND.info
    assert HAND.observe(reach("Q", "K", game=HAND), 0).text == (
        "You are the first player. Your card is Q.\nMoves: none. Pot: 2."
    )


def test_a_forfeit_loses_every_hand() -> None:
    assert LONG.forfeit_returns(LONG.start(), 1) == (10.0, -10.0)
