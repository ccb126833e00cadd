"""The agent that is a language model: a prompt, an engine and an adapter."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mirrormatch.agents.engines._answer_regex import answer_regex, list_choices
from mirrormatch.agents.engines._engine import ChatEngine, Engine, LocalEngine, opened_thought, turn_stop
from mirrormatch.agents.engines._types import Completion, Sampling
from mirrormatch.agents.types import Decision, Reply, Turn
from mirrormatch.errors import UserError
from mirrormatch.prompts.examples import request_move
from mirrormatch.prompts.prompt import Exchange, Message, Prompt
from mirrormatch.seeds import derive

_MARK = "\0"  # a placeholder in a prompt's forms
_PROBE = "x"  # an answer
_CLOSE = "</think>"  # closes reasoning in any tags
_HELD_TOKENS = 1024  # more than any answer in a game's form has


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
        constrain: end every reply, after its reasoning, with an answer that is a legal move, or has the form of one
            where text is free. For play: training needs the model's own distribution.
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
        sampling = self.by_role.get(decision.observation.role, self.sampling)
        return await self._reply(messages, sampling, decision.seed, _move_form(decision) if self.constrain else None)

    async def ask(self, text: str, seed: int) -> Reply:
        """The reply to a question outside any game."""
        return await self._reply(self.prompt.question(text), self.sampling, seed, None)

    def whole_text(self, text: str) -> str:
        """A reply's text with the opening of its reasoning where the chat template writes that."""
        thought = opened_thought(self.engine)
        return thought.opening + text if thought else text

    async def _reply(self, messages: Sequence[Message], sampling: Sampling, seed: int, form: str | None) -> Reply:
        if isinstance(self.engine, ChatEngine):
            held = sampling if form is None else self._hold(sampling, form)
            chat = await self.engine.chat(messages, held, adapter=self.adapter, seed=seed)
            reading = self.prompt.read(chat.text, chat.finish == "length")
            thinking = chat.thinking or reading.thinking
            return Reply(answer=reading.answer, text=chat.text, thinking=thinking, spellings=reading.spellings)
        prompt_ids = self.engine.encode(messages)
        completion = await self._complete(prompt_ids, sampling, seed, form)
        text = self.whole_text(completion.text)
        reading = self.prompt.read(text, completion.finish == "length")
        return Reply(
            answer=reading.answer,
            text=text,
            thinking=reading.thinking,
            spellings=reading.spellings,
            prompt_ids=prompt_ids,
            completion=completion,
        )

    async def _complete(
        self, prompt_ids: tuple[int, ...], sampling: Sampling, seed: int, form: str | None
    ) -> Completion:
        """One completion, within the budget of the reasoning if there is one. A move's form holds the answer to it."""
        closing, budget = self._thinking_end(), self.thinking_tokens
        if form is not None:
            budget = sampling.max_tokens if budget is None else min(budget, sampling.max_tokens)
        if not closing or budget is None or (form is None and budget >= sampling.max_tokens):
            return await self.generate(prompt_ids, self._hold(sampling, form), seed)
        thought = await self._think(prompt_ids, sampling, closing, budget, seed)
        if thought.finish == "stop" and closing not in thought.text and self._is_whole(thought, form):
            return thought
        if form is None:
            return await self._answer(prompt_ids, thought, closing, sampling, seed)
        held = self._hold(sampling, form)
        completion = await self._answer(prompt_ids, thought, closing, held, seed)
        if completion.finish == "length":  # the reasoning has filled the context
            return await self._answer(prompt_ids, Completion.empty(self.adapter), closing, held, seed)
        return completion

    def _hold(self, sampling: Sampling, form: str | None) -> Sampling:
        """The sampling of an answer in the prompt's form with such a move. It ends by itself, so it has no budget."""
        if form is None:
            return sampling
        opening, _, closing = self.prompt.format_answer(_MARK).partition(_MARK)
        return replace(sampling, max_tokens=_HELD_TOKENS, stop=(), constraint=answer_regex(opening, form, closing))

    def _is_whole(self, reply: Completion, form: str | None) -> bool:
        """Whether a reply without finished reasoning answers already."""
        if form is None:
            return True
        answer = self.prompt.read(self.whole_text(reply.text), truncated=False).answer
        return isinstance(answer, str) and re.fullmatch(form, answer) is not None

    def _thinking_end(self) -> str:
        """The text that ends the reasoning; empty for a prompt without any."""
        if thought := opened_thought(self.engine):
            return thought.closing
        return self.prompt.format_thinking(_MARK).partition(_MARK)[2]

    async def _think(
        self, prompt_ids: tuple[int, ...], sampling: Sampling, closing: str, budget: int, seed: int
    ) -> Completion:
        """The reply up to the end of its reasoning, or up to the budget of the reasoning."""
        if not budget:
            return Completion.empty(self.adapter)
        limited = replace(sampling, max_tokens=budget, stop=(*sampling.stop, closing))
        return await self.generate(prompt_ids, limited, seed)

    async def _answer(
        self, prompt_ids: tuple[int, ...], thought: Completion, closing: str, sampling: Sampling, seed: int
    ) -> Completion:
        """The completion of reasoning, which is closed first, and the answer after it."""
        own = thought.token_ids
        if own and own[-1] in self.engine.end_ids:
            own = own[:-1]
        ending = self._find_ending(thought.text, closing)
        forced = self.engine.complete(ending) if ending else ()
        if sampling.constraint is None:
            sampling = replace(sampling, max_tokens=sampling.max_tokens - len(own) - len(forced))
            if sampling.max_tokens < 1:
                return thought
        own_seed = derive(seed, "answer")  # the reasoning has used the numbers of `seed`
        answer = await self.generate((*prompt_ids, *own, *forced), sampling, own_seed)
        return Completion(
            token_ids=(*own, *forced, *answer.token_ids),
            logprobs=(*thought.logprobs[: len(own)], *(0.0,) * len(forced), *answer.logprobs),
            text=thought.text + ending + answer.text,
            finish=answer.finish,
            adapter=answer.adapter,
            num_forced=len(forced),
        )

    def _find_ending(self, thought: str, closing: str) -> str:
        """The text that closes reasoning with any tags and answers in it: an answer after it is read."""
        ending = "" if closing in thought else closing
        for text in (ending, _CLOSE + ending):
            whole = self.whole_text(thought + text + self.prompt.format_answer(_PROBE))
            if self.prompt.read(whole, truncated=False).answer == _PROBE:
                return text
        return ending

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


def _move_form(decision: Decision) -> str:
    """A regular expression of the moves that the answer is held to."""
    legal = decision.observation.legal
    return decision.game.form(decision.view) if legal is None else list_choices(legal)


def _to_exchange(turn: Turn) -> Exchange:
    return Exchange(turn.observation, turn.reply, turn.completion.token_ids if turn.completion else None)
