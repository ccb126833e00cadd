"""The training text of mini: games of every native game between thinkers of mixed strength, and short problems.

A chunk of conversations depends on the seed and its number alone, so that a run resumes at any chunk. Everything passes
through the loop, the prompts and the chat template of all other play.
"""

import asyncio
import random
from collections.abc import Iterator
from typing import Any, Final

from mirrormatch import games, prompts
from mirrormatch.agents.play import play
from mirrormatch.agents.types import Agent, Episode, Turn
from mirrormatch.games import exercises
from mirrormatch.games.game import Game
from mirrormatch.prompts.examples import request_move
from mirrormatch.prompts.prompt import Exchange, Prompt, PromptSettings
from mirrormatch.seeds import derive
from mirrormatch.training.bundled.corpus import Conversation, OwnText
from mirrormatch.training.bundled.mini.chatter import SLOTS
from mirrormatch.training.bundled.mini.players import HostilePlayer, ThinkingPlayer
from mirrormatch.training.bundled.mini.thinkers import find_thinkers

EXERCISES: Final = "exercises"
EXERCISE_SHARE = 0.17  # of the conversations
DEFAULT_SHARE = 0.65  # of games played at their default settings; the others at an example's
TAKEN = 4  # conversations of one game in a row; a long game, which has many, would else fill the corpus
HOSTILE_SHARE = 0.2  # of the games with a place for words in which one seat chatters
NOTICE_SHARE = 0.04  # of the single turns that repeat a request after a reply that is no move
SKILLS = (0.35, 0.6, 0.8, 0.95)  # of the thinkers, drawn for each seat
# Games whose notation or arithmetic takes more examples; 1 for all others.
WEIGHTS = {
    "simple_negotiation": 2.5, "deal_or_no_deal": 2.0, "countdown": 2.0, "text_quest": 2.0, "taboo": 2.0,
    "twenty_questions": 1.5, "tictactoe": 1.5, "connect_four": 1.5, "breakthrough": 1.5, "number_poker": 1.5,
    "avalon": 1.5, "who_is_the_spy": 1.5,
}  # fmt: skip
FORMATS = {"boxed": 0.64, "plain": 0.12, "cot": 0.12, "role_play": 0.12}
HISTORIES = {"state": 0.62, "bounded": 0.12, "full": 0.26}
UNLISTED_SHARE = 0.2  # of the prompts without the list of legal moves
SILENT_SHARE = 0.08  # of the prompts that ask for no reasoning
FORGETFUL_SHARE = 0.15  # of the prompts that leave the reasoning of earlier turns out
EXAMPLE_SHARE = 0.05  # of the prompts that show positions of other games first
MAX_EXAMPLES = 2
_NOT_MOVES = ("I am not sure", "hello", "what now?", "banana", "I give up")


def make_chunk(seed: int, number: int, num: int) -> list[Conversation]:
    """Makes the conversations of a chunk.

    Args:
        seed: the seed of the corpus.
        number: the chunk's number.
        num: the number of conversations.
    """
    rng = random.Random(derive(seed, "mini", number))
    found: list[Conversation] = []
    with asyncio.Runner() as runner:
        while len(found) < num:
            found += _take_conversations(runner, rng)
    return found[:num]


def _take_conversations(runner: asyncio.Runner, rng: random.Random) -> list[Conversation]:
    if rng.random() < EXERCISE_SHARE:
        return [_make_exercise(rng) for _ in range(TAKEN)]
    names = list(find_thinkers())
    name = rng.choices(names, [WEIGHTS.get(name, 1.0) for name in names])[0]
    found: list[Conversation] = []
    while len(found) < TAKEN:
        found += _play_conversations(runner, name, rng)
    return rng.sample(found, TAKEN)


def _play_conversations(runner: asyncio.Runner, name: str, rng: random.Random) -> Iterator[Conversation]:
    """Plays one episode and yields the conversations of its learning seats."""
    game = draw_variant(name, rng)
    players = seat_players(game, rng)
    episode = runner.run(play(game, players, rng.getrandbits(32)))
    assert episode.forfeited_by is None, f"a thinker failed: {episode.turns[-1]}"
    for role, player in enumerate(players):
        if not isinstance(player, HostilePlayer):
            yield from converse(episode, role, game, draw_prompt(rng), rng)


def draw_variant(name: str, rng: random.Random) -> Game[Any, Any]:
    """Draws the game at its default settings, or as one of its examples."""
    examples = games.get(name).examples
    if not examples or rng.random() < DEFAULT_SHARE:
        return games.get(name)
    return games.get(f"{name}:{rng.choice(examples)}")


def seat_players(game: Game[Any, Any], rng: random.Random) -> list[Agent]:
    """Seats thinkers of different skill, and in some games of talk one who chatters."""
    name = game.info.name.partition(":")[0]
    thinker, num = find_thinkers()[name], len(game.info.roles)
    players: list[Agent] = [ThinkingPlayer(thinker, rng.choice(SKILLS)) for _ in range(num)]
    if name in SLOTS and rng.random() < HOSTILE_SHARE:
        players[rng.randrange(num)] = HostilePlayer(thinker, rng.choice(SKILLS))
    return players


def draw_prompt(rng: random.Random) -> Prompt:
    """Draws a prompt format with its settings."""
    settings = PromptSettings(
        list_legal=rng.random() >= UNLISTED_SHARE,
        thinking=rng.random() >= SILENT_SHARE,
        history=rng.choices(list(HISTORIES), list(HISTORIES.values()))[0],  # type: ignore[arg-type]  # a literal
        keep_thoughts=rng.random() >= FORGETFUL_SHARE,
        examples=rng.randint(1, MAX_EXAMPLES) if rng.random() < EXAMPLE_SHARE else 0,
    )
    return prompts.get(rng.choices(list(FORMATS), list(FORMATS.values()))[0], settings)


def converse(
    episode: Episode, role: int, game: Game[Any, Any], prompt: Prompt, rng: random.Random
) -> Iterator[Conversation]:
    """Yields a seat's turns: as one conversation where the prompt keeps all of it, else each on its own."""
    past: list[Exchange] = []
    whole: list[Any] = []
    settings = prompt.settings
    keeps_all = settings.history == "full" and settings.keep_thoughts and not settings.examples
    for turn in (t for t in episode.turns if t.role == role):
        reply = write_reply(prompt, turn)
        notice = _draw_notice(rng) if not keeps_all else ""
        messages = request_move(prompt, game, past, turn.observation, notice)
        if keeps_all:
            whole += messages[len(whole) :]
            whole.append(OwnText(reply))
        else:
            yield (*messages, OwnText(reply))
        past.append(Exchange(turn.observation, reply, None))
    if whole:
        yield tuple(whole)


def write_reply(prompt: Prompt, turn: Turn) -> str:
    """Writes a thinker's turn as the prompt asks for it."""
    assert turn.action is not None, f"a thinker's reply is no move: {turn}"
    return prompt.format_thinking(turn.thinking) + prompt.format_answer(turn.reply)


def _draw_notice(rng: random.Random) -> str:
    return f"no move in {rng.choice(_NOT_MOVES)!r}" if rng.random() < NOTICE_SHARE else ""


def _make_exercise(rng: random.Random) -> Conversation:
    kind, level = rng.choice(exercises.KINDS), rng.choice(exercises.LEVELS)
    exercise = exercises.draw_exercise(kind, level, rng.getrandbits(32), 0, held_out=False)
    prompt = draw_prompt(rng)
    reply = prompt.format_thinking(exercise.thinking) + prompt.format_answer(exercise.answer)
    return (*prompt.question(exercise.question), OwnText(reply))
