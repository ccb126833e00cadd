"""Plays an episode: the one loop for every caller.

Human play, training rollouts, arenas and tests all call `play`. It depends on the interfaces of games and agents, not
on models; it awaits agents, so thousands of episodes can share one event loop and one engine.
"""

import math
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mirrormatch.agents.types import Agent, Decision, Episode, Reply, SelectiveAgent, Start, Turn, seat_name
from mirrormatch.errors import UserError
from mirrormatch.games.game import Game, compute_view_key, outcomes, sample_chance
from mirrormatch.games.types import CHANCE, OVER, Action, Problem, ProblemKind
from mirrormatch.seeds import derive

MAX_ANSWER_CHARS = 2_000  # no game's move is longer


async def play(
    game: Game[Any, Any], agents: Sequence[Agent], seed: int = 0, *, sample: int = 0, start: Start | None = None
) -> Episode:
    """Plays one episode to its end.

    Chance depends on `seed` alone, so agents that swap seats under one seed are dealt the same cards. A reply that is
    no move is retried up to the agent's `max_retries`; then the role forfeits, and the game's forfeit table gives the
    returns.

    Args:
        game: the rules.
        agents: one for each role, in the order of the roles; an agent may have several roles.
        seed: determines chance and every agent's own draws.
        sample: number of this play of the same deal, for which the agents draw other replies.
        start: the position from which to go on (`branch_episode`), instead of the game's beginning. Chance goes on as
            `seed` determines it; with the seed and the agents of the original, the episode is the original.

    Raises:
        UserError: the number of agents is wrong, or one of them doesn't play this game.
    """
    num_roles = len(game.info.roles)
    if len(agents) != num_roles:
        raise UserError(f"{game.info.name} is for {num_roles} players, {len(agents)} were given")
    for agent in set(agents):
        if isinstance(agent, SelectiveAgent):
            agent.check(game)
    table = _Table(game, seed, sample, start)
    forfeited_by = None
    while (role := game.to_act(table.state)) != OVER:
        if role == CHANCE:
            table.draw()
        elif (action := await _decide(table, role, agents[role])) is not None:
            table.advance(action)
        else:
            forfeited_by = role
            break
    returns = game.returns(table.state) if forfeited_by is None else game.forfeit_returns(table.state, forfeited_by)
    return Episode(
        game=game.info.name,
        version=game.info.version,
        seed=seed,
        seats=tuple(map(seat_name, agents)),
        deal=tuple(table.deal),
        turns=tuple(table.turns if forfeited_by is None else _reward_forfeit(table.turns, returns)),
        returns=returns,
        outcome=outcomes(game.info, returns),
        forfeited_by=forfeited_by,
        parts=tuple(game.part(table.state, role) for role in range(num_roles)),
        sample=sample,
    )


class _Table:
    """The state of the episode and what has happened so far."""

    def __init__(self, game: Game[Any, Any], seed: int, sample: int, start: Start | None) -> None:
        self.game = game
        self.seed = seed
        self.sample = sample
        self.state, deal, turns = start if start is not None else (game.start(), (), ())
        self.deal, self.turns = list[Action](deal), list[Turn](turns)
        self._deck = random.Random(derive(seed, "chance"))
        for _ in self.deal:
            self._deck.random()  # the number that the earlier draw took

    def draw(self) -> None:
        """Lets chance act."""
        drawn = sample_chance(self.game.chance(self.state), self._deck)
        self.deal.append(drawn)
        self.advance(drawn)

    def advance(self, action: Action) -> None:
        """Applies the action, and adds what it earns to the latest turn."""
        before, self.state = self.state, self.game.apply(self.state, action)
        rewards = self.game.reward(before, action, self.state)
        if rewards is not None and self.turns:
            self.turns[-1] = _add_rewards(self.turns[-1], rewards)


def _add_rewards(turn: Turn, rewards: tuple[float, ...]) -> Turn:
    earned = turn.rewards or (0.0,) * len(rewards)
    return replace(turn, rewards=tuple(a + b for a, b in zip(earned, rewards, strict=True)))


def _reward_forfeit(turns: list[Turn], returns: tuple[float, ...]) -> list[Turn]:
    """Gives the failed last turn the rewards with which all of them sum to the returns, if the game has rewards."""
    earned = [turn.rewards for turn in turns if turn.rewards is not None]
    if not earned:
        return turns
    rest = tuple(r - math.fsum(column) for r, column in zip(returns, zip(*earned, strict=True), strict=True))
    return [*turns[:-1], _add_rewards(turns[-1], rest)]


async def _decide(table: _Table, role: int, agent: Agent) -> Action | None:
    """The role's move, or None after its last retry. Every reply is appended to the table's turns."""
    game, state = table.game, table.state
    observation, view = game.observe(state, role), game.view(state, role)
    key = compute_view_key(game.info, observation)
    past = tuple(t for t in table.turns if t.role == role and t.action is not None)
    problem: Problem | None = None
    num_replies = 0
    while agent.max_retries is None or num_replies <= agent.max_retries:
        decision = Decision(
            game=game,
            view=view,
            observation=observation,
            past=past,
            problem=problem,
            seed=derive_reply_seed(table.seed, role, len(past), num_replies, table.sample),
            state=None if game.info.hidden else state,
        )
        begun = time.perf_counter()
        reply = await agent.act(decision)
        turn = _judge_reply(game, state, decision, reply, key, time.perf_counter() - begun)
        table.turns.append(turn)
        if turn.action is not None:
            return turn.action
        problem = turn.problem
        num_replies += 1
    return None


def derive_reply_seed(seed: int, role: int, num_moves: int, num_replies: int, sample: int = 0) -> int:
    """Derives the seed of one reply.

    Args:
        seed: the episode's seed.
        role: the role that replies.
        num_moves: number of the role's moves so far.
        num_replies: number of its failed replies in this state.
        sample: see `play`; sample 0 has the seeds of episodes that were played before there were samples.
    """
    return derive(seed, "role", role, num_moves, num_replies, *((sample,) if sample else ()))


def find_move(
    game: Game[Any, Any], state: Any, answer: str | Problem, spellings: Sequence[str] = ()
) -> Action | Problem:
    """Returns the move that an answer names, or the problem with it.

    Args:
        game: the rules.
        state: the state in which the move is made.
        answer: see `Reading`.
        spellings: see `Reading`; if all of them name one move, that is the move.
    """
    if isinstance(answer, Problem):
        named = {find_move(game, state, spelling) for spelling in spellings}
        move = named.pop() if len(named) == 1 else answer
        return answer if isinstance(move, Problem) else move
    if len(answer) > MAX_ANSWER_CHARS:
        return Problem(ProblemKind.TOO_LONG, f"an answer of {len(answer)} characters")
    return game.parse(state, answer)


def _judge_reply(
    game: Game[Any, Any], state: Any, decision: Decision, reply: Reply, view_key: int, seconds: float
) -> Turn:
    """Parses the reply into a turn with a move or a problem."""
    move = find_move(game, state, reply.answer, reply.spellings)
    problem = move if isinstance(move, Problem) else None
    return Turn(
        role=decision.observation.role,
        observation=decision.observation,
        reply=reply.text,
        thinking=reply.thinking,
        action=None if isinstance(move, Problem) else move,
        problem=problem,
        prompt_ids=reply.prompt_ids,
        completion=reply.completion,
        view_key=view_key,
        seconds=seconds,
    )
