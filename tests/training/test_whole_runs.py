"""Whole runs of two or three steps: matchmakers with foreign seats, several learners, stages, and their resumption."""

from pathlib import Path
from typing import Any

import pytest

from mirrormatch.agents.engines import _adapters, hf
from mirrormatch.agents.episodes import read_episodes
from mirrormatch.config_file import parse_settings
from mirrormatch.training import metrics
from mirrormatch.training.checks import check_config
from mirrormatch.training.config import RunConfig
from mirrormatch.training.metric_catalogue import find_metric
from mirrormatch.training.metrics import Metrics
from mirrormatch.training.run import train
from mirrormatch.training.run_folder import RunFolder
from mirrormatch.training.types import MAIN

pytestmark = pytest.mark.slow


class Killed(Exception):
    """The end of a process."""


class Watcher:
    """Ends the run after a step."""

    def __init__(self, last: int | None = None) -> None:
        self._last = last

    def step(self, step: int, measured: Metrics, alarms: list[str]) -> None:
        if step == self._last:
            raise Killed


def make_config(model: str, steps: int = 2, **sections: Any) -> RunConfig:
    values = {
        "model": model,
        "threads": 1,
        "keep_adapters": 1,
        "lora": {"rank": 4},
        "play": {"games": ["kuhn_poker"], "episodes": 4, "max_tokens": 8},
        "learn": {"steps": steps, "learning_rate": 1e-2},
        **sections,
    }
    config = parse_settings(values, RunConfig, "run.toml")
    check_config(config)
    return config


def run(config: RunConfig, path: Path, last: int | None = None, resume: bool = False) -> RunFolder:
    """Trains in what counts as a process of its own."""
    hf.engine.cache_clear()
    folder = RunFolder(path)
    train(config, folder, folder.open(config, resume), Watcher(last))
    return folder


def weights(folder: RunFolder, step: int, learner: str = MAIN) -> bytes:
    return (folder.adapter_path(step, learner) / _adapters.WEIGHTS).read_bytes()


def players_of(folder: RunFolder, step: int) -> set[str]:
    return {player for e in read_episodes(folder.episodes_path(step)) for player in e.players or ()}


def measured(folder: RunFolder) -> list[Metrics]:
    lines = metrics.read(folder.metrics_path)
    return [{k: v for k, v in line.items() if not k.startswith("time/") and "tokens_per_s" not in k} for line in lines]


# several learners


def train_roles(path: Path, **matchmaker: Any) -> RunFolder:
    """Two steps of nano, which makes moves in both seats."""
    play = {"games": ["kuhn_poker"], "episodes": 8, "max_tokens": 48}
    given = {"kind": "roles", "learners": {"second": "solver"}, **matchmaker}
    return run(make_config("nano", play=play, matchmaker=given), path)


def test_a_frozen_learner_is_bit_identical_after_training(tmp_path: Path) -> None:
    folder = train_roles(tmp_path / "run", frozen=["solver"])
    assert weights(folder, 0, "solver") == weights(folder, 1, "solver") == weights(folder, 2, "solver")
    assert len({weights(folder, step) for step in range(3)}) == 3, "the other one moves"


def test_learners_of_two_roles_learn_apart(tmp_path: Path) -> None:
    folder = train_roles(tmp_path / "run")
    assert all({"loss", "solver/loss"} <= line.keys() for line in measured(folder))
    assert {name for line in measured(folder) for name in line if find_metric(name) is None} == {"step"}
    for learner in (MAIN, "solver"):
        assert len({weights(folder, step, learner) for step in range(3)}) == 3
    assert weights(folder, 2) != weights(folder, 2, "solver")


# foreign seats


def test_a_fixed_opponent_has_every_second_seat(tiny: Path, tmp_path: Path) -> None:
    matchmaker = {"kind": "fixed", "opponents": ["random"]}
    folder = run(make_config(f"hf:{tiny}", matchmaker=matchmaker), tmp_path / "run")
    for step in range(2):
        seats = [e.seats for e in read_episodes(folder.episodes_path(step))]
        assert [k for pair in seats for k, seat in enumerate(pair) if seat == "random"] == [1, 0, 1, 0]


def test_past_selves_play_and_the_run_is_resumed_exactly(tiny: Path, tmp_path: Path) -> None:
    matchmaker = {"kind": "past", "mirror": 0.0}
    config = make_config(f"hf:{tiny}", 3, matchmaker=matchmaker, objective={"nll": {}})
    whole = run(config, tmp_path / "whole")
    players = [players_of(whole, step) for step in range(3)]
    assert players == [{MAIN}, {MAIN, "main@1"}, {MAIN, "main@1", "main@2"}]
    with pytest.raises(Killed):
        run(config, tmp_path / "killed", last=3)
    killed = run(config, tmp_path / "killed", resume=True)
    assert weights(killed, 3) == weights(whole, 3)
    assert measured(killed) == measured(whole)


# stages


def test_stages_with_the_runs_own_settings_are_the_run_without_stages(tiny: Path, tmp_path: Path) -> None:
    sections = {"estimator": {"kind": "none"}, "objective": {"nll": {}, "kl": {"to": "magnet"}}}
    plain = run(make_config(f"hf:{tiny}", 3, **sections), tmp_path / "plain")
    staged = run(make_config(f"hf:{tiny}", 3, stage=[{"steps": 1}, {"steps": 2}], **sections), tmp_path / "staged")
    assert [weights(staged, step) for step in range(4)] == [weights(plain, step) for step in range(4)]
    assert measured(staged) == measured(plain)


def test_a_stage_changes_settings_at_its_first_step_and_is_resumed_exactly(tiny: Path, tmp_path: Path) -> None:
    stages = [
        {"steps": 1, "objective": {"nll": {}}},
        {"steps": 2, "objective": {"clipped": {}, "nll": {"weight": 0.5}}, "estimator": {"kind": "global"}},
    ]
    config = make_config(f"hf:{tiny}", 3, stage=stages)
    whole = run(config, tmp_path / "whole")
    figures = [
        {"clipped", "nll", "baseline/all", "baseline/kuhn_poker/first"} & line.keys() for line in measured(whole)
    ]
    assert [sorted(found) for found in figures] == [
        ["baseline/kuhn_poker/first", "nll"],
        *[["baseline/all", "clipped", "nll"]] * 2,
    ]
    for last in (2, 3):  # killed before the checkpoints of steps 2 and 3: at the border, and within a stage
        with pytest.raises(Killed):
            run(config, tmp_path / "killed", last=last, resume=last > 2)
    killed = run(config, tmp_path / "killed", resume=True)
    assert weights(killed, 3) == weights(whole, 3) and measured(killed) == measured(whole)
