"""Imitation of recorded games: the same tokens that the model itself would have sampled."""

import asyncio
from pathlib import Path

import pytest
from tests.training.test_whole_runs import Killed, make_config, measured, run, weights

from mirrormatch import agents, games
from mirrormatch.agents.episodes import append_episode
from mirrormatch.agents.imitation import encode_turn
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.play import play
from mirrormatch.errors import UserError
from mirrormatch.prompts.prompt import Exchange
from mirrormatch.training import metrics

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("spec", ["nano", "nano,history=full", "nano,prompt=plain,temperature=0.5"])
def test_a_models_own_replies_are_encoded_as_it_sampled_them(spec: str) -> None:
    agent = agents.get(f"{spec},max_tokens=96")
    assert isinstance(agent, LLMAgent)
    game, compared = games.get("kuhn_poker"), 0
    for seed in range(6):
        past: dict[int, list[Exchange]] = {0: [], 1: []}
        for turn in asyncio.run(play(game, [agent, agent], seed)).turns:
            if turn.completion is None or turn.completion.finish != "stop" or turn.action is None:
                break
            encoded = encode_turn(agent, game, past[turn.role], turn.observation, turn.reply)
            assert encoded == (turn.prompt_ids, turn.completion.token_ids)
            past[turn.role].append(Exchange(turn.observation, turn.reply, turn.completion.token_ids))
            compared += 1
    assert compared >= 5 or "plain" in spec


@pytest.fixture
def optimal_games(tmp_path: Path) -> Path:
    path, player = tmp_path / "games.jsonl", agents.get("optimal")
    for seed in range(12):
        append_episode(path, asyncio.run(play(games.get("kuhn_poker"), [player, player], seed)))
    return path


def test_the_likelihood_of_recorded_games_rises(optimal_games: Path, tmp_path: Path) -> None:
    source = {"kind": "episodes", "files": [str(optimal_games)], "keep": "all"}
    play_settings = {"games": ["kuhn_poker"], "episodes": 12, "max_tokens": 8}
    config = make_config("nano", 4, source=source, objective={"nll": {}}, play=play_settings)
    steps = metrics.read(run(config, tmp_path / "run").metrics_path)
    losses = [step["nll"] for step in steps]
    assert losses[-1] < 0.8 * losses[0], losses


def test_imitation_that_was_killed_goes_on_exactly(optimal_games: Path, tiny: Path, tmp_path: Path) -> None:
    source = {"kind": "episodes", "files": [str(optimal_games)], "keep": "all"}
    config = make_config(f"hf:{tiny}", 4, source=source, objective={"nll": {}})
    whole = run(config, tmp_path / "whole")
    with pytest.raises(Killed):
        run(config, tmp_path / "killed", last=2)
    killed = run(config, tmp_path / "killed", resume=True)
    assert weights(killed, 4) == weights(whole, 4)
    assert measured(killed) == measured(whole)


def test_only_the_seats_that_won_are_imitated_by_default(optimal_games: Path, tmp_path: Path) -> None:
    source = {"kind": "episodes", "files": [str(optimal_games)]}
    config = make_config("nano", 1, source=source, objective={"nll": {}})
    (step,) = metrics.read(run(config, tmp_path / "run").metrics_path)
    assert step["reward"] > 0.9  # a win is worth 1 or 2


def test_files_without_the_runs_games_are_refused(optimal_games: Path, tmp_path: Path) -> None:
    source = {"kind": "episodes", "files": [str(optimal_games)]}
    play_settings = {"games": ["tictactoe"], "episodes": 4, "max_tokens": 8}
    config = make_config("nano", 1, source=source, objective={"nll": {}}, play=play_settings)
    with pytest.raises(UserError, match="none of the 12 episodes is of tictactoe in its present version"):
        run(config, tmp_path / "run")
