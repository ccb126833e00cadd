"""The stag hunt."""

from dataclasses import dataclass

from mirrormatch.games.matrix._repeated import Play, RepeatedGame, Stage, View
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.theory.matrix import PayoffTable
from mirrormatch.games.types import Action, Info

STAG, HARE, NOTHING = 4, 3, 0  # payoffs of a stag for each of two hunters, a hare, a stag hunted alone
WORDS = ("hare", "stag")
_TABLE: PayoffTable = (
    ((HARE, HARE), (HARE, NOTHING)),
    ((NOTHING, HARE), (STAG, STAG)),
)
_SHORT = {"h": "hare", "s": "stag"}
_NOTATION = {word: word for word in WORDS} | _SHORT | {f"hunt {word}": word for word in WORDS}
_HARE = "0"  # its digit in `View.past`


@dataclass(frozen=True)
class StagHuntSettings(GameSettings):
    """The number of rounds."""

    rounds: int = setting(5, "how many rounds are played", range(1, 51))


_DEFAULTS = StagHuntSettings()


class StagHunt(RepeatedGame):
    """Trust pays if it is mutual: hunt the stag together or a hare alone.

    In each of 5 rounds (`rounds=1` to `50`) both hunters choose at the same time, and then see both choices. A hare is
    caught alone, for 3 points in any case. A stag takes two: 4 for each if both hunt it, 0 for one that hunts it
    alone. The return is the sum over all rounds. There are two pure equilibria of a round, both stag (better for both)
    and both hare (safer: hunting the stag pays only if the other does so more than three times in four). With best play
    both get 4 a round. The built-in player hunts the stag until one of them has hunted a hare, and hares from then on:
    an equilibrium in every round after every history, hence one of the repeated game.
    """

    examples = ("rounds=1", "rounds=50")

    def __init__(self, settings: StagHuntSettings = _DEFAULTS) -> None:
        super().__init__((Stage((_TABLE,), (WORDS,)),), settings.rounds)
        self.settings = settings
        self.info = Info(
            name=settings.full_name("stag_hunt"), version=2, roles=("first", "second"),
            min_return=self.bounds[0], max_return=self.bounds[1], zero_sum=False, max_turns=self.max_moves,
            hidden=True, random=False, open_text=False, solver="exact", forfeit=self.bounds[0],
            source="Rousseau 1755, Discourse on inequality; payoffs 4, 3, 0 after Skyrms 2001, The stag hunt",
        )  # fmt: skip

    def rules(self) -> str:
        rounds = "one round" if self.num_rounds == 1 else f"{self.num_rounds} rounds"
        return (
            f"Stag hunt, {rounds}. In each round you and the other hunter choose at the same time: stag or hare. "
            f"Hare: {HARE} points for you in any case. Stag: {STAG} points for each if both choose stag, "
            f"{NOTHING} for a player who chooses it alone. Then both see both choices. Points add up; get as many as "
            "you can. A move is one word: stag or hare."
        )

    def notation(self, state: Play) -> dict[str, Action]:
        return _NOTATION

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Hunts the stag until one of the players has hunted a hare, then hares."""
        is_broken = _HARE in view.past[1::3] or _HARE in view.past[2::3]
        return (("hare" if is_broken else "stag", 1.0),)


GAME = StagHunt()
