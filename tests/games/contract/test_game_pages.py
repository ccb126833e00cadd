"""Every game has its page in `docs/games`, made from its docstring and a transcript of it: `make docs`."""

import pytest
from tests.games.contract.transcripts import transcript
from tests.paths import ROOT, import_script

from mirrormatch import games

FOLDER = ROOT / "docs" / "games"
NAMES = sorted(games.registry.names())
page = import_script("docs/generate/game_pages.py").make_page


@pytest.mark.parametrize("name", NAMES)
def test_the_page_says_what_the_game_says(name: str, request: pytest.FixtureRequest) -> None:
    path = FOLDER / f"{name}.md"
    now = page(games.get(name), transcript(games.get(name)))
    if request.config.getoption("write_golden"):
        path.write_text(now)
    assert path.exists() and now == path.read_text(), f"{path.name} is out of date: make docs"


def test_a_page_of_a_game_for_one_names_no_opponent() -> None:
    text = page(games.get("sokoban"), "")
    assert "mirrormatch play sokoban\n" in text and "exact: no play earns more on average" in text


def test_a_solution_of_a_game_that_is_not_zero_sum_is_not_called_unbeatable() -> None:
    assert "exact: an equilibrium" in page(games.get("stag_hunt"), "")
    assert "exact: nobody beats it" in page(games.get("kuhn_poker"), "")


def test_every_page_is_of_a_game() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == NAMES
