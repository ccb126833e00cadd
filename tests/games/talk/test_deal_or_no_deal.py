"""Deal or no deal: the possible deals, the points of proposals, and the secrets."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.games.playing import play_game, play_texts, problem_kind

from mirrormatch import games
from mirrormatch.games import OVER, Action, Problem, ProblemKind

GAME = games.get("deal_or_no_deal")
OBJECTIVES = ("selfish", "cooperative", "competitive")
ITEMS = ("book", "hat", "ball")
#       counts    A's values  B's values  who begins
DEAL = ("1-2-3", "1-3-1", "4-0-2", "A")

nasty = st.text(st.one_of(st.characters(), st.sampled_from("\n\r\t\x1b\x00\x85\u2028\u202e\ud800\"'|[]")))


def get_variant(objective: str) -> Any:
    return games.get(f"deal_or_no_deal:objective={objective}")


def play_moves(*moves: str, game: Any = GAME, deal: tuple[str, ...] = DEAL) -> Any:
    """The state after the deal and the moves, each read as an agent's reply."""
    state = game.start()
    for dealt in deal:
        state = game.apply(state, dealt)
    return play_texts(game, state, moves)


def measure_returns(objective: str, solvers: Sequence[bool], num_games: int = 300) -> tuple[float, float]:
    game = get_variant(objective)
    returns = [game.returns(play_game(game, solvers, seed)[0]) for seed in range(num_games)]
    return sum(a for a, _ in returns) / num_games, sum(b for _, b in returns) / num_games


def count_points(path: list[Action]) -> tuple[int, int]:
    """The worth of the items taken to A and to B, computed slowly: every item is laid on a heap."""
    counts, *values = [[int(n) for n in part.split("-")] for part in path[:3]]
    heaps = dict[str, list[str]]()
    speaker = path[3]
    for move in path[4:]:
        words = move.split("|")[0].split()
        if words[0] == "propose":
            pairs = zip(words[1::2], words[2::2], strict=False)
            heaps[speaker] = [item.removesuffix("s") for n, item in pairs for _ in range(int(n))]
        speaker = "B" if speaker == "A" else "A"
    there = [item for item, n in zip(ITEMS, counts, strict=True) for _ in range(n)]
    if sorted(heaps["A"] + heaps["B"]) != sorted(there):
        return 0, 0
    worth = [dict(zip(ITEMS, value, strict=True)) for value in values]
    a, b = (sum(worth[k][item] for item in heaps[seat]) for k, seat in enumerate("AB"))
    return a, b


def shown_lines(state: Any, role: int, game: Any = GAME) -> list[str]:
    text: str = game.observe(state, role).text
    return text.splitlines()


# the deal


@cache
def list_deals() -> dict[tuple[str, ...], float]:
    """Every deal without the beginner, and its probability."""

    def walk(state: Any, path: tuple[str, ...], p: float) -> Iterator[tuple[tuple[str, ...], float]]:
        if len(path) == 3:
            yield path, p
            return
        for action, q in GAME.chance(state):
            yield from walk(GAME.apply(state, action), (*path, action), p * q)

    return dict(walk(GAME.start(), (), 1.0))


def find_deals_slowly() -> set[tuple[str, ...]]:
    """All deals as Lewis et al. describe them, by trying everything."""
    found = set()
    for counts in product(range(1, 6), repeat=3):
        fair = [v for v in product(range(11), repeat=3) if sum(n * x for n, x in zip(counts, v, strict=True)) == 10]
        for v, w in product(fair, repeat=2):
            wanted = [(x > 0) + (y > 0) for x, y in zip(v, w, strict=True)]
            if 5 <= sum(counts) <= 7 and min(wanted) > 0 and max(wanted) == 2:
                found.add(tuple("-".join(map(str, part)) for part in (counts, v, w)))
    return found


def test_every_legal_deal_is_dealt_and_no_other() -> None:
    assert set(list_deals()) == find_deals_slowly()


def test_there_are_5793_deals() -> None:
    assert len(list_deals()) == 5_793


def test_all_deals_are_equally_likely() -> None:
    assert list(list_deals().values()) == pytest.approx([1 / 5_793] * 5_793)


def test_chance_decides_who_begins() -> None:
    state = play_moves(deal=DEAL[:3])
    assert GAME.chance(state) == (("A", 0.5), ("B", 0.5))
    assert [GAME.to_act(GAME.apply(state, seat)) for seat in "AB"] == [0, 1]


def test_the_best_sum_of_any_deal_is_19_and_12_or_more_in_95_percent() -> None:
    best = [sum(n * max(v, w) for n, v, w in zip(*map(parse_numbers, deal), strict=True)) for deal in list_deals()]
    assert max(best) == 19 and sum(b >= 12 for b in best) / len(best) == pytest.approx(0.952, abs=0.001)


def parse_numbers(code: str) -> list[int]:
    return [int(n) for n in code.split("-")]


# returns


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_returns_equal_a_slow_count_of_items(objective: str) -> None:
    game, kinds = get_variant(objective), Counter[bool]()
    for seed in range(500):
        state, path = play_game(game, (False, False), seed)
        a, b = count_points(path)
        expected = {"selfish": (a, b), "cooperative": (a + b, a + b), "competitive": (a - b, b - a)}[objective]
        assert game.returns(state) == expected, path
        kinds[(a, b) != (0, 0)] += 1
    assert min(kinds[True], kinds[False]) > 50  # deals and failures both


@pytest.mark.parametrize(
    ("objective", "returns"), [("selfish", (7.0, 8.0)), ("cooperative", (15.0, 15.0)), ("competitive", (-1.0, 1.0))]
)
def test_a_deal_by_hand(objective: str, returns: tuple[float, float]) -> None:
    # A takes two hats worth 3 each and a ball worth 1; B a book worth 4 and two balls worth 2 each
    state = play_moves("propose 2 hats 1 ball", "propose 1 book 2 balls", game=get_variant(objective))
    assert get_variant(objective).returns(state) == returns


@pytest.mark.parametrize("second", ["propose 1 book 3 balls", "propose 1 book 1 ball", "propose everything"])
def test_without_exactly_all_items_there_is_no_deal(second: str) -> None:
    assert GAME.returns(play_moves("propose 2 hats 1 ball", second)) == (0.0, 0.0)


def test_everything_and_nothing_make_a_deal() -> None:
    assert GAME.returns(play_moves("propose everything", "propose nothing")) == (10.0, 0.0)


def test_the_returns_are_by_seat_and_not_by_turn() -> None:
    state = play_moves("propose 1 book 2 balls", "propose 2 hats 1 ball", deal=(*DEAL[:3], "B"))
    assert GAME.returns(state) == (7.0, 8.0)


@pytest.mark.parametrize(
    ("objective", "returns"), [("selfish", (0.0, 0.0)), ("cooperative", (0.0, 0.0)), ("competitive", (-10.0, 10.0))]
)
def test_failing_to_move_loses_the_deal(objective: str, returns: tuple[float, float]) -> None:
    assert get_variant(objective).forfeit_returns(play_moves(game=get_variant(objective)), 0) == returns


# turns


def test_a_proposal_ends_the_talk() -> None:
    assert problem_kind(GAME, play_moves("propose 1 book"), "say | wait") is ProblemKind.ILLEGAL


def test_after_eight_turns_of_talk_both_must_propose() -> None:
    state = play_moves(*["say"] * 8)
    assert problem_kind(GAME, state, "say") is ProblemKind.ILLEGAL
    assert GAME.to_act(play_moves(*["say"] * 8, "propose nothing", "propose 1 book")) == OVER


def test_the_turn_passes_to_the_other() -> None:
    assert [GAME.to_act(play_moves(*["say"] * k)) for k in range(3)] == [0, 1, 0]


# reading


@pytest.mark.parametrize("text", [
    "propose 1 book 2 hats", "[Propose 1 book 2 hats]", "PROPOSE 1 book, 2 hats.", "propose 1 book and 2 hats",
    "propose: 1 book 2 hats", "propose 2 hats 1 book 0 balls", '"propose 1 books 2 hat"',
])  # fmt: skip
def test_a_proposal_is_read_in_many_spellings(text: str) -> None:
    assert GAME.parse(play_moves(), text) == "propose 1 book 2 hats"


@pytest.mark.parametrize("text", [
    "I propose 1 book", "propose", "propose books", "propose 1 book 1 book", "propose 1 apple", "propose -1 book",
    "propose 1 book or 2 hats", "do not propose 1 book", "1 book 2 hats", "say I take 1 book", "sayings | x", "",
])  # fmt: skip
def test_anything_else_is_no_move(text: str) -> None:
    assert problem_kind(GAME, play_moves(), text) is ProblemKind.NONE


def test_more_than_there_is_cannot_be_proposed() -> None:
    assert problem_kind(GAME, play_moves(), "propose 2 books") is ProblemKind.ILLEGAL


def test_two_moves_in_one_reply_are_ambiguous() -> None:
    assert problem_kind(GAME, play_moves(), "say | fine\npropose 1 book | bye") is ProblemKind.AMBIGUOUS


@given(nasty)
def test_any_reply_is_a_move_that_reads_back_or_a_problem(text: str) -> None:
    for given_text in (text, f"say | {text}", f"propose 1 book | {text}"):
        move = GAME.parse(play_moves(), given_text)
        assert isinstance(move, Problem) or GAME.parse(play_moves(), move) == move


# what is shown


def test_one_sees_the_items_and_ones_own_values() -> None:
    items, worth = "Items: 1 book, 2 hats, 3 balls.", "Worth to you: each book 4, each hat 0, each ball 2."
    assert shown_lines(play_moves(), 1)[:2] == [items, worth]


def test_both_read_the_words() -> None:
    state = play_moves("say | I need hats")
    assert (shown_lines(state, 0)[2], shown_lines(state, 1)[2]) == (
        'You: say "I need hats"',
        'Other: say "I need hats"',
    )


def test_the_others_proposal_stays_secret_but_its_words_are_heard() -> None:
    state = play_moves("propose 2 hats | you get the rest")
    assert shown_lines(state, 1)[2:] == [
        'Other: ends the talk with a secret proposal "you get the rest"', "The talk is over: you must propose."
    ]  # fmt: skip


def test_what_one_sees_does_not_depend_on_the_others_proposal() -> None:
    assert GAME.observe(play_moves("propose 2 hats"), 1) == GAME.observe(play_moves("propose 3 balls"), 1)


def test_what_one_sees_does_not_depend_on_the_others_values() -> None:
    elsewhere = (*DEAL[:2], "1-0-3", "A")
    assert GAME.observe(play_moves("say | hello"), 0) == GAME.observe(play_moves("say | hello", deal=elsewhere), 0)


def test_at_the_end_both_see_what_each_got() -> None:
    state = play_moves("propose 2 hats 1 ball", "propose 1 book 2 balls")
    assert shown_lines(state, 0)[2:] == [
        "You: propose 2 hats 1 ball", "Other: propose 1 book 2 balls",
        "Deal: what you take is worth 7 to you; what the other takes is worth 8 to it. Your score: 7.",
    ]  # fmt: skip


@given(nasty)
def test_no_message_adds_a_line_or_ends_its_quotation(words: str) -> None:
    move = GAME.parse(play_moves(), f"say | {words}")
    if not isinstance(move, Problem):
        shown = shown_lines(play_moves(move), 1)
        assert len(shown) == 4 and re.fullmatch(r'Other: say( "[^"\n]*")?', shown[2])


# equal seats and the solver


@pytest.mark.parametrize("objective", OBJECTIVES)
@settings(max_examples=50)
@given(seed=st.integers(0, 2**32))
def test_seats_exchanged_in_a_mirrored_deal_exchange_the_returns(objective: str, seed: int) -> None:
    game = get_variant(objective)
    state, path = play_game(game, (False, False), seed)
    mirrored = game.start()
    for action in game.swap_seats(tuple(path)):
        mirrored = game.apply(mirrored, action)
    assert game.returns(mirrored) == game.returns(state)[::-1]


@pytest.mark.parametrize("seat", [0, 1])
def test_a_selfish_solver_gets_more_than_a_random_player(seat: int) -> None:
    returns = measure_returns("selfish", (seat == 0, seat == 1))
    assert returns[seat] > returns[1 - seat] + 1  # 5.6 against 3.3


@pytest.mark.parametrize("seat", [0, 1])
def test_a_competitive_solver_beats_a_random_player(seat: int) -> None:
    assert measure_returns("competitive", (seat == 0, seat == 1))[seat] > 1.5  # 3.2


def test_two_cooperative_solvers_find_the_best_split() -> None:
    game = get_variant("cooperative")
    for seed in range(100):
        state, path = play_game(game, (True, True), seed)
        best = sum(n * max(v, w) for n, v, w in zip(*map(parse_numbers, path[:3]), strict=True))
        assert game.returns(state) == (best, best), path


@pytest.mark.parametrize("solvers", [(True, False), (False, True)])
def test_a_cooperative_solver_helps_a_random_partner(solvers: tuple[bool, bool]) -> None:
    assert (
        measure_returns("cooperative", solvers)[0] > measure_returns("cooperative", (False, False))[0] + 2
    )  # 9.4, 5.5


def test_two_selfish_solvers_nearly_always_deal() -> None:
    assert min(measure_returns("selfish", (True, True))) > 6
