"""Customs: an inspection game in which the courier is dealt its part."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from mirrormatch.games.game import Game
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.types import CHANCE, OVER, Action, Info

COURIER, OFFICER = 0, 1
TRADER, SMUGGLER = "trader", "smuggler"
CROSS, TURN_BACK = "cross", "turn back"
PASS, SEARCH = "pass", "search"
TURNED_BACK: Final = -1.0  # what the courier wins without crossing
WINS: Final = {(TRADER, PASS): 2.0, (TRADER, SEARCH): 3.0, (SMUGGLER, PASS): 4.0, (SMUGGLER, SEARCH): -4.0}
MOST: Final = 4.0
_SEATS = ("courier", "officer")
_EVENTS: dict[Action, str] = {
    CROSS: "The courier crossed.",
    TURN_BACK: "The courier turned back.",
    PASS: "The officer let the bag pass.",
    SEARCH: "The officer searched the bag.",
}
_NOTATION: dict[str, Action] = {
    **{word: word for word in (CROSS, TURN_BACK, PASS, SEARCH)},
    "back": TURN_BACK, "go back": TURN_BACK, "turn": TURN_BACK, "cross the border": CROSS,
    "let pass": PASS, "let it pass": PASS, "let the bag pass": PASS, "search it": SEARCH, "search the bag": SEARCH,
}  # fmt: skip


@dataclass(frozen=True)
class CustomsSettings(GameSettings):
    """The share of smugglers."""

    smugglers: int = setting(5, "how many of 10 couriers are smugglers", range(1, 10))


_DEFAULT = CustomsSettings()


class Crossing(NamedTuple):
    """The state: the courier's part, empty before it is dealt, and the moves."""

    part: str
    moves: tuple[Action, ...]


class View(NamedTuple):
    """A role's knowledge: the officer learns the courier's part when the game is over."""

    role: int
    part: str
    moves: tuple[Action, ...]


class Customs(Game[Crossing, View]):
    """A courier crosses the border or turns back, and an officer who can't see into the bag searches it or not.

    Chance decides whether the courier is a trader or a smuggler; only the courier knows. Turning back costs it 1 point.
    If it crosses and the officer lets the bag pass, a trader wins 2 and a smuggler 4. If the officer searches, a
    smuggler loses 4, and a trader wins 3, as it is paid for the delay. What the courier wins the officer loses.

    The seats are plainly unequal, and so are the dealt parts. With best play a trader always crosses, a smuggler once
    in 8 times, and the officer searches 5 of 8 bags: a trader wins 2.625 points on average, a smuggler loses 1, and the
    officer loses 0.8125. A player that fails to move loses 4. `smugglers=1` to `9` of 10 couriers are smugglers; where
    it is only 1, every courier crosses and no bag is searched.
    """

    examples = ("smugglers=1", "smugglers=8")

    def __init__(self, settings: CustomsSettings = _DEFAULT) -> None:
        self.settings: CustomsSettings = settings
        self.info = Info(
            name=settings.full_name("customs"), version=1, roles=_SEATS, min_return=-MOST, max_return=MOST,
            zero_sum=True, max_turns=2, hidden=True, random=True, open_text=False, solver="exact", forfeit=-MOST,
            source="the project's own; an inspection game (Dresher 1962) with a dealt type (Harsanyi 1967)",
        )  # fmt: skip

    def start(self) -> Crossing:
        return Crossing("", ())

    def to_act(self, state: Crossing) -> int:
        if not state.part:
            return CHANCE
        if not state.moves:
            return COURIER
        return OFFICER if state.moves == (CROSS,) else OVER

    def chance(self, state: Crossing) -> tuple[tuple[Action, float], ...]:
        share = self.settings.smugglers / 10
        return ((TRADER, 1 - share), (SMUGGLER, share))

    def legal(self, state: Crossing) -> tuple[Action, ...]:
        return {COURIER: (CROSS, TURN_BACK), OFFICER: (PASS, SEARCH)}.get(self.to_act(state), ())

    def apply(self, state: Crossing, action: Action) -> Crossing:
        if self.to_act(state) == CHANCE:
            if action not in (TRADER, SMUGGLER):
                raise ValueError(f"{action!r} is neither a trader nor a smuggler")
            return Crossing(action, ())
        if action not in self.legal(state):
            raise ValueError(f"{action!r} is not allowed after {state.moves!r}")
        return Crossing(state.part, (*state.moves, action))

    def returns(self, state: Crossing) -> tuple[float, ...]:
        won = TURNED_BACK if state.moves == (TURN_BACK,) else WINS[state.part, state.moves[1]]
        return (won, -won)

    def view(self, state: Crossing, role: int) -> View:
        is_known = role == COURIER or self.to_act(state) == OVER
        return View(role, state.part if is_known else "", state.moves)

    def part(self, state: Crossing, role: int) -> str:
        """`trader`, `smuggler` or `officer`; `courier` before the deal."""
        return state.part if role == COURIER and state.part else _SEATS[role]

    def rules(self) -> str:
        smugglers = self.settings.smugglers
        share = "half of all couriers are smugglers" if smugglers == 5 else f"{smugglers} of 10 couriers are smugglers"
        return (
            f"Customs. A courier with a bag is a trader or a smuggler; {share}. The officer doesn't know which. The "
            "courier crosses the border or turns back. Turning back costs the courier 1 point. If the courier crosses, "
            "the officer lets the bag pass or searches it. Pass: a trader wins 2 points, a smuggler 4. Search: a "
            "trader wins 3, a smuggler loses 4. The officer loses what the courier wins."
        )

    def render(self, view: View) -> str:
        if view.role == OFFICER:
            known = f"was a {view.part}" if view.part else "is a trader or a smuggler"
            begin = f"You are the officer. The courier {known}."
        else:
            begin = f"You are the courier, {f'a {view.part}' if view.part else 'and your part is not dealt yet'}."
        return " ".join((begin, *(_EVENTS[move] for move in view.moves)))

    def notation(self, state: Crossing) -> dict[str, Action]:
        return _NOTATION

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """The equilibrium: each player makes the other indifferent between its two moves, where that is possible."""
        crossing, searching = _solve(self.settings.smugglers / 10)
        if view.role == OFFICER:
            options = ((SEARCH, searching), (PASS, 1 - searching))
        else:
            bold = 1.0 if view.part == TRADER else crossing
            options = ((CROSS, bold), (TURN_BACK, 1 - bold))
        return tuple((move, p) for move, p in options if p > 0)


def _solve(share: float) -> tuple[float, float]:
    """The probabilities with which a smuggler crosses and the officer searches.

    A search costs 1 with a trader and gains 8 with a smuggler; a smuggler gains 5 by crossing where it is let pass and
    loses 3 where it is searched, compared with turning back.
    """
    cost = (1 - share) * (WINS[TRADER, SEARCH] - WINS[TRADER, PASS])
    gain = share * (WINS[SMUGGLER, PASS] - WINS[SMUGGLER, SEARCH])
    if cost >= gain:
        return 1.0, 0.0  # too few smugglers to search for
    unsearched, searched = WINS[SMUGGLER, PASS] - TURNED_BACK, WINS[SMUGGLER, SEARCH] - TURNED_BACK
    return cost / gain, unsearched / (unsearched - searched)


GAME = Customs()
