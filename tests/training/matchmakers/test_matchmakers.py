"""Who sits where: seats in balance, only players that exist, and the same draws after a restart."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrormatch.errors import UserError
from mirrormatch.training import matchmakers
from mirrormatch.training.matchmaker import Matchmaker, Seat
from mirrormatch.training.types import MAIN

EVERY: dict[str, dict[str, Any]] = {  # settings that each needs
    "fixed": {"opponents": ("random", "optimal")},
    "mirror": {},
    "past": {},
    "roles": {"learners": {"Bidder": "solver"}},
}
ROLES = ("Opener", "Bidder", "Dealer")


def new(kind: str, **settings: Any) -> Matchmaker:
    made = matchmakers.get(kind)
    return made(made.Settings.model_validate({**EVERY.get(kind, {}), **settings}))


def seat_all(matchmaker: Matchmaker, num: int, roles: tuple[str, ...] = ROLES) -> list[tuple[Seat, ...]]:
    return [matchmaker.seat_players(roles, k, 1000 + k) for k in range(num)]


def players(seatings: Iterable[tuple[Seat, ...]]) -> set[str]:
    return {seat.player for seats in seatings for seat in seats}


# what every matchmaker promises


def test_every_matchmaker_has_settings_here() -> None:
    assert sorted(EVERY) == matchmakers.names()


@pytest.mark.parametrize("kind", sorted(EVERY))
@given(number=st.integers(0, 10**6), seed=st.integers(0, 2**62))
def test_every_seat_has_a_player_and_every_deal_a_learner(kind: str, number: int, seed: int) -> None:
    matchmaker = new(kind)
    for step in (20, 40):
        matchmaker.add_version(step)
    seats = matchmaker.seat_players(ROLES, number, seed)
    assert len(seats) == len(ROLES)
    assert any(seat.learner for seat in seats)
    assert {seat.learner for seat in seats} - {None} <= set(matchmaker.learners)
    assert all(seat.learner in (None, seat.player) for seat in seats)


@pytest.mark.parametrize("kind", sorted(EVERY))
def test_equal_deals_have_equal_seats(kind: str) -> None:
    assert seat_all(new(kind), 60) == seat_all(new(kind), 60)


@pytest.mark.parametrize("kind", sorted(EVERY.keys() - {"roles"}))  # whose learners have seats of their own
@pytest.mark.parametrize("num_roles", [1, 2, 3])
def test_a_learner_has_every_seat_equally_often(kind: str, num_roles: int) -> None:
    matchmaker = new(kind, **({"mirror": 0.0} if kind == "past" else {}))
    matchmaker.add_version(20)
    seatings = seat_all(matchmaker, 12 * num_roles, ROLES[:num_roles])
    taken = Counter(k for seats in seatings for k, seat in enumerate(seats) if seat.learner == MAIN)
    assert len(set(taken.values())) == 1 and len(taken) == num_roles


@pytest.mark.parametrize("kind", sorted(EVERY))
def test_a_restored_matchmaker_continues_exactly(kind: str) -> None:
    first, second = new(kind), new(kind)
    for step in (20, 40, 60):
        first.add_version(step)
    second.restore(json.loads(json.dumps(first.state())))
    for matchmaker in (first, second):
        matchmaker.add_version(80)
    assert seat_all(first, 100) == seat_all(second, 100)
    assert first.state() == second.state()


@pytest.mark.parametrize("kind", sorted(EVERY))
def test_a_saved_state_is_not_touched_afterwards(kind: str) -> None:
    matchmaker = new(kind)
    matchmaker.add_version(20)
    saved = matchmaker.state()
    before = json.dumps(saved)
    matchmaker.add_version(40)
    assert json.dumps(saved) == before


# mirror and fixed


def test_a_mirror_has_one_policy_in_every_seat() -> None:
    assert set(seat_all(new("mirror"), 10)) == {(Seat(MAIN, MAIN),) * 3}


def test_fixed_opponents_never_learn_and_fill_all_other_seats() -> None:
    for seats in seat_all(new("fixed"), 12):
        (foreign,) = {seat for seat in seats if seat.player != MAIN}
        assert foreign.learner is None and sum(seat == foreign for seat in seats) == 2


def test_the_learner_has_every_seat_against_every_opponent() -> None:
    pairs = Counter(
        (next(s.player for s in seats if s.learner is None), seats.index(Seat(MAIN, MAIN)))
        for seats in seat_all(new("fixed"), 24)
    )
    assert pairs == {(player, seat): 4 for player in ("random", "optimal") for seat in range(3)}


# past


def test_before_the_first_kept_adapter_every_deal_is_a_mirror_game() -> None:
    assert players(seat_all(new("past", mirror=0.0), 30)) == {MAIN}


def test_only_versions_that_were_kept_are_opponents() -> None:
    matchmaker = new("past", mirror=0.0)
    for step in (20, 40, 60):
        matchmaker.add_version(step)
    assert players(seat_all(matchmaker, 100)) == {MAIN, "main@20", "main@40", "main@60"}


def test_past_selves_are_not_learned_from() -> None:
    matchmaker = new("past", mirror=0.0)
    matchmaker.add_version(20)
    assert {seat for seats in seat_all(matchmaker, 30) for seat in seats} == {Seat(MAIN, MAIN), Seat("main@20", None)}


def test_a_window_holds_the_newest_versions() -> None:
    matchmaker = new("past", mirror=0.0, window=2)
    for step in (20, 40, 60):
        matchmaker.add_version(step)
    assert players(seat_all(matchmaker, 100)) == {MAIN, "main@40", "main@60"}


def test_versions_are_drawn_equally_often() -> None:
    matchmaker = new("past", mirror=0.0)
    for step in (20, 40, 60, 80):
        matchmaker.add_version(step)
    drawn = Counter(seat.player for seats in seat_all(matchmaker, 4000, ROLES[:2]) for seat in seats)
    assert all(900 < drawn[f"main@{step}"] < 1100 for step in (20, 40, 60, 80))


def test_a_share_of_deals_are_mirror_games() -> None:
    matchmaker = new("past", mirror=0.3)
    matchmaker.add_version(20)
    seatings = seat_all(matchmaker, 2000)
    assert sum(players([seats]) == {MAIN} for seats in seatings) == pytest.approx(600, abs=60)


# roles


def test_each_role_has_its_learner_and_main_has_the_others() -> None:
    matchmaker = new("roles")
    assert matchmaker.learners == (MAIN, "solver")
    assert matchmaker.seat_players(ROLES, 0, 0) == (Seat(MAIN, MAIN), Seat("solver", "solver"), Seat(MAIN, MAIN))


def test_a_frozen_learner_plays_and_is_not_learned_from() -> None:
    matchmaker = new("roles", frozen=("solver",))
    assert matchmaker.frozen == {"solver"}
    assert matchmaker.seat_players(ROLES, 0, 0)[1] == Seat("solver", None)


def test_a_role_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError) as problem:
        new("roles", learners={"Biddr": "solver"}).seat_players(ROLES, 0, 0)
    assert str(problem.value) == (
        "matchmaker roles: no role is called 'Biddr', did you mean 'Bidder'?; there are: Opener, Bidder, Dealer"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frozen": ["solvr"]}, "no learner is called 'solvr', did you mean 'solver'?"),
        ({"frozen": [MAIN, "solver"]}, "every learner is frozen: nothing would be trained"),
        ({"learners": {"Bidder": "../x"}}, "a learner's name is a word of letters, digits and underscores, not '../x'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="Value error") as problem:
        new("roles", **settings)
    assert message in str(problem.value)
