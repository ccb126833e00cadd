"""Steps per second of small text adventures: `text_quest` and TextWorldExpress through Python, in one run.

Wall-clock time, since TextWorldExpress runs in a Java process of its own; it needs Java.
"""

import contextlib
import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from speed.games.players import mirrormatch

NUM_GAMES = 60
NUM_ROUNDS = 7
STEP_LIMIT = 50
THEIR_GAMES = {"coin": "numLocations=5,numDistractorItems=0,includeDoors=1", "twc": ""}


@pytest.fixture(scope="module")
def express() -> Iterator[Any]:
    try:
        from textworld_express import TextWorldExpressEnv

        started = TextWorldExpressEnv(envStepLimit=STEP_LIMIT)
    except Exception as problem:
        pytest.skip(f"TextWorldExpress does not start here: {problem}")
    yield started
    end_java(started)


def end_java(express: Any) -> None:
    """Ends the Java process; the library leaves it to the interpreter's end, which then reports open files."""
    java = express._gateway.java_process
    with contextlib.suppress(OSError):
        express.close()
    java.kill()
    java.wait()
    with contextlib.suppress(OSError):  # an unread line is in the pipe
        java.stdin.close()


def theirs(express: Any, game: str, seed: int) -> int:
    rng, num_steps = random.Random(seed), 0
    express.load(gameName=game, gameParams=THEIR_GAMES[game])
    for k in range(NUM_GAMES):
        _, infos = express.reset(seed=(seed * NUM_GAMES + k) % 400, gameFold="train", generateGoldPath=False)
        done = False
        while not done:
            text, _, done, infos = express.step(rng.choice(sorted(infos["validActions"])))
            assert text
            num_steps += 1
            done = done or num_steps >= STEP_LIMIT * (k + 1)
    return num_steps


def median_rate(played: Callable[[int], int]) -> float:
    rates, seeds = [], itertools.count()
    for _ in range(NUM_ROUNDS + 1):
        began = time.perf_counter()
        num_steps = played(next(seeds))
        rates.append(num_steps / (time.perf_counter() - began))
    return statistics.median(rates[1:])


def test_text_adventures(express: Any, capfd: pytest.CaptureFixture[str]) -> None:
    ours = {
        "text_quest, new worlds": median_rate(lambda seed: mirrormatch("text_quest", NUM_GAMES, seed)),
        "text_quest, seen before": median_rate(lambda seed: mirrormatch("text_quest", NUM_GAMES, 0)),
    }
    rates = ours | {
        f"TextWorldExpress {g}": median_rate(lambda seed, g=g: theirs(express, g, seed)) for g in THEIR_GAMES
    }
    with capfd.disabled():
        print("\nSteps per second (median)\n| game | steps per second |\n|---|---:|")
        print("\n".join(f"| {name} | {rate:,.0f} |" for name, rate in rates.items()))
