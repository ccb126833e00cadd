"""Play as a source: which games are played, who sits where, and what follows from the seed."""

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.training.records import make_caller

from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.scripted import ScriptedEngine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.types import Agent
from mirrormatch.prompts import get
from mirrormatch.training import matchmakers
from mirrormatch.training.choice import PluginSettings
from mirrormatch.training.episode_log import EpisodeLog
from mirrormatch.training.source import Context, Experience
from mirrormatch.training.sources.play import Play


class Callers:
    """Every name is a player of its own that makes legal moves; remembers who was asked for."""

    def __init__(self, player: LLMAgent | None = None) -> None:
        self._player = player or make_caller()
        self.asked: list[str] = []

    def agent(self, player: str) -> Agent:
        self.asked.append(player)
        return self._player

    def policy(self, learner: str) -> LLMAgent:
        raise AssertionError(learner)


def take(step: int = 0, matchmaker: str = "mirror", roster: Callers | None = None, **changes: Any) -> Experience:
    given = {"fixed": {"opponents": ["random", "optimal"]}}.get(matchmaker, {})
    made = matchmakers.get(matchmaker)
    context = Context(
        seed=3,
        games=("kuhn_poker",),
        episodes=12,
        samples_per_deal=1,
        in_flight=8,
        forfeits="both",
        matchmaker=made(made.Settings.model_validate(given)),
        roster=roster or Callers(),
        open_log=lambda number: EpisodeLog(Path(folder) / f"{number}.gz"),
    )
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(Play(PluginSettings(), context._replace(**changes)).take(step))


def cards(experience: Experience) -> list[tuple[str, ...]]:
    return [episode.deal for episode in experience.episodes]


def test_games_are_played_in_equal_shares() -> None:
    played = take(games=("kuhn_poker", "leduc_poker", "tictactoe"), roster=Callers(any_mover()))
    assert Counter(e.game for e in played.episodes) == {"kuhn_poker": 4, "leduc_poker": 4, "tictactoe": 4}


def any_mover() -> LLMAgent:
    """Names no move: every game is over at once."""
    return LLMAgent("scripted", ScriptedEngine(lambda prompt, seed: "none"), get("boxed"), Sampling(), max_retries=0)


def test_the_same_step_is_the_same_experience() -> None:
    assert take(5) == take(5)


def test_every_step_and_every_episode_has_a_deal_of_its_own() -> None:
    seeds = [e.seed for step in range(4) for e in take(step).episodes]
    assert len(set(seeds)) == 4 * 12


def test_chance_is_the_same_for_every_matchmaker() -> None:
    assert cards(take(matchmaker="mirror")) == cards(take(matchmaker="fixed")) == cards(take(matchmaker="past"))


def test_samples_of_a_deal_begin_alike_and_differ_in_the_replies() -> None:
    played = take(samples_per_deal=4, matchmaker="fixed").episodes
    for k in range(0, 12, 4):
        group = played[k : k + 4]
        assert len({e.seed for e in group}) == len({e.deal[:2] for e in group}) == len({e.players for e in group}) == 1
        assert [e.sample for e in group] == [0, 1, 2, 3]
    assert any(len({tuple(t.reply for t in e.turns) for e in played[k : k + 4]}) > 1 for k in range(0, 12, 4))


@pytest.mark.parametrize("samples_per_deal", [1, 2])
def test_a_learner_has_every_seat_equally_often_over_the_steps(samples_per_deal: int) -> None:
    """Six or three deals a step: also an odd number leaves no seat behind."""
    played = [take(k, "fixed", episodes=6, samples_per_deal=samples_per_deal) for k in range(4)]
    pairs = Counter(e.players for experience in played for e in experience.episodes)
    assert pairs == {
        ("main", "random"): 6,
        ("random", "main"): 6,
        ("main", "optimal"): 6,
        ("optimal", "main"): 6,
    }


def test_seats_are_in_balance_in_every_game_when_games_have_unequal_shares() -> None:
    """Three deals a step over two games: the second game has one, and its seats alternate from step to step."""
    shares: dict[str, Any] = {"games": ("kuhn_poker", "tictactoe"), "episodes": 3, "roster": Callers(any_mover())}
    played = [e for step in range(8) for e in take(step, "fixed", **shares).episodes]
    taken = Counter((e.game, (e.players or ()).index("main")) for e in played)
    assert taken == {("kuhn_poker", 0): 8, ("kuhn_poker", 1): 8, ("tictactoe", 0): 4, ("tictactoe", 1): 4}


def test_every_player_is_made_once_a_step() -> None:
    roster = Callers()
    take(matchmaker="fixed", roster=roster)
    assert sorted(roster.asked) == ["main", "optimal", "random"]


def test_trajectories_are_those_of_the_seats() -> None:
    played = take(7, "fixed")
    assert {(t.episode, t.role): t.player for t in played.trajectories} == {
        (k, t.role): (e.players or ())[t.role] for k, e in enumerate(played.episodes) for t in e.turns
    }
    assert {t.learner for t in played.trajectories if t.player != "main"} == {None}
    assert {t.born for t in played.trajectories} == {7}
