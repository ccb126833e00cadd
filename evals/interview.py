"""What a language model would answer at every information state: thoughts are sampled, the answers after them scored.

It doesn't know what the probabilities are for. All states are asked at once, so that an engine batches them.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from mirrormatch.agents.engines._types import Completion
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.evals.types import Progress
from mirrormatch.games.game import Game
from mirrormatch.games.theory.information_states import InfoSet
from mirrormatch.games.types import Action
from mirrormatch.prompts.prompt import Exchange
from mirrormatch.seeds import derive

_Past: TypeAlias = tuple[Exchange, ...]


class Thought(NamedTuple):
    """One thought at an information state, and the answers' probabilities after it.

    Attributes:
        masses: the probability of each legal move.
        weight: that of the role's earlier moves, each after the thought that it followed; 1 without any.
        past: those turns.
        reply: what the model wrote: its finished thinking, or a whole reply.
        reply_ids: the same in tokens.
        whole: the reply was over before its thinking was, so no answer can follow.
    """

    masses: tuple[float, ...]
    weight: float
    past: _Past = ()
    reply: str = ""
    reply_ids: tuple[int, ...] = ()
    whole: bool = False


def closing(agent: LLMAgent) -> str | None:
    """The text that ends a thought; None where the agent's prompt asks for none."""
    mark = "\0"
    _, found, end = agent.prompt.thought(mark).partition(mark)
    return end if found else None


class Interview:
    """Asks one agent at every information state of one game.

    Args:
        agent: who is asked.
        game: the rules.
        spots: its information states.
        num_thoughts: at each of them. Without thinking all would be equal, and one is enough.
        seed: of the thoughts.
        progress: called after every thought.
    """

    def __init__(
        self,
        agent: LLMAgent,
        game: Game[Any, Any],
        spots: Sequence[InfoSet],
        num_thoughts: int,
        seed: int,
        progress: Progress | None = None,
    ) -> None:
        self._agent = agent
        self._game = game
        self._spots = spots
        self._closing = closing(agent)
        self._num_thoughts = num_thoughts if self._closing else 1
        self._seed = seed
        self._progress = progress
        self._num_done = 0
        self._asked: list[asyncio.Task[list[Thought]]] = []
        self._scored: dict[tuple[tuple[int, ...], int], asyncio.Task[tuple[float, ...]]] = {}

    async def thoughts(self) -> list[list[Thought]]:
        """The thoughts of every state, in its order."""
        self._asked = [asyncio.ensure_future(self._at(position)) for position in range(len(self._spots))]
        return list(await asyncio.gather(*self._asked))

    async def _at(self, position: int) -> list[Thought]:
        pasts = await self._pasts(self._spots[position])
        return list(await asyncio.gather(*(self._thought(position, k, *past) for k, past in enumerate(pasts))))

    async def _pasts(self, spot: InfoSet) -> list[tuple[_Past, float]]:
        """The earlier turns with which each thought begins, and their weight."""
        if spot.parent is None or self._agent.prompt.settings.history == "state":
            return [((), 1.0)] * self._num_thoughts
        position, action = spot.parent
        earlier = self._spots[position]
        place = earlier.legal.index(action)
        return [
            ((*t.past, self._turned(earlier, t, action)), t.weight * t.masses[place])
            for t in await self._asked[position]
        ]

    def _turned(self, spot: InfoSet, thought: Thought, action: Action) -> Exchange:
        """The thought and then the move, as the turn that it would have been."""
        if thought.whole:
            return Exchange(spot.observation, thought.reply, thought.reply_ids)
        answer = self._agent.prompt.answer(action)
        ids = (*thought.reply_ids, *self._agent.engine.complete(answer))  # the chat template ends the turn
        return Exchange(spot.observation, thought.reply + answer, ids)

    async def _thought(self, position: int, k: int, past: _Past, weight: float) -> Thought:
        if weight > 0:
            thought = await self._sampled(position, k, past, weight)
        else:  # nothing leads here
            thought = Thought((0.0,) * len(self._spots[position].legal), 0.0, past, whole=True)
        self._num_done += 1
        if self._progress is not None:
            self._progress(self._num_done, self._num_thoughts * len(self._spots))
        return thought

    async def _sampled(self, position: int, k: int, past: _Past, weight: float) -> Thought:
        agent, spot = self._agent, self._spots[position]
        prompt_ids = agent.engine.encode(agent.prompt.turn(self._game.rules(), past, spot.observation))
        if self._closing is None:
            return Thought(await self._masses(prompt_ids, 0, spot.legal), weight, past)
        sampling = replace(agent.sampling, stop=(*agent.sampling.stop, self._closing))
        seed = derive(self._seed, "thought", self._game.info.name, position, k)
        said = await agent.engine.generate(prompt_ids, sampling, adapter=agent.adapter, seed=seed)
        assert said.adapter == agent.adapter, f"adapter {said.adapter} answered for {agent.adapter}"
        if self._closing not in said.text:
            return Thought(self._given(spot, said), weight, past, said.text, said.token_ids, whole=True)
        text, ids = self._cut(said, self._closing)
        return Thought(await self._masses((*prompt_ids, *ids), len(ids), spot.legal), weight, past, text, ids)

    def _cut(self, said: Completion, end: str) -> tuple[str, tuple[int, ...]]:
        """The reply up to the end of its thinking. What an engine wrote beyond is cut, and the rest encoded again."""
        engine = self._agent.engine
        if said.text.rstrip().endswith(end) and said.token_ids[-1] not in engine.end_ids:
            return said.text, said.token_ids
        text = said.text[: said.text.index(end) + len(end)]
        return text, engine.complete(text)

    def _given(self, spot: InfoSet, said: Completion) -> tuple[float, ...]:
        """All mass on the answer of a reply that is over, if it holds one that can be read."""
        answer = self._agent.prompt.read(said.text, said.finish == "length").answer
        move = self._game.parse(spot.state, answer) if isinstance(answer, str) else answer
        return tuple(float(move == a) for a in spot.legal)

    async def _masses(self, ids: tuple[int, ...], num_used: int, legal: tuple[Action, ...]) -> tuple[float, ...]:
        """The probability of each move after the ids, the reply having used so many. Equal ids are scored once."""
        key = (ids, num_used)
        if key not in self._scored:
            self._scored[key] = asyncio.ensure_future(self._scores(ids, num_used, legal))
        return await self._scored[key]

    async def _scores(self, ids: tuple[int, ...], num_used: int, legal: tuple[Action, ...]) -> tuple[float, ...]:
        return tuple(await asyncio.gather(*(self._mass(ids, num_used, move) for move in legal)))

    async def _mass(self, ids: tuple[int, ...], num_used: int, move: Action) -> float:
        """The probability of the canonical answer and any end token; 0 where the token budget has no room for it."""
        engine, adapter = self._agent.engine, self._agent.adapter
        answer_ids = engine.complete(self._agent.prompt.answer(move))
        if num_used + len(answer_ids) > self._agent.sampling.max_tokens:
            return 0.0
        endings = ((*answer_ids, end) for end in sorted(engine.end_ids))
        found = await asyncio.gather(*(engine.logprobs(ids, ending, adapter=adapter) for ending in endings))
        return min(1.0, sum(math.exp(math.fsum(logprobs)) for logprobs in found))
