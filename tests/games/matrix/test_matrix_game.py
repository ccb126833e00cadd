"""All 144 games are OpenSpiel's matrix games of the same payoffs; composed ones agree with hand-computed payoffs."""

import asyncio
import itertools
import random
from typing import Any

import pyspiel
import pytest
from tests.games.openspiel_agreement import agree

from mirrormatch import agents, games, play
from mirrormatch.errors import UserError
from mirrormatch.games import OVER, Action, Game, Problem
from mirrormatch.games.matrix._tables import all_games, find

GAME = games.get("matrix_game")
NUMBERS = [game.number for game in all_games()]
VARIANTS = ["matrix_game", *(f"matrix_game:{given}" for given in GAME.examples)]
COMPOSED = [
    f"matrix_game:compose={how},game={a},second={b},third={c}"
    for how, (a, b, c) in itertools.product(
        ("sequential", "parallel", "nested"),
        [("prisoners_dilemma", "stag_hunt", "none"), ("g222", "chicken", "none"), ("g222", "g242", "g144")],
    )
]
ROUNDS = 4


def reach(game: Game[Any, Any], *moves: Action) -> Any:
    state = game.start()
    for move in moves:
        state = game.apply(state, move)
    return state


def matrices(*tables: Any) -> tuple[list[list[float]], list[list[float]]]:
    """Both players' summed payoffs over all tables, by the choices at each table in binary order."""
    choices = list(itertools.product((0, 1), repeat=len(tables)))
    first, second = (
        [[sum(t[a][b][role] for t, a, b in zip(tables, i, j, strict=True)) for j in choices] for i in choices]
        for role in (0, 1)
    )
    return first, second


def their_action(state: Any, action: Action, theirs: Any) -> int:
    return int("".join("01"["ab".index(letter)] for letter in action.split()), 2)


# against OpenSpiel


@pytest.mark.parametrize("number", NUMBERS)
def test_a_single_shot_is_openspiels_matrix_game(number: str) -> None:
    theirs = pyspiel.convert_to_turn_based(pyspiel.create_matrix_game(*matrices(find(number).table)))
    assert agree(games.get(f"matrix_game:game={number}"), theirs, their_action, num_games=20) == 40


@pytest.mark.parametrize("number", NUMBERS)
def test_rounds_are_openspiels_repeated_game(number: str) -> None:
    stage = pyspiel.create_matrix_game(*matrices(find(number).table))
    theirs = pyspiel.create_repeated_game(stage, {"num_repetitions": ROUNDS, "enable_infostate": False})
    ours = games.get(f"matrix_game:game={number},rounds={ROUNDS}")
    assert agree(ours, pyspiel.convert_to_turn_based(theirs), their_action, num_games=10) == 10 * 2 * ROUNDS


@pytest.mark.parametrize("names", [("chicken", "g412"), ("g222", "hero", "g361")])
def test_parallel_games_are_one_matrix_game_of_their_sums(names: tuple[str, ...]) -> None:
    theirs = pyspiel.convert_to_turn_based(pyspiel.create_matrix_game(*matrices(*(find(n).table for n in names))))
    given = ",".join(f"{k}={n}" for k, n in zip(("game", "second", "third"), names, strict=False))
    agree(games.get(f"matrix_game:compose=parallel,{given}"), theirs, their_action, num_games=1_000)


# returns by hand


@pytest.mark.parametrize(("moves", "expected"), [("aa", (3, 3)), ("ab", (1, 4)), ("ba", (4, 1)), ("bb", (2, 2))])
def test_the_prisoners_dilemma_pays_its_ranks(moves: str, expected: tuple[float, float]) -> None:
    assert GAME.returns(reach(GAME, *moves)) == expected


def test_points_add_up_over_the_rounds() -> None:
    game = games.get("matrix_game:rounds=3")
    assert game.returns(reach(game, *"aa", *"ab", *"bb")) == (6, 9)  # 3+1+2 and 3+4+2


def test_games_in_sequence_pay_one_after_the_other() -> None:
    game = games.get("matrix_game:compose=sequential,second=chicken,third=g112,rounds=2")
    # prisoners_dilemma ab: 1, 4; chicken ba: 4, 2; g112 ab (first's ranking 3 1 4 2, second's 3 2 4 1): 1, 4; then aa
    # everywhere: 3, 3 each time
    assert game.returns(reach(game, *"ab", *"ba", *"ab", *"aaaaaa")) == (1 + 4 + 1 + 9, 4 + 2 + 4 + 9)


def test_parallel_games_pay_together() -> None:
    game = games.get("matrix_game:compose=parallel,second=chicken")
    assert game.returns(reach(game, "a b", "b a")) == (1 + 4, 4 + 2)


def test_both_first_choices_open_the_inner_game() -> None:
    game = games.get("matrix_game:compose=nested,second=stag_hunt")
    assert game.returns(reach(game, *"aa", *"ab")) == (3 + 1, 3 + 3)


@pytest.mark.parametrize(("moves", "expected"), [("ab", (1, 4)), ("ba", (4, 1)), ("bb", (2, 2))])
def test_without_a_third_game_any_other_outcome_ends_the_round(moves: str, expected: tuple[float, float]) -> None:
    game = games.get("matrix_game:compose=nested,second=stag_hunt")
    state = reach(game, *moves)
    assert (game.to_act(state), game.returns(state)) == (OVER, expected)


def test_any_other_outcome_leads_to_the_third_game() -> None:
    game = games.get("matrix_game:compose=nested,second=stag_hunt,third=chicken")
    assert game.returns(reach(game, *"ba", *"ba")) == (4 + 4, 1 + 2)


def test_the_next_round_of_a_nested_game_begins_with_the_outer_game() -> None:
    game = games.get("matrix_game:compose=nested,rounds=2")
    state = reach(game, *"bb", *"aa")
    assert game.observe(state, 0).text.splitlines()[-2:] == ["Round 2 of 2, game 2.", "Points: you 5, other 5."]


@pytest.mark.parametrize(
    ("given", "bounds", "max_turns"),
    [
        ("rounds=1", (1, 4), 2),
        ("rounds=20", (20, 80), 40),
        ("compose=sequential,third=hero", (3, 12), 6),
        ("compose=parallel,third=hero,rounds=2", (6, 24), 4),
        ("compose=nested", (1, 7), 4),  # one alone gives way: 1; 3 and then 4 in the stag hunt
        ("compose=nested,third=chicken", (2, 8), 4),  # 1 and then 1; 4 and then 4
    ],
)
def test_the_bounds_are_tight(given: str, bounds: tuple[float, float], max_turns: int) -> None:
    info = games.get(f"matrix_game:{given}").info
    assert ((info.min_return, info.max_return), info.max_turns) == (bounds, max_turns)


# secrets


@pytest.mark.parametrize("name", VARIANTS)
def test_the_second_does_not_see_what_the_first_has_just_chosen(name: str) -> None:
    game, rng = games.get(name), random.Random(3)
    for _ in range(20):
        state = game.start()
        while game.to_act(state) != OVER:
            if game.to_act(state) == 0:
                before = game.observe(state, 1).text
                chosen = [game.apply(state, move) for move in game.legal(state) or ()]
                assert {game.observe(s, 1).text for s in chosen} == {before}
                assert len({game.view(s, 1) for s in chosen}) == 1
            state = game.apply(state, rng.choice(game.legal(state) or ()))


def test_both_see_the_choices_of_a_finished_round() -> None:
    game = games.get("matrix_game:rounds=2,story=couriers")
    shown = [game.observe(reach(game, "north", "south"), role).text for role in (0, 1)]
    assert "Round 1: you north, other south; you got 1, other got 4." in shown[0]
    assert "Round 1: you south, other north; you got 4, other got 1." in shown[1]


def test_each_is_shown_its_own_payoffs_first() -> None:
    game = games.get("matrix_game:game=g112")
    assert "You a, other b: you get 1, other gets 4." in game.observe(game.start(), 0).text
    assert "You a, other b: you get 2, other gets 4." in game.observe(game.start(), 1).text


# solutions


def expected_return(game: Game[Any, Any], state: Any, role: int, plan: dict[Any, Action]) -> float:
    """Computes the role's expected return if it follows the plan where it has one, and both the solution elsewhere."""
    actor = game.to_act(state)
    if actor == OVER:
        return game.returns(state)[role]
    view = game.view(state, actor)
    options = ((plan[view], 1.0),) if actor == role and view in plan else game.solution(view)
    return sum(p * expected_return(game, game.apply(state, move), role, plan) for move, p in options)


def round_starts(game: Game[Any, Any]) -> list[Any]:
    """All states without a pending choice."""
    found, waiting = list[Any](), [game.start()]
    while waiting:
        if game.to_act(state := waiting.pop()) == OVER:
            continue
        found += [state] if game.to_act(state) == 0 else []
        waiting += [game.apply(state, move) for move in game.legal(state) or ()]
    return found


def observe_text(game: Game[Any, Any], state: Any, role: int) -> Any:
    return game.view(state if role == 0 else game.apply(state, (game.legal(state) or ("",))[0]), role)


def best_deviation_gain(game: Game[Any, Any], state: Any, role: int) -> float:
    """The role's maximum gain from one deviation at this state; an equilibrium has no gain at any state."""
    kept = expected_return(game, state, role, {})
    view = observe_text(game, state, role)
    return max(expected_return(game, state, role, {view: move}) for move in game.legal(state) or ()) - kept


@pytest.mark.parametrize("role", [0, 1])
@pytest.mark.parametrize("name", [*COMPOSED, "matrix_game:rounds=3,game=g222", "matrix_game:rounds=3,game=chicken"])
def test_no_player_gains_by_leaving_the_solution_anywhere(name: str, role: int) -> None:
    game = games.get(name)
    assert max(best_deviation_gain(game, state, role) for state in round_starts(game)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("role", [0, 1])
@pytest.mark.parametrize("number", NUMBERS)
def test_no_player_gains_by_leaving_the_solution_of_a_nested_game(number: str, role: int) -> None:
    game = games.get(f"matrix_game:compose=nested,game=prisoners_dilemma,second={number},third=g222")
    assert max(best_deviation_gain(game, state, role) for state in round_starts(game)) == pytest.approx(0, abs=1e-9)


def test_an_inner_game_can_make_cooperation_the_best_choice() -> None:
    # both first: 3 and then 4 in the stag hunt make 7; leaving makes 4
    game = games.get("matrix_game:compose=nested")
    assert game.solution(game.view(game.start(), 0)) == (("a", 1.0),)


def test_a_game_without_a_pure_equilibrium_is_mixed() -> None:
    game = games.get("matrix_game:game=g222")
    assert game.solution(game.view(game.start(), 0)) == (("a", 0.5), ("b", 0.5))


@pytest.mark.parametrize("seat", [0, 1])
def test_the_solver_beats_the_random_player_in_the_prisoners_dilemma(seat: int) -> None:
    seats = [agents.get("random"), agents.get("random")]
    seats[seat] = agents.get("optimal")

    async def play_games() -> list[tuple[float, ...]]:
        return [(await play(GAME, seats, seed)).returns for seed in range(200)]

    returns = asyncio.run(play_games())
    mine, others = (sum(r[role] for r in returns) / len(returns) for role in (seat, 1 - seat))
    assert mine > others + 1  # 3 and 1.5 on average


# seats, forfeits, names


def test_the_seats_of_a_symmetric_game_are_equal() -> None:
    game = games.get("matrix_game:compose=nested,rounds=2,third=hero")
    path = ("a", "b", "b", "b", "a", "a", "b", "a")
    assert game.swap_seats(path) == ("b", "a", "b", "b", "a", "a", "a", "b")


@pytest.mark.parametrize("given", ["game=g112", "compose=sequential,second=g112", "compose=parallel,third=g221"])
def test_the_seats_of_an_asymmetric_game_are_not(given: str) -> None:
    assert games.get(f"matrix_game:{given}").swap_seats(("a", "b")) is None


def test_who_fails_to_move_gets_the_least_and_the_other_keeps_its_points() -> None:
    game = games.get("matrix_game:rounds=3")
    assert game.forfeit_returns(reach(game, *"ab"), 0) == (3, 9)  # 4, and 2 rounds of (1+2+3+4) / 4


def test_a_forfeit_in_a_nested_game_counts_all_ways_to_play_on() -> None:
    game = games.get("matrix_game:compose=nested")
    # 3 + 1, 3 + 2, 3 + 3, 3 + 4 through the inner game; 1, 4 and 2 without it
    assert game.forfeit_returns(game.start(), 1) == pytest.approx((29 / 7, 1))


def test_a_game_has_one_name_however_it_is_called() -> None:
    spelled = ["game=g111", "second=chicken", "third=g222", "compose=single"]
    assert {games.get(f"matrix_game:{given}").info.name for given in spelled} == {"matrix_game"}
    assert games.get("matrix_game:game=battle_of_the_sexes").info.name == "matrix_game:game=leader"


def test_an_unknown_game_is_reported_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'chicken'"):
        games.get("matrix_game:game=chiken")


# words


@pytest.mark.parametrize("text", ["a b", "[a b]", "A, B", "ab", "a/b", "a and b", "game 1: a, game 2: b"])
def test_a_move_in_parallel_games_is_read_in_many_spellings(text: str) -> None:
    game = games.get("matrix_game:compose=parallel")
    assert game.parse(game.start(), text) == "a b"


@pytest.mark.parametrize("text", ["a", "a b a", "a b or b a", "a x", "I refuse a b", ""])
def test_half_a_move_in_parallel_games_is_none(text: str) -> None:
    game = games.get("matrix_game:compose=parallel")
    assert isinstance(game.parse(game.start(), text), Problem)


@pytest.mark.parametrize("story", ["couriers", "farms", "cafes", "towns", "observers"])
def test_a_story_changes_the_words_and_not_the_payoffs(story: str) -> None:
    plain, told = games.get("matrix_game:game=g231"), games.get(f"matrix_game:game=g231,story={story}")
    words = dict(zip("ab", told.legal(told.start()) or (), strict=True))
    for moves in itertools.product("ab", repeat=2):
        assert told.returns(reach(told, *(words[m] for m in moves))) == plain.returns(reach(plain, *moves))
    assert all(word in told.rules() for word in words.values())


@pytest.mark.parametrize("name", VARIANTS)
def test_the_rules_are_short(name: str) -> None:
    assert len(games.get(name).rules()) < 700


@pytest.mark.parametrize("number", NUMBERS)
def test_every_game_is_played_to_the_end_by_solvers(number: str) -> None:
    for rounds, seed in ((1, 0), (5, 1)):
        solver = agents.get("optimal")
        game = games.get(f"matrix_game:game={number},rounds={rounds}")
        assert asyncio.run(play(game, [solver, solver], seed)).forfeited_by is None
