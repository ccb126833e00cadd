"""Samples a language model's thoughts at every information state and scores the possible answers after each.

It computes probabilities; `exploitability` makes a policy of them. All states are requested at once, which lets the
engine batch them.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from mirrormatch.agents.engines._engine import opened_thought
from mirrormatch.agents.engines._types import Completion
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import find_move
from mirrormatch.evals.types import Progress
from mirrormatch.games.game import Game
from mirrormatch.games.theory.information_states import InfoSet
from mirrormatch.games.types import Action
from mirrormatch.prompts.examples import request_move
from mirrormatch.prompts.prompt import Exchange
from mirrormatch.seeds import derive

_Past: TypeAlias = tuple[Exchange, ...]


class Thought(NamedTuple):
    """One thought at an information state, and the answers' probabilities after it.

    Attributes:
        masses: the probability of each legal move.
        weight: the probability of the role's earlier moves, each after its own thought; 1 without earlier moves.
        past: the role's earlier turns.
        reply: the model's text: the finished thinking, or the whole reply.
        reply_ids: the tokens of the text.
        is_whole: the reply ended without closing its thinking, and no answer can follow.
    """

    masses: tuple[float, ...]
    weight: float
    past: _Past = ()
    reply: str = ""
    reply_ids: tuple[int, ...] = ()
    is_whole: bool = False


def thought_end(agent: LLMAgent) -> str | None:
    """The text that ends a thought; None for a prompt without thinking and a chat template that opens none."""
    if thought := opened_thought(agent.engine):
        return thought.closing
    mark = "\0"
    _, found, end = agent.prompt.format_thinking(mark).partition(mark)
    return end if found else None


class Interview:
    """Queries one agent at every information state of one game.

    Args:
        agent: the language model.
        game: the rules.
        info_sets: the game's information states.
        num_thoughts: number of thoughts at each state; reduced to 1 for a prompt without thinking.
        seed: the seed of the thoughts.
        progress: called after every thought.
    """

    def __init__(
        self,
        agent: LLMAgent,
        game: Game[Any, Any],
        info_sets: Sequence[InfoSet],
        num_thoughts: int,
        seed: int,
        progress: Progress | None = None,
    ) -> None:
        self._agent = agent
        self._game = game
        self._info_sets = info_sets
        self._thought_end = thought_end(agent)
        self._num_thoughts = num_thoughts if self._thought_end else 1
        self._seed = seed
        self._progress = progress
        self._num_done = 0
        self._state_tasks: list[asyncio.Task[list[Thought]]] = []
        self._score_tasks: dict[tuple[tuple[int, ...], int], asyncio.Task[tuple[float, ...]]] = {}

    async def sample_thoughts(self) -> list[list[Thought]]:
        """Samples the thoughts of every state, in the order of the states."""
        positions = range(len(self._info_sets))
        self._state_tasks = [asyncio.ensure_future(self._sample_state(position)) for position in positions]
        return list(await asyncio.gather(*self._state_tasks))

    async def _sample_state(self, position: int) -> list[Thought]:
        pasts = await self._earlier_turns(self._info_sets[position])
        return list(await asyncio.gather(*(self._run_thought(position, k, *past) for k, past in enumerate(pasts))))

    async def _earlier_turns(self, info_set: InfoSet) -> list[tuple[_Past, float]]:
        """The role's turns before each thought, and their weight."""
        if info_set.parent is None or self._agent.prompt.settings.history == "state":
            return [((), 1.0)] * self._num_thoughts
        position, action = info_set.parent
        earlier = self._info_sets[position]
        place = earlier.legal.index(action)
        return [
            ((*t.past, self._as_turn(earlier, t, action)), t.weight * t.masses[place])
            for t in await self._state_tasks[position]
        ]

    def _as_turn(self, info_set: InfoSet, thought: Thought, action: Action) -> Exchange:
        """The thought and the move as a turn of the prompt's history."""
        if thought.is_whole:
            return Exchange(info_set.observation, thought.reply, thought.reply_ids)
        answer = self._agent.prompt.format_answer(action)
        ids = (*thought.reply_ids, *self._agent.engine.complete(answer))  # the chat template ends the turn
        return Exchange(info_set.observation, thought.reply + answer, ids)

    async def _run_thought(self, position: int, k: int, past: _Past, weight: float) -> Thought:
        if weight > 0:
            thought = await self._sample_thought(position, k, past, weight)
        else:  # the agent's own moves never lead here
            thought = Thought((0.0,) * len(self._info_sets[position].legal), 0.0, past, is_whole=True)
        self._num_done += 1
        if self._progress is not None:
            self._progress(self._num_done, self._num_thoughts * len(self._info_sets))
        return thought

    async def _sample_thought(self, position: int, k: int, past: _Past, weight: float) -> Thought:
        agent, info_set = self._agent, self._info_sets[position]
        prompt_ids = agent.engine.encode(request_move(agent.prompt, self._game, past, info_set.observation))
        if self._thought_end is None:
            return Thought(await self._move_masses(prompt_ids, 0, info_set.legal), weight, past)
        sampling = replace(agent.sampling, stop=(*agent.sampling.stop, self._thought_end))
        seed = derive(self._seed, "thought", self._game.info.name, position, k)
        completion = await agent.generate(prompt_ids, sampling, seed)
        if self._thought_end not in completion.text:
            masses = self._answer_masses(info_set, completion)
            return Thought(masses, weight, past, completion.text, completion.token_ids, is_whole=True)
        text, ids = self._cut_after_thought(completion, self._thought_end)
        return Thought(await self._move_masses((*prompt_ids, *ids), len(ids), info_set.legal), weight, past, text, ids)

    def _cut_after_thought(self, completion: Completion, end: str) -> tuple[str, tuple[int, ...]]:
        """Cuts the reply after its thinking; the text kept is encoded again unless the engine stopped there."""
        engine = self._agent.engine
        if completion.text.rstrip().endswith(end) and completion.token_ids[-1] not in engine.end_ids:
            return completion.text, completion.token_ids
        text = completion.text[: completion.text.index(end) + len(end)]
        return text, engine.complete(text)

    def _answer_masses(self, info_set: InfoSet, completion: Completion) -> tuple[float, ...]:
        """All mass on the answer of a complete reply; no mass if it holds no readable answer."""
        reading = self._agent.prompt.read(self._agent.whole_text(completion.text), completion.finish == "length")
        move = find_move(self._game, info_set.state, reading.answer, reading.spellings)
        return tuple(float(move == a) for a in info_set.legal)

    async def _move_masses(self, ids: tuple[int, ...], num_used: int, legal: tuple[Action, ...]) -> tuple[float, ...]:
        """The probability of each move after the ids, `num_used` of them the reply's. Equal ids are scored once."""
        key = (ids, num_used)
        if key not in self._score_tasks:
            self._score_tasks[key] = asyncio.ensure_future(self._score_moves(ids, num_used, legal))
        return await self._score_tasks[key]

    async def _score_moves(self, ids: tuple[int, ...], num_used: int, legal: tuple[Action, ...]) -> tuple[float, ...]:
        return tuple(await asyncio.gather(*(self._move_probability(ids, num_used, move) for move in legal)))

    async def _move_probability(self, ids: tuple[int, ...], num_used: int, move: Action) -> float:
        """The probability of the canonical answer and any end token; 0 where the token budget has no room for it."""
        engine, adapter = self._agent.engine, self._agent.adapter
        answer_ids = engine.complete(self._agent.prompt.format_answer(move))
        if num_used + len(answer_ids) > self._agent.sampling.max_tokens:
            return 0.0
        endings = ((*answer_ids, *end) for end in self._agent.turn_endings())
        found = await asyncio.gather(*(engine.logprobs(ids, ending, adapter=adapter) for ending in endings))
        return min(1.0, sum(math.exp(math.fsum(logprobs)) for logprobs in found))
