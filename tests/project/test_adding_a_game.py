"""The page on adding a game shows a game that works."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from tests.paths import ROOT

from mirrormatch import agents, games, play
from mirrormatch.cli import main
from mirrormatch.games import Game

PAGE = (ROOT / "docs" / "adding-a-game.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (file := tmp_path / "race_to_ten.py").write_text(BLOCKS[0])
    return file


@pytest.fixture
def game(path: Path) -> Game[Any, Any]:
    return games.registry.load_file(path)


def test_a_whole_game_has_under_60_lines_of_code() -> None:
    assert len([line for line in BLOCKS[0].splitlines() if line.strip()]) < 60


def test_the_game_keeps_the_contract(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "game", str(path)]) == 0
    assert "keeps the contract" in capsys.readouterr().out


def test_the_game_is_won_by_the_first_player_as_it_says(game: Game[Any, Any]) -> None:
    players = [agents.get("optimal"), agents.get("random")]
    assert {asyncio.run(play(game, players, seed)).returns for seed in range(30)} == {(1.0, -1.0)}


def test_the_game_takes_the_settings_as_the_page_says() -> None:
    scope: dict[str, Any] = {}
    exec(BLOCKS[0] + BLOCKS[1] + BLOCKS[2].replace("Game[Count, Count]", "RaceToTen"), scope)
    game = scope["RaceToTen"]().with_settings("goal=21")
    assert (game.info.name, game.info.max_turns) == ("race_to_ten:goal=21", 21)


def test_the_settings_are_read_as_the_page_says() -> None:
    scope: dict[str, Any] = {}
    exec(BLOCKS[1], scope)
    assert scope["RaceSettings"]().read("goal=21", "race_to_ten").full_name("race_to_ten") == "race_to_ten:goal=21"
