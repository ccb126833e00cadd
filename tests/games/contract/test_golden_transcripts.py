"""Rules and rendering change only together with the game's version.

Two games of each kind, with all that the roles are shown, stand in `tests/golden/NAME.txt`; of a long game the later
moves alone. After a change that is meant, raise `info.version` and write them anew:

    python -m pytest tests/test_golden_transcripts.py --write-golden
"""

import random
from pathlib import Path
from typing import Any

import pytest
from tests.paths import ROOT

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Action, Game
from mirrormatch.seeds import derive

FOLDER = ROOT / "tests" / "games" / "golden"
NAMES = sorted(games.registry.names())
NUM_SHOWN = 60  # moves before which everything is shown


def transcript(game: Game[Any, Any]) -> str:
    """The rules, a random game and a game between solvers."""
    parts = [f"{game.info.name}, version {game.info.version}", game.rules()]
    parts += [line for solved in (False, True) for line in game_lines(game, solved)]
    return "\n\n".join(parts) + "\n"


def game_lines(game: Game[Any, Any], solved: bool) -> list[str]:
    rng = random.Random(derive(7, "golden", game.info.name, int(solved)))
    state, dealt, num_moves = game.start(), list[Action](), 0
    lines = ["===== " + ("a game between solvers" if solved and game.info.solver else "a random game")]
    while (role := game.to_act(state)) != OVER:
        if role == CHANCE:
            action = drawn(game.chance(state), rng)
            dealt.append(action)
        else:
            if dealt:
                lines.append(f"----- dealt: {' '.join(dealt)}")
                dealt.clear()
            action = chosen(game, state, role, solved, rng)
            if num_moves < NUM_SHOWN:
                lines += [shown(game, state, r) for r in seers(game, role)]
            num_moves += 1
            lines.append(f"----- {game.info.roles[role]}: {action}")
        state = game.apply(state, action)
    lines += [shown(game, state, r) for r in range(len(game.info.roles))]
    return [*lines, f"----- returns: {' '.join(map(str, game.returns(state)))}"]


def seers(game: Game[Any, Any], role: int) -> list[int]:
    """Whose eyes the transcript looks through before a move: everybody's, among more than two only the mover's."""
    num_roles = len(game.info.roles)
    return list(range(num_roles)) if num_roles <= 2 else [role]


def shown(game: Game[Any, Any], state: Any, role: int) -> str:
    observation = game.observe(state, role)
    legal = "free" if observation.legal is None else ", ".join(observation.legal) or "none"
    return f"{game.info.roles[role]} is shown ({legal}):\n{observation.text}"


def chosen(game: Game[Any, Any], state: Any, role: int, solved: bool, rng: random.Random) -> Action:
    """A solver's or a random move; where the text is free, with words after a bar if the game takes them there."""
    view = game.view(state, role)
    if solved and game.info.solver:
        return drawn(game.solution(view), rng)
    action = game.sample(view, game.legal(state), rng)
    spoken = game.parse(state, f"{action} | I have thought {rng.randint(2, 9)} times about it")
    return spoken if isinstance(spoken, str) and spoken.startswith(f"{action} | ") else action


def drawn(options: tuple[tuple[Action, float], ...], rng: random.Random) -> Action:
    return rng.choices([action for action, _ in options], [p for _, p in options])[0]


def write(path: Path, now: str) -> None:
    """Replaces the transcript, if it is of another version or none stands there."""
    before = path.read_text() if path.exists() else ""
    if now != before:
        assert now.splitlines()[0] != before.partition("\n")[0], f"{path.stem} has changed: raise info.version first"
        path.write_text(now)


@pytest.mark.parametrize("name", NAMES)
def test_the_game_is_played_and_shown_as_before(name: str, request: pytest.FixtureRequest) -> None:
    path, now = FOLDER / f"{name}.txt", transcript(games.get(name))
    if request.config.getoption("write_golden"):
        write(path, now)
    assert now == path.read_text(), f"{name} has changed: raise info.version, then run this with --write-golden"


def test_every_golden_transcript_is_of_a_game() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == NAMES


def test_a_changed_game_is_not_written_under_the_old_version(tmp_path: Path) -> None:
    (path := tmp_path / "game.txt").write_text("game, version 1\n\nold rules\n")
    with pytest.raises(AssertionError, match=r"raise info\.version first"):
        write(path, "game, version 1\n\nnew rules\n")


def test_a_changed_game_is_written_under_a_new_version(tmp_path: Path) -> None:
    (path := tmp_path / "game.txt").write_text("game, version 1\n\nold rules\n")
    write(path, "game, version 2\n\nnew rules\n")
    assert path.read_text() == "game, version 2\n\nnew rules\n"
