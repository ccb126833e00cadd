"""The agent that is a language model: a prompt, an engine and an adapter."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mirrormatch.agents.engines._engine import ChatEngine, Engine, LocalEngine, opened_thought, turn_stop
from mirrormatch.agents.engines._types import Completion, Constraint, Sampling
from mirrormatch.agents.types import Decision, Reply, Turn
from mirrormatch.errors import UserError
from mirrormatch.games.types import Observation
from mirrormatch.prompts.examples import request_move
from mirrormatch.prompts.prompt import Exchange, Message, Prompt

_MARK = "\0"  # a placeholder in a prompt's forms


class LLMAgent:
    """A language model as a player: requests every move from an engine.

    It keeps no state between decisions, so one agent may play any number of games at once.

    Args:
        spec: the SPEC that gives this agent on the command line.
        engine: the engine of its base model.
        prompt: renders decisions as messages and reads replies.
        sampling: how tokens are drawn.
        adapter: a content hash that the engine has loaded; None for the base model.
        max_retries: number of retries after a reply that is no move.
        by_role: sampling of single roles, in place of `sampling`.
        constrain: decode only legal moves as answers, where the game lists them. For play: training needs the model's
            own distribution.
        thinking_tokens: budget of the reasoning, after which it is closed and the answer follows; None for no budget.
        record_name: see `RecordedAgent`; the spec by default.
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
        record_name: str | None = None,
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
        self.record_name = record_name or spec

    async def act(self, decision: Decision) -> Reply:
        notice = decision.problem.detail if decision.problem else ""
        past = [_to_exchange(turn) for turn in decision.past]
        messages = request_move(self.prompt, decision.game, past, decision.observation, notice)
        return await self._reply(messages, self._sampling(decision.observation), decision.seed)

    async def ask(self, text: str, seed: int) -> Reply:
        """The reply to a question outside any game."""
        return await self._reply(self.prompt.question(text), self.sampling, seed)

    def whole_text(self, completion: Completion) -> str:
        """The reply's text, with the opening of its reasoning where the chat template writes that."""
        thought = opened_thought(self.engine)
        return thought.opening + completion.text if thought else completion.text

    def _sampling(self, observation: Observation) -> Sampling:
        sampling = self.by_role.get(observation.role, self.sampling)
        if not (self.constrain and observation.legal):
            return sampling
        opening, _, closing = self.prompt.format_answer(_MARK).partition(_MARK)
        choices = observation.legal
        if not opening.strip():  # the end of the reasoning opens the answer
            opening, choices = self._thinking_end(), tuple(opening + move for move in choices)
        return replace(sampling, constraint=Constraint(opening, choices, closing))

    def _thinking_end(self) -> str:
        """The text that ends the reasoning; empty for a prompt without any."""
        if thought := opened_thought(self.engine):
            return thought.closing
        return self.prompt.format_thinking(_MARK).partition(_MARK)[2]

    async def _reply(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Reply:
        if isinstance(self.engine, ChatEngine):
            chat = await self.engine.chat(messages, sampling, adapter=self.adapter, seed=seed)
            reading = self.prompt.read(chat.text, chat.finish == "length")
            thinking = chat.thinking or reading.thinking
            return Reply(answer=reading.answer, text=chat.text, thinking=thinking, spellings=reading.spellings)
        prompt_ids = self.engine.encode(messages)
        completion = await self._complete(prompt_ids, sampling, seed)
        text = self.whole_text(completion)
        reading = self.prompt.read(text, completion.finish == "length")
        return Reply(
            answer=reading.answer,
            text=text,
            thinking=reading.thinking,
            spellings=reading.spellings,
            prompt_ids=prompt_ids,
            completion=completion,
        )

    async def _complete(self, prompt_ids: tuple[int, ...], sampling: Sampling, seed: int) -> Completion:
        """One completion, within the budget of the reasoning if there is one."""
        closing, budget = self._thinking_end(), self._thinking_budget(sampling)
        if budget is None or not closing or budget >= sampling.max_tokens:
            return await self.generate(prompt_ids, sampling, seed)
        thought = await self._think(prompt_ids, sampling, closing, budget, seed)
        is_closed = closing in thought.text
        if thought.finish == "stop" and not is_closed:
            return thought  # a whole reply without reasoning
        forced = () if is_closed else self.engine.complete(closing)
        num_left = sampling.max_tokens - len(thought.token_ids) - len(forced)
        if num_left < 1:
            return thought
        so_far = (*prompt_ids, *thought.token_ids, *forced)
        answer = await self.generate(so_far, _after_thinking(sampling, closing, num_left), seed)
        return Completion(
            token_ids=(*thought.token_ids, *forced, *answer.token_ids),
            logprobs=(*thought.logprobs, *(0.0,) * len(forced), *answer.logprobs),
            text=thought.text + (closing if forced else "") + answer.text,
            finish=answer.finish,
            adapter=answer.adapter,
            num_forced=len(forced),
        )

    def _thinking_budget(self, sampling: Sampling) -> int | None:
        """The token budget of the reasoning; a constraint is for the answer after reasoning that the template opens."""
        if self.thinking_tokens is None and sampling.constraint is not None and opened_thought(self.engine):
            return sampling.max_tokens - 1
        return self.thinking_tokens

    async def _think(
        self, prompt_ids: tuple[int, ...], sampling: Sampling, closing: str, budget: int, seed: int
    ) -> Completion:
        """The reply up to the end of its reasoning, or up to the budget of the reasoning."""
        if not budget:
            return Completion.empty(self.adapter)
        constraint = None if opened_thought(self.engine) else sampling.constraint
        limited = replace(sampling, max_tokens=budget, stop=(*sampling.stop, closing), constraint=constraint)
        return await self.generate(prompt_ids, limited, seed)

    async def generate(self, prompt_ids: Sequence[int], sampling: Sampling, seed: int) -> Completion:
        """A completion by the agent's adapter. A stop string that ends the turn is no part of its text."""
        stop = turn_stop(self.engine)
        if stop is not None:
            sampling = replace(sampling, stop=(*sampling.stop, stop))
        completion = await self.engine.generate(prompt_ids, sampling, adapter=self.adapter, seed=seed)
        assert completion.adapter == self.adapter, f"adapter {completion.adapter} answered for {self.adapter}"
        if any(map(math.isnan, completion.logprobs)):  # without it, the reply would be noise
            raise UserError(f"{self.spec!r} computes NaN: its weights, or the adapter's, are damaged or overflow")
        return completion if stop is None else replace(completion, text=completion.text.partition(stop)[0])

    def turn_endings(self) -> tuple[tuple[int, ...], ...]:
        """The ids of each text that ends a turn."""
        stop = turn_stop(self.engine)
        ends = [(end,) for end in sorted(self.engine.end_ids)]
        return (*ends, *([] if stop is None else [self.engine.complete(stop)]))


def describe_request(agent: object) -> dict[str, str] | None:
    """How a model is asked: its prompt, sampling and limits, by the names of the settings; None for any other agent."""
    if not isinstance(agent, LLMAgent):
        return None
    settings = {
        "prompt": type(agent.prompt).__module__.rpartition(".")[2],
        **agent.prompt.settings.model_dump(),
        "max_tokens": agent.sampling.max_tokens,
        "temperature": agent.sampling.temperature,
        "top_p": agent.sampling.top_p,
        "top_k": agent.sampling.top_k,
        "patience": agent.max_retries,
        "constrain": agent.constrain,
        "thinking_tokens": agent.thinking_tokens,
    }
    return {name: _format_setting(value) for name, value in settings.items()}


def _format_setting(value: object) -> str:
    """A setting's value as a spec has it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def describe_computation(agent: object) -> str | None:
    """The number type and the threads with which a model computes in this process; None for any other agent."""
    engine = agent.engine if isinstance(agent, LLMAgent) else None
    return engine.computation if isinstance(engine, LocalEngine) else None


def _after_thinking(sampling: Sampling, closing: str, max_tokens: int) -> Sampling:
    """The sampling of an answer after finished reasoning, whose end is no part of a constraint any more."""
    constraint = sampling.constraint
    if constraint is not None:
        constraint = constraint._replace(opening=constraint.opening.removeprefix(closing))
    return replace(sampling, max_tokens=max_tokens, constraint=constraint)


def _to_exchange(turn: Turn) -> Exchange:
    return Exchange(turn.observation, turn.reply, turn.completion.token_ids if turn.completion else None)
