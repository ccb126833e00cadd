"""A language model in a seat: prompt, engine and adapter together."""

from collections.abc import Sequence

from mirrormatch.agents.core.engine import Engine
from mirrormatch.agents.core.records import Decision, Reply, Sampling, Turn
from mirrormatch.prompts.core.prompt import Exchange, Message, Prompt


class LLMAgent:
    """Asks an engine for every move.

    It keeps nothing between decisions, so one agent may sit in any number of games at once.

    Args:
        spec: what to write on the command line to get this agent.
        engine: what generates.
        prompt: what it is told and how its reply is read.
        sampling: how tokens are drawn.
        adapter: a content hash that the engine has loaded; None for the base model.
        patience: how often it is asked again after a reply that is no move.
    """

    def __init__(
        self,
        spec: str,
        engine: Engine,
        prompt: Prompt,
        sampling: Sampling,
        adapter: str | None = None,
        patience: int | None = 1,
    ) -> None:
        self.spec = spec
        self.engine = engine
        self.prompt = prompt
        self.sampling = sampling
        self.adapter = adapter
        self.patience = patience

    async def act(self, decision: Decision) -> Reply:
        notice = decision.problem.detail if decision.problem else ""
        past = [_exchange(turn) for turn in decision.past]
        messages = self.prompt.turn(decision.game.rules(), past, decision.observation, notice)
        return await self._replied(messages, decision.seed)

    async def ask(self, text: str, seed: int) -> Reply:
        """The reply to a problem outside any game."""
        return await self._replied(self.prompt.question(text), seed)

    async def _replied(self, messages: Sequence[Message], seed: int) -> Reply:
        prompt_ids = self.engine.encode(messages)
        completion = await self.engine.generate(prompt_ids, self.sampling, adapter=self.adapter, seed=seed)
        assert completion.adapter == self.adapter, f"adapter {completion.adapter} answered for {self.adapter}"
        reading = self.prompt.read(completion.text, completion.finish == "length")
        return Reply(
            answer=reading.answer,
            text=completion.text,
            thinking=reading.thinking,
            prompt_ids=prompt_ids,
            completion=completion,
        )


def _exchange(turn: Turn) -> Exchange:
    return Exchange(turn.observation, turn.reply, turn.completion.token_ids if turn.completion else None)
