"""Rules and rendering change only together with the game's version.

`tests/games/golden/NAME.txt` holds the transcript of two games: the beginning and the end of a long one in readable
form, and a digest that covers all of it. After an intended change raise `info.version` and write the files again:

    python -m pytest tests/games/contract/test_golden_transcripts.py --write-golden
"""

from pathlib import Path

import pytest
from tests.games.contract.transcripts import HEAD_LINES, TAIL_LINES, shorten, transcript
from tests.paths import ROOT

from mirrormatch import games

FOLDER = ROOT / "tests" / "games" / "golden"
NAMES = sorted(games.registry.names())
MAX_LINES = 300  # a file that a reviewer reads
LONG = "game, version 1\n\nrules\n\n===== a random game\n\n" + "".join(f"line {k}\n" for k in range(1_000))


def write_golden(path: Path, now: str) -> None:
    """Replaces the stored transcript if it is missing or of another version."""
    before = path.read_text() if path.exists() else ""
    if now != before:
        assert now.splitlines()[0] != before.partition("\n")[0], f"{path.stem} has changed: raise info.version first"
        path.write_text(now)


@pytest.mark.parametrize("name", NAMES)
def test_the_game_is_played_and_shown_as_before(name: str, request: pytest.FixtureRequest) -> None:
    path, now = FOLDER / f"{name}.txt", shorten(transcript(games.get(name)))
    if request.config.getoption("write_golden"):
        write_golden(path, now)
    assert now == path.read_text(), f"{name} has changed: raise info.version, then run this with --write-golden"


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.stem)
def test_a_golden_transcript_is_short_enough_to_be_reviewed(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_every_golden_transcript_is_of_a_game() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == NAMES


def test_a_long_section_keeps_its_beginning_and_its_end() -> None:
    lines = shorten(LONG).splitlines()
    assert lines[4:6] == ["===== a random game", ""] and lines[-1] == "line 999"
    assert len(lines) == 4 + HEAD_LINES + 1 + TAIL_LINES
    assert lines[4 + HEAD_LINES].startswith("... (863 lines left out; SHA-256 of the whole section: ")


@pytest.mark.parametrize("k", [0, 500, 999])
def test_a_change_anywhere_in_a_long_section_changes_what_is_stored(k: int) -> None:
    assert shorten(LONG.replace(f"line {k}\n", "line\n")) != shorten(LONG)


def test_a_short_section_is_stored_whole() -> None:
    short = "game, version 1\n\nrules\n\n===== a random game\n\nmove\n\n===== a game between solvers\n\nmove\n"
    assert shorten(short) == short


def test_a_changed_game_is_not_written_under_the_old_version(tmp_path: Path) -> None:
    (path := tmp_path / "game.txt").write_text("game, version 1\n\nold rules\n")
    with pytest.raises(AssertionError, match=r"raise info\.version first"):
        write_golden(path, "game, version 1\n\nnew rules\n")


def test_a_changed_game_is_written_under_a_new_version(tmp_path: Path) -> None:
    (path := tmp_path / "game.txt").write_text("game, version 1\n\nold rules\n")
    write_golden(path, "game, version 2\n\nnew rules\n")
    assert path.read_text() == "game, version 2\n\nnew rules\n"
