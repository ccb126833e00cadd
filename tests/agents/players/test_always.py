"""The agent that always makes the same move."""

import asyncio

import pytest

from mirrormatch import agents, games
from mirrormatch.agents.play import play
from mirrormatch.errors import UserError


def play_moves(game: str, spec: str, seed: int = 0) -> list[str | None]:
    rules = games.get(game)
    players = [agents.get(spec)] * len(rules.info.roles)
    return [turn.action for turn in asyncio.run(play(rules, players, seed)).turns]


def test_the_first_legal_one_of_its_moves_is_made() -> None:
    assert play_moves("kuhn_poker", "always:bet/call") == ["bet", "call"]
    assert play_moves("kuhn_poker", "always:bet/fold") == ["bet", "fold"]


def test_without_a_legal_one_the_first_legal_move_is_made() -> None:
    assert play_moves("kuhn_poker", "always:raise/check") == ["check", "check"]
    assert play_moves("kuhn_poker", "always:raise") == ["bet", "call"]


@pytest.mark.parametrize("spec", ["always", "always:", "always:/ "])
def test_an_agent_without_moves_is_refused_with_an_example(spec: str) -> None:
    with pytest.raises(UserError, match="needs its moves, in the order of preference: always:bet/call"):
        agents.get(spec)
