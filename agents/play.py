"""Plays an episode: the one loop for every caller.

Human play, training rollouts, arenas and tests all call `play`. It depends on the interfaces of games and agents, not
on models; it awaits agents, so thousands of episodes can share one event loop and one engine.
"""

import random
from collections.abc import Sequence
from typing import Any

from mirrormatch.agents.types import Agent, Decision, Episode, Reply, SelectiveAgent, Turn
from mirrormatch.errors import UserError
from mirrormatch.games.game import Game, outcomes, sample_chance
from mirrormatch.games.types import CHANCE, OVER, Action, Problem, ProblemKind
from mirrormatch.seeds import derive

MAX_ANSWER_CHARS = 2_000  # no game's move is longer


async def play(game: Game[Any, Any], agents: Sequence[Agent], seed: int = 0) -> Episode:
    """Plays one episode to its end.

    Chance depends on `seed` alone, so agents that swap seats under one seed are dealt the same cards. A reply that is
    no move is retried up to the agent's `max_retries`; then the role forfeits, and the game's forfeit table gives the
    returns.

    Args:
        game: the rules.
        agents: one for each role, in the order of the roles; an agent may have several roles.
        seed: determines chance and every agent's own draws.

    Raises:
        UserError: the number of agents is wrong, or one of them doesn't play this game.
    """
    num_roles = len(game.info.roles)
    if len(agents) != num_roles:
        raise UserError(f"{game.info.name} is for {num_roles} players, {len(agents)} were given")
    for agent in set(agents):
        if isinstance(agent, SelectiveAgent):
            agent.check(game)
    deck = random.Random(derive(seed, "chance"))
    state, deal, turns = game.start(), list[Action](), list[Turn]()
    forfeited_by = None
    while (role := game.to_act(state)) != OVER:
        if role == CHANCE:
            drawn = sample_chance(game.chance(state), deck)
            deal.append(drawn)
            state = game.apply(state, drawn)
            continue
        action = await _decide(game, state, role, agents[role], turns, seed)
        if action is None:
            forfeited_by = role
            break
        state = game.apply(state, action)
    returns = game.returns(state) if forfeited_by is None else game.forfeit_returns(state, forfeited_by)
    return Episode(
        game=game.info.name,
        version=game.info.version,
        seed=seed,
        seats=tuple(a.spec for a in agents),
        deal=tuple(deal),
        turns=tuple(turns),
        returns=returns,
        outcome=outcomes(game.info, returns),
        forfeited_by=forfeited_by,
    )


async def _decide(
    game: Game[Any, Any], state: Any, role: int, agent: Agent, turns: list[Turn], seed: int
) -> Action | None:
    """The role's move, or None after its last retry. Every reply is appended to `turns`."""
    observation, view = game.observe(state, role), game.view(state, role)
    past = tuple(t for t in turns if t.role == role and t.action is not None)
    problem: Problem | None = None
    num_replies = 0
    while agent.max_retries is None or num_replies <= agent.max_retries:
        decision = Decision(
            game=game,
            view=view,
            observation=observation,
            past=past,
            problem=problem,
            seed=derive(seed, "role", role, len(past), num_replies),
            state=None if game.info.hidden else state,
        )
        turn = _judge_reply(game, state, role, decision, await agent.act(decision))
        turns.append(turn)
        if turn.action is not None:
            return turn.action
        problem = turn.problem
        num_replies += 1
    return None


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


def _judge_reply(game: Game[Any, Any], state: Any, role: int, decision: Decision, reply: Reply) -> Turn:
    """Parses the reply into a turn with a move or a problem."""
    move = find_move(game, state, reply.answer, reply.spellings)
    problem = move if isinstance(move, Problem) else None
    return Turn(
        role=role,
        observation=decision.observation,
        reply=reply.text,
        thinking=reply.thinking,
        action=None if isinstance(move, Problem) else move,
        problem=problem,
        prompt_ids=reply.prompt_ids,
        completion=reply.completion,
    )
