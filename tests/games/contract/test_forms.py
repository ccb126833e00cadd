"""The form of free text: what a model's answer is held to are moves, and no kind of move is left out."""

import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirrormatch import games
from mirrormatch.games.game import sample_chance
from mirrormatch.games.types import CHANCE, OVER, Problem

FREE = [name for name in games.names() if games.get(name).info.open_text]
BINDING = ("simple_negotiation", "deal_or_no_deal", "avalon", "taboo")  # their forms hold moves only
CONTENT = re.compile(r"[^\n\r{}]*")  # what a box takes


def free_states(name: str, seed: int) -> Iterator[tuple[Any, int]]:
    """The states of a random game in which text is free, with the role to act."""
    game, rng = games.get(name), random.Random(seed)
    state = game.start()
    while (role := game.to_act(state)) != OVER:
        if role == CHANCE:
            state = game.apply(state, sample_chance(game.chance(state), rng))
            continue
        legal = game.legal(state)
        if legal is None:
            yield state, role
        move = game.sample(game.view(state, role), legal, rng)
        action = game.parse(state, move)
        assert not isinstance(action, Problem)
        state = game.apply(state, action)


@pytest.mark.parametrize("name", FREE)
def test_a_random_player_s_moves_have_the_form(name: str) -> None:
    game, rng = games.get(name), random.Random(0)
    for seed in range(20):
        for state, role in free_states(name, seed):
            view = game.view(state, role)
            assert re.fullmatch(game.form(view), game.sample(view, None, rng))


@pytest.mark.parametrize("name", BINDING)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_text_of_the_form_is_a_move(name: str, data: st.DataObject) -> None:
    game = games.get(name)
    state, role = data.draw(st.sampled_from(list(free_states(name, data.draw(st.integers(0, 20))))))
    text = data.draw(st.from_regex(game.form(game.view(state, role)), fullmatch=True))
    assert not isinstance(game.parse(state, text), Problem) and CONTENT.fullmatch(text)


COUNTDOWN = games.get("countdown")
PUZZLE = COUNTDOWN.apply(COUNTDOWN.start(), COUNTDOWN.chance(COUNTDOWN.start())[0][0])
NUMBERS = st.sampled_from([str(n) for n in PUZZLE.numbers])
OPENED, CLOSED = (NUMBERS.map(form.format) for form in ("({}", "{})"))
SIGNS = st.sampled_from([f" {sign} " for sign in "+-*/"])


@settings(max_examples=400, deadline=None)
@given(operands=st.lists(NUMBERS | OPENED | CLOSED, min_size=1, max_size=4), signs=st.lists(SIGNS, min_size=4))
def test_an_expression_of_the_form_is_a_move(operands: list[str], signs: list[str]) -> None:
    text = operands[0] + "".join(sign + operand for sign, operand in zip(signs, operands[1:], strict=False))
    if re.fullmatch(COUNTDOWN.form(PUZZLE), text):
        assert not isinstance(COUNTDOWN.parse(PUZZLE, text), Problem)


def test_an_expression_has_each_number_once_and_a_group() -> None:
    a, b, c, d = PUZZLE.numbers
    form = COUNTDOWN.form(PUZZLE)
    for text in (
        f"{a}",
        f"{d} / {a}",
        f"({a} + {b}) * {c} - {d}",
        f"{a} + {c} * ({b} - {d})",
        f"({a} - {b} - {c}) / {d}",
    ):
        assert re.fullmatch(form, text)
    for text in (f"{a} / ({b} - {c})", f"({a} + {b}", f"{a} + {b})", f"{a} +", f"{a} + {b} + {c} + {d} + {a}", "100"):
        assert not re.fullmatch(form, text)
