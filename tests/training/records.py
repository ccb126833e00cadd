"""Steps and trajectories made by hand, and episodes of scripted players."""

import asyncio
from collections.abc import Sequence

from mirrormatch import games, prompts
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.scripted import ScriptedEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.agents.types import Agent, Episode
from mirrormatch.games.types import ProblemKind
from mirrormatch.prompts import PromptSettings
from mirrormatch.training.types import MAIN, Floats, Ids, Step, Trajectory


def make_step(
    prompt_ids: Ids = (1,),
    ids: Ids = (2,),
    logprobs: Floats = (),
    *,
    reward: float = 0.0,
    earned: float = 0.0,
    penalty: float = 0.0,
    problem: ProblemKind | None = None,
) -> Step:
    """A reply, with log-probs of -0.5 if none are given."""
    logprobs = logprobs or (-0.5,) * len(ids)
    return Step(prompt_ids, ids, logprobs, problem, True, 0, earned, reward, penalty)


def make_trajectory(
    *steps: Step,
    game: str = "kuhn_poker",
    role: int = 0,
    part: str | None = None,
    episode: int = 0,
    deal: int = 0,
    sample: int = 0,
    learner: str | None = MAIN,
    outcome: str = "draw",
    forfeit: str | None = None,
) -> Trajectory:
    """A trajectory of these replies; the part is the seat's number unless one is given."""
    return Trajectory(
        episode=episode,
        game=game,
        role=role,
        part=str(role) if part is None else part,
        player=learner or "random",
        learner=learner,
        opponents=("random",),
        deal=deal,
        sample=sample,
        born=0,
        outcome=outcome,  # type: ignore[arg-type]
        forfeit=forfeit,  # type: ignore[arg-type]
        steps=steps,
    )


def make_batch(*rewards: float, role: int = 0, deals: Sequence[int] | None = None) -> list[Trajectory]:
    """One trajectory with one reply for each reward, each from an episode of its own."""
    deals = deals or range(len(rewards))
    return [
        make_trajectory(make_step(reward=reward, earned=reward), episode=k, role=role, deal=deal)
        for k, (reward, deal) in enumerate(zip(rewards, deals, strict=True))
    ]


def make_player(*squares: str, history: str = "full", max_retries: int = 0) -> LLMAgent:
    """A player of tic-tac-toe that takes the squares in turn: the number of its earlier replies selects the next."""

    def reply(prompt: str, seed: int) -> str:
        num_replies = prompt.count("[assistant]") - 1
        return f"<think>turn {num_replies}</think>\\boxed{{{squares[min(num_replies, len(squares) - 1)]}}}"

    prompt = prompts.get("boxed", PromptSettings.model_validate({"history": history}))
    return LLMAgent("scripted", ScriptedEngine(reply), prompt, Sampling(), max_retries=max_retries)


def make_caller() -> LLMAgent:
    """Plays legal moves in Kuhn poker, drawn from the seed."""

    def reply(prompt: str, seed: int) -> str:
        legal = prompt.rpartition("Legal moves: ")[2].partition(".")[0].split(", ")
        return f"\\boxed{{{legal[seed % len(legal)]}}}"

    return LLMAgent("scripted", ScriptedEngine(reply), prompts.get("boxed"), Sampling())


def play_tictactoe(first: Agent, second: Agent) -> Episode:
    """One episode of tic-tac-toe."""
    return asyncio.run(play(games.get("tictactoe"), [first, second]))
