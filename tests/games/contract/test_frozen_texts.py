"""The texts of all games and variants are frozen, because models were trained on them: a change is a new version.

`frozen_texts.txt` holds a line for each game and each variant among its examples: name, version, SHA-256 of its whole
transcript. A golden transcript shows a change, a digest also covers its middle and the variants. After an intended
change raise `info.version`, say in CHANGELOG.md that bundled models were trained on the old text, and write the file:

    python -m pytest tests/games/contract/test_frozen_texts.py --write-golden
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.games.contract.transcripts import transcript

from mirrormatch import games

FILE = Path(__file__).parent / "frozen_texts.txt"
NAMES = [
    name + given for name in games.registry.names() for given in ("", *(f":{e}" for e in games.get(name).examples))
]


class Frozen(NamedTuple):
    """The version of a game's rules and texts, and the digest of a transcript."""

    version: int
    digest: str


def read_file(path: Path) -> dict[str, Frozen]:
    """The stored digests, by the game's name with its settings."""
    lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    return {name: Frozen(int(version), digest) for name, version, digest in lines}


def write_file(path: Path, now: dict[str, Frozen]) -> None:
    """Stores the digests; a changed text must have a higher version."""
    before = read_file(path)
    for name, frozen in now.items():
        old = before.get(name, frozen)
        assert old == frozen or old.version < frozen.version, (
            f"the text of {name} has changed: raise info.version first"
        )
    path.write_text("".join(f"{name} {f.version} {f.digest}\n" for name, f in sorted(now.items())))


def freeze(name: str) -> Frozen:
    game = games.get(name)
    return Frozen(game.info.version, hashlib.sha256(transcript(game).encode()).hexdigest())


def test_the_texts_of_all_games_are_those_that_models_were_trained_on(request: pytest.FixtureRequest) -> None:
    now = {name: freeze(name) for name in NAMES}
    if request.config.getoption("write_golden"):
        write_file(FILE, now)
    changed = sorted(n for n, frozen in read_file(FILE).items() if now.get(n) != frozen)
    assert changed == [], "changed texts: models were trained on the old ones; raise info.version, then --write-golden"
    assert sorted(now) == sorted(read_file(FILE)), "new games or variants: run this with --write-golden"


def test_a_changed_text_is_not_stored_under_the_old_version(tmp_path: Path) -> None:
    write_file(tmp_path / "f.txt", {"nim": Frozen(1, "aa")})
    with pytest.raises(AssertionError, match=r"raise info\.version first"):
        write_file(tmp_path / "f.txt", {"nim": Frozen(1, "bb")})


def test_a_changed_text_is_stored_under_a_new_version(tmp_path: Path) -> None:
    write_file(tmp_path / "f.txt", {"nim": Frozen(1, "aa")})
    write_file(tmp_path / "f.txt", {"nim": Frozen(2, "bb")})
    assert read_file(tmp_path / "f.txt") == {"nim": Frozen(2, "bb")}
