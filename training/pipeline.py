"""The plug-ins of one stage of a run, made from its settings, and the way of a step's experience through them."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from mirrormatch.registry import Registry
from mirrormatch.training import builders, estimators, matchmakers, objectives, rewards, sources
from mirrormatch.training.builder import Builder
from mirrormatch.training.choice import Choice, make_plugin
from mirrormatch.training.config import RunConfig
from mirrormatch.training.episode_log import EpisodeLog
from mirrormatch.training.estimator import Estimator
from mirrormatch.training.learner import Term
from mirrormatch.training.matchmaker import Matchmaker
from mirrormatch.training.reward import Reward
from mirrormatch.training.source import Context, Experience, Roster, Source
from mirrormatch.training.types import MAIN, Credit, Sample, State, Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """A step's experience with its credit and the samples to learn from.

    Attributes:
        experience: the episodes and trajectories, as the source gave them.
        batch: the trajectories with rewards.
        credit: one advantage per reply of each of them.
        samples: the sequences of all learners.
        terms: what each term of the reward added to a trajectory, on average, by the term's name.
    """

    experience: Experience
    batch: list[Trajectory]
    credit: Credit
    samples: list[Sample]
    terms: dict[str, float]

    def by_learner(self) -> Iterator[tuple[str, list[Sample], list[int]]]:
        """Yields each learner with its samples and the positions of its trajectories in the batch."""
        for name in sorted({t.learner for t in self.batch if t.learner is not None}):
            positions = [k for k, t in enumerate(self.batch) if t.learner == name]
            yield name, [sample for sample in self.samples if sample.learner == name], positions


class Pipeline:
    """Everything between play and the learner.

    Args:
        config: the stage's settings.
        roster: the players.
        open_log: returns the file of a step's games.
    """

    def __init__(self, config: RunConfig, roster: Roster, open_log: Callable[[int], EpisodeLog]) -> None:
        self.matchmaker: Matchmaker = make_matchmaker(config)
        play = config.play
        context = Context(
            seed=config.seed,
            games=play.games,
            episodes=play.episodes,
            samples_per_deal=play.samples_per_deal,
            in_flight=config.machine.games_in_flight,
            forfeits=play.forfeits,
            matchmaker=self.matchmaker,
            roster=roster,
            open_log=open_log,
        )
        self.source: Source = _make_choice(sources.registry, config.source, context)
        terms = (config.reward or {}).items()
        self.rewards: dict[str, Reward] = {kind: make_plugin(rewards.registry, kind, v) for kind, v in terms}
        self.estimator: Estimator = _make_choice(estimators.registry, config.estimator)
        self.builder: Builder = _make_choice(builders.registry, config.builder)
        self.terms = make_terms(config)

    def gather(self, step: int) -> Credited:
        """Takes the experience of a step, and computes its rewards, credit and samples."""
        return asyncio.run(self._gather(step))

    async def _gather(self, step: int) -> Credited:
        experience = await self.source.take(step)
        batch = [t for t in experience.trajectories if t.learner is not None]
        sums = dict[str, float]()
        for name, reward in self.rewards.items():
            before = sum(_total(t) for t in batch)
            batch = await reward(batch)
            sums[name] = (sum(_total(t) for t in batch) - before) / max(1, len(batch))
        credit = self.estimator(batch)
        samples = self.builder(batch, credit)
        self.matchmaker.record_results(experience.trajectories)
        return Credited(experience=experience, batch=batch, credit=credit, samples=samples, terms=sums)

    def state(self) -> State:
        """The states of all plug-ins that have one, by name."""
        return {name: part.state() for name, part in self._stateful().items()}

    def restore(self, state: State) -> None:
        """Loads saved states."""
        for name, part in self._stateful().items():
            if name in state:
                part.restore(state[name])

    def _stateful(self) -> dict[str, Any]:
        return {"estimator": self.estimator, "matchmaker": self.matchmaker, "source": self.source}


class Stages:
    """The pipelines of a run's stages, each made when its first step comes.

    Args:
        config: the run's settings.
        roster: the players.
        open_log: returns the file of a step's games.
        step: the step at which the run begins or resumes.
        state: the state of that step's pipeline; None for a new run.
    """

    def __init__(
        self, config: RunConfig, roster: Roster, open_log: Callable[[int], EpisodeLog], step: int, state: State | None
    ) -> None:
        self._roster = roster
        self._open_log = open_log
        ends = accumulate(stage.learn.steps for stage in config.stages)
        self._stages = list(zip(ends, config.stages, strict=True))
        self._end = 0
        if state is not None:
            self.at(max(0, step - 1)).restore(state)

    def at(self, step: int) -> Pipeline:
        """The pipeline of step number `step`, counted from 0. Steps are asked for in order."""
        if step >= self._end:
            self._end, config = next((end, stage) for end, stage in self._stages if step < end)
            self._pipeline = Pipeline(config, self._roster, self._open_log)
        return self._pipeline


def list_learners(config: RunConfig) -> tuple[str, ...]:
    """Lists the names of all learners of a run, the main one first."""
    names = {name for stage in config.stages for name in make_matchmaker(stage).learners}
    return (MAIN, *sorted(names - {MAIN}))


def uses_magnet(config: RunConfig) -> bool:
    """Whether a term of the loss refers to a magnet."""
    return any(term.magnet_decay is not None for stage in config.stages for term in make_terms(stage))


def make_matchmaker(config: RunConfig) -> Matchmaker:
    """Makes the matchmaker of a stage."""
    made: Matchmaker = _make_choice(matchmakers.registry, config.matchmaker)
    return made


def make_terms(config: RunConfig) -> list[Term]:
    """Makes the terms of a stage's loss; those of weight 0 are left out."""
    terms = []
    for kind, settings in config.objective.items():
        if settings["weight"]:
            objective = make_plugin(objectives.registry, kind, settings)
            decay = settings["magnet_decay"] if objective.reference == "magnet" else None
            terms.append(Term(objective, settings["weight"], decay))
    return terms


def _total(trajectory: Trajectory) -> float:
    return trajectory.reward + sum(step.penalty for step in trajectory.steps)


def _make_choice(registry: Registry[Any], choice: Choice, *others: Any) -> Any:
    return make_plugin(registry, choice.kind, choice.settings, *others)
