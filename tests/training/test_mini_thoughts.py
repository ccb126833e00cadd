"""Thoughts follow from the state: each number, square and name in them is recomputed from what the player sees."""

import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from tests.training.mini_facts import FACTS, Case

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER
from mirrormatch.games.game import sample_chance
from mirrormatch.training.bundled.mini import corpus
from mirrormatch.training.bundled.mini.thinkers import find_thinkers
from mirrormatch.training.bundled.mini.thought import Sight

NUM_THOUGHTS = 200
MAX_MOVES = 60  # of one game, so that the thoughts come from several
MIN_REFUSED = 0.25  # of the thoughts that are put beside another state; small games have few states


class Heard(NamedTuple):
    """A thought and the state that it belongs to."""

    thought: str
    case: Case


def think(name: str, num: int, seed: int = 0) -> Iterator[Heard]:
    """The thoughts of games at default and other settings, between thinkers of mixed strength."""
    rng, thinker = random.Random(seed), find_thinkers()[name]
    found = 0
    while found < num:
        game = corpus.draw_variant(name, rng)
        state, num_moves = game.start(), 0
        while (role := game.to_act(state)) != OVER and num_moves < MAX_MOVES and found < num:
            if role == CHANCE:
                state = game.apply(state, sample_chance(game.chance(state), rng))
                continue
            legal, view = game.legal(state), game.view(state, role)
            thought = thinker(Sight(game, view, role, legal, rng.choice(corpus.SKILLS), rng))
            yield Heard(thought.text, Case(game.observe(state, role).text, legal or (), thought.move, game))
            found, num_moves = found + 1, num_moves + 1
            move = game.parse(state, thought.move)
            assert isinstance(move, str), f"{thought} is no move: {move}"
            state = game.apply(state, move)


def test_the_thoughts_of_every_game_are_recomputed() -> None:
    assert set(FACTS) == set(find_thinkers())


@pytest.mark.parametrize("name", FACTS)
def test_a_thought_follows_from_the_state(name: str) -> None:
    wrong = [h for h in think(name, NUM_THOUGHTS) if h.thought not in FACTS[name](h.case)]
    assert wrong[:1] == []


@pytest.mark.parametrize("name", FACTS)
def test_a_thought_beside_another_state_is_refused(name: str) -> None:
    heard = list(think(name, NUM_THOUGHTS))
    other = heard[7:] + heard[:7]
    pairs = [Heard(a.thought, b.case._replace(move=a.case.move)) for a, b in zip(heard, other, strict=True)]
    refused = [pair for pair in pairs if not _is_accepted(name, pair)]
    assert len(refused) > MIN_REFUSED * len(pairs)


def _is_accepted(name: str, pair: Heard) -> bool:
    try:
        return pair.thought in FACTS[name](pair.case)
    except (AssertionError, AttributeError, IndexError, KeyError, ValueError):
        return False  # the thought's move doesn't exist in the other state


@pytest.mark.parametrize("name", FACTS)
def test_strength_is_mixed(name: str) -> None:
    """A sound thinker plays otherwise than a poor one: the model has something to gain and something to lose."""
    game, thinker, rng = games.get(name), find_thinkers()[name], random.Random(5)
    state, differs = game.start(), False
    while not differs and (role := game.to_act(state)) != OVER:
        if role == CHANCE:
            state = game.apply(state, sample_chance(game.chance(state), rng))
            continue
        view, legal = game.view(state, role), game.legal(state)
        sound, poor = (
            [thinker(Sight(game, view, role, legal, skill, random.Random(k))).move for k in range(40)]
            for skill in (1.0, 0.0)
        )
        differs = sound != poor
        move = game.parse(state, sound[0])
        assert isinstance(move, str), f"{sound[0]!r} is no move: {move}"
        state = game.apply(state, move)
    assert differs
