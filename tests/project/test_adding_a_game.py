"""A game is one new file: the one on the page on adding a game works, from every folder and from a package."""

import asyncio
import importlib
import re
import sys
from collections.abc import Iterator
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


@pytest.fixture(autouse=True)
def forget_the_game() -> Iterator[None]:
    """Removes the game from Python's modules and from the cache of games after each test."""
    yield
    games.get.cache_clear()
    for name in [name for name in sys.modules if name.rpartition(".")[2] == "race_to_ten" or name == "my_package"]:
        del sys.modules[name]


@pytest.mark.parametrize("family", games.FAMILIES)
def test_a_file_in_any_family_is_a_game(
    family: str, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = importlib.import_module(f"mirrormatch.games.{family}")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(path.parent)])
    assert "race_to_ten" in games.names()
    assert games.get("race_to_ten").info.name == "race_to_ten"
    assert main(["match", "race_to_ten", "optimal", "random", "--episodes", "2", "--json"]) == 0
    assert main(["check", "game", "race_to_ten"]) == 0
    assert '"game": "race_to_ten"' in capsys.readouterr().out


def test_a_game_of_an_installed_package_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (package := tmp_path / "my_package").mkdir()
    (package / "__init__.py").touch()
    (package / "race_to_ten.py").write_text(BLOCKS[0])
    (metadata := tmp_path / "my_package-1.0.dist-info").mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (entry_points,) = re.findall(r"```toml\n(\[project\.entry-points.*?)```", PAGE, re.DOTALL)
    (metadata / "entry_points.txt").write_text(entry_points.replace("project.entry-points.", "").replace('"', ""))
    monkeypatch.syspath_prepend(tmp_path)
    assert "race_to_ten" in games.names()
    assert games.get("race_to_ten").info.name == "race_to_ten"
    assert main(["list", "games", "--json"]) == 0
    assert '"race_to_ten"' in capsys.readouterr().out
