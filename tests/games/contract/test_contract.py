"""The contract holds for every game, and each way to break it is found."""

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mirrormatch import agents, games, play
from mirrormatch.agents import Episode
from mirrormatch.games import CHANCE, OVER, Action, Game, Info, Observation, Problem
from mirrormatch.games.contract.check import Finding, check

SIDES = ("heads", "tails")
GUESSES = ("even", "odd")


class Round(NamedTuple):
    past: tuple[Action, ...]


class Known(NamedTuple):
    role: int
    past: tuple[Action, ...]


class Coin(Game[Any, Any]):
    """A coin is tossed; the teller sees it and calls odd or even; the guesser guesses the side. Nothing is broken."""

    info: Info = Info(
        name=Path(__file__).stem, version=1, roles=("teller", "guesser"), min_return=-1.0, max_return=1.0,
        zero_sum=True, max_turns=2, hidden=True, random=True, open_text=False, solver="rules", forfeit=-1.0,
        source="this test",
    )  # fmt: skip

    def __init_subclass__(cls) -> None:
        cls.__doc__ = cls.__doc__ or Coin.__doc__

    def start(self) -> Any:
        return Round(())

    def to_act(self, state: Any) -> int:
        return (CHANCE, 0, 1, OVER)[len(state.past)]

    def chance(self, state: Any) -> tuple[tuple[Action, float], ...]:
        return (("heads", 0.5), ("tails", 0.5))

    def legal(self, state: Any) -> tuple[Action, ...] | None:
        return ((), GUESSES, SIDES, ())[len(state.past)]

    def apply(self, state: Any, action: Action) -> Any:
        if action not in (SIDES, GUESSES, SIDES, ())[len(state.past)]:
            raise ValueError(f"{action!r} is not allowed now")
        return Round((*state.past, action))

    def returns(self, state: Any) -> tuple[float, ...]:
        return (-1.0, 1.0) if state.past[0] == state.past[2] else (1.0, -1.0)

    def view(self, state: Any, role: int) -> Any:
        return Known(role, state.past[role:])

    def rules(self) -> str:
        return "One tells, one guesses."

    def render(self, view: Any) -> str:
        return f"You know: {', '.join(view.past) or 'nothing'}."

    def notation(self, state: Any) -> dict[str, Action]:
        return {word: word for word in (*SIDES, *GUESSES)}

    def solution(self, view: Any) -> tuple[tuple[Action, float], ...]:
        options = SIDES if view.role else GUESSES
        return ((options[0], 0.5), (options[1], 0.5))


class NoDescription(Coin):
    __doc__ = " "


class OtherName(Coin):
    info = replace(Coin.info, name="coin")


class NoLongerThanOneTurn(Coin):
    info = replace(Coin.info, max_turns=1)


class EndlessChance(Coin):
    def to_act(self, state: Any) -> int:
        return CHANCE

    def apply(self, state: Any, action: Action) -> Any:
        return state if action in SIDES else super().apply(state, action)


class ThirdRole(Coin):
    def to_act(self, state: Any) -> int:
        return (CHANCE, 0, 2, OVER)[len(state.past)]


class SaysNotRandom(Coin):
    info = replace(Coin.info, random=False)


class SaysNotHidden(Coin):
    info = replace(Coin.info, hidden=False)


class SaysOpenText(Coin):
    info = replace(Coin.info, open_text=True)


class ShowsAll(Coin):
    def view(self, state: Any, role: int) -> Any:
        return Known(role, state.past)


class UnhashableState(Coin):
    def start(self) -> Any:
        return MutableRound([])

    def apply(self, state: Any, action: Action) -> Any:
        super().apply(state, action)
        return MutableRound([*state.past, action])


class MutableRound:
    """Compares by content, has no hash."""

    def __init__(self, past: list[Action]) -> None:
        self.past = past

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MutableRound) and self.past == other.past

    def __repr__(self) -> str:
        return f"MutableRound({self.past})"


class StateByIdentity(Coin):
    class Round:
        def __init__(self, past: tuple[Action, ...]) -> None:
            self.past = past

    def start(self) -> Any:
        return self.Round(())

    def apply(self, state: Any, action: Action) -> Any:
        super().apply(state, action)
        return self.Round((*state.past, action))


class ChangesTheOldState(Coin):
    def start(self) -> Any:
        return LoggedRound((), [])

    def apply(self, state: Any, action: Action) -> Any:
        past = super().apply(state, action).past
        state.log.append(action)
        return LoggedRound(past, [])


class LoggedRound(NamedTuple):
    past: tuple[Action, ...]
    log: list[Action]

    def __hash__(self) -> int:
        return hash(self.past)


class LopsidedChance(Coin):
    def chance(self, state: Any) -> tuple[tuple[Action, float], ...]:
        return (("heads", 0.5), ("tails", 0.6))


class ImpossibleChance(Coin):
    def chance(self, state: Any) -> tuple[tuple[Action, float], ...]:
        return (("heads", 1.0), ("tails", 0.0))


class UnsortedMoves(Coin):
    def legal(self, state: Any) -> tuple[Action, ...] | None:
        return ((), GUESSES[::-1], SIDES, ())[len(state.past)]


class RepeatedMoves(Coin):
    def legal(self, state: Any) -> tuple[Action, ...] | None:
        return ((), GUESSES, ("heads", "heads", "tails"), ())[len(state.past)]


class MovesDuringChance(Coin):
    def legal(self, state: Any) -> tuple[Action, ...] | None:
        return (SIDES, GUESSES, SIDES, ())[len(state.past)]


class TakesAnything(Coin):
    def apply(self, state: Any, action: Action) -> Any:
        return Round((*state.past, action))


class RefusesWithAnotherError(Coin):
    def apply(self, state: Any, action: Action) -> Any:
        try:
            return super().apply(state, action)
        except ValueError:
            raise KeyError(action) from None


class ShowsTheCoin(Coin):
    def observe(self, state: Any, role: int) -> Observation:
        seen = super().observe(state, role)
        return seen._replace(text=f"{seen.text} The coin: {state.past[:1]}.")


class MovesRevealTheCoin(Coin):
    info = replace(Coin.info, solver=None)

    def legal(self, state: Any) -> tuple[Action, ...] | None:
        return state.past[:1] if len(state.past) == 2 else super().legal(state)


class TerminalEscapes(Coin):
    def render(self, view: Any) -> str:
        return "\x1b[2J" + super().render(view)


class UnhashableView(Coin):
    info = replace(Coin.info, solver=None)

    def view(self, state: Any, role: int) -> Any:
        return MutableRound(list(state.past[role:]))


class ReadsCase(Coin):
    def parse(self, state: Any, text: str) -> Action | Problem:
        return text if text in SIDES else super().parse(state, text)

    def notation(self, state: Any) -> dict[str, Action]:
        return {word: word for word in GUESSES}


class HearsTheMoveInAnySentence(Coin):
    def parse(self, state: Any, text: str) -> Action | Problem:
        named = [word for word in self.legal(state) or () if word in text.lower()]
        return named[0] if len(named) == 1 else super().parse(state, text)


class TakesTheFirstOfTwo(Coin):
    def parse(self, state: Any, text: str) -> Action | Problem:
        move = super().parse(state, text)
        named = [word for word in self.legal(state) or () if word in text.lower()]
        return named[0] if len(named) == 2 else move


class HasADefaultMove(Coin):
    def parse(self, state: Any, text: str) -> Action | Problem:
        move = super().parse(state, text)
        return (self.legal(state) or ("",))[0] if isinstance(move, Problem) else move


class BacktracksOnARowOfWords(Coin):
    def parse(self, state: Any, text: str) -> Action | Problem:
        re.fullmatch(r"(?:[a-z]+ ?)+", text)
        return super().parse(state, text)


class SamplesNonsense(Coin):
    def sample(self, view: Any, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        return "edge"


class SamplesByItself(Coin):
    generator = random.Random(7)

    def sample(self, view: Any, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        return super().sample(view, legal, self.generator)


class SolvesTooMuch(Coin):
    def solution(self, view: Any) -> tuple[tuple[Action, float], ...]:
        return tuple((action, 1.0) for action, _ in super().solution(view))


class SolvesWithAnotherMove(Coin):
    def solution(self, view: Any) -> tuple[tuple[Action, float], ...]:
        return (("edge", 1.0),)


class PaysTooMuch(Coin):
    def returns(self, state: Any) -> tuple[float, ...]:
        return (2.0, -2.0)


class PaysNotANumber(Coin):
    info = replace(Coin.info, zero_sum=False)

    def returns(self, state: Any) -> tuple[float, ...]:
        return (float("nan"), 0.0)


class PaysBoth(Coin):
    def returns(self, state: Any) -> tuple[float, ...]:
        return (1.0, 1.0)


class RewardsSilence(Coin):
    info = replace(Coin.info, forfeit=1.0)


class SharesUnequally(Coin):
    info = replace(Coin.info, zero_sum=False, cooperative=True)


class CooperatesAgainstEachOther(Coin):
    info = replace(Coin.info, cooperative=True)

    def returns(self, state: Any) -> tuple[float, ...]:
        return (0.0, 0.0)


class WinOutOfReach(Coin):
    info = replace(Coin.info, win_at=5.0)


class SaysTheSeatsAreEqual(Coin):
    def swap_seats(self, path: tuple[Action, ...]) -> tuple[Action, ...] | None:
        return path


class PaysTwice(Coin):
    def reward(self, state: Any, action: Action, after: Any) -> tuple[float, ...] | None:
        return self.returns(after) if len(state.past) == 2 else (0.5, -0.5) if state.past else (0.0, 0.0)


class PaysNowAndThen(Coin):
    def reward(self, state: Any, action: Action, after: Any) -> tuple[float, ...] | None:
        return self.returns(after) if len(state.past) == 2 else None


class PaysForTheDeal(Coin):
    def reward(self, state: Any, action: Action, after: Any) -> tuple[float, ...] | None:
        first = (0.5, -0.5)
        if not state.past:
            return first
        rest = tuple(a - b for a, b in zip(self.returns(after), first, strict=True)) if len(state.past) == 2 else None
        return rest or (0.0, 0.0)


class ChangesParts(Coin):
    def part(self, state: Any, role: int) -> str:
        return f"{self.info.roles[role]} {len(state.past)}"


class NamelessPart(Coin):
    def part(self, state: Any, role: int) -> str:
        return " "


class NoRoles(Coin):
    info = replace(Coin.info, roles=())


class RolesAlike(Coin):
    info = replace(Coin.info, roles=("player", "player"))


class RemembersTheLastGame(Coin):
    tosses = 0

    def chance(self, state: Any) -> tuple[tuple[Action, float], ...]:
        self.tosses += 1
        return (("heads", 0.5), ("tails", 0.5)) if self.tosses % 5 else (("tails", 1.0),)


class AnyWordIsTheSameMove(Coin):
    """Its moves are free text, but every text without a side counts as tails."""

    info = replace(Coin.info, open_text=True)

    def legal(self, state: Any) -> tuple[Action, ...] | None:
        return None if len(state.past) == 2 else super().legal(state)

    def parse(self, state: Any, text: str) -> Action | Problem:
        return super().parse(state, text) if len(state.past) == 1 else ("heads" if "heads" in text.lower() else "tails")

    def sample(self, view: Any, legal: tuple[Action, ...] | None, rng: random.Random) -> Action:
        return rng.choice(legal or SIDES)


BROKEN: dict[type[Coin], set[str]] = {
    NoDescription: {"facts make sense"},
    OtherName: {"name is the file"},
    NoLongerThanOneTurn: {"play"},
    EndlessChance: {"play", "apply leaves the state", "flags are used"},
    ThirdRole: {"play"},
    SaysNotRandom: {"chance adds up"},
    SaysNotHidden: {"alike is shown alike"},
    SaysOpenText: {"flags are used"},
    ShowsAll: {"flags are used"},
    UnhashableState: {"states are values", "apply leaves the state", "view is hashable"},
    StateByIdentity: {"states are values", "games repeat"},
    ChangesTheOldState: {"apply leaves the state", "states are values"},
    LopsidedChance: {"chance adds up"},
    ImpossibleChance: {"chance adds up"},
    UnsortedMoves: {"legal is in order"},
    RepeatedMoves: {"legal is in order"},
    MovesDuringChance: {"legal is in order"},
    TakesAnything: {"illegal is refused"},
    RefusesWithAnotherError: {"illegal is refused"},
    ShowsTheCoin: {"observation is the view", "alike is shown alike"},
    MovesRevealTheCoin: {"alike is shown alike", "illegal is refused"},
    TerminalEscapes: {"observation is the view"},
    UnhashableView: {"view is hashable"},
    ReadsCase: {"moves are read back"},
    HearsTheMoveInAnySentence: {"junk is no move"},
    TakesTheFirstOfTwo: {"junk is no move"},
    HasADefaultMove: {"junk is no move"},
    BacktracksOnARowOfWords: {"reading is quick"},
    SamplesNonsense: {"samples are moves"},
    SamplesByItself: {"samples are moves"},
    SolvesTooMuch: {"solution adds up"},
    SolvesWithAnotherMove: {"solution adds up"},
    PaysTooMuch: {"returns within bounds"},
    PaysNotANumber: {"returns within bounds"},
    PaysBoth: {"returns add up"},
    RewardsSilence: {"forfeits are losses"},
    SharesUnequally: {"returns are shared"},
    CooperatesAgainstEachOther: {"facts make sense", "forfeits are losses"},
    WinOutOfReach: {"facts make sense"},
    SaysTheSeatsAreEqual: {"seats are equal"},
    PaysTwice: {"rewards add up"},
    PaysNowAndThen: {"rewards add up"},
    PaysForTheDeal: {"rewards add up"},
    ChangesParts: {"parts are dealt once"},
    NamelessPart: {"parts are dealt once"},
    NoRoles: {"facts make sense", "play", "flags are used"},
    RolesAlike: {"facts make sense"},
    RemembersTheLastGame: {"games repeat"},
    AnyWordIsTheSameMove: {"junk is no move"},
}


METHODS = (
    "start", "to_act", "chance", "legal", "apply", "view", "render", "observe", "rules", "parse", "notation",
    "solution", "sample", "returns", "forfeit_returns", "part", "reward",
)  # fmt: skip


def broken_rules(findings: list[Finding]) -> set[str]:
    return {finding.rule for finding in findings}


@pytest.mark.slow
@pytest.mark.parametrize("name", games.names())
def test_every_game_keeps_the_contract(name: str) -> None:
    assert check(games.get(name)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [f"{n}:{given}" for n in games.names() for given in games.get(n).examples])
def test_every_variant_keeps_the_contract(name: str) -> None:
    assert check(games.get(name), num_games=50) == []


@pytest.mark.parametrize("name", games.names())
def test_equal_seeds_give_equal_games_however_many_run_at_once(name: str) -> None:
    game = games.get(name)
    players = [agents.get("random")] * len(game.info.roles)

    async def at_once() -> list[Episode]:
        return await asyncio.gather(*(play(game, players, k % 3) for k in range(9)))

    together = asyncio.run(at_once())
    alone = [asyncio.run(play(game, players, seed)) for seed in range(3)]
    assert together == alone * 3


def test_the_toy_game_keeps_the_contract() -> None:
    assert check(Coin(), num_games=50) == []


@pytest.mark.slow
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_a_broken_game_is_found_out(broken: type[Coin]) -> None:
    assert broken_rules(check(broken(), num_games=50)) == BROKEN[broken]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_raises_is_a_finding(method: str) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("out of order")

    assert any("RuntimeError: out of order" in f.message for f in check(replace_method(method, broken), num_games=5))


@pytest.mark.parametrize("method", [m for m in METHODS if m != "reward"])  # a game without rewards returns None
def test_a_method_that_returns_nothing_is_a_finding(method: str) -> None:
    assert check(replace_method(method, lambda *_: None), num_games=5)


def replace_method(name: str, method: Callable[..., None]) -> Coin:
    broken: type[Coin] = type("Broken", (Coin,), {name: method})
    return broken()


def test_a_finding_shows_the_moves_that_lead_to_it() -> None:
    shown = {f.rule: f.shown_by for f in check(PaysBoth(), num_games=5)}
    assert shown["returns add up"].startswith("after ['heads', 'even', 'heads'], game seed")


def test_a_finding_is_the_same_for_the_same_seed() -> None:
    assert check(PaysBoth(), num_games=5, seed=3) == check(PaysBoth(), num_games=5, seed=3)


def test_a_rule_is_found_broken_only_once() -> None:
    findings = check(PaysBoth(), num_games=50)
    assert len(findings) == len(broken_rules(findings))


def test_a_state_that_cannot_be_printed_is_no_crash() -> None:
    class Unprintable(Round):
        def __repr__(self) -> str:
            raise RuntimeError("no words")

    class Silent(UnsortedMoves):
        def start(self) -> Any:
            return Unprintable(())

        def apply(self, state: Any, action: Action) -> Any:
            return Unprintable(super().apply(state, action).past)

    assert "legal is in order" in broken_rules(check(Silent(), num_games=5))
