"""Deal or no deal: two players talk about a division of items, then each proposes one in secret."""

import functools
import itertools
import operator
import random
import re
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from mirrormatch.games.game import Game
from mirrormatch.games.player_text import normalise, quote_message
from mirrormatch.games.settings import GameSettings, setting
from mirrormatch.games.talk._binding import amount_pattern, join_move, read_amounts, split_move
from mirrormatch.games.types import CHANCE, OVER, Action, Info, Problem, ProblemKind

ITEMS = ("book", "hat", "ball")
NUM_ITEMS = range(5, 8)  # of all types together; of each at least one
WORTH = 10  # of all items together, to each player
BEST_SUM = 19.0  # the most that both together can get in any deal
# The sum that counts as a win in cooperation: blind halves give 10, the best split 12 or more in 95 % of the deals.
WIN_SUM = 12.0
WORST = {"cooperative": 0.0, "selfish": 0.0, "competitive": -float(WORTH)}
BEST = {"cooperative": BEST_SUM, "selfish": float(WORTH), "competitive": float(WORTH)}
_SEATS = ("A", "B")
_WHO_BEGINS = (("A", 1 / 2), ("B", 1 / 2))
_UP_TO = tuple(
    tuple(range(n + 1)) for n in range(NUM_ITEMS[-1])
)  # the amounts that a random player may take, by the number there is
_NUM_CACHED = 4_096  # results of each function that rendering and reading call again and again
_END_CHANCE = 0.25  # probability that a random player ends the talk at its turn
_AMOUNT = amount_pattern(ITEMS)
_DEMAND = re.compile(r"i take ([^.;:]*)")
_VALUES = re.compile(r"my values: book (\d{1,2}), hat (\d{1,2}), ball (\d{1,2})")

Amounts: TypeAlias = tuple[int, ...]  # one per type, in the order of ITEMS
# Items to take -> the score of taking them, and the worth of the rest to the other.
Utilities: TypeAlias = dict[Amounts, tuple[float, float]]


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


class Move(NamedTuple):
    """One turn: talk, or a proposal (None where it is hidden), and the words."""

    kind: str  # "say" or "propose"
    takes: Amounts | None
    words: str


class Table(NamedTuple):
    """The state.

    Attributes:
        to_act: the player to move, chance, or `OVER`.
        counts: the number of items of each type.
        values: the worth of one item of each type, to A and to B.
        begins: the player who begins; -1 before it is drawn.
        moves: the moves so far.
    """

    to_act: int
    counts: Amounts
    values: tuple[Amounts, ...]
    begins: int
    moves: tuple[Move, ...]


class View(NamedTuple):
    """The part of the state that a player knows: its own values and all moves but, until the end, the other's proposal.

    Attributes:
        role: the seat.
        counts: the number of items of each type.
        values: the player's own values.
        moves: the moves; a hidden proposal has no amounts.
        begins: the player who began.
        points: the points of both, once the game is over.
    """

    role: int
    counts: Amounts
    values: Amounts
    moves: tuple[Move, ...]
    begins: int
    points: tuple[int, int] | None


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
            name=settings.full_name("deal_or_no_deal"), version=1, roles=_SEATS, min_return=WORST[objective],
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
        return _WHO_BEGINS if len(state.values) == 2 else _list_outcomes(state.counts, state.values)

    def legal(self, state: Table) -> tuple[Action, ...] | None:
        return None if state.to_act >= 0 else ()

    def apply(self, state: Table, action: Action) -> Table:
        to_act, moves = state.to_act, state.moves
        if to_act == CHANCE:
            return _deal(state, action)
        if to_act == OVER:
            raise ValueError("the game is over")
        move = _read_move(action, state.counts, self._must_propose(moves))
        if isinstance(move, Problem):
            raise ValueError(f"{action!r}: {move.detail}")
        is_over = bool(moves) and moves[-1].kind == "propose"
        return state._replace(to_act=OVER if is_over else 1 - to_act, moves=(*moves, move))

    def returns(self, state: Table) -> tuple[float, ...]:
        return self._score_points(_compute_points(state))

    def forfeit_returns(self, state: Table, role: int) -> tuple[float, ...]:
        """The same as without a deal; in the competitive game the offender loses by the most possible points."""
        if not self.info.zero_sum:
            return (0.0, 0.0)
        return super().forfeit_returns(state, role)

    def swap_seats(self, path: tuple[Action, ...]) -> tuple[Action, ...]:
        """Exchanges the values, and lets the other player begin."""
        counts, mine, others, begins, *moves = path
        return (counts, others, mine, _SEATS[1 - _SEATS.index(begins)], *moves)

    def view(self, state: Table, role: int) -> View:
        values = state.values[role] if role < len(state.values) else ()
        moves, points = state.moves, None
        if state.to_act == OVER:
            points = _compute_points(state)
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
        role, counts, values, moves, begins, points = view
        if begins < 0:
            return "The items are not dealt yet."
        turns = self.settings.turns
        speakers = ("You", "Other") if begins == role else ("Other", "You")
        text = f"{_describe_items(counts, values)}\n"
        for k, move in enumerate(moves):
            text += f"{speakers[k % 2]}: {_show_move(move)}\n"
        if points is not None:
            return text + self._describe_result(points, role)
        if moves and moves[-1].kind == "propose":
            return text + (
                "The talk is over: you must propose." if _player_to_move(view) == role else "Wait for the other."
            )
        if len(moves) >= turns:
            return text + "The talk is over: both must propose."
        return f"{text}Turn {len(moves) + 1} of {turns}."

    def parse(self, state: Table, text: str) -> Action | Problem:
        move = _read_move(text, state.counts, self._must_propose(state.moves))
        return move if isinstance(move, Problem) else _spell_move(move)

    def sample(self, view: View, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        """Demands a random part of the items; sometimes ends the talk, half the time with what the other leaves."""
        takes = tuple([rng.choice(_UP_TO[n]) for n in view.counts])
        ends = self._must_propose(view.moves) or rng.random() < _END_CHANCE
        demand = _read_demand(view.moves[-1].words, view.counts) if view.moves else None
        if ends and demand is not None and rng.random() < 0.5:
            takes = _subtract(view.counts, demand)
        return f"{'propose ' + _list_items(takes) if ends else 'say'} | I take {_list_items(takes)}"

    def solution(self, view: View) -> tuple[tuple[Action, float], ...]:
        """Demands much, then less; accepts a good enough rest; if the other ends the talk, keeps to the last demand."""
        return ((_choose_move(view, self.settings), 1.0),)

    def _must_propose(self, moves: tuple[Move, ...]) -> bool:
        return len(moves) >= self.settings.turns or (bool(moves) and moves[-1].kind == "propose")

    def _score_points(self, points: tuple[int, int]) -> tuple[float, float]:
        a, b = points
        if self.settings.objective == "selfish":
            return (float(a), float(b))
        if self.settings.objective == "cooperative":
            return (float(a + b), float(a + b))
        return (float(a - b), float(b - a))

    def _describe_result(self, points: tuple[int, int], role: int) -> str:
        if points == (0, 0):
            return "No deal: the proposals are not exactly all items. Your score: 0."
        score = self._score_points(points)[role]
        worth = f"worth {points[role]} to you; what the other takes is worth {points[1 - role]} to it"
        return f"Deal: what you take is {worth}. Your score: {score:.0f}."


def _player_to_move(view: View) -> int:
    return (view.begins + len(view.moves)) % 2


def _compute_points(state: Table) -> tuple[int, int]:
    """The worth of the items that A and B take, to themselves; (0, 0) without a deal."""
    first, second = state.moves[-2].takes, state.moves[-1].takes
    assert first is not None and second is not None
    if tuple(map(operator.add, first, second)) != state.counts:
        return (0, 0)
    a, b = (first, second) if (state.begins + len(state.moves)) % 2 == 0 else (second, first)
    return _value_of(a, state.values[0]), _value_of(b, state.values[1])


def _value_of(amounts: Amounts, values: Amounts) -> int:
    return sum(map(operator.mul, amounts, values))


def _subtract(counts: Amounts, takes: Amounts) -> Amounts:
    return tuple(map(operator.sub, counts, takes))


# the deal


@functools.cache
def _list_contexts() -> dict[Amounts, dict[Amounts, tuple[Amounts, ...]]]:
    """Counts -> one player's values -> the possible values of the other player."""
    found: dict[Amounts, dict[Amounts, tuple[Amounts, ...]]] = {}
    for counts in itertools.product(range(1, NUM_ITEMS[-1]), repeat=len(ITEMS)):
        if sum(counts) not in NUM_ITEMS:
            continue
        worth = [v for v in itertools.product(range(WORTH + 1), repeat=len(ITEMS)) if _value_of(counts, v) == WORTH]
        pairs = {v: tuple(w for w in worth if _is_fair(v, w)) for v in worth}
        found[counts] = {v: fitting for v, fitting in pairs.items() if fitting}
    return found


def _is_fair(mine: Amounts, others: Amounts) -> bool:
    """Whether every type has worth to a player, and some type to both."""
    both = list(zip(mine, others, strict=True))
    return all(v or w for v, w in both) and any(v and w for v, w in both)


@functools.lru_cache(_NUM_CACHED)
def _list_outcomes(counts: Amounts, values: tuple[Amounts, ...]) -> tuple[tuple[Action, float], ...]:
    """The outcomes of the next draw: the counts, A's values, B's values. Every whole deal is equally likely."""
    if values:
        fitting = _list_contexts()[counts][values[0]]
        return tuple((_encode(w), 1 / len(fitting)) for w in fitting)
    if counts:
        sizes = {_encode(v): len(fitting) for v, fitting in _list_contexts()[counts].items()}
    else:
        sizes = {_encode(c): sum(map(len, fitting.values())) for c, fitting in _list_contexts().items()}
    total = sum(sizes.values())
    return tuple((code, n / total) for code, n in sizes.items())


@functools.lru_cache(_NUM_CACHED)
def _encode(amounts: Amounts) -> Action:
    return "-".join(map(str, amounts))


@functools.lru_cache(_NUM_CACHED)
def _list_deals(counts: Amounts, values: tuple[Amounts, ...]) -> dict[Action, Amounts]:
    """The possible next draws: action -> amounts."""
    if len(values) == 1:
        return {_encode(w): w for w in _list_contexts()[counts][values[0]]}
    return {_encode(v): v for v in (_list_contexts()[counts] if counts else _list_contexts())}


def _deal(state: Table, action: Action) -> Table:
    counts, values = state.counts, state.values
    if len(values) == 2:
        if action not in _SEATS:
            raise ValueError(f"{action!r} is not who begins, A or B")
        begins = _SEATS.index(action)
        return state._replace(to_act=begins, begins=begins)
    dealt = _list_deals(counts, values).get(action)
    if dealt is None:
        raise ValueError(f"{action!r} is not dealt with {counts} and {values}")
    return state._replace(values=(*values, dealt)) if counts else state._replace(counts=dealt)


# reading


@functools.lru_cache(_NUM_CACHED)  # apply reads the text that parse returned
def _read_move(text: str, counts: Amounts, must_propose: bool) -> Move | Problem:
    """Reads the move in `binding | words`. The binding part is a whole command, never a word inside a sentence."""
    if text.count("|") > 1:
        return Problem(ProblemKind.AMBIGUOUS, "more than one bar: one move at a time")
    binding, words = split_move(text)
    command = normalise(binding)
    if command == "say":
        if must_propose:
            return Problem(ProblemKind.ILLEGAL, "the talk is over: propose what you take")
        return Move("say", None, words)
    if command.startswith(("propose ", "propose:")):
        takes = _read_takes(command.removeprefix("propose").strip(": "), counts)
        return takes if isinstance(takes, Problem) else Move("propose", takes, words)
    return Problem(ProblemKind.NONE, "a move reads 'say | WORDS' or 'propose 1 book 2 hats'")


def _read_takes(text: str, counts: Amounts) -> Amounts | Problem:
    takes = _read_amounts(text, counts)
    if takes is None:
        return Problem(ProblemKind.NONE, "a proposal reads: propose 1 book 2 hats")
    for item, n, there in zip(ITEMS, takes, counts, strict=True):
        if n > there:
            return Problem(
                ProblemKind.ILLEGAL, f"there {'is' if there == 1 else 'are'} only {_count_items(there, item)}"
            )
    return takes


def _read_amounts(text: str, counts: Amounts) -> Amounts | None:
    """Reads the amount of each type; None where the text holds anything else or names a type twice."""
    if text in ("nothing", "everything"):
        return counts if text == "everything" else (0,) * len(ITEMS)
    return read_amounts(text, ITEMS, _AMOUNT)


# writing


def _spell_move(move: Move) -> Action:
    """The canonical spelling of a move; `_read_move` reads it back."""
    binding = "say" if move.takes is None else f"propose {_list_items(move.takes)}"
    return join_move(binding, move.words)


@functools.lru_cache(_NUM_CACHED)
def _show_move(move: Move) -> str:
    """A move as a player sees it; a hidden proposal is only mentioned."""
    is_hidden = move.kind == "propose" and move.takes is None
    binding = "ends the talk with a secret proposal" if is_hidden else _spell_move(move._replace(words=""))
    return f"{binding} {quote_message(move.words)}" if move.words else binding


def _count_items(n: int, item: str) -> str:
    return f"{n} {item}{'s' * (n != 1)}"


@functools.lru_cache(_NUM_CACHED)
def _list_items(amounts: Amounts) -> str:
    return " ".join(_count_items(n, item) for n, item in zip(amounts, ITEMS, strict=True) if n) or "nothing"


@functools.lru_cache(_NUM_CACHED)
def _describe_items(counts: Amounts, values: Amounts) -> str:
    items = ", ".join(_count_items(n, item) for n, item in zip(counts, ITEMS, strict=True))
    worth = ", ".join(f"each {item} {v}" for v, item in zip(values, ITEMS, strict=True))
    return f"Items: {items}.\nWorth to you: {worth}."


# the solver


@functools.lru_cache(_NUM_CACHED)
def _read_demand(words: str, counts: Amounts) -> Amounts | None:
    """The items that the speaker demands, in the words that random players and the solver use."""
    demand = _DEMAND.match(words.casefold())
    takes = _read_amounts(demand[1].strip(), counts) if demand else None
    return takes if takes is not None and all(map(operator.le, takes, counts)) else None


def _find_latest_demand(view: View, mine: bool) -> Amounts | None:
    """The latest demand of the player, or of the other."""
    for k in reversed(range(len(view.moves))):
        if ((view.begins + k) % 2 == view.role) == mine:
            demand = _read_demand(view.moves[k].words, view.counts)
            if demand is not None:
                return demand
    return None


def _find_other_values(view: View) -> Amounts | None:
    """The other's values, if it has stated them."""
    stated = [_VALUES.match(m.words.casefold()) for k, m in enumerate(view.moves) if (view.begins + k) % 2 != view.role]
    for match in stated:
        if match and _value_of(values := tuple(map(int, match.groups())), view.counts) == WORTH:
            return values
    return None


@functools.lru_cache(_NUM_CACHED)
def _compute_utilities(counts: Amounts, mine: Amounts, others: Amounts | None, objective: str) -> Utilities:
    """Every part of the items -> the expected score of taking it, and the expected worth of the rest to the other."""
    fitting = (others,) if others is not None else _list_contexts()[counts][mine]
    mean = [sum(w[k] for w in fitting) / len(fitting) for k in range(len(ITEMS))]
    sign = {"cooperative": 1, "selfish": 0, "competitive": -1}[objective]
    found = {}
    for takes in itertools.product(*(range(n + 1) for n in counts)):
        left = sum(map(operator.mul, _subtract(counts, takes), mean))
        found[takes] = (_value_of(takes, mine) + sign * left, left)
    return found


def _choose_move(view: View, settings: DealOrNoDealSettings) -> Action:
    """The solver's move."""
    counts, others = view.counts, _find_other_values(view)
    utilities = _compute_utilities(counts, view.values, others, settings.objective)
    num_mine = sum((view.begins + k) % 2 == view.role for k in range(len(view.moves)))
    is_cooperative = settings.objective == "cooperative"
    enough = _accepted_score(utilities, num_mine if others is None else 0, settings.objective)
    wish = _choose_wish(utilities, enough, is_cooperative)
    demand = _find_latest_demand(view, mine=False)
    left = None if demand is None else _subtract(counts, demand)
    if view.moves and view.moves[-1].kind == "propose":
        return _propose(_choose_answer(view, utilities, wish))
    if left is not None and utilities[left][0] >= enough:
        return _propose(left)
    if len(view.moves) >= settings.turns:
        return _propose(left if left is not None and utilities[left][0] > 0 else wish)
    if is_cooperative and others is not None:
        return _propose(wish)
    if is_cooperative and not num_mine:
        return f"say | My values: {', '.join(f'{item} {v}' for item, v in zip(ITEMS, view.values, strict=True))}."
    return f"say | I take {_list_items(wish)}; you get the rest."


def _accepted_score(utilities: Utilities, num_turns: int, objective: str) -> float:
    """The score that the solver accepts after this number of own turns."""
    if objective == "cooperative":
        return max(u for u, _ in utilities.values()) - num_turns
    return max(9.0 - num_turns, 4.0) if objective == "selfish" else max(6.0 - 2 * num_turns, 1.0)


def _choose_wish(utilities: Utilities, enough: float, is_cooperative: bool) -> Amounts:
    """The best part among those that score enough, or else score most: for both, or for the other."""

    def key(takes: Amounts) -> tuple[bool, float, float, Amounts]:
        score, left = utilities[takes]
        return (score >= enough, score, left, takes) if is_cooperative else (score >= enough, left, score, takes)

    return max(utilities, key=key)


def _choose_answer(view: View, utilities: Utilities, wish: Amounts) -> Amounts:
    """The items to take after the other has ended the talk: the rest of its demand, else the own latest demand."""
    demand = _read_demand(view.moves[-1].words, view.counts)
    if demand is None:
        return _find_latest_demand(view, mine=True) or wish
    left = _subtract(view.counts, demand)
    return left if utilities[left][0] > 0 else view.counts


def _propose(takes: Amounts) -> Action:
    return f"propose {_list_items(takes)} | I take {_list_items(takes)}"


GAME = DealOrNoDeal()
