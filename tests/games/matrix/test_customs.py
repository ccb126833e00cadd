"""Customs is solved exactly: against a second implementation by enumeration, and by hand at the default setting."""

import asyncio
import itertools
from fractions import Fraction
from typing import Any

import pytest
from transformers import AutoTokenizer

from mirrormatch import agents, games, play
from mirrormatch.agents.models import find_model
from mirrormatch.games import CHANCE, OVER, Action
from mirrormatch.games.theory.best_response import exploitability
from mirrormatch.games.theory.information_states import information_states

GAME = games.get("customs")
SHARES = range(1, 10)
WINS = {"pass": (2, 4), "search": (3, -4)}  # of a trader and of a smuggler who crosses
PARTS = ("trader", "smuggler")
MAX_TOKENS = 60


def reach(*actions: Action) -> Any:
    state = GAME.start()
    for action in actions:
        state = GAME.apply(state, action)
    return state


def value_by_enumeration(tenths: int) -> Fraction:
    """The courier's value: the best of four pure strategies, minimised over the officer's mixture at every corner."""
    shares = (Fraction(10 - tenths, 10), Fraction(tenths, 10))

    def win(crosses: tuple[bool, ...], search: Fraction) -> Fraction:
        return sum(
            (
                share * (WINS["pass"][k] * (1 - search) + WINS["search"][k] * search if crosses[k] else Fraction(-1))
                for k, share in enumerate(shares)
            ),
            Fraction(),
        )

    pure = list(itertools.product((True, False), repeat=2))
    corners = {Fraction(0), Fraction(1)}
    for one, other in itertools.combinations(pure, 2):
        at_0, slope = win(one, Fraction(0)) - win(other, Fraction(0)), win(one, Fraction(1)) - win(other, Fraction(1))
        if at_0 != slope and 0 <= (crossing := at_0 / (at_0 - slope)) <= 1:
            corners.add(crossing)
    return min(max(win(crosses, search) for crosses in pure) for search in corners)


def value_of_solution(name: str) -> float:
    game = games.get(name)

    def value(state: Any) -> float:
        role = game.to_act(state)
        if role == OVER:
            return game.returns(state)[0]
        options = game.chance(state) if role == CHANCE else game.solution(game.view(state, role))
        return sum(p * value(game.apply(state, a)) for a, p in options)

    return value(game.start())


@pytest.mark.parametrize("tenths", SHARES)
def test_the_solution_is_worth_what_enumeration_finds(tenths: int) -> None:
    assert value_of_solution(f"customs:smugglers={tenths}") == pytest.approx(float(value_by_enumeration(tenths)))


@pytest.mark.parametrize("tenths", SHARES)
def test_no_player_gains_against_the_solution(tenths: int) -> None:
    game = games.get(f"customs:smugglers={tenths}")
    policy = {s.view: {a: dict(game.solution(s.view)).get(a, 0.0) for a in s.legal} for s in information_states(game)}
    assert exploitability(game, policy.__getitem__).value == pytest.approx(0.0, abs=1e-12)


def test_the_default_is_solved_as_by_hand() -> None:
    """A search costs 1 with a trader, gains 8 with a smuggler; a smuggler gains 5 unsearched and loses 3 searched."""
    assert dict(GAME.solution(GAME.view(reach("smuggler"), 0))) == {"cross": 1 / 8, "turn back": 7 / 8}
    assert dict(GAME.solution(GAME.view(reach("trader"), 0))) == {"cross": 1.0}
    assert dict(GAME.solution(GAME.view(reach("trader", "cross"), 1))) == {"search": 5 / 8, "pass": 3 / 8}
    assert value_of_solution("customs") == 13 / 16


@pytest.mark.parametrize(
    ("path", "won"),
    [
        (("trader", "turn back"), -1.0),
        (("smuggler", "turn back"), -1.0),
        (("trader", "cross", "pass"), 2.0),
        (("trader", "cross", "search"), 3.0),
        (("smuggler", "cross", "pass"), 4.0),
        (("smuggler", "cross", "search"), -4.0),
    ],
)
def test_every_game_pays_what_the_rules_say(path: tuple[Action, ...], won: float) -> None:
    assert GAME.returns(reach(*path)) == (won, -won)


def test_the_officer_does_not_see_the_part_before_the_end() -> None:
    trader, smuggler = (GAME.observe(reach(part, "cross"), 1).text for part in PARTS)
    assert trader == smuggler == "You are the officer. The courier is a trader or a smuggler. The courier crossed."
    assert "was a smuggler" in GAME.observe(reach("smuggler", "cross", "pass"), 1).text


def test_an_episode_has_the_dealt_part() -> None:
    episodes = [asyncio.run(play(GAME, [agents.get("optimal")] * 2, seed)) for seed in range(20)]
    assert {e.parts for e in episodes} == {("trader", "officer"), ("smuggler", "officer")}
    assert all(e.parts[0] == e.deal[0] for e in episodes)


def test_parts_earn_differently_where_seats_hide_it() -> None:
    """On average a courier wins 0.8, which is far from what either of its parts wins."""
    won = {part: [] for part in PARTS}  # type: dict[str, list[float]]
    for seed in range(400):
        episode = asyncio.run(play(GAME, [agents.get("optimal")] * 2, seed))
        won[episode.parts[0]].append(episode.returns[0])
    means = [sum(won[part]) / len(won[part]) for part in PARTS]
    assert means == [pytest.approx(2.625, abs=0.1), pytest.approx(-1.0, abs=0.4)]


def test_every_view_is_short() -> None:
    tokenizer = AutoTokenizer.from_pretrained(find_model("nano"))
    paths = [("trader",), ("smuggler", "turn back"), ("trader", "cross"), ("smuggler", "cross", "search")]
    texts = [GAME.observe(reach(*path), role).text for path in paths for role in (0, 1)]
    assert max(len(tokenizer(text).input_ids) for text in texts) <= MAX_TOKENS
