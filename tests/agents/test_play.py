"""The loop that plays episodes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mirrormatch import agents, games
from mirrormatch.agents.episodes import branch_episode, read_episodes
from mirrormatch.agents.play import MAX_ANSWER_CHARS, play
from mirrormatch.agents.players.human import Human
from mirrormatch.agents.players.random import RandomAgent
from mirrormatch.agents.types import Agent, Decision, Episode, Reply
from mirrormatch.errors import UserError
from mirrormatch.games.game import Game, compute_view_key
from mirrormatch.games.types import Observation, Problem, ProblemKind

KUHN = games.get("kuhn_poker")
NEGOTIATION = games.get("simple_negotiation")
TICTACTOE = games.get("tictactoe")
SCHEMA_1 = Path(__file__).parent / "data" / "schema_1.jsonl"
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


def sum_rewards(episode: Episode) -> tuple[float, ...]:
    paid = [t.rewards for t in episode.turns if t.rewards is not None]
    return tuple(map(sum, zip(*paid, strict=True)))


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


@pytest.mark.parametrize("recorded", list(read_episodes(SCHEMA_1)), ids=lambda e: f"{e.game} {e.seats}")
def test_sample_0_draws_as_before_there_were_samples(recorded: Episode) -> None:
    game, players = games.get(recorded.game), [agents.get(spec) for spec in recorded.seats]
    played = play_episode(game, players, recorded.seed)
    assert played.deal == recorded.deal
    assert [t.reply for t in played.turns] == [t.reply for t in recorded.turns]


def test_another_sample_of_a_deal_has_the_same_cards_and_other_replies() -> None:
    samples = [
        asyncio.run(play(games.get("leduc_poker"), [RandomAgent(), RandomAgent()], 5, sample=k)) for k in range(8)
    ]
    assert [e.sample for e in samples] == list(range(8))
    assert len({e.deal[:2] for e in samples}) == 1
    assert len({tuple(t.action for t in e.turns) for e in samples}) > 1


def test_a_branch_goes_on_with_the_cards_of_the_seed() -> None:
    game = games.get("leduc_poker")
    episode = play_episode(game, [Saying("check"), Saying("check")], 5)
    start = branch_episode(game, episode, 1)
    branched = asyncio.run(play(game, [Saying("call"), Saying("bet", "check")], 5, start=start, sample=1))
    assert branched.deal == episode.deal and branched.turns[0] == episode.turns[0]
    assert [t.action for t in branched.turns[:3]] == ["check", "bet", "call"]


def test_rewards_sum_to_the_returns() -> None:
    for name in ("iterated_prisoners_dilemma", "stag_hunt", "lewis_signaling", "mini_hanabi"):
        episode = play_episode(games.get(name), [RandomAgent(), RandomAgent()], 3)
        assert sum_rewards(episode) == pytest.approx(episode.returns)


def test_a_choice_earns_the_points_of_its_round() -> None:
    game = games.get("iterated_prisoners_dilemma:rounds=2")
    episode = play_episode(game, [Saying("cooperate", "defect"), Saying("defect", "defect")])
    assert [t.rewards for t in episode.turns] == [(0.0, 0.0), (0.0, 5.0), (0.0, 0.0), (1.0, 1.0)]


def test_a_forfeit_earns_what_the_rewards_lack_of_the_returns() -> None:
    game = games.get("lewis_signaling")
    episode = play_episode(game, [RandomAgent(), Saying("red", "?")], 3)
    assert episode.forfeited_by == 1 and sum_rewards(episode) == episode.returns == (0.0, 0.0)


def test_a_game_that_pays_at_the_end_has_no_rewards() -> None:
    assert {t.rewards for t in play_episode(TICTACTOE, [RandomAgent(), RandomAgent()]).turns} == {None}


def test_the_part_is_the_seat_unless_parts_are_dealt() -> None:
    assert play_episode(KUHN, [RandomAgent(), RandomAgent()]).parts == ("first", "second")
    spy = play_episode(games.get("who_is_the_spy"), [RandomAgent()] * 4, 2)
    assert sorted(spy.parts) == ["civilian", "civilian", "civilian", "spy"]
    avalon = play_episode(games.get("avalon"), [RandomAgent()] * 5, 2)
    assert sorted(avalon.parts) == ["assassin", "merlin", "minion", "servant", "servant"]


def test_a_forfeiting_spy_is_still_the_spy() -> None:
    game = games.get("who_is_the_spy")
    for seed in range(4):
        episode = play_episode(game, [Saying("" * 9)] * 4, seed)
        assert episode.forfeited_by == 0 and (episode.parts[0] == "spy") == (episode.deal[2] == "player 1")


def test_equal_views_have_equal_keys_and_others_have_others() -> None:
    bets = [play_episode(KUHN, [Saying("bet"), Saying("fold")], seed) for seed in range(30)]
    of_second = {(t.observation.text, t.view_key) for e in bets for t in e.turns}
    assert len(of_second) == 6  # three cards in either seat
    assert len({key for _, key in of_second}) == 6


def test_keys_of_views_are_the_same_in_every_process() -> None:
    code = (
        "import asyncio\nfrom mirrormatch import agents, games, play\n"
        "for name in games.names():\n"
        "    game = games.get(name)\n"
        "    players = [agents.get('random')] * len(game.info.roles)\n"
        "    print(name, *(t.view_key for t in asyncio.run(play(game, players, 1)).turns))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, text=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1 and len(printed.pop().splitlines()) == len(games.names())
    assert compute_view_key(KUHN.info, Observation(0, "Your card is Q.", ("bet", "check"))) == 592871795475405948


def test_the_time_of_a_reply_is_measured() -> None:
    class Slow(Saying):
        async def act(self, decision: Decision) -> Reply:
            await asyncio.sleep(0.02)
            return await super().act(decision)

    episode = play_episode(KUHN, [Slow("bet"), Saying("fold")])
    assert episode.turns[0].seconds >= 0.02 > episode.turns[1].seconds


@pytest.mark.parametrize("num_agents", [0, 1, 3])
def test_the_number_of_agents_must_fit(num_agents: int) -> None:
    with pytest.raises(UserError, match=f"is for 2 players, {num_agents} were given"):
        play_episode(KUHN, [RandomAgent()] * num_agents)
