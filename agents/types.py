"""What passes between the loop, an agent and an engine, and what an episode leaves behind.

Records are frozen; problems of a model are data in them. Nothing here knows a tokenizer or a file.
"""

import random
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from mirrormatch.games.game import Game
from mirrormatch.games.types import Action, Observation, Outcome, Problem
from mirrormatch.seeds import derive

EPISODE_SCHEMA = 1


class Constraint(NamedTuple):
    """Which answers may be given, decoded so that no other can be.

    Attributes:
        opening: the text after which the answer stands; before it everything is free.
        choices: the answers.
        closing: the text that ends it.
    """

    opening: str
    choices: tuple[str, ...]
    closing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are drawn.

    Train with `top_p = 1`, `top_k = 0` and no constraint: log-probs are of the full distribution.
    """

    max_tokens: int = 256
    temperature: float = 1.0  # 0: the most probable token
    top_p: float = 1.0
    top_k: int = 0  # 0: off
    stop: tuple[str, ...] = ()
    constraint: Constraint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What an engine generated for one prompt.

    Attributes:
        token_ids: as sampled, the end-of-turn token included.
        logprobs: one per id, natural log, of `softmax(logits / temperature)` before top_p and top_k.
        text: decoded, without the end-of-turn token.
        finish: "stop" at an end-of-turn token or stop string, "length" at the token budget.
        adapter: content hash of the adapter that generated it; None for the base model.
        num_forced: how many of the tokens were put there and not drawn (log-prob 0); such a reply can't be trained on.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str
    finish: Literal["stop", "length"]
    adapter: str | None
    num_forced: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """What a server answered that keeps its tokens to itself.

    Attributes:
        text: what the model said, without reasoning that the server keeps apart.
        thinking: that reasoning, if there is any.
        finish: see `Completion`.
    """

    text: str
    thinking: str
    finish: Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an engine has done since it started.

    Attributes:
        requests: answered.
        prompt_tokens: of all prompts.
        cached_tokens: those of them that weren't read anew, since they had been read before.
        completion_tokens: generated.
        retries: requests that had to be sent again.
        cost: in the currency of the prices that were given; 0 without prices.
    """

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    retries: int = 0
    cost: float = 0.0

    def plus(self, other: "Usage") -> "Usage":
        """Both together."""
        return Usage(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    def since(self, earlier: "Usage") -> "Usage":
        """What was done after an earlier look."""
        return Usage(**{f.name: getattr(self, f.name) - getattr(earlier, f.name) for f in fields(self)})

    def __str__(self) -> str:
        cached = f" ({self.cached_tokens:,} of them read before)" if self.cached_tokens else ""
        retried = f", {self.retries:,} retries" if self.retries else ""
        cost = f", cost {self.cost:.4f}" if self.cost else ""
        return (
            f"{self.requests:,} requests, {self.prompt_tokens:,} prompt tokens{cached}, "
            f"{self.completion_tokens:,} generated{retried}{cost}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One reply of one role, a move or not.

    Attributes:
        role: who acted.
        observation: what it was shown.
        reply: what it replied, raw.
        thinking: the private part of the reply.
        action: the move, in the game's notation; None with a problem.
        problem: why it was no move; None with an action.
        prompt_ids: the prompt in tokens, for agents that have any.
        completion: the reply in tokens, for agents that have any.
    """

    role: int
    observation: Observation
    reply: str
    thinking: str
    action: Action | None
    problem: Problem | None
    prompt_ids: tuple[int, ...] | None = None
    completion: Completion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One finished game.

    Attributes:
        seats: the agents' specs, by role.
        deal: what chance did, in order. With `seed` it makes the episode repeatable.
        turns: every reply in order, those that were no moves included.
        returns: per role, in the game's own unit.
        outcome: per role.
        forfeited_by: the role that failed to make a move, if one did; the game's forfeit table gave the returns.
    """

    schema: int = EPISODE_SCHEMA
    game: str
    version: int
    seed: int
    seats: tuple[str, ...]
    deal: tuple[Action, ...]
    turns: tuple[Turn, ...]
    returns: tuple[float, ...]
    outcome: tuple[Outcome, ...]
    forfeited_by: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an agent is given when it is to act: its view, and the state only where nothing in it is hidden.

    Attributes:
        game: the rules.
        view: all that the role may know, as the game defines it.
        observation: the same in words.
        past: this role's own earlier turns, oldest first.
        problem: what was wrong with its last reply, when it is asked again.
        seed: for this decision alone.
        state: the state itself in a game that hides nothing, for agents that search; None in every other game.
    """

    game: Game[Any, Any]
    view: Any
    observation: Observation
    past: tuple[Turn, ...] = ()
    problem: Problem | None = None
    seed: int = 0
    state: Any = None

    def rng(self) -> random.Random:
        """A generator for this decision alone."""
        return random.Random(derive(self.seed, "agent"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What an agent answered.

    Attributes:
        answer: the delimited answer, for the game to parse, or why there is none.
        text: the whole reply, raw.
        thinking: its private part.
        prompt_ids: see `Turn`.
        completion: see `Turn`.
    """

    answer: str | Problem
    text: str
    thinking: str = ""
    prompt_ids: tuple[int, ...] | None = None
    completion: Completion | None = None


@runtime_checkable
class Particular(Protocol):
    """An agent that doesn't play every game."""

    def check(self, game: Game[Any, Any]) -> None:
        """Asked before a game begins.

        Raises:
            UserError: it can't play this one, and why.
        """
        ...


class Agent(Protocol):
    """Who sits in a seat. It may be `Particular`.

    Attributes:
        spec: what to write on the command line to get this agent.
        patience: how often it is asked again after a reply that is no move; None without end (for people).
    """

    spec: str
    patience: int | None

    async def act(self, decision: Decision) -> Reply:
        """The reply to one decision."""
        ...
