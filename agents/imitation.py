"""Replies that a model did not sample, as the tokens that it would have sampled: what imitation learns from."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mirrormatch.agents.engines._engine import opened_thought, turn_stop
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.games.game import Game
from mirrormatch.games.types import Observation
from mirrormatch.prompts.examples import request_move
from mirrormatch.prompts.prompt import Exchange, Message


class EncodedTurn(NamedTuple):
    """A prompt and a reply to it in a model's tokens.

    Attributes:
        prompt_ids: ids of the prompt, as in play.
        ids: ids of the reply, its end of turn included.
    """

    prompt_ids: tuple[int, ...]
    ids: tuple[int, ...]


def encode_turn(
    agent: LLMAgent, game: Game[Any, Any], past: Sequence[Exchange], observation: Observation, reply: str
) -> EncodedTurn:
    """Encodes a turn as the agent would be asked and would answer.

    Args:
        agent: the model, with its prompt.
        game: the rules.
        past: the role's earlier turns.
        observation: the role's observation.
        reply: the reply's text, in the agent's prompt format.
    """
    messages = request_move(agent.prompt, game, past, observation)
    prompt_ids = agent.engine.encode(messages)
    if (stop := turn_stop(agent.engine)) is not None:
        return EncodedTurn(prompt_ids, agent.engine.complete(reply + stop))
    thought = opened_thought(agent.engine)  # a prompt that opens the reasoning leaves the opening out of the reply
    text = reply.removeprefix(thought.opening) if thought else reply
    return EncodedTurn(prompt_ids, (*agent.engine.complete(text), *_find_end(agent, messages, len(prompt_ids))))


def _find_end(agent: LLMAgent, messages: Sequence[Message], num_prompt: int) -> tuple[int, ...]:
    """The token with which the chat template ends a turn of the model; none for a model without one."""
    ends = agent.engine.end_ids
    whole = agent.engine.encode([*messages, Message("assistant", "x"), Message("user", "x")])
    found = [token for token in whole[num_prompt:] if token in ends]
    return (*found, *sorted(ends))[:1]
