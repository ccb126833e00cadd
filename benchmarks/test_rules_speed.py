"""Rendered steps per second under random legal play: ours, TextArena's and OpenSpiel's, in one run.

A rendered step is what a language model needs for one move: the text for the role to act with its legal moves, a move
read from text, and the next state. Processor time is measured, so that a busy machine disturbs less.
"""

import itertools
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyspiel
import pytest
import textarena

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER

NUM_GAMES = {"mirrormatch": 1_000, "textarena": 200, "openspiel": 1_000}  # per round: tens of milliseconds
NUM_ROUNDS = 15
NUM_WARM_UP = 2
THEIR_GAMES = {
    "tictactoe": ("TicTacToe-v0", "tic_tac_toe"),
    "kuhn_poker": ("KuhnPoker-v0", "kuhn_poker"),
    "simple_negotiation": ("SimpleNegotiation-v0", None),
}
MEDIANS: dict[tuple[str, str], float] = {}  # (game, library) -> rendered steps per second


def our_steps(name: str, seed: int) -> int:
    game, rng, num_steps = games.get(name), random.Random(seed), 0
    for _ in range(NUM_GAMES["mirrormatch"]):
        state = game.start()
        while (role := game.to_act(state)) != OVER:
            if role == CHANCE:
                state = game.apply(state, rng.choice(game.chance(state))[0])
                continue
            observation = game.observe(state, role)
            legal = observation.legal
            said = rng.choice(legal) if legal else game.sample(game.view(state, role), None, rng)
            move = game.parse(state, said)
            assert isinstance(move, str) and observation.text
            state = game.apply(state, move)
            num_steps += 1
        game.returns(state)
    return num_steps


def textarena_steps(name: str, seed: int) -> int:
    choose, rng, num_steps = TEXTARENA_MOVES[name], random.Random(seed), 0
    for k in range(NUM_GAMES["textarena"]):
        env = textarena.make(THEIR_GAMES[name][0])  # anew: the text of earlier games stays in the wrapper over a reset
        env.reset(num_players=2, seed=seed * NUM_GAMES["textarena"] + k)
        done = False
        while not done:
            _, text = env.get_observation()
            assert text
            done, _ = env.step(choose(env.state.game_state, rng))
            num_steps += 1
        env.close()
    return num_steps


def textarena_square(state: dict[str, Any], rng: random.Random) -> str:
    cells = [cell for row in state["board"] for cell in row]
    return f"[{rng.choice([k for k, mark in enumerate(cells) if not mark])}]"


def textarena_bet(state: dict[str, Any], rng: random.Random) -> str:
    return f"[{rng.choice(list(state['current_legal_action_tree']))}]"


def textarena_offer(state: dict[str, Any], rng: random.Random) -> str:
    offer = state["current_offer"]
    if offer and rng.random() < 0.5:
        stocks = state["player_resources"][offer["to_player"]]
        payable = all(stocks[good] >= number for good, number in offer["requested_resources"].items())
        return rng.choice(["[Accept]", "[Deny]"]) if payable else "[Deny]"
    give, get = rng.sample(["Wheat", "Wood", "Sheep", "Brick", "Ore"], 2)
    return f"[Offer: 1 {give} -> 1 {get}]"


TEXTARENA_MOVES: dict[str, Callable[[dict[str, Any], random.Random], str]] = {
    "tictactoe": textarena_square,
    "kuhn_poker": textarena_bet,
    "simple_negotiation": textarena_offer,
}


def openspiel_steps(name: str, seed: int) -> int:
    game, rng, num_steps = pyspiel.load_game(THEIR_GAMES[name][1]), random.Random(seed), 0
    view = "observation_string" if name == "tictactoe" else "information_state_string"
    for _ in range(NUM_GAMES["openspiel"]):
        state = game.new_initial_state()
        while not state.is_terminal():
            if state.is_chance_node():
                state.apply_action(rng.choice(state.chance_outcomes())[0])
                continue
            role = state.current_player()
            text = getattr(state, view)(role)
            legal = [state.action_to_string(role, action) for action in state.legal_actions()]
            assert text and legal
            state.apply_action(state.string_to_action(role, rng.choice(legal)))
            num_steps += 1
        state.returns()
    return num_steps


PLAYERS: dict[str, Callable[[str, int], int]] = {
    "mirrormatch": our_steps, "textarena": textarena_steps, "openspiel": openspiel_steps,
}  # fmt: skip
PAIRS = [
    (name, library)
    for name, (_, in_openspiel) in THEIR_GAMES.items()
    for library in PLAYERS
    if library != "openspiel" or in_openspiel
]


@pytest.fixture(scope="module", autouse=True)
def table(request: pytest.FixtureRequest) -> Iterator[None]:
    """Prints the medians, and how many times faster ours is, when all have been measured."""
    yield
    lines = ["\nRendered steps per second (median; in brackets: ours is so many times faster)"]
    for name in THEIR_GAMES:
        rates = {library: MEDIANS[name, library] for library in PLAYERS if (name, library) in MEDIANS}
        ours = rates.get("mirrormatch", math.nan)
        cells = [f"{library:>13} {rate:>9,.0f} ({ours / rate:.1f}x)" for library, rate in rates.items()]
        lines.append(f"{name:<20}" + "".join(cells))
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n".join(lines))


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize(("name", "library"), PAIRS)
def test_rendered_steps(benchmark: Any, name: str, library: str) -> None:
    benchmark.group = name
    steps, seeds = list[int](), itertools.count()  # other games in every round, so that caches don't know them all

    def a_round(seed: int) -> None:
        steps.append(PLAYERS[library](name, seed))

    benchmark.pedantic(a_round, setup=lambda: ((next(seeds),), {}), rounds=NUM_ROUNDS, warmup_rounds=NUM_WARM_UP)
    rates = [n / seconds for n, seconds in zip(steps[-NUM_ROUNDS:], benchmark.stats.stats.data, strict=True)]
    MEDIANS[name, library] = benchmark.extra_info["steps_per_second"] = statistics.median(rates)
