"""The loop that plays episodes."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from mirrormatch import games
from mirrormatch.agents.play import MAX_ANSWER_CHARS, play
from mirrormatch.agents.players.human import Human
from mirrormatch.agents.players.random import RandomAgent
from mirrormatch.agents.types import Agent, Decision, Episode, Reply
from mirrormatch.errors import UserError
from mirrormatch.games.game import Game
from mirrormatch.games.types import Problem, ProblemKind

KUHN = games.get("kuhn_poker")
NEGOTIATION = games.get("simple_negotiation")
TICTACTOE = games.get("tictactoe")
SECRET = "a plan that nobody else may read"


class Saying:
    """Replies with the given lines in a cycle, and records its decisions."""

    spec = "saying"

    def __init__(self, *lines: str, max_retries: int | None = 0, thinking: str = "") -> None:
        self.max_retries = max_retries
        self.asked: list[Decision] = []
        self._lines = lines
        self._thinking = thinking

    async def act(self, decision: Decision) -> Reply:
        line = self._lines[len(self.asked) % len(self._lines)]
        self.asked.append(decision)
        return Reply(answer=line, text=f"<think>{self._thinking}</think>{line}", thinking=self._thinking)


class Typed:
    """A terminal with the given lines as input."""

    def __init__(self, *lines: str) -> None:
        self._lines = list(lines)
        self.shown: list[Decision] = []
        self.refused: list[Problem] = []
        self.num_explained = 0

    def explain(self, game: object) -> None:
        self.num_explained += 1

    def show(self, decision: Decision, whole: bool = False) -> None:
        self.shown.append(decision)

    def refuse(self, problem: Problem) -> None:
        self.refused.append(problem)

    def ask(self, decision: Decision) -> str:
        if not self._lines:
            raise EOFError
        return self._lines.pop(0)


def play_episode(game: Game[Any, Any], agents: Sequence[Agent], seed: int = 0) -> Episode:
    return asyncio.run(play(game, agents, seed))


def test_an_episode_is_the_same_under_the_same_seed() -> None:
    for game in (KUHN, NEGOTIATION, TICTACTOE):
        assert play_episode(game, [RandomAgent(), RandomAgent()], 5) == play_episode(
            game, [RandomAgent(), RandomAgent()], 5
        )


def test_the_deal_depends_on_the_seed_alone() -> None:
    for seed in range(20):
        one = play_episode(KUHN, [Saying("check", "call"), Saying("bet")], seed)
        other = play_episode(KUHN, [RandomAgent(), Saying("check", "fold", "call", max_retries=None)], seed)
        assert one.deal == other.deal


def test_swapped_seats_get_the_same_cards() -> None:
    bold, shy = Saying("bet", "call", max_retries=None), Saying("check", "fold", max_retries=None)
    for seed in range(20):
        assert play_episode(KUHN, [bold, shy], seed).deal == play_episode(KUHN, [shy, bold], seed).deal


def test_different_seeds_deal_all_six_hands() -> None:
    deals = {play_episode(KUHN, [RandomAgent(), RandomAgent()], seed).deal for seed in range(60)}
    assert len(deals) == 6


def test_a_bet_that_is_called_is_worth_two_chips() -> None:
    episode = play_episode(KUHN, [Saying("bet"), Saying("call")], 3)
    cards = dict(zip(episode.deal, (0, 1), strict=True))
    winner = cards[max(episode.deal, key="JQK".index)]
    assert episode.returns[winner] == 2.0 and episode.returns[1 - winner] == -2.0
    assert episode.outcome[winner] == "win" and episode.forfeited_by is None


def test_a_role_that_never_moves_forfeits_and_gets_the_worth_of_a_loss() -> None:
    episode = play_episode(KUHN, [RandomAgent(), Saying("I would rather not")])
    assert episode.forfeited_by == 1
    assert episode.returns == (2.0, -2.0)
    assert episode.outcome == ("win", "loss")


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_max_retries_is_the_number_of_retries(max_retries: int) -> None:
    stubborn = Saying("what?", max_retries=max_retries)
    episode = play_episode(TICTACTOE, [stubborn, RandomAgent()])
    assert len(stubborn.asked) == 1 + max_retries
    assert len(episode.turns) == 1 + max_retries


def test_every_bad_reply_stays_in_the_episode() -> None:
    episode = play_episode(KUHN, [Saying("?", "call", "bet", max_retries=2), Saying("fold")])
    kinds = [t.problem.kind if t.problem else None for t in episode.turns]
    assert kinds == [ProblemKind.NONE, ProblemKind.ILLEGAL, None, None]
    assert [t.action for t in episode.turns] == [None, None, "bet", "fold"]


def test_a_retry_has_the_reason() -> None:
    forgetful = Saying("call", "bet", max_retries=1)
    play_episode(KUHN, [forgetful, Saying("fold")])
    first, second = forgetful.asked
    assert first.problem is None
    assert second.problem == Problem(ProblemKind.ILLEGAL, "'call' is not allowed now")


def test_every_decision_has_a_seed_of_its_own() -> None:
    slow = Saying("?", "check", "call", max_retries=1)
    play_episode(KUHN, [slow, Saying("bet")])
    seeds = [d.seed for d in slow.asked]
    assert len(seeds) == 3 and all(a != b for a, b in pairwise(seeds))


def test_every_decision_has_all_its_retries() -> None:
    episode = play_episode(KUHN, [Saying("?", "check", "?", "call", max_retries=1), Saying("bet")])
    assert episode.forfeited_by is None


def test_an_endless_answer_is_a_named_problem() -> None:
    episode = play_episode(TICTACTOE, [Saying("1" * (MAX_ANSWER_CHARS + 1)), RandomAgent()])
    problem = episode.turns[0].problem
    assert problem is not None and problem.kind == ProblemKind.TOO_LONG


def test_reasoning_never_reaches_the_other() -> None:
    thinker = Saying("offer 1 wood -> 1 gold | hello", "say", max_retries=0, thinking=SECRET)
    other = Saying("say")
    episode = play_episode(NEGOTIATION, [thinker, other])
    seen = "".join(d.observation.text + repr(d.view) + repr(d.past) for d in other.asked)
    assert SECRET not in seen and "hello" in seen
    assert episode.turns[0].thinking == SECRET


def test_an_agent_is_given_its_own_past_only() -> None:
    first, second = Saying("check", "call", thinking=SECRET), Saying("bet")
    play_episode(KUHN, [first, second])
    assert [t.action for t in first.asked[1].past] == ["check"]
    assert second.asked[0].past == ()


def test_people_may_mistype_without_end() -> None:
    terminal = Typed(*["hmm"] * 50, "bet")
    episode = play_episode(KUHN, [Human(terminal), Saying("fold")])
    assert episode.forfeited_by is None and episode.returns == (1.0, -1.0)
    assert len(terminal.refused) == 50 and len(terminal.shown) == 1


def test_a_question_mark_shows_the_rules_and_the_view_again_and_is_no_reply() -> None:
    terminal = Typed("?", "", "bet")
    episode = play_episode(KUHN, [Human(terminal), Saying("fold")])
    assert terminal.num_explained == 1 and len(terminal.shown) == 2
    assert len(episode.turns) == 2


def test_terminal_escapes_that_are_typed_are_dropped() -> None:
    episode = play_episode(KUHN, [Human(Typed("\x1b[31mb\x07et\x1b[0m ")), Saying("fold")])
    assert episode.turns[0].reply == "bet"


def test_a_person_who_leaves_ends_the_episode() -> None:
    with pytest.raises(EOFError):
        play_episode(KUHN, [Human(Typed()), RandomAgent()])


@pytest.mark.parametrize("num_agents", [0, 1, 3])
def test_the_number_of_agents_must_fit(num_agents: int) -> None:
    with pytest.raises(UserError, match=f"is for 2 players, {num_agents} were given"):
        play_episode(KUHN, [RandomAgent()] * num_agents)
