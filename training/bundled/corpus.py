"""The training text of the nano model: games between players of mixed strength, and short problems.

Everything passes through the same loop, prompt and chat template as any other model's games.
"""

import asyncio
import itertools
import random
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from mirrormatch import games, prompts
from mirrormatch.agents.engines._encoding import ChatEncoder
from mirrormatch.agents.play import play
from mirrormatch.agents.types import Episode
from mirrormatch.games import exercises
from mirrormatch.prompts.prompt import Exchange, Message, Prompt, PromptSettings
from mirrormatch.seeds import derive
from mirrormatch.training.bundled.players import PLAYERS, ThinkingAgent

# Shares of the conversations, by subject. A game's conversations hold several turns at once.
SHARES = {"kuhn_poker": 0.11, "tictactoe": 0.20, "simple_negotiation": 0.28, "exercises": 0.41}
# Towards the end more of the negotiation, whose notation is the hardest: its offers must be affordable.
FINISHING_SHARES = {"kuhn_poker": 0.12, "tictactoe": 0.20, "simple_negotiation": 0.53, "exercises": 0.15}
FULL_HISTORY = 0.25  # the share of game roles whose turns are kept as one conversation
LEVEL_SHARES = {1: 0.5, 2: 0.5}  # the third level of exercises is for larger models


class OwnText(NamedTuple):
    """A message of the model itself within a conversation; its tokens are trained on."""

    text: str


Conversation: TypeAlias = tuple[Message | OwnText, ...]


class Example(NamedTuple):
    """One training sequence.

    Attributes:
        ids: ids of all tokens.
        own: 1 for the model's own tokens, which the loss covers, 0 for the rest.
    """

    ids: list[int]
    own: list[int]


def conversations(seed: int, shares: Mapping[str, float] = SHARES) -> Iterator[Conversation]:
    """Generates an endless, reproducible stream of conversations with the given shares of subjects."""
    state, full = (prompts.get("boxed", PromptSettings(history=h)) for h in ("state", "full"))
    rng = random.Random(derive(seed, "corpus"))
    sources = {name: _game_conversations(name, state, full, derive(seed, name)) for name in PLAYERS}
    sources["exercises"] = _exercise_conversations(state, derive(seed, "exercises"))
    kinds, weights = list(shares), list(shares.values())
    while True:
        yield next(sources[rng.choices(kinds, weights)[0]])


def examples(encoder: ChatEncoder, end_id: int, seed: int, shares: Mapping[str, float] = SHARES) -> Iterator[Example]:
    """Generates the stream as tokens."""
    for conversation in conversations(seed, shares):
        yield encode_conversation(conversation, encoder, end_id)


def encode_conversation(conversation: Conversation, encoder: ChatEncoder, end_id: int) -> Example:
    """Encodes a conversation: each own message follows the prompt that an engine would encode for it."""
    ids: list[int] = []
    own: list[int] = []
    messages: list[Message] = []
    for part in conversation:
        if isinstance(part, Message):
            messages.append(part)
            continue
        prompt = encoder.encode(messages)
        assert list(prompt[: len(ids)]) == ids, "a conversation's prompt extends the earlier tokens"
        reply_ids = (*encoder.complete(part.text), end_id)
        own += [0] * (len(prompt) - len(ids)) + [1] * len(reply_ids)
        ids = [*prompt, *reply_ids]
        messages.append(Message("assistant", part.text, reply_ids))
    return Example(ids, own)


def texts(seed: int, num: int) -> Iterator[str]:
    """Yields the plain texts of the first conversations, for the tokenizer."""
    for conversation in itertools.islice(conversations(seed), num):
        for part in conversation:
            if isinstance(part, Message):
                yield part.role  # part of every turn in the template
            yield part.text


def _game_conversations(name: str, state: Prompt, full: Prompt, seed: int) -> Iterator[Conversation]:
    game = games.get(name)
    agent = ThinkingAgent(PLAYERS[name], state)
    rng = random.Random(seed)
    with asyncio.Runner() as runner:
        for index in itertools.count():
            episode = runner.run(play(game, [agent] * len(game.info.roles), derive(seed, index)))
            assert episode.forfeited_by is None, f"a teacher failed: {episode.turns[-1]}"
            for role in range(len(game.info.roles)):
                if rng.random() < FULL_HISTORY:
                    yield _conversation(episode, role, game.rules(), full)
                else:
                    yield from _single_turns(episode, role, game.rules(), state)


def _conversation(episode: Episode, role: int, rules: str, prompt: Prompt) -> Conversation:
    parts: list[Message | OwnText] = []
    past: list[Exchange] = []
    for turn in episode.turns:
        if turn.role == role:
            parts += prompt.turn(rules, past, turn.observation)[len(parts) :]
            parts.append(OwnText(turn.reply))
            past.append(Exchange(turn.observation, turn.reply, None))
    return tuple(parts)


def _single_turns(episode: Episode, role: int, rules: str, prompt: Prompt) -> Iterator[Conversation]:
    for turn in episode.turns:
        if turn.role == role:
            yield (*prompt.turn(rules, (), turn.observation), OwnText(turn.reply))


def _exercise_conversations(prompt: Prompt, seed: int) -> Iterator[Conversation]:
    rng = random.Random(seed)
    for index in itertools.count():
        kind, level = rng.choice(exercises.KINDS), rng.choices(list(LEVEL_SHARES), list(LEVEL_SHARES.values()))[0]
        exercise = exercises.draw_exercise(kind, level, seed, index, held_out=False)
        reply = prompt.format_thinking(exercise.thinking) + prompt.format_answer(exercise.answer)
        yield (*prompt.question(exercise.question), OwnText(reply))
