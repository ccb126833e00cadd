"""Liar's dice agrees with OpenSpiel for two players and with a slow oracle for more; bids have many spellings."""

import itertools
import random
from typing import Any, NamedTuple

import pyspiel
import pytest
from tests.games.openspiel_agreement import agree

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Action, Game, Problem, ProblemKind
from mirrormatch.games.cards.liars_dice import LIAR
from mirrormatch.games.theory.best_response import exploitability
from mirrormatch.games.theory.information_states import information_states

GAME = games.get("liars_dice")
SMALLEST = games.get("liars_dice:dice=1,faces=3")
NUM_GAMES = 500
CROWDS = ("liars_dice", "liars_dice:players=3", "liars_dice:players=4,dice=1", "liars_dice:players=4,dice=4,faces=4")


class Oracle:
    """A slow oracle of the rules: a list of dice per player, a bid as a pair of numbers."""

    def __init__(self, players: int, dice: int, faces: int) -> None:
        self.hands: list[list[int]] = [[] for _ in range(players)]
        self.dice, self.faces = dice, faces
        self.turn = 0
        self.bid: tuple[int, int] | None = None
        self.bidder = self.loser = -1

    def roll(self, face: int) -> None:
        next(hand for hand in self.hands if len(hand) < self.dice).append(face)

    def bids(self) -> set[tuple[int, int]]:
        everything = itertools.product(range(1, len(self.hands) * self.dice + 1), range(1, self.faces + 1))
        if self.bid is None:
            return set(everything)
        number, face = self.bid
        return {(n, f) for n, f in everything if n > number or (n == number and f > face)}

    def raise_to(self, bid: tuple[int, int]) -> None:
        self.bid, self.bidder = bid, self.turn
        self.turn = self.turn + 1 if self.turn + 1 < len(self.hands) else 0

    def call(self) -> None:
        assert self.bid is not None
        number, face = self.bid
        found = 0
        for hand in self.hands:
            for die in hand:
                if die == face or die == self.faces:
                    found += 1
        self.loser = self.turn if found >= number else self.bidder

    def returns(self) -> tuple[float, ...]:
        shares = [1 / (len(self.hands) - 1)] * len(self.hands)
        shares[self.loser] = -1.0
        return tuple(shares)


class Sides(NamedTuple):
    """OpenSpiel's parameters."""

    numdice: int
    dice_sides: int


def reach(dice: str, *calls: str, game: Game[Any, Any] = GAME) -> Any:
    """Returns the state after the roll, player by player, and the calls, parsed like an agent's replies."""
    state = game.start()
    for face in dice:
        state = game.apply(state, face)
    for text in calls:
        move = game.parse(state, text)
        assert not isinstance(move, Problem), f"{text!r}: {move}"
        state = game.apply(state, move)
    return state


def problem_of(state: Any, text: str) -> ProblemKind:
    move = GAME.parse(state, text)
    assert isinstance(move, Problem), f"{text!r} was read as {move!r}"
    return move.kind


def mean_return(game: Game[Any, Any], solver: int, num_games: int = 200) -> float:
    """The solver's mean return in that seat when all others play at random."""
    rng, total = random.Random(3), 0.0
    for _ in range(num_games):
        state = game.start()
        while (role := game.to_act(state)) != OVER:
            if role == solver:
                action = game.solution(game.view(state, role))[0][0]
            else:
                action = rng.choice([a for a, _ in game.chance(state)] if role == CHANCE else game.legal(state) or ())
            state = game.apply(state, action)
        total += game.returns(state)[solver]
    return total / num_games


# the rules


@pytest.mark.parametrize("sides", [Sides(1, 6), Sides(2, 6), Sides(1, 3), Sides(3, 4), Sides(4, 5)], ids=str)
def test_random_games_for_two_are_openspiels_move_by_move(sides: Sides) -> None:
    game = games.get("liars_dice").with_settings(f"dice={sides.numdice},faces={sides.dice_sides}")
    theirs = pyspiel.load_game("liars_dice", sides._asdict())

    def their_action(ours: Any, action: Action, state: Any) -> int:
        if state.is_chance_node():
            return int(action) - 1
        number, _, face = action.partition("x")
        bids = 2 * sides.numdice * sides.dice_sides
        return bids if action == LIAR else (int(number) - 1) * sides.dice_sides + int(face) - 1

    assert agree(game, theirs, their_action) > 9_000


@pytest.mark.parametrize("name", CROWDS)
def test_random_games_of_a_crowd_are_the_slow_oracles(name: str) -> None:
    game, rng = games.get(name), random.Random(5)
    settings: Any = game.settings
    for _ in range(NUM_GAMES):
        state, oracle = game.start(), Oracle(settings.players, settings.dice, settings.faces)
        while (role := game.to_act(state)) != OVER:
            if role == CHANCE:
                action = rng.choice(game.chance(state))[0]
                oracle.roll(int(action))
            else:
                legal = game.legal(state) or ()
                bids = {(int(n), int(f)) for n, _, f in (a.partition("x") for a in legal if a != LIAR)}
                assert (role, bids, LIAR in legal) == (oracle.turn, oracle.bids(), oracle.bid is not None)
                action = rng.choice(legal)
                oracle.call() if action == LIAR else oracle.raise_to((int(action.split("x")[0]), int(action[-1])))
            state = game.apply(state, action)
        assert game.returns(state) == oracle.returns()


@pytest.mark.parametrize(
    ("dice", "bid", "is_true"),
    [
        ("1553", "2x5", True),
        ("1553", "3x5", False),
        ("1653", "2x5", True),  # the six counts as a five
        ("1653", "1x6", True),
        ("1553", "1x6", False),
        ("6666", "4x1", True),
        ("1116", "2x6", False),  # but no face counts as a six
    ],
)
def test_the_caller_loses_if_the_bid_is_true(dice: str, bid: str, is_true: bool) -> None:
    assert GAME.returns(reach(dice, bid, LIAR)) == ((1.0, -1.0) if is_true else (-1.0, 1.0))


def test_the_highest_face_of_a_small_die_is_wild_too() -> None:
    assert SMALLEST.returns(reach("31", "2x1", LIAR, game=SMALLEST)) == (1.0, -1.0)


def test_a_player_without_a_part_in_the_challenge_wins_with_the_winner() -> None:
    trio = games.get("liars_dice:players=3,dice=1")
    # The second has bid two fives, there is one: it loses to the third, and the first shares the win.
    assert trio.returns(reach("513", "1x5", "2x5", LIAR, game=trio)) == (0.5, -1.0, 0.5)


def test_the_third_of_three_is_followed_by_the_first() -> None:
    trio = games.get("liars_dice:players=3,dice=1")
    assert trio.to_act(reach("513", "1x1", "1x2", "1x3", game=trio)) == 0


def test_there_is_no_bid_to_call_before_the_first() -> None:
    assert problem_of(reach("1553"), LIAR) is ProblemKind.ILLEGAL


def test_the_highest_bid_can_only_be_called() -> None:
    assert GAME.legal(reach("1553", "4x6")) == (LIAR,)


def test_the_smallest_game_has_as_many_information_states_as_openspiels() -> None:
    theirs = pyspiel.load_game("liars_dice", {"numdice": 1, "dice_sides": 3})
    found, waiting = set[str](), [theirs.new_initial_state()]
    while waiting:
        state = waiting.pop()
        found |= {state.information_state_string()} if state.current_player() >= 0 else set()
        waiting += [state.child(action) for action in state.legal_actions()]
    assert len(information_states(SMALLEST)) == len(found) == 192


def test_uniform_play_of_the_smallest_game_is_as_exploitable_as_openspiel_says() -> None:
    theirs = pyspiel.load_game("liars_dice", {"numdice": 1, "dice_sides": 3})
    moves = {spot.view: spot.legal for spot in information_states(SMALLEST)}
    found = exploitability(SMALLEST, lambda view: dict.fromkeys(moves[view], 1 / len(moves[view])))
    assert found.value == pytest.approx(pyspiel.exploitability(theirs, pyspiel.UniformRandomPolicy(theirs)))


# rendering and parsing


@pytest.mark.parametrize(
    "text", ["2x5", "2 x 5", "2X5", "[2×5]", "2*5", "bid 2x5", "two fives", "Bid two fives.", "2 fives", "2 5s"]
)
def test_a_bid_may_be_written_in_many_ways(text: str) -> None:
    assert GAME.parse(reach("1553"), text) == "2x5"


@pytest.mark.parametrize("text", ["liar", "Liar!", "call liar", "challenge", "bluff"])
def test_a_challenge_may_be_written_in_many_ways(text: str) -> None:
    assert GAME.parse(reach("1553", "2x5"), text) == LIAR


@pytest.mark.parametrize("text", ["2 5", "25", "5", "2x", "x5", "2x7", "0x5", "5x1", "I don't bid 2x5", "fives", ""])
def test_what_is_no_bid_is_none(text: str) -> None:
    assert problem_of(reach("1553"), text) is ProblemKind.NONE


@pytest.mark.parametrize("text", ["2x5 or 3x5", "2x5 liar", "not liar, 3x1"])
def test_two_moves_are_ambiguous(text: str) -> None:
    assert problem_of(reach("1553", "2x4"), text) is ProblemKind.AMBIGUOUS


@pytest.mark.parametrize("text", ["2x4", "2x5", "1x6"])
def test_a_bid_that_does_not_raise_is_illegal(text: str) -> None:
    assert problem_of(reach("1553", "2x5"), text) is ProblemKind.ILLEGAL


def test_a_player_is_shown_its_own_dice_and_the_bids() -> None:
    assert GAME.observe(reach("1553", "1x5", "2x5"), 1).text == (
        "You are the second of 2 players. Your dice: 3 5. There are 4 dice in all.\nBids: 1x5 (first), 2x5 (you)."
    )


def test_all_dice_are_shown_after_the_challenge() -> None:
    assert GAME.observe(reach("1553", "2x5", LIAR), 0).text.endswith("Shown: you 1 5, second 3 5. 2x5 is true.")


@pytest.mark.parametrize("name", CROWDS)
def test_no_player_sees_another_players_dice_before(name: str) -> None:
    game, rng = games.get(name), random.Random(7)
    settings: Any = game.settings
    for role in range(settings.players):
        own = "".join(rng.choices("123", k=settings.dice))
        before, behind = role * settings.dice, (settings.players - role - 1) * settings.dice
        states = [reach("1" * before + own + "1" * behind, "1x2", game=game)]
        states += [reach("2" * before + own + "3" * behind, "1x2", game=game)]
        assert len({game.observe(state, role) for state in states}) == len({game.view(s, role) for s in states}) == 1


# the solver


def test_the_solver_calls_a_bid_that_cannot_be_true() -> None:
    assert GAME.solution(GAME.view(reach("1253", "4x4"), 1)) == ((LIAR, 1.0),)


def test_the_solver_does_not_call_what_its_own_dice_prove() -> None:
    assert GAME.solution(GAME.view(reach("1255", "2x5"), 1)) != ((LIAR, 1.0),)


@pytest.mark.parametrize(("name", "least"), [("liars_dice", 0.6), ("liars_dice:players=3", 0.3)])
def test_the_solver_beats_random_players_in_every_seat(name: str, least: float) -> None:
    game = games.get(name)
    assert min(mean_return(game, solver) for solver in range(len(game.info.roles))) > least
