"""The rules of deal or no deal: its settings, the effect of each move, and each player's knowledge."""

import random
from dataclasses import dataclass

from mirrormatch.games.game import Game
from mirrormatch.games.player_text import LINE_FORM
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.talk._binding import WORDS_FORM, amounts_form
from mirrormatch.games.talk.deal_or_no_deal.deals import NUM_ITEMS, WHO_BEGINS, deal, list_outcomes
from mirrormatch.games.talk.deal_or_no_deal.reading import list_items, read_demand, read_move, spell_move
from mirrormatch.games.talk.deal_or_no_deal.scoring import BEST, WIN_SUM, WORST, compute_points, score_points
from mirrormatch.games.talk.deal_or_no_deal.solver import choose_move
from mirrormatch.games.talk.deal_or_no_deal.state import ITEMS, SEATS, WORTH, Move, Table, View, subtract
from mirrormatch.games.talk.deal_or_no_deal.wording import render_view
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Problem

_UP_TO = tuple(
    tuple(range(n + 1)) for n in range(NUM_ITEMS[-1])
)  # the amounts that a random player may take, by the number there is
_END_CHANCE = 0.25  # probability that a random player ends the talk at its turn


@dataclass(frozen=True)
class DealOrNoDealSettings(GameSettings):
    """The aim of the players, and the length of their talk."""

    objective: str = setting(
        "selfish",
        "both score the sum, each its own points, or the difference",
        ("cooperative", "selfish", "competitive"),
    )
    turns: int = setting(8, "turns of talk, both players' together, before both must propose", range(2, 21))


_DEFAULT = DealOrNoDealSettings()


class DealOrNoDeal(Game[Table, View]):
    """Two players divide books, hats and balls, which they value differently.

    There are 5 to 7 items, at least one of each type. Each player has private values for the types, whole numbers with
    which all items together are worth 10 to it; every type is worth something to somebody and some type to both. All
    such deals are equally likely, and chance decides who begins. The players talk in turn: `say | I need the books`.
    At its turn either may end the talk by a secret proposal of what it takes, `propose 1 book 2 hats`, which may be
    followed by words after a bar; the other hears the words and then proposes in secret, too. After 8 turns of talk
    both must propose. If the proposals together are exactly all items, each takes what it proposed; otherwise there is
    no deal, worth 0 to both. What a player scores is the `objective`: `selfish`, the worth of what it takes;
    `cooperative`, both get the sum, and 12 or more is a win; `competitive`, the difference, so that no deal is a draw.
    A player that fails to move gets 0, the other too; in the competitive game it loses by 10.
    """

    settings: DealOrNoDealSettings
    examples = ("objective=cooperative", "objective=competitive", "turns=3")

    def __init__(self, settings: DealOrNoDealSettings = _DEFAULT) -> None:
        self.settings = settings
        objective = settings.objective
        self.info = Info(
            name=settings.full_name("deal_or_no_deal"), version=2, roles=SEATS, min_return=WORST[objective],
            max_return=BEST[objective], zero_sum=objective == "competitive", max_turns=settings.turns + 2, hidden=True,
            random=True, open_text=True, solver="rules", forfeit=WORST[objective],
            cooperative=objective == "cooperative", win_at=WIN_SUM if objective == "cooperative" else None,
            source="Lewis et al. 2017, Deal or no deal?; objectives as in Liao et al. 2024, Efficacy of language model "
            "self-play in non-zero-sum games",
        )  # fmt: skip

    def start(self) -> Table:
        return Table(to_act=CHANCE, counts=(), values=(), begins=-1, moves=())

    def to_act(self, state: Table) -> int:
        return state.to_act

    def chance(self, state: Table) -> tuple[tuple[Action, float], ...]:
        return WHO_BEGINS if len(state.values) == 2 else list_outcomes(state.counts, state.values)

    def legal(self, state: Table) -> tuple[Action, ...] | None:
        return None if state.to_act >= 0 else ()

    def apply(self, state: Table, action: Action) -> Table:
        to_act, moves = state.to_act, state.moves
        if to_act == CHANCE:
            return deal(state, action)
        if to_act == OVER:
            raise ValueError("the game is over")
        move = read_move(action, state.counts, self._must_propose(moves))
        if isinstance(move, Problem):
            raise ValueError(f"{action!r}: {move.detail}")
        is_over = bool(moves) and moves[-1].kind == "propose"
        return state._replace(to_act=OVER if is_over else 1 - to_act, moves=(*moves, move))

    def returns(self, state: Table) -> tuple[float, ...]:
        return score_points(compute_points(state), self.settings.objective)

    def forfeit_returns(self, state: Table, role: int) -> tuple[float, ...]:
        """The same as without a deal; in the competitive game the offender loses by the most possible points."""
        if not self.info.zero_sum:
            return (0.0, 0.0)
        return super().forfeit_returns(state, role)

    def swap_seats(self, path: tuple[Action, ...]) -> tuple[Action, ...]:
        """Exchanges the values, and lets the other player begin."""
        counts, mine, others, begins, *moves = path
        return (counts, others, mine, SEATS[1 - SEATS.index(begins)], *moves)

    def view(self, state: Table, role: int) -> View:
        values = state.values[role] if role < len(state.values) else ()
        moves, points = state.moves, None
        if state.to_act == OVER:
            points = compute_points(state)
        elif state.to_act == role and moves and moves[-1].kind == "propose":
            moves = (*moves[:-1], moves[-1]._replace(takes=None))
        return View(role, counts=state.counts, values=values, moves=moves, begins=state.begins, points=points)

    def rules(self) -> str:
        score = {
            "selfish": "You score the worth of what you take, by your own values.",
            "cooperative": "Both score the sum: the worth of what you take to you plus what the other takes to it.",
            "competitive": "You score the worth of what you take to you less that of what the other takes to it.",
        }[self.settings.objective]
        return (
            "Two players divide books, hats and balls. Each has private values for them; all items together are worth "
            f"{WORTH} to each. You talk in turn: 'say | WORDS'. Instead, either may end the talk with a secret "
            "proposal of what it takes: 'propose 1 book 2 hats', 'propose nothing' or 'propose everything'; words for "
            "the other may follow after a bar: 'propose 1 hat | you get the rest'. Then the other proposes in secret, "
            f"too. After {self.settings.turns} turns of talk both must propose. If both proposals together are exactly "
            f"all items, each takes what it proposed; otherwise both score 0. {score}"
        )

    def render(self, view: View) -> str:
        return render_view(view, self.settings.objective, self.settings.turns)

    def parse(self, state: Table, text: str) -> Action | Problem:
        move = read_move(text, state.counts, self._must_propose(state.moves))
        return move if isinstance(move, Problem) else spell_move(move)

    def form(self, view: View) -> str:
        takes = f"propose (nothing|everything|{amounts_form(ITEMS, view.counts)}){WORDS_FORM}"
        return takes if self._must_propose(view.moves) else rf"say \| {LINE_FORM}|{takes}"

    def sample(self, view: View, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        """Demands a random part of the items; sometimes ends the talk, half the time with what the other leaves."""
        takes = tuple([rng.choice(_UP_TO[n]) for n in view.counts])
        ends = self._must_propose(view.moves) or rng.random() < _END_CHANCE
        demand = read_demand(view.moves[-1].words, view.counts) if view.moves else None
        if ends and demand is not None and rng.random() < 0.5:
            takes = subtract(view.counts, demand)
        return f"{'propose ' + list_items(takes) if ends else 'say'} | I take {list_items(takes)}"

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Demands much, then less; accepts a good enough rest; if the other ends the talk, keeps to the last demand."""
        return ((choose_move(view, self.settings.objective, self.settings.turns), 1.0),)

    def _must_propose(self, moves: tuple[Move, ...]) -> bool:
        return len(moves) >= self.settings.turns or (bool(moves) and moves[-1].kind == "propose")
