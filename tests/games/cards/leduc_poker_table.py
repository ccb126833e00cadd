"""Computes games/cards/data/leduc_poker.json, the equilibrium of Leduc poker, with OpenSpiel's CFR+ in half a minute.

python -m tests.games.cards.leduc_poker_table
"""

import json
from typing import Any

import pyspiel

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Action
from mirrormatch.games.cards.leduc_poker import CARDS, TABLE, table_key

NUM_ITERATIONS = 10_000  # exploitability of the average policy: 0.000005 chips a game
DIGITS = 5  # decimals of a probability in the table
THEIR_MOVES = {"fold": 0, "check": 1, "call": 1, "bet": 2, "raise": 2}


def their_game() -> Any:
    """Loads OpenSpiel's game with two identical cards of each rank."""
    return pyspiel.load_game("leduc_poker", {"suit_isomorphism": True})


def their_action(ours: Any, action: Action, theirs: Any) -> int:
    return CARDS.index(action) if action in CARDS else THEIR_MOVES[action]


def average_policy(num_iterations: int) -> dict[str, list[float]]:
    """Runs CFR+ and returns its average policy: an information state's key -> probabilities of its legal moves."""
    solver = pyspiel.CFRPlusSolver(their_game())
    for _ in range(num_iterations):
        solver.evaluate_and_update_policy()
    average = solver.average_policy()
    game, rows = games.get("leduc_poker"), dict[str, list[float]]()

    def walk(ours: Any, theirs: Any) -> None:
        role = game.to_act(ours)
        if role == OVER:
            return
        options = [a for a, _ in game.chance(ours)] if role == CHANCE else game.legal(ours) or ()
        if role != CHANCE:
            policy = average.action_probabilities(theirs)
            rows[table_key(game.view(ours, role))] = [
                round(policy[their_action(ours, a, theirs)], DIGITS) for a in options
            ]
        for action in options:
            walk(game.apply(ours, action), theirs.child(their_action(ours, action, theirs)))

    walk(game.start(), their_game().new_initial_state())
    return rows


def write_table() -> None:
    lines = [f'"{name}": {json.dumps(row)}' for name, row in sorted(average_policy(NUM_ITERATIONS).items())]
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    write_table()
