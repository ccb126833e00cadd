"""Rendered steps per second under random legal play: ours and other libraries', in one run.

A rendered step is everything that a language model needs for one move: the acting role's text with its legal moves, a
move parsed from text, and the next state. Processor time is measured, which a busy machine disturbs less.
"""

import math
import statistics
import time
from collections.abc import Iterator

import pytest
from speed.games.players import NAMES, PLAYERS, plays

NUM_GAMES = {"mirrormatch": 600, "OpenSpiel text": 300, "OpenSpiel": 300}  # per round; tens of milliseconds
FEW_GAMES = 20  # of the slower libraries
NUM_ROUNDS = 11
NUM_WARM_UP = 2
MEDIANS: dict[tuple[str, str], float] = {}  # (game, library) -> rendered steps per second


@pytest.fixture(scope="module", autouse=True)
def table(request: pytest.FixtureRequest) -> Iterator[None]:
    """Prints the medians and our speed-ups after the last measurement."""
    yield
    lines = [
        "\nRendered steps per second (median; in brackets: ours is so many times faster)",
        f"| game | {' | '.join(PLAYERS)} |",
        "|---|" + "---:|" * len(PLAYERS),
    ]
    for name in NAMES:
        ours = MEDIANS.get((name, "mirrormatch"), math.nan)
        lines.append(f"| {name} | " + " | ".join(_cell(name, library, ours) for library in PLAYERS) + " |")
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n".join(lines))


def _cell(name: str, library: str, ours: float) -> str:
    rate = MEDIANS.get((name, library))
    if rate is None:
        return "-"
    return f"{rate:,.0f}" if library == "mirrormatch" else f"{rate:,.0f} ({ours / rate:.1f}x)"


@pytest.mark.parametrize(("name", "library"), [(n, lib) for n in NAMES for lib in PLAYERS if plays(lib, n)])
def test_rendered_steps(name: str, library: str) -> None:
    num_games = NUM_GAMES.get(library, FEW_GAMES)
    rates = list[float]()
    for seed in range(NUM_WARM_UP + NUM_ROUNDS):  # other games in every round, which caches don't have
        began = time.process_time()
        num_steps = PLAYERS[library](name, num_games, seed)
        rates.append(num_steps / (time.process_time() - began))
    MEDIANS[name, library] = statistics.median(rates[NUM_WARM_UP:])
