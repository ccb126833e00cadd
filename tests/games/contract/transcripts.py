"""A game's transcript: its rules, a random game and a game between solvers, with the observations of the roles.

The stored form of a transcript is bounded: a long section keeps its beginning and its end in readable form, and the
digest of the whole section in between.
"""

import hashlib
import random
import re
from typing import Any

from mirrormatch.games import CHANCE, OVER, Action, Game
from mirrormatch.seeds import derive

NUM_SHOWN = 60  # moves before which every observation is included
HEAD_LINES, TAIL_LINES = 100, 39  # of a long section, in the stored form: two sections and the rules fit in 300 lines
_SECTION = re.compile(r"^(?====== )", re.MULTILINE)


def transcript(game: Game[Any, Any]) -> str:
    """The rules, a random game and a game between solvers."""
    parts = [f"{game.info.name}, version {game.info.version}", game.rules()]
    parts += [line for solved in (False, True) for line in game_lines(game, solved)]
    return "\n\n".join(parts) + "\n"


def shorten(text: str) -> str:
    """Replaces the middle of each long section by its length and the digest of the whole section."""
    return "".join(map(_shorten_section, _SECTION.split(text)))


def _shorten_section(section: str) -> str:
    lines = section.splitlines(keepends=True)
    num_left_out = len(lines) - HEAD_LINES - TAIL_LINES
    if num_left_out <= 1:
        return section
    digest = hashlib.sha256(section.encode()).hexdigest()
    gap = f"... ({num_left_out} lines left out; SHA-256 of the whole section: {digest})\n"
    return "".join((*lines[:HEAD_LINES], gap, *lines[-TAIL_LINES:]))


def game_lines(game: Game[Any, Any], solved: bool) -> list[str]:
    """One game: deals, observations, moves and returns."""
    rng = random.Random(derive(7, "golden", game.info.name, int(solved)))
    state, dealt, num_moves = game.start(), list[Action](), 0
    lines = ["===== " + ("a game between solvers" if solved and game.info.solver else "a random game")]
    while (role := game.to_act(state)) != OVER:
        if role == CHANCE:
            action = draw(game.chance(state), rng)
            dealt.append(action)
        else:
            if dealt:
                lines.append(f"----- dealt: {' '.join(dealt)}")
                dealt.clear()
            action = choose_action(game, state, role, solved, rng)
            if num_moves < NUM_SHOWN:
                lines += [format_observation(game, state, r) for r in observing_roles(game, role)]
            num_moves += 1
            lines.append(f"----- {game.info.roles[role]}: {action}")
        state = game.apply(state, action)
    lines += [format_observation(game, state, r) for r in range(len(game.info.roles))]
    return [*lines, f"----- returns: {' '.join(map(str, game.returns(state)))}"]


def observing_roles(game: Game[Any, Any], role: int) -> list[int]:
    """The roles whose observations are included before a move: all of two, only the mover among more."""
    num_roles = len(game.info.roles)
    return list(range(num_roles)) if num_roles <= 2 else [role]


def format_observation(game: Game[Any, Any], state: Any, role: int) -> str:
    observation = game.observe(state, role)
    legal = "free" if observation.legal is None else ", ".join(observation.legal) or "none"
    return f"{game.info.roles[role]} is shown ({legal}):\n{observation.text}"


def choose_action(game: Game[Any, Any], state: Any, role: int, solved: bool, rng: random.Random) -> Action:
    """A solver's or a random move; in games with free text followed by words after a bar, if the game allows them."""
    view = game.view(state, role)
    if solved and game.info.solver:
        return draw(game.solution(view), rng)
    action = game.sample(view, game.legal(state), rng)
    spoken = game.parse(state, f"{action} | I have thought {rng.randint(2, 9)} times about it")
    return spoken if isinstance(spoken, str) and spoken.startswith(f"{action} | ") else action


def draw(options: tuple[tuple[Action, float], ...], rng: random.Random) -> Action:
    return rng.choices([action for action, _ in options], [p for _, p in options])[0]
