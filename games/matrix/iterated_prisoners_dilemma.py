"""The iterated Prisoner's Dilemma."""

from dataclasses import dataclass

from mirrormatch.games.matrix._repeated import Play, RepeatedGame, Stage, View
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.theory.matrix import PayoffTable
from mirrormatch.games.types import Action, Info

TEMPTATION, REWARD, PUNISHMENT, SUCKER = 5, 3, 1, 0
WORDS = ("cooperate", "defect")
_TABLE: PayoffTable = (
    ((REWARD, REWARD), (SUCKER, TEMPTATION)),
    ((TEMPTATION, SUCKER), (PUNISHMENT, PUNISHMENT)),
)
_SHORT = {"c": "cooperate", "d": "defect"}
_NOTATION = {word: word for word in WORDS} | _SHORT | {f"choose {word}": word for word in WORDS}
_DEFECT = "1"  # its digit in `View.past`


@dataclass(frozen=True)
class IteratedPrisonersDilemmaSettings(GameSettings):
    """The number of rounds."""

    rounds: int = setting(10, "how many rounds are played", range(1, 51))


_DEFAULTS = IteratedPrisonersDilemmaSettings()


class IteratedPrisonersDilemma(RepeatedGame):
    """Cooperate or defect, again and again with the same partner.

    In each of 10 rounds (`rounds=1` to `50`) both players choose at the same time to cooperate or to defect, and then
    see both choices. If both cooperate each gets 3; if both defect each gets 1; if only one defects it gets 5 and the
    other 0. The return is the sum over all rounds, and both know how many there are. In a single round defecting is
    better whatever the other does, and reasoned back from the last round the same holds for all of them: between
    equilibrium players both always defect and get 1 a round, although 3 was to be had. The built-in player doesn't
    insist on it. It is a grim trigger (Friedman 1971): it cooperates until the other has defected once and then defects
    for good, as it does in the last round, after which nothing can be answered any more.
    """

    examples = ("rounds=1", "rounds=50")

    def __init__(self, settings: IteratedPrisonersDilemmaSettings = _DEFAULTS) -> None:
        super().__init__((Stage((_TABLE,), (WORDS,)),), settings.rounds)
        self.settings = settings
        self.info = Info(
            name=settings.full_name("iterated_prisoners_dilemma"), version=1, roles=("first", "second"),
            min_return=self.bounds[0], max_return=self.bounds[1], zero_sum=False, max_turns=self.max_moves,
            hidden=True, random=False, open_text=False, solver="rules", forfeit=self.bounds[0],
            source="Axelrod 1984, The evolution of cooperation; payoffs 5, 3, 1, 0 as there",
        )  # fmt: skip

    def rules(self) -> str:
        rounds = "one round" if self.num_rounds == 1 else f"{self.num_rounds} rounds"
        return (
            f"Prisoner's Dilemma, {rounds}. In each round you and the other player choose at the same time: cooperate "
            f"or defect. Both cooperate: {REWARD} points each. Both defect: {PUNISHMENT} each. One defects and one "
            f"cooperates: {TEMPTATION} for the one that defects, {SUCKER} for the other. Then both see both choices. "
            "Points add up; get as many as you can. A move is one word: cooperate or defect."
        )

    def notation(self, state: Play) -> dict[str, Action]:
        return _NOTATION

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Grim trigger: cooperates until the other has defected; defects in the last round."""
        is_betrayed = _DEFECT in view.past[2 - view.role :: 3]
        return (("defect" if is_betrayed or view.round == self.num_rounds else "cooperate", 1.0),)


GAME = IteratedPrisonersDilemma()
