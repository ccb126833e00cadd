"""A user's program that names everything public. It isn't run: test_types.py checks it as an editor does.

A name that a type checker can't resolve or of which it knows no type fails there, in the checkout and in the wheel.
"""

from importlib.resources import files
from typing import Any, NamedTuple

import mirrormatch
from mirrormatch import agents, evals, games, play, prompts, training
from mirrormatch.errors import UnknownName, UserError
from mirrormatch.registry import Registry


class Choice(games.GameSettings):
    """Settings of a game of one's own."""

    rounds: int = games.setting(default=1, about="number of rounds", allowed=range(1, 9))


class State(NamedTuple):
    """A state of a game of one's own."""

    moves: tuple[games.Action, ...]


async def play_two_agents(seed: int) -> agents.Episode:
    """Plays one episode."""
    game: games.Game[Any, Any] = games.get("kuhn_poker")
    players: list[agents.Agent] = [agents.get("optimal"), agents.get("random")]
    episode = await play(game, players, seed=seed)
    turn: agents.Turn = episode.turns[0]
    print(episode.parts, episode.players, episode.sample, turn.view_key, turn.rewards, agents.Start)
    completion: agents.Completion | None = turn.completion
    usage: agents.Usage = agents.Usage()
    print(episode.returns, turn.reply, completion, usage, agents.ChatReply, agents.Sampling(max_tokens=8).temperature)
    return episode


def walk(game: games.Game[Any, Any]) -> games.Info:
    """Looks at a game from its start."""
    state = game.start()
    role: int = game.to_act(state)
    if role == games.CHANCE:
        ((action, probability), *_) = game.chance(state)
        print(action.upper(), probability + 1.0)
    elif role != games.OVER:
        observation: games.Observation = game.observe(state, role)
        read: games.Action | games.Problem = game.parse(state, observation.text)
        print(read.kind is games.ProblemKind.ILLEGAL if isinstance(read, games.Problem) else read.upper())
    print([result for result in games.outcomes(game.info, (1.0, -1.0))], games.playouts, games.names())
    print(games.bridges.get("openspiel").names(), games.registry.names())
    return game.info


class SilentAgent:
    """An agent of one's own."""

    spec = "silent"
    max_retries: int | None = 0

    async def act(self, decision: agents.Decision) -> agents.Reply:
        """Replies with the first legal move."""
        legal = decision.observation.legal or ("",)
        return agents.Reply(answer=legal[0], text=legal[0])


def show_prompt(game: games.Game[Any, Any], observation: games.Observation) -> list[str]:
    """The messages that a model gets."""
    prompt: prompts.Prompt = prompts.get("boxed", prompts.PromptSettings(history="full"))
    past = [prompts.Exchange(observation, "a reply", None)]
    messages: list[prompts.Message] = list(prompt.turn(game.rules(), past, observation))
    reading: prompts.Reading = prompt.read("\\boxed{call}", truncated=False)
    print(reading.thinking.upper(), prompts.names(), prompts.formats.names())
    return [message.text for message in messages]


def find_plugins(registry: Registry[Any]) -> list[str]:
    """The names in a registry, or none."""
    try:
        registry.get("none such")
    except UnknownName as problem:
        print(problem.given)
    except UserError as problem:
        print(problem)
    return registry.names()


def list_everything() -> dict[str, list[str]]:
    """Every kind of plug-in."""
    benchmark: evals.Benchmark = evals.benchmarks.get("arithmetic")
    item: evals.Item = benchmark.items(0, 1)[0]
    (verdict,) = benchmark.grade([evals.AnsweredItem(item, item.answer)])
    right: evals.Verdict = "right"
    kind: type[training.Estimator] = training.estimators.get("role_ema")
    estimator: training.Estimator = kind(kind.Settings())
    plugins: tuple[type[training.Builder | training.Matchmaker | training.Objective], ...] = (
        training.builders.get("rows"),
        training.matchmakers.get("mirror"),
        training.objectives.get("clipped"),
    )
    others: tuple[type[training.Reward | training.Source], ...] = (
        training.rewards.get("scaled"),
        training.sources.get("play"),
    )
    print([plugin.Settings.__name__ for plugin in (*plugins, *others)])
    print(verdict == right, estimator.state(), mirrormatch.__version__, files("mirrormatch.games").name)
    return {
        "agents": agents.names(),
        "players": agents.players.names(),
        "engines": agents.engines.names(),
        "environments": agents.environments.names(),
        "benchmarks": evals.benchmarks.names(),
        "builders": training.builders.names(),
        "estimators": training.estimators.names(),
        "matchmakers": training.matchmakers.names(),
        "objectives": training.objectives.names(),
        "rewards": training.rewards.names(),
        "sources": training.sources.names(),
    }
