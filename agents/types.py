"""The records that the episode loop, agents and training exchange: decisions, replies, turns and episodes.

Records are frozen; a model's misbehaviour is data in them. Nothing here depends on a tokenizer or a file.
"""

import random
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

from mirrormatch.agents.engines._types import Completion
from mirrormatch.games.game import Game
from mirrormatch.games.types import Action, Observation, Outcome, Problem
from mirrormatch.seeds import derive

EPISODE_SCHEMA = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One reply of one role, a move or not.

    Attributes:
        role: the role that acted.
        observation: the role's observation before the reply.
        reply: the raw reply.
        thinking: the private part of the reply.
        action: the move, in the game's notation; None with a problem.
        problem: why the reply is no move; None with an action.
        prompt_ids: the prompt's token ids; None for agents without tokens.
        completion: the reply's tokens; None for agents without tokens.
        view_key: number of the game and the observation (`compute_view_key`); None in files of schema 1.
        rewards: what each role earned by this reply and by chance up to the next one, if the game has rewards. They
            sum to the episode's returns: a forfeit earns what is missing.
        seconds: how long the agent took for the reply. It is neither compared nor written to files.
    """

    role: int
    observation: Observation
    reply: str
    thinking: str
    action: Action | None
    problem: Problem | None
    prompt_ids: tuple[int, ...] | None = None
    completion: Completion | None = None
    view_key: int | None = None
    rewards: tuple[float, ...] | None = None
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One finished game.

    Attributes:
        schema: version of the record's format.
        game: the game's name.
        version: version of the game's rules.
        seed: the episode's seed.
        seats: the agents' names, by role: their specs, where a model's path is its name and a hash (`hf:NAME#hash`).
        deal: chance's actions, in order. With `seed` they make the episode repeatable.
        turns: every reply in order, including those that are no moves.
        returns: one return per role, in the game's own unit.
        outcome: one outcome per role.
        forfeited_by: the role that failed to make a move, if one did; the returns are then from the game's forfeit
            table.
        parts: the part of each role (`Game.part`); empty in files of schema 1.
        players: name of each role's player, where the caller gave names; a SPEC in `seats` may have several.
        sample: number of this play of the deal: the agents draw other replies, chance does not.
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
    parts: tuple[str, ...] = ()
    players: tuple[str, ...] | None = None
    sample: int = 0


class Start(NamedTuple):
    """A position in the middle of an episode, from which `play` can go on.

    Attributes:
        state: the game's state, with a role to act.
        deal: chance's actions up to there.
        turns: every reply up to there, including those that are no moves.
    """

    state: Any
    deal: tuple[Action, ...]
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An agent's input for one move: its role's view, and the state only in games without hidden information.

    Attributes:
        game: the rules.
        view: everything that the role may know, as the game defines it.
        observation: the view in words.
        past: this role's own earlier turns, oldest first.
        problem: why the role's last reply was no move, on a retry.
        seed: seed of this decision alone.
        state: the game's state, for agents that search; None in games with hidden information.
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
    """An agent's answer to one decision.

    Attributes:
        answer: the delimited answer, for the game to parse, or the problem with it.
        text: the whole raw reply.
        thinking: its private part.
        spellings: see `Reading`.
        prompt_ids: see `Turn`.
        completion: see `Turn`.
    """

    answer: str | Problem
    text: str
    thinking: str = ""
    spellings: tuple[str, ...] = ()
    prompt_ids: tuple[int, ...] | None = None
    completion: Completion | None = None


@runtime_checkable
class SelectiveAgent(Protocol):
    """An agent that doesn't play every game."""

    def check(self, game: Game[Any, Any]) -> None:
        """Checks, before an episode begins, that the agent can play the game.

        Raises:
            UserError: it can't; the message gives the reason.
        """
        ...


@runtime_checkable
class RecordedAgent(Protocol):
    """An agent whose spec may contain paths of this machine.

    Attributes:
        record_name: its name in episodes, without a path.
    """

    record_name: str


def seat_name(agent: "Agent") -> str:
    """The name of an agent in the record of an episode."""
    return agent.record_name if isinstance(agent, RecordedAgent) else agent.spec


class Agent(Protocol):
    """The player in a seat. It may also be a `SelectiveAgent` and a `RecordedAgent`.

    Attributes:
        spec: the SPEC that gives this agent on the command line.
        max_retries: number of retries after a reply that is no move; None for no limit (for people).
    """

    spec: str
    max_retries: int | None

    async def act(self, decision: Decision) -> Reply:
        """The agent's reply to one decision."""
        ...
