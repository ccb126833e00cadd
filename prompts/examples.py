"""Few-shot examples: positions of other games under a fixed seed, each with a move, before the position in hand.

They are played as golden transcripts are: by the game's solver, or at random where it has none. The game in hand plays
no part in them. A played game in which a role sees what the model sees now is left out: it would give the move away.
"""

import functools
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from mirrormatch.games.game import Game, sample_chance
from mirrormatch.games.types import CHANCE, OVER, Action, Observation
from mirrormatch.prompts.prompt import Exchange, Message, Prompt
from mirrormatch.seeds import derive

SEED: Final = 7
MAX_DECISIONS: Final = 6  # before the position of an example
NUM_PLAYED: Final = 64  # games from which the examples are taken
_NUM_CACHED = 1_024


class Example(NamedTuple):
    """A position and a move in it.

    Attributes:
        observation: what the role to act sees.
        move: its move.
        seen: the texts of all roles' observations in that game; in a game without chance of the position alone.
    """

    observation: Observation
    move: Action
    seen: frozenset[str]


def request_move(
    prompt: Prompt, game: Game[Any, Any], past: Sequence[Exchange], observation: Observation, notice: str = ""
) -> tuple[Message, ...]:
    """The messages of `Prompt.turn`, with as many examples before the first observation as the settings give."""
    messages = prompt.turn(game.rules(), past, observation, notice)
    num = prompt.settings.examples
    shown = [
        e for example in islice(list_examples(game, observation), num) for e in _to_messages(prompt, game, example)
    ]
    start = next(k for k, message in enumerate(messages) if message.role != "system")
    return (*messages[:start], *shown, *messages[start:])


def list_examples(game: Game[Any, Any], observation: Observation) -> Iterator[Example]:
    """Yields the examples that suit an observation, always in the same order."""
    given = set[Observation]()
    for number in range(NUM_PLAYED):
        example = make_example(game, number)
        if observation.text not in example.seen and example.observation not in given:
            given.add(example.observation)
            yield example


@functools.lru_cache(_NUM_CACHED)
def make_example(game: Game[Any, Any], number: int) -> Example:
    """Plays a game up to a random decision."""
    rng = random.Random(derive(SEED, "examples", game.info.name, number))
    num_before = rng.randrange(min(MAX_DECISIONS, game.info.max_turns))
    state, seen = game.start(), set[str]()
    found = None
    for _ in range(num_before + 1):
        state = _deal(game, state, rng)
        if (role := game.to_act(state)) == OVER:
            break
        seen |= {game.observe(state, r).text for r in range(len(game.info.roles))}
        found = game.observe(state, role), _choose_move(game, state, role, rng)
        state = game.apply(state, found[1])
    assert found is not None, f"{game.info.name} ends before its first decision"
    return Example(*found, frozenset(seen if game.info.random else {found[0].text}))


def _deal(game: Game[Any, Any], state: Any, rng: random.Random) -> Any:
    while game.to_act(state) == CHANCE:
        state = game.apply(state, sample_chance(game.chance(state), rng))
    return state


def _choose_move(game: Game[Any, Any], state: Any, role: int, rng: random.Random) -> Action:
    view = game.view(state, role)
    if game.info.solver:
        return sample_chance(game.solution(view), rng)
    return game.sample(view, game.legal(state), rng)


def _to_messages(prompt: Prompt, game: Game[Any, Any], example: Example) -> tuple[Message, Message]:
    """The example as a turn that was answered without reasoning."""
    asked = prompt.turn(game.rules(), (), example.observation)[-1]
    return asked, Message("assistant", prompt.format_reply("", example.move))
