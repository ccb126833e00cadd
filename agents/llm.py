"""A language model in a seat: prompt, engine and adapter together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mirrormatch.agents.engines._engine import ChatEngine, Engine
from mirrormatch.agents.engines._types import Completion, Constraint, Sampling
from mirrormatch.agents.types import Decision, Reply, Turn
from mirrormatch.games.types import Observation
from mirrormatch.prompts.prompt import Exchange, Message, Prompt

_MARK = "\0"  # stands in a prompt's forms for what goes there


class LLMAgent:
    """Asks an engine for every move.

    It keeps nothing between decisions, so one agent may sit in any number of games at once.

    Args:
        spec: what to write on the command line to get this agent.
        engine: what generates.
        prompt: what it is told and how its reply is read.
        sampling: how tokens are drawn.
        adapter: a content hash that the engine has loaded; None for the base model.
        max_retries: how often it is asked again after a reply that is no move.
        by_role: how tokens are drawn in some roles, where it isn't as in the others.
        constrain: decode the answer so that it is a legal move, where the game lists them. For play: training wants the
            model's own distribution.
        thinking_tokens: a budget of the reasoning, after which the answer is asked for; None without one.
    """

    def __init__(
        self,
        spec: str,
        engine: Engine,
        prompt: Prompt,
        sampling: Sampling,
        adapter: str | None = None,
        max_retries: int | None = 1,
        by_role: Mapping[int, Sampling] | None = None,
        constrain: bool = False,
        thinking_tokens: int | None = None,
    ) -> None:
        self.spec = spec
        self.engine = engine
        self.prompt = prompt
        self.sampling = sampling
        self.adapter = adapter
        self.max_retries = max_retries
        self.by_role = by_role or {}
        self.constrain = constrain
        self.thinking_tokens = thinking_tokens

    async def act(self, decision: Decision) -> Reply:
        notice = decision.problem.detail if decision.problem else ""
        past = [_exchange(turn) for turn in decision.past]
        messages = self.prompt.turn(decision.game.rules(), past, decision.observation, notice)
        return await self._generate_reply(messages, self._sampling(decision.observation), decision.seed)

    async def ask(self, text: str, seed: int) -> Reply:
        """The reply to a problem outside any game."""
        return await self._generate_reply(self.prompt.question(text), self.sampling, seed)

    def _sampling(self, observation: Observation) -> Sampling:
        sampling = self.by_role.get(observation.role, self.sampling)
        if not (self.constrain and observation.legal):
            return sampling
        opening, _, closing = self.prompt.format_answer(_MARK).partition(_MARK)
        return replace(sampling, constraint=Constraint(opening, observation.legal, closing))

    async def _generate_reply(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Reply:
        if isinstance(self.engine, ChatEngine):
            said = await self.engine.chat(messages, sampling, adapter=self.adapter, seed=seed)
            heard = self.prompt.read(said.text, said.finish == "length")
            return Reply(answer=heard.answer, text=said.text, thinking=said.thinking or heard.thinking)
        prompt_ids = self.engine.encode(messages)
        completion = await self._generate(prompt_ids, sampling, seed)
        assert completion.adapter == self.adapter, f"adapter {completion.adapter} answered for {self.adapter}"
        reading = self.prompt.read(completion.text, completion.finish == "length")
        return Reply(
            answer=reading.answer,
            text=completion.text,
            thinking=reading.thinking,
            prompt_ids=prompt_ids,
            completion=completion,
        )

    async def _generate(self, prompt_ids: tuple[int, ...], sampling: Sampling, seed: int) -> Completion:
        """One completion; with a budget of reasoning in two parts, between which the reasoning is ended if need be."""
        closing = self.prompt.format_thinking(_MARK).partition(_MARK)[2]
        if self.thinking_tokens is None or not closing or self.thinking_tokens >= sampling.max_tokens:
            return await self.engine.generate(prompt_ids, sampling, adapter=self.adapter, seed=seed)
        first = Completion(token_ids=(), logprobs=(), text="", finish="length", adapter=self.adapter)
        if self.thinking_tokens:
            budget = replace(sampling, max_tokens=self.thinking_tokens, stop=(*sampling.stop, closing))
            first = await self.engine.generate(prompt_ids, budget, adapter=self.adapter, seed=seed)
        if first.finish == "stop" and closing not in first.text:
            return first  # it came to its end without reasoning
        forced = () if closing in first.text else self.engine.complete(closing)
        room = sampling.max_tokens - len(first.token_ids) - len(forced)
        if room < 1:
            return first
        so_far = (*prompt_ids, *first.token_ids, *forced)
        rest = await self.engine.generate(so_far, replace(sampling, max_tokens=room), adapter=self.adapter, seed=seed)
        return Completion(
            token_ids=(*first.token_ids, *forced, *rest.token_ids),
            logprobs=(*first.logprobs, *(0.0,) * len(forced), *rest.logprobs),
            text=first.text + (closing if forced else "") + rest.text,
            finish=rest.finish,
            adapter=rest.adapter,
            num_forced=len(forced),
        )


def _exchange(turn: Turn) -> Exchange:
    return Exchange(turn.observation, turn.reply, turn.completion.token_ids if turn.completion else None)
