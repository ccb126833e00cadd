"""Plug-ins are found by their file or their entry point; a wrong name is a one-line error."""

import subprocess
import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from tests.paths import ROOT

from mirrormatch import agents, games, prompts
from mirrormatch.errors import UnknownName, UserError, did_you_mean
from mirrormatch.registry import Registry

FILES = {
    "kuhn.py": "GAME = 'the kuhn of the folder'",
    "chess.py": "GAME = 'the chess of the folder'",
    "broken.py": "raise ImportError('no such library')",
    "unnamed.py": "",
    "_draft.py": "GAME = 'not ready'",
    "go/__init__.py": "GAME = 'the go of a package'",
    "data/words.txt": "GAME",
    "notes.txt": "GAME",
}


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[str]:
    """A registry over a temporary package, with two installed plug-ins."""
    installed = {"mirrormatch.games": [EntryPoint("poker", "json:dumps", ""), EntryPoint("kuhn", "json:loads", "")]}
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: installed.get(group, []))
    package = tmp_path / f"plugins_of_{tmp_path.name}"
    for name, code in FILES.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    return Registry("game", "GAME", package.name)


def test_names_are_the_files_and_the_entry_points_in_order(plugins: Registry[str]) -> None:
    assert plugins.names() == ["broken", "chess", "go", "kuhn", "poker", "unnamed"]


def test_a_file_is_found_by_its_name(plugins: Registry[str]) -> None:
    assert plugins.get("chess") == "the chess of the folder"


def test_an_entry_point_is_found_by_its_name(plugins: Registry[str]) -> None:
    assert plugins.get("poker") is __import__("json").dumps


def test_an_installed_plugin_cannot_take_the_place_of_a_file(plugins: Registry[str]) -> None:
    assert plugins.get("kuhn") == "the kuhn of the folder"


def test_a_new_file_is_found_at_once(plugins: Registry[str], tmp_path: Path) -> None:
    (tmp_path / f"plugins_of_{tmp_path.name}" / "checkers.py").write_text("GAME = 'new'")
    assert plugins.get("checkers") == "new"


def test_a_file_that_defines_nothing_is_named(plugins: Registry[str]) -> None:
    with pytest.raises(UserError, match="game 'unnamed' defines no GAME"):
        plugins.get("unnamed")


def test_an_unknown_name_is_a_lookup_error(plugins: Registry[str]) -> None:
    with pytest.raises(LookupError):
        plugins.get("backgammon")


def test_an_unknown_name_is_reported_with_the_nearest_and_all_others(plugins: Registry[str]) -> None:
    with pytest.raises(UnknownName) as error:
        plugins.get("ches")
    assert str(error.value) == (
        "unknown game 'ches', did you mean 'chess'?; there are: broken, chess, go, kuhn, poker, unnamed "
        "(mirrormatch list games)"
    )


@pytest.mark.parametrize("name", ["", "../chess", "data", "_draft", "chess.py", "os", "\x1b[2J"])
def test_a_name_that_is_no_plugin_is_not_imported(plugins: Registry[str], name: str) -> None:
    with pytest.raises(UnknownName):
        plugins.get(name)


def test_a_file_from_anywhere_can_be_loaded(plugins: Registry[str], tmp_path: Path) -> None:
    (path := tmp_path / "mine.py").write_text("GAME = 'mine'")
    assert plugins.load_file(path) == "mine"


@pytest.mark.parametrize("code", ["GAME = (", "import no_such_library_anywhere"])
def test_a_file_that_cannot_be_imported_is_named(plugins: Registry[str], tmp_path: Path, code: str) -> None:
    (path := tmp_path / "mine.py").write_text(code)
    with pytest.raises(UserError, match=r"mine\.py' can't be imported"):
        plugins.load_file(path)


@pytest.mark.parametrize("name", ["missing.py", "notes.txt", "."])
def test_a_file_that_is_not_there_is_named(plugins: Registry[str], tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no Python file at"):
        plugins.load_file(tmp_path / name)


def test_a_name_far_from_all_others_suggests_nothing() -> None:
    assert did_you_mean("zzz", ["kuhn_poker", "tictactoe"]) == ""


def test_a_package_is_a_plugin_too(plugins: Registry[str]) -> None:
    assert plugins.get("go") == "the go of a package"


def test_a_registry_may_span_several_folders(plugins: Registry[str], tmp_path: Path) -> None:
    (other := tmp_path / f"more_of_{tmp_path.name}").mkdir()
    (other / "shogi.py").write_text("GAME = 'the shogi of another folder'")
    both: Registry[str] = Registry("game", "GAME", f"plugins_of_{tmp_path.name}", other.name)
    assert both.get("shogi") == "the shogi of another folder" and both.get("chess") == "the chess of the folder"


def test_the_first_line_of_a_file_is_read_without_running_it(plugins: Registry[str], tmp_path: Path) -> None:
    (tmp_path / f"plugins_of_{tmp_path.name}" / "go" / "__init__.py").write_text(
        '"""Stones.\n\nMore."""\nraise OSError'
    )
    assert plugins.about("go") == "Stones." and plugins.about("chess") == "" and plugins.about("poker") is None


@pytest.mark.parametrize("family", games.FAMILIES)
def test_every_file_and_folder_of_a_family_is_a_game(family: str) -> None:
    here = (ROOT / "games" / family).iterdir()
    found = {path.stem for path in here if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert {name for name in found if not name.startswith("_")} <= set(games.names())


def test_every_family_is_searched_for_games() -> None:
    """The other folders hold machinery without a `GAME`."""
    defining = {
        path.relative_to(ROOT / "games").parts[0]
        for path in ROOT.glob("games/**/*.py")
        if "\nGAME = " in path.read_text()
    }
    assert defining == set(games.FAMILIES)


@pytest.mark.parametrize("name", games.names())
def test_a_game_is_registered_under_its_own_name(name: str) -> None:
    assert games.get(name).info.name == name


@pytest.mark.parametrize("name", prompts.names())
def test_every_prompt_can_be_had_with_its_defaults(name: str) -> None:
    prompt = prompts.get(name)
    assert prompt.settings == prompts.PromptSettings(thinking=prompt.thinks)


def test_listing_names_imports_no_game() -> None:
    code = "from mirrormatch import games; import sys; games.names(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "mirrormatch.games.cards.kuhn_poker" not in loaded


def test_a_name_is_found_in_a_fraction_of_a_millisecond() -> None:
    agents.get("random")
    began = time.process_time()
    for _ in range(100):
        agents.get("random")
    assert time.process_time() - began < 0.5  # reading all packages' metadata each time takes two seconds


def test_a_plug_in_that_appears_while_the_program_runs_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new_plugins").mkdir()
    (tmp_path / "new_plugins" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry[int]("thing", "THING", "new_plugins")
    assert registry.names() == []
    (tmp_path / "new_plugins" / "one.py").write_text("THING = 1")
    metadata = tmp_path / "things-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: things\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[mirrormatch.things]\ntwo = new_plugins.one:THING\n")
    assert registry.names() == ["one", "two"] and registry.get("one") == registry.get("two") == 1
