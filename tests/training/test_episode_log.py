"""The games of a step on disk as they end, and what a kill leaves of them."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest
from tests.training.test_whole_runs import Killed, make_config, measured, run, weights

from mirrormatch import agents, games
from mirrormatch.agents.play import play
from mirrormatch.agents.types import Episode
from mirrormatch.training import run as loop
from mirrormatch.training.episode_log import EpisodeLog


@pytest.fixture(scope="module")
def played() -> list[Episode]:
    player = agents.get("random")
    return [asyncio.run(play(games.get("kuhn_poker"), [player, player], seed)) for seed in range(3)]


@pytest.fixture
def log(tmp_path: Path, played: list[Episode]) -> EpisodeLog:
    log = EpisodeLog(tmp_path / "step.tokens.gz")
    for number in (2, 0):
        log.append(number, played[number])
    return log


def test_finished_games_are_read_by_their_numbers(log: EpisodeLog, played: list[Episode]) -> None:
    assert log.read_finished() == {2: played[2], 0: played[0]}


def test_a_file_that_does_not_exist_has_no_games(tmp_path: Path) -> None:
    assert EpisodeLog(tmp_path / "none").read_finished() == {}


def test_a_kill_at_any_byte_loses_the_last_game_only(log: EpisodeLog, played: list[Episode], tmp_path: Path) -> None:
    path = tmp_path / "step.tokens.gz"
    whole = len(path.read_bytes())
    log.append(1, played[1])
    data = path.read_bytes()
    for end in range(whole, len(data)):
        path.write_bytes(data[:end])
        assert list(log.read_finished()) == [2, 0]
        assert len(path.read_bytes()) == whole  # the torn frame is cut off: the next one follows a whole one
    log.append(1, played[1])
    assert list(log.read_finished()) == [2, 0, 1]


def test_each_line_is_json_and_the_advantages_are_written_once(log: EpisodeLog, tmp_path: Path) -> None:
    for _ in range(2):  # a step that is repeated
        log.read_finished()
        log.append_advantages([], [])
    lines = [json.loads(line) for line in gzip.open(tmp_path / "step.tokens.gz", "rt")]
    assert [sorted(line) for line in lines] == [["number", "record"], ["number", "record"], ["advantages"]]


@pytest.mark.slow
def test_a_killed_step_reads_its_finished_games_and_ends_with_the_same_bits(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(f"hf:{tiny}", 2)
    whole = run(config, tmp_path / "whole")

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(loop, "_update_learners", kill)  # dies after the games of step 0
        run(config, tmp_path / "killed")
    log = tmp_path / "killed" / "episodes" / "step-000000.tokens.gz"
    before = log.read_bytes()
    killed = run(config, tmp_path / "killed", resume=True)
    assert log.read_bytes() == before  # no game was played again
    assert weights(killed, 2) == weights(whole, 2)
    assert measured(killed) == measured(whole)


@pytest.mark.slow
def test_games_with_tokens_are_kept_for_the_newest_step_and_every_so_many(tiny: Path, tmp_path: Path) -> None:
    config = make_config(f"hf:{tiny}", 4, keep_adapters=2)
    folder = run(config, tmp_path / "run")
    kept = sorted(path.name for path in (folder.path / "episodes").glob("*.tokens.gz"))
    assert kept == [f"step-00000{step}.tokens.gz" for step in (0, 2, 3)]
