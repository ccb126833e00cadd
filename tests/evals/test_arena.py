"""Matches between agents."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from mirrormatch import games
from mirrormatch.agents.players.optimal import OptimalAgent
from mirrormatch.agents.players.random import RandomAgent
from mirrormatch.agents.types import Agent, Decision, Reply
from mirrormatch.cli.terminal.tables import show_match, warn_about_match
from mirrormatch.errors import UserError
from mirrormatch.evals.arena import MatchResult, run_match
from mirrormatch.games.game import Game
from mirrormatch.games.types import OVER, Action, Info, Problem, ProblemKind

KUHN = games.get("kuhn_poker")
TICTACTOE = games.get("tictactoe")


class Fixed:
    """Plays the first legal one of its moves, else the first legal move; replies with `problem` if one is given."""

    max_retries: int | None = 0

    def __init__(self, spec: str, *moves: Action, problem: Problem | None = None) -> None:
        self.spec = spec
        self._moves = moves
        self._problem = problem

    async def act(self, decision: Decision) -> Reply:
        legal = decision.observation.legal
        assert legal is not None
        await asyncio.sleep(0)
        move = next((m for m in self._moves if m in legal), legal[0])
        return Reply(answer=self._problem or move, text=move)


class Most(Game[tuple[Action, ...], tuple[Action, ...]]):
    """Every role chooses 1 or 2 once, and its choice is its return."""

    info = Info(
        name="most", version=1, roles=("p0", "p1"), min_return=-1.0, max_return=2.0, zero_sum=False, max_turns=3,
        hidden=False, random=False, open_text=False, solver=None, forfeit=-1.0, source="these tests",
    )  # fmt: skip

    def start(self) -> tuple[Action, ...]:
        return ()

    def to_act(self, state: tuple[Action, ...]) -> int:
        return len(state) if len(state) < len(self.info.roles) else OVER

    def legal(self, state: tuple[Action, ...]) -> tuple[Action, ...]:
        return ("1", "2")

    def apply(self, state: tuple[Action, ...], action: Action) -> tuple[Action, ...]:
        return (*state, action)

    def returns(self, state: tuple[Action, ...]) -> tuple[float, ...]:
        return tuple(float(a) for a in state)

    def view(self, state: tuple[Action, ...], role: int) -> tuple[Action, ...]:
        return state

    def rules(self) -> str:
        return "Say 1 or 2."

    def render(self, view: tuple[Action, ...]) -> str:
        return repr(view)


class Nothing(Most):
    """Over before it begins."""

    def to_act(self, state: tuple[Action, ...]) -> int:
        return OVER

    def returns(self, state: tuple[Action, ...]) -> tuple[float, ...]:
        return (0.0, 0.0)


class Alone(Most):
    """The same for one role."""

    info = replace(Most.info, roles=("p0",))


class Three(Most):
    """The same for three roles."""

    info = replace(Most.info, roles=("p0", "p1", "p2"))


def match(game: Game[Any, Any], agents: Sequence[Agent], episodes: int = 40, seed: int = 0) -> MatchResult:
    return asyncio.run(run_match(game, agents, episodes, seed))


def test_each_deal_is_played_once_in_each_seating() -> None:
    result = match(KUHN, [OptimalAgent(), RandomAgent()], 40)
    assert Counter(p.seating for p in result.episodes) == {(0, 1): 20, (1, 0): 20}
    by_deal = {deal: {p.episode.deal for p in result.episodes if p.deal == deal} for deal in range(20)}
    assert all(len(deals) == 1 for deals in by_deal.values())


def test_episodes_are_rounded_up_to_whole_deals() -> None:
    result = match(KUHN, [OptimalAgent(), RandomAgent()], 7)
    assert (result.scores.episodes, result.num_requested) == (8, 7)


def test_a_match_is_the_same_under_the_same_seed() -> None:
    one, other = (match(KUHN, [OptimalAgent(), RandomAgent()], 20, seed=3) for _ in range(2))
    assert one == other


def test_a_zero_sum_match_adds_up_to_nothing() -> None:
    one, other = match(KUHN, [OptimalAgent(), RandomAgent()]).scores.agents
    assert one.mean_return.value == pytest.approx(-other.mean_return.value)
    assert one.win.value == other.loss.value


def test_the_figures_are_those_of_a_count_by_hand() -> None:
    scores = match(TICTACTOE, [Fixed("rows", "1", "2", "3"), Fixed("low", "4", "5", "6")], 2).scores
    rows, low = scores.agents
    # As X, each completes its row first: one win and one loss each.
    assert (rows.win.value, rows.draw.value, rows.loss.value, rows.mean_return.value) == (0.5, 0.0, 0.5, 0.0)
    assert (low.win.value, low.episodes, low.win.n) == (0.5, 2, 2)


def test_draws_are_draws() -> None:
    scores = match(TICTACTOE, [OptimalAgent(), Fixed("again", "5", "1", "9", "3", "7", "2", "8", "4", "6")], 4).scores
    best = scores.agents[0]
    assert best.loss.value == 0.0
    assert best.win.value + best.draw.value == 1.0


def test_what_went_wrong_is_counted_per_reply_and_stays_in_the_match() -> None:
    cut = Fixed("cut", problem=Problem(ProblemKind.TRUNCATED, "cut off"))
    result = match(KUHN, [cut, RandomAgent()], 10)
    failing, other = result.scores.agents
    assert failing.truncated.value == 1.0 and failing.illegal.value == 0.0
    assert failing.loss.value == 1.0 and failing.episodes == other.episodes == 10
    assert failing.mean_return.value == -2.0
    assert result.problems == (Counter({ProblemKind.TRUNCATED: 10}), Counter())


def test_every_kind_of_no_move_but_a_cut_off_one_is_illegal() -> None:
    mumbling = Fixed("mumbling", problem=Problem(ProblemKind.AMBIGUOUS, "two moves"))
    failing = match(KUHN, [mumbling, RandomAgent()], 10).scores.agents[0]
    assert failing.illegal.value == 1.0 and failing.truncated.value == 0.0


def test_an_agent_without_a_decision_has_the_whole_interval() -> None:
    illegal = match(Nothing(), [Fixed("one"), Fixed("other")], 2).scores.agents[0].illegal
    assert (illegal.low, illegal.high, illegal.n) == (0.0, 1.0, 0)


def test_a_mirror_match_has_one_entry_and_is_marked() -> None:
    result = match(KUHN, [RandomAgent(), RandomAgent()], 30)
    assert result.is_mirror and len(result.scores.agents) == 1
    only = result.scores.agents[0]
    assert (only.episodes, only.mean_return.value, only.win.n) == (30, 0.0, 60)


def test_all_alike_in_a_game_for_three_are_a_mirror_match() -> None:
    result = match(Three(), [Fixed("low", "1")] * 3, 4)
    assert result.is_mirror and [a.episodes for a in result.scores.agents] == [4]


def test_three_agents_meet_in_pairs_on_the_same_deals() -> None:
    result = match(KUHN, [OptimalAgent(), RandomAgent(), Fixed("bold", "bet", "call")], 10)
    assert result.scores.episodes == 30
    assert [a.episodes for a in result.scores.agents] == [20, 20, 20]
    assert len({(p.deal, p.episode.deal) for p in result.episodes}) == 5


def test_one_agent_twice_among_three_is_refused() -> None:
    with pytest.raises(UserError, match="'random' is given more than once"):
        match(KUHN, [RandomAgent(), RandomAgent(), OptimalAgent()])


def test_one_agent_is_not_a_match_for_two() -> None:
    with pytest.raises(UserError, match="needs at least two agents, 1 given"):
        match(KUHN, [RandomAgent()])


def test_in_a_game_for_one_each_plays_alone() -> None:
    low, high = match(Alone(), [Fixed("low", "1"), Fixed("high", "2")], 5).scores.agents
    assert (low.mean_return.value, high.mean_return.value) == (1.0, 2.0)
    assert (low.episodes, high.episodes) == (5, 5)


def test_in_a_game_for_one_an_agent_that_is_given_twice_plays_once() -> None:
    result = match(Alone(), [Fixed("low", "1"), Fixed("low", "1")], 5)
    assert not result.is_mirror and [a.episodes for a in result.scores.agents] == [5]


def test_in_a_game_for_three_both_sit_in_every_seat_equally_often() -> None:
    result = match(Three(), [Fixed("low", "1"), Fixed("high", "2")], 6)
    seats = Counter((role, who) for p in result.episodes for role, who in enumerate(p.seating))
    assert set(seats.values()) == {3} and len(seats) == 6


def test_deterministic_agents_are_found_out() -> None:
    result = match(TICTACTOE, [Fixed("one", "1"), Fixed("nine", "9")], 20)
    assert result.variety.is_repetitive and result.variety.num_distinct == 2 and result.variety.num_deals == 1


def test_random_agents_are_not_called_deterministic() -> None:
    assert not match(TICTACTOE, [RandomAgent(), Fixed("nine", "9")], 20).variety.is_repetitive
    assert not match(KUHN, [RandomAgent(), OptimalAgent()], 200).variety.is_repetitive


def test_progress_counts_every_episode() -> None:
    seen = list[tuple[int, int]]()
    asyncio.run(run_match(KUHN, [OptimalAgent(), RandomAgent()], 6, 0, lambda done, total: seen.append((done, total))))
    assert seen == [(k, 6) for k in range(1, 7)]


class Mute:
    """Never makes a move."""

    spec = "mute"
    max_retries: int | None = 1

    async def act(self, decision: Decision) -> Reply:
        return Reply(answer="hm", text="hm")


def test_wins_and_losses_by_forfeit_are_counted_apart(capsys: pytest.CaptureFixture[str]) -> None:
    result = match(KUHN, [Mute(), RandomAgent()], 8)
    mute, random = result.scores.agents
    assert [s.value for s in (mute.loss, mute.lost_by_forfeit, mute.won_by_forfeit)] == [1.0, 1.0, 0.0]
    assert [s.value for s in (random.win, random.won_by_forfeit, random.lost_by_forfeit)] == [1.0, 1.0, 0.0]
    assert result.forfeited == 1.0
    show_match(result)
    warn_about_match(result)
    printed = capsys.readouterr()
    assert printed.out.count("100 % by forfeit") == 2
    assert "100 % of the games were forfeited by an agent that made no legal move" in printed.err


def test_a_match_without_forfeits_mentions_none(capsys: pytest.CaptureFixture[str]) -> None:
    show_match(result := match(KUHN, [OptimalAgent(), RandomAgent()], 8))
    assert result.forfeited == 0.0 and "forfeit" not in capsys.readouterr().out


def test_the_json_is_the_published_shape() -> None:
    scores = match(KUHN, [OptimalAgent(), RandomAgent()], 4).scores.model_dump(by_alias=True)
    assert list(scores) == ["schema", "game", "episodes", "seed", "agents"] and scores["schema"] == 1
    agent = scores["agents"][0]
    figures = ["mean_return", "win", "draw", "loss", "won_by_forfeit", "lost_by_forfeit", "illegal", "truncated"]
    assert list(agent) == ["spec", "episodes", *figures, "computation"]
    assert agent["computation"] is None, "no model computed in this process"
    for name in figures:
        assert list(agent[name]) == ["name", "value", "low", "high", "n", "unit", "better"]
        assert agent[name]["name"] == name
