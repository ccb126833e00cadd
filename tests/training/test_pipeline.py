"""From experience to samples, through every plug-in by name: nothing is lost, and foreign seats teach nothing."""

import asyncio
import json
import math
from typing import Any

import pytest
from tests.training.records import make_caller

from mirrormatch import games
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.agents.types import Agent
from mirrormatch.config_file import parse_settings
from mirrormatch.games.types import ProblemKind
from mirrormatch.training import builders, estimators, matchmakers, rewards
from mirrormatch.training.config import RunConfig
from mirrormatch.training.episode_log import EpisodeLog
from mirrormatch.training.matchmaker import Seat
from mirrormatch.training.pipeline import Credited, Pipeline, Stages, list_learners
from mirrormatch.training.source import Experience
from mirrormatch.training.trajectories import extract_trajectories
from mirrormatch.training.types import MAIN, State, Trajectory

NEEDED: dict[str, Any] = {"fixed": {"opponents": ["random"]}, "roles": {"learners": {"second": "solver"}}}
FOREIGN = Seat("optimal", None)


class NoPlayers:
    """The roster of a pipeline that plays nothing."""

    def agent(self, player: str) -> Agent:
        raise AssertionError(player)

    def policy(self, learner: str) -> LLMAgent:
        raise AssertionError(learner)


def open_no_log(step: int) -> EpisodeLog:
    raise AssertionError(step)


class Recorded:
    """A source with experience that exists already."""

    def __init__(self, experience: Experience) -> None:
        self._experience = experience

    async def take(self, step: int) -> Experience:
        del step
        return self._experience

    def state(self) -> State:
        return {}

    def restore(self, state: State) -> None:
        del state


def make_config(games: tuple[str, ...] = ("kuhn_poker",), **sections: Any) -> RunConfig:
    play = {"games": list(games), "episodes": 8, "samples_per_deal": 2}
    return parse_settings({"model": "nano", "play": play, "learn": {"steps": 4}, **sections}, RunConfig, "run.toml")


def make_pipeline(experience: Experience, **sections: Any) -> Pipeline:
    pipeline = Pipeline(make_config(**sections), NoPlayers(), open_no_log)
    pipeline.source = Recorded(experience)  # type: ignore[assignment]
    return pipeline


def play_kuhn(num: int = 12, first_deal: int = 0) -> Experience:
    """Games of three samples a deal; in every third one a foreign player has the second seat."""
    agent, game = make_caller(), games.get("kuhn_poker")
    jobs = [divmod(k, 3) for k in range(num)]
    played = [asyncio.run(play(game, [agent] * 2, 100 + first_deal + d, sample=s)) for d, s in jobs]
    seats = [(Seat(MAIN, MAIN), FOREIGN if s == 2 else Seat(MAIN, MAIN)) for _, s in jobs]
    pairs = enumerate(zip(played, seats, strict=True))
    found = [t for k, (episode, s) in pairs for t in extract_trajectories(episode, k, s, 0)]
    return Experience(played, [_fail(t) if t.episode == 1 else t for t in found])


def _fail(trajectory: Trajectory) -> Trajectory:
    """With a first reply that was no move."""
    first, *others = trajectory.steps
    return trajectory._replace(steps=(first._replace(problem=ProblemKind.NONE, earned=0.0), first, *others))


def without_foreign(experience: Experience) -> Experience:
    return experience._replace(trajectories=[t for t in experience.trajectories if t.learner is not None])


CHOSEN = [
    *[("estimator", {"kind": kind}) for kind in estimators.names()],
    *[("builder", {"kind": kind}) for kind in builders.names()],
    *[("matchmaker", {"kind": kind, **NEEDED.get(kind, {})}) for kind in matchmakers.names()],
    *[("reward", {"return": {}, kind: {}}) for kind in rewards.names()],
]
IDS = [f"{section} {given.get('kind') or list(given)[-1]}" for section, given in CHOSEN]


# every plug-in by name


@pytest.mark.parametrize(("section", "given"), CHOSEN, ids=IDS)
def test_foreign_seats_teach_nothing(section: str, given: Any) -> None:
    """The samples are the same with and without them, and so is every update that they make."""
    whole = play_kuhn()
    assert any(t.learner is None for t in whole.trajectories)
    found, expected = (make_pipeline(e, **{section: given}).gather(0) for e in (whole, without_foreign(whole)))
    assert found.samples == expected.samples and found.samples
    assert (found.batch, found.credit, found.terms) == (expected.batch, expected.credit, expected.terms)
    assert list(found.by_learner()) == list(expected.by_learner())


@pytest.mark.parametrize(("section", "given"), CHOSEN, ids=IDS)
def test_a_restored_pipeline_continues_exactly(section: str, given: Any) -> None:
    earlier, later = play_kuhn(first_deal=0), play_kuhn(first_deal=50)
    first, second = (make_pipeline(earlier, **{section: given}) for _ in range(2))
    first.gather(0)
    first.matchmaker.add_version(1)
    second.restore(json.loads(json.dumps(first.state())))
    credited = []
    for pipeline in (first, second):
        pipeline.source = Recorded(later)  # type: ignore[assignment]
        credited.append(pipeline.gather(1))
    assert credited[0] == credited[1]
    assert first.state() == second.state()


@pytest.mark.parametrize("kind", estimators.names())
def test_every_reply_of_a_learner_has_one_finite_advantage(kind: str) -> None:
    credited = make_pipeline(play_kuhn(), estimator={"kind": kind}).gather(0)
    assert [len(advantages) for advantages in credited.credit] == [len(t.steps) for t in credited.batch]
    assert all(math.isfinite(a) for advantages in credited.credit for a in advantages)


@pytest.mark.parametrize("kind", builders.names())
def test_every_own_token_is_in_one_sample_as_it_was_sampled(kind: str) -> None:
    credited = make_pipeline(play_kuhn(), builder={"kind": kind}).gather(0)
    for k, t in enumerate(credited.batch):
        samples = [s for s in credited.samples if s.trajectory == k]
        own = [(i, p) for s in samples for i, p, o in zip(s.ids, s.logprobs, s.own, strict=True) if o]
        assert own == [pair for step in t.steps for pair in zip(step.ids, step.logprobs, strict=True)]
        assert {s.learner for s in samples} == {t.learner}


# conservation


def total(credited: Credited) -> float:
    return sum(t.reward + sum(step.penalty for step in t.steps) for t in credited.batch)


@pytest.mark.parametrize("kind", rewards.names())
def test_what_enters_an_estimator_is_the_sum_of_the_logged_terms(kind: str) -> None:
    credited = make_pipeline(play_kuhn(), reward={"return": {}, kind: {}, "penalties": {}}).gather(0)
    assert sum(credited.terms.values()) * len(credited.batch) == pytest.approx(total(credited))


def test_the_term_of_the_return_is_the_mean_return_of_the_learners_seats() -> None:
    experience = play_kuhn()
    credited = make_pipeline(experience, reward={"return": {}, "penalties": {}}).gather(0)
    returns = [experience.episodes[t.episode].returns[t.role] for t in credited.batch]
    assert credited.terms["return"] == pytest.approx(sum(returns) / len(returns))
    assert credited.terms["penalties"] == pytest.approx(-0.5 * 2 / len(returns)), "two replies were no moves"


def test_each_learner_has_its_own_samples_and_trajectories() -> None:
    experience = play_kuhn()
    named = [t._replace(learner="solver") if t.role and t.learner else t for t in experience.trajectories]
    credited = make_pipeline(experience._replace(trajectories=named)).gather(0)
    by_learner = {name: (samples, positions) for name, samples, positions in credited.by_learner()}
    assert sorted(by_learner) == [MAIN, "solver"]
    for name, (samples, positions) in by_learner.items():
        assert {credited.batch[k].learner for k in positions} == {name}
        assert {sample.trajectory for sample in samples} == set(positions)
    assert sum(len(positions) for _, positions in by_learner.values()) == len(credited.batch)


def test_a_step_without_experience_has_no_samples() -> None:
    credited = make_pipeline(Experience([], [])).gather(0)
    assert (credited.samples, credited.credit, list(credited.by_learner())) == ([], [], [])
    assert credited.terms == {"return": 0.0}


# stages


STAGES = [
    {"steps": 1, "estimator": {"kind": "none"}},
    {"steps": 3, "matchmaker": {"kind": "roles", "learners": {"second": "solver"}}, "objective": {"nll": {}}},
]


def kinds_at(stages: Stages, step: int) -> tuple[str, tuple[str, ...], list[str]]:
    pipeline = stages.at(step)
    terms = [type(term.objective).__name__ for term in pipeline.terms]
    return type(pipeline.estimator).__name__, pipeline.matchmaker.learners, terms


def test_each_step_has_the_plug_ins_of_its_stage() -> None:
    stages = Stages(make_config(stage=STAGES), NoPlayers(), open_no_log, 0, None)
    assert [kinds_at(stages, step) for step in range(4)] == [
        ("NoBaseline", (MAIN,), ["Clipped", "Kl"]),
        *[("RoleEma", (MAIN, "solver"), ["Nll"])] * 3,
    ]


def test_a_stages_pipeline_keeps_its_state_from_step_to_step() -> None:
    stages = Stages(make_config(stage=STAGES), NoPlayers(), open_no_log, 0, None)
    assert stages.at(1) is stages.at(3)


def test_learners_are_those_of_all_stages() -> None:
    assert list_learners(make_config(stage=STAGES)) == (MAIN, "solver")


@pytest.mark.parametrize("step", [1, 2, 4])
def test_a_resumed_run_is_in_the_stage_of_its_next_step(step: int) -> None:
    """The state belongs to the last finished step: after step 1 of 4 to the first stage, later to the second."""
    config = make_config(stage=STAGES)
    before = Stages(config, NoPlayers(), open_no_log, 0, None)
    pipeline = before.at(step - 1)
    pipeline.source = Recorded(play_kuhn())  # type: ignore[assignment]
    pipeline.gather(step - 1)
    after = Stages(config, NoPlayers(), open_no_log, step, json.loads(json.dumps(pipeline.state())))
    if step == 2:
        assert after.at(step).state() == pipeline.state() and after.at(step).estimator.baselines()
    if step < 4:
        assert kinds_at(after, step) == ("RoleEma", (MAIN, "solver"), ["Nll"])
