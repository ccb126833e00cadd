"""A complete game in one file, rock, paper, scissors, played by two random agents."""

import asyncio
from typing import NamedTuple

from mirrormatch import agents, play
from mirrormatch.games import OVER, Game, Info

THROWS = ("paper", "rock", "scissors")
BEATS = {"paper": "rock", "rock": "scissors", "scissors": "paper"}


class View(NamedTuple):
    """The role and its own throw, the information that a player has."""

    role: int
    own: str


class RockPaperScissors(Game[tuple[str, ...], View]):
    """Both throw at once: the second doesn't see the first's throw."""

    info = Info(
        name="rock_paper_scissors", version=1, roles=("first", "second"), min_return=-1.0, max_return=1.0,
        zero_sum=True, max_turns=2, hidden=True, random=False, open_text=False, solver=None, forfeit=-1.0,
        source="folklore",
    )  # fmt: skip

    def start(self) -> tuple[str, ...]:
        return ()

    def to_act(self, state: tuple[str, ...]) -> int:
        return len(state) if len(state) < 2 else OVER

    def legal(self, state: tuple[str, ...]) -> tuple[str, ...]:
        return THROWS if len(state) < 2 else ()

    def apply(self, state: tuple[str, ...], action: str) -> tuple[str, ...]:
        if action not in self.legal(state):
            raise ValueError(f"{action!r} is no throw")
        return (*state, action)

    def returns(self, state: tuple[str, ...]) -> tuple[float, ...]:
        first, second = state
        won = float(BEATS[first] == second) - float(BEATS[second] == first)
        return (won, 0.0 - won)

    def view(self, state: tuple[str, ...], role: int) -> View:
        return View(role, state[role] if len(state) > role else "")

    def rules(self) -> str:
        return "Rock, paper, scissors. Both throw at once. Paper beats rock, rock beats scissors, scissors beat paper."

    def render(self, view: View) -> str:
        return f"You threw {view.own}." if view.own else "Throw now."


GAME = RockPaperScissors()

if __name__ == "__main__":
    episode = asyncio.run(play(GAME, [agents.get("random"), agents.get("random")], seed=1))
    print([turn.action for turn in episode.turns], episode.returns)
