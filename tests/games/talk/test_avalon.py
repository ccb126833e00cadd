"""Avalon: the official tables, the ways to win, and that every player sees only what its role allows."""

import itertools
import random
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.games.playing import problem_kind

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Problem, ProblemKind
from mirrormatch.games.game import outcomes
from mirrormatch.games.player_text import CHAT_CHARS

GAME = games.get("avalon")
QUIET = games.get("avalon:talk=0")
EVIL = ("assassin", "morgana", "minion")
ROLES = ("merlin", "servant", "servant", "assassin", "minion")
NUM_GAMES = 200
VARIANTS = (
    ("talk=0", 0), ("talk=1", 1), ("talk=2", 2), ("players=6", 1), ("players=7,percival=yes", 1),
    ("players=10,talk=0", 0), ("percival=yes", 1),
)  # fmt: skip

nasty = st.text(st.one_of(st.characters(), st.sampled_from("\n\r\t\x1b\x00\x85\u2028\u202e\ud800\"'|[]")))


def deal_roles(roles: tuple[str, ...] = ROLES, game: Any = QUIET, leader: int = 1) -> Any:
    """The state after the deal; the leader is counted from 1."""
    return play_moves(game.start(), *roles, f"player {leader}", game=game)


def play_moves(state: Any, *actions: str, game: Any = QUIET) -> Any:
    for action in actions:
        state = game.apply(state, action)
    return state


def send_team(state: Any, team: str, cards: str, game: Any = QUIET) -> Any:
    """Proposes the team, approves it with every vote, and lays its cards, such as "sf"."""
    votes = ("yes",) * len(game.info.roles)
    return play_moves(state, team, *votes, *({"s": "success", "f": "fail"}[card] for card in cards), game=game)


def reject_team(state: Any, team: str = "1 2") -> Any:
    return play_moves(state, team, *("no",) * 5)


def play_game(game: Any, rng: random.Random, solvers: str = "") -> tuple[Any, list[str], list[int]]:
    """A finished game, its actions and their actors; "good", "evil" or both in `solvers` play by the rules of thumb."""
    state, path, actors = game.start(), list[str](), list[int]()
    while (role := game.to_act(state)) != OVER:
        if role == CHANCE:
            action = draw_action(game.chance(state), rng)
        elif ("evil" if state.roles[role] in EVIL else "good") in solvers:
            action = draw_action(game.solution(game.view(state, role)), rng)
        else:
            action = game.sample(game.view(state, role), game.legal(state), rng)
        state = game.apply(state, action)
        path.append(action)
        actors.append(role)
    return state, path, actors


def draw_action(options: Any, rng: random.Random) -> str:
    action: str = rng.choices([a for a, _ in options], [p for _, p in options])[0]
    return action


# the oracle: the rules once more, as one long function


def replay_slowly(path: list[str], num: int, talk: int) -> tuple[list[int], list[float]]:
    """The actor of each action, chance included, and the returns."""
    actions = iter(path)
    roles = [next(actions) for _ in range(num)]
    leader = int(next(actions).removeprefix("player ")) - 1
    actors = [CHANCE] * (num + 1)
    sizes = {5: "23233", 6: "23434", 7: "23344"}.get(num, "34455")
    results = ""
    while results.count("+") < 3 and results.count("-") < 3:
        size = int(sizes[len(results)])
        for attempt in itertools.count(1):
            actors.append(leader)
            team = [int(number) - 1 for number in next(actions).split()]
            assert len(set(team)) == size
            for speaker in list(range(num)) * talk:
                actors.append((leader + speaker) % num)
                next(actions)
            votes = [next(actions) for _ in range(num)]
            actors += range(num)
            leader = (leader + 1) % num
            if votes.count("yes") > votes.count("no"):
                break
            if attempt == 5:
                return actors, pay_teams(roles, "evil")
        cards = [next(actions) for _ in team]
        actors += team
        assert all(roles[p] in EVIL for p, card in zip(team, cards, strict=True) if card == "fail")
        tolerated = 1 if num >= 7 and len(results) == 3 else 0
        results += "-" if cards.count("fail") > tolerated else "+"
    if results.count("-") == 3:
        assert next(actions, None) is None
        return actors, pay_teams(roles, "evil")
    actors.append(roles.index("assassin"))
    named = int(next(actions)) - 1
    assert next(actions, None) is None
    return actors, pay_teams(roles, "evil" if roles[named] == "merlin" else "good")


def pay_teams(roles: list[str], winner: str) -> list[float]:
    return [1.0 if ("evil" if role in EVIL else "good") == winner else -1.0 for role in roles]


@pytest.mark.parametrize(("given", "talk"), VARIANTS)
def test_turns_and_returns_equal_those_of_a_slow_replay(given: str, talk: int) -> None:
    game, rng = games.get(f"avalon:{given}"), random.Random(given)
    for _ in range(100):
        state, path, actors = play_game(game, rng)
        assert (actors, list(game.returns(state))) == replay_slowly(path, len(game.info.roles), talk)


def test_random_play_ends_in_every_way() -> None:
    rng = random.Random(1)
    ends = [play_game(QUIET, rng)[0] for _ in range(NUM_GAMES)]
    ways = {(len(s.board.proposals) == 5, s.named >= 0 and s.roles[s.named], QUIET.returns(s).count(1.0)) for s in ends}
    assert ways == {(True, False, 2), (False, False, 2), (False, "merlin", 2), (False, "servant", 3)}


# the tables of the rules


@pytest.mark.parametrize(
    ("num", "good", "sizes"),
    [(5, 3, "2 3 2 3 3"), (6, 4, "2 3 4 3 4"), (7, 4, "2 3 3 4 4"), (8, 5, "3 4 4 5 5"), (9, 6, "3 4 4 5 5"),
     (10, 6, "3 4 4 5 5")],
)  # fmt: skip
def test_roles_and_teams_are_those_of_the_boards(num: int, good: int, sizes: str) -> None:
    from mirrormatch.games.talk.avalon.state import NUM_GOOD, TEAM_SIZES

    assert (NUM_GOOD[num], " ".join(map(str, TEAM_SIZES[num]))) == (good, sizes)


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        ("players=5", {"merlin": 1, "servant": 2, "assassin": 1, "minion": 1}),
        ("players=5,percival=yes", {"merlin": 1, "percival": 1, "servant": 1, "assassin": 1, "morgana": 1}),
        ("players=7", {"merlin": 1, "servant": 3, "assassin": 1, "minion": 2}),
        ("players=10", {"merlin": 1, "servant": 5, "assassin": 1, "minion": 3}),
        (
            "players=10,percival=yes",
            {"merlin": 1, "percival": 1, "servant": 4, "assassin": 1, "morgana": 1, "minion": 2},
        ),
    ],
)
def test_these_roles_are_dealt(given: str, roles: dict[str, int]) -> None:
    state, _, _ = play_game(games.get(f"avalon:{given}"), random.Random(2))
    assert {role: state.roles.count(role) for role in state.roles} == roles


def play_quest_of_one_fail(num: int, quest: int) -> str:
    """The shown result of a quest with one fail, after at most two failed and two successful quests."""
    game = games.get(f"avalon:players={num},talk=0")
    good = {5: 3, 6: 4, 7: 4, 8: 5, 9: 6, 10: 6}[num]
    state = deal_roles(("assassin", "merlin", *("servant",) * (good - 1), *("minion",) * (num - good - 1)), game)
    for k in range(quest):
        team = (game.legal(state) or ("",))[0]
        failing = k < quest // 2 or k == quest - 1
        state = send_team(state, team, ("f" if failing else "s") + "s" * (len(team.split()) - 1), game)
    found = re.search(rf"Quest {quest} (\w+): 1 fail\.", game.observe(state, 1).text)
    return found[1] if found else "not shown"


@pytest.mark.parametrize(
    ("num", "quest", "result"),
    [(5, 1, "failed"), (5, 4, "failed"), (6, 4, "failed"), (7, 3, "failed"), (7, 4, "succeeded"), (8, 4, "succeeded"),
     (10, 4, "succeeded"), (7, 5, "failed"), (10, 5, "failed")],
)  # fmt: skip
def test_one_fail_is_enough_but_in_the_fourth_quest_of_seven_or_more(num: int, quest: int, result: str) -> None:
    assert play_quest_of_one_fail(num, quest) == result


def test_two_fails_are_enough_in_the_fourth_quest_of_seven() -> None:
    game = games.get("avalon:players=7,talk=0")
    state = deal_roles(("assassin", "minion", "merlin", "servant", "servant", "servant", "minion"), game)
    state = send_team(send_team(send_team(state, "1 2", "sf", game), "1 2 3", "sss", game), "1 2 3", "sss", game)
    assert "Quest 4 failed: 2 fails." in game.observe(send_team(state, "1 2 3 4", "ffss", game), 4).text


# how a game goes


def test_five_rejected_teams_win_for_evil() -> None:
    state = deal_roles()
    for _ in range(5):
        assert QUIET.to_act(state) != OVER
        state = reject_team(state)
    assert QUIET.to_act(state) == OVER and QUIET.returns(state) == (-1.0, -1.0, -1.0, 1.0, 1.0)


def test_the_count_of_rejected_teams_restarts_with_the_next_quest() -> None:
    state = deal_roles()
    for _ in range(4):
        state = reject_team(state)
    state = send_team(state, "1 2", "ss")
    for _ in range(4):
        state = reject_team(state, "1 2 3")
    assert QUIET.to_act(state) != OVER


def test_three_failed_quests_win_for_evil() -> None:
    state = send_team(send_team(send_team(deal_roles(), "1 4", "sf"), "1 2 4", "ssf"), "1 4", "sf")
    assert QUIET.to_act(state) == OVER and QUIET.returns(state) == (-1.0, -1.0, -1.0, 1.0, 1.0)


THREE_WON = (("1 2", "ss"), ("1 2 3", "sss"), ("1 2", "ss"))


def reach_assassination() -> Any:
    state = deal_roles()
    for team, cards in THREE_WON:
        state = send_team(state, team, cards)
    return state


def test_after_three_successes_the_assassin_names_a_good_player() -> None:
    assert (QUIET.to_act(reach_assassination()), QUIET.legal(reach_assassination())) == (3, ("1", "2", "3"))


@pytest.mark.parametrize(("named", "good"), [("1", -1.0), ("2", 1.0), ("3", 1.0)])
def test_good_wins_unless_merlin_is_named(named: str, good: float) -> None:
    assert QUIET.returns(play_moves(reach_assassination(), named)) == (good, good, good, -good, -good)


def test_every_member_of_the_winning_team_has_won() -> None:
    returns = QUIET.returns(play_moves(reach_assassination(), "2"))
    assert outcomes(QUIET.info, returns) == ("win", "win", "win", "loss", "loss")


@pytest.mark.parametrize(("role", "good"), [(0, -1.0), (1, -1.0), (3, 1.0), (4, 1.0)])
def test_who_fails_to_move_loses_for_the_own_team(role: int, good: float) -> None:
    assert QUIET.forfeit_returns(deal_roles(), role) == (good, good, good, -good, -good)


@pytest.mark.parametrize(("num", "num_yes", "approved"), [(5, 2, False), (5, 3, True), (6, 3, False), (6, 4, True)])
def test_a_team_needs_more_yes_than_no(num: int, num_yes: int, approved: bool) -> None:
    game = games.get(f"avalon:players={num},talk=0")
    roles = ("merlin", *("servant",) * (num - 3), "assassin", "minion")
    state = play_moves(deal_roles(roles, game), "1 2", *("yes",) * num_yes, *("no",) * (num - num_yes), game=game)
    assert (game.legal(state) == ("success",)) == approved


def test_the_next_player_leads_after_a_rejection_and_after_a_quest() -> None:
    assert QUIET.to_act(reject_team(deal_roles(leader=5))) == 0
    assert QUIET.to_act(send_team(deal_roles(leader=3), "1 2", "ss")) == 3


def test_only_evil_may_lay_a_fail() -> None:
    state = play_moves(deal_roles(), "1 4", *("yes",) * 5)
    assert QUIET.legal(state) == ("success",) and problem_kind(QUIET, state, "fail") is ProblemKind.ILLEGAL
    assert QUIET.legal(play_moves(state, "success")) == ("fail", "success")


@pytest.mark.parametrize("talk", [0, 1, 2])
def test_the_longest_game_has_the_declared_number_of_turns(talk: int) -> None:
    game = games.get(f"avalon:talk={talk}")
    state, num_turns = deal_roles(game=game), 0
    num_voted = 0
    while (role := game.to_act(state)) != OVER:
        legal = game.legal(state)
        if legal is None:
            action = "pass"
        elif legal == ("no", "yes"):
            action = "yes" if num_voted % 25 >= 20 else "no"
            num_voted += 1
        elif "fail" in legal:
            action = "fail" if len(state.board.quests) % 2 and role == 3 else "success"
        else:
            action = next((team for team in legal if "4" in team), legal[0])
        state = game.apply(state, action)
        num_turns += 1
    assert num_turns == game.info.max_turns


# reading


@pytest.mark.parametrize("text", ["1 3", "3 1", "1, 3", "1,3", "[3, 1]", "1 and 3", "players 1 and 3", "Team 1 3",
                                  "propose team 1 3", "Player 3, player 1", "I propose players 1 & 3."])  # fmt: skip
def test_a_team_is_read_in_many_spellings(text: str) -> None:
    assert QUIET.parse(deal_roles(), text) == "1 3"


@pytest.mark.parametrize("text", ["1 2 3", "1", "1 1", "1 6", "0 1", "players 1, 2, 3"])
def test_a_team_of_the_wrong_size_or_players_is_illegal(text: str) -> None:
    assert problem_kind(QUIET, deal_roles(), text) is ProblemKind.ILLEGAL


@pytest.mark.parametrize(
    "text", ["", "1 2 or 1 3", "not 1 3", "I will never propose 1 3", "me and 3", "1-3", "13", "1 3!x"]
)
def test_a_sentence_around_a_team_is_no_team(text: str) -> None:
    assert problem_kind(QUIET, deal_roles(), text) in (ProblemKind.NONE, ProblemKind.ILLEGAL)


def test_a_long_row_of_digits_is_no_team_and_costs_no_time() -> None:
    start = time.process_time()
    for num_digits in (26, 40, 5_000):
        assert isinstance(QUIET.parse(deal_roles(), "1" * num_digits + "x"), Problem)
        assert isinstance(QUIET.parse(deal_roles(), "1" * num_digits), Problem)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(("text", "vote"), [("Yes.", "yes"), ("approve", "yes"), ("[NO]", "no"), ("reject", "no")])
def test_a_vote_is_read_in_many_spellings(text: str, vote: str) -> None:
    assert QUIET.parse(play_moves(deal_roles(), "1 2"), text) == vote


@pytest.mark.parametrize("text", ["yes or no", "not yes", "I would never approve", "yes no", ""])
def test_a_sentence_around_a_vote_is_no_vote(text: str) -> None:
    assert problem_kind(QUIET, play_moves(deal_roles(), "1 2"), text) in (ProblemKind.NONE, ProblemKind.AMBIGUOUS)


@pytest.mark.parametrize("text", ["2", "player 2", "Kill player 2!", "Merlin is player 2"])
def test_a_name_is_read_in_many_spellings(text: str) -> None:
    assert QUIET.parse(reach_assassination(), text) == "2"


def test_an_evil_player_is_not_named() -> None:
    assert problem_kind(QUIET, reach_assassination(), "5") is ProblemKind.ILLEGAL


# talk


def start_talk() -> Any:
    return play_moves(deal_roles(game=GAME, leader=4), "1 2", game=GAME)


def test_all_speak_in_turn_from_the_leader_on() -> None:
    state, order = start_talk(), list[int]()
    while GAME.legal(state) is None:
        order.append(GAME.to_act(state))
        state = GAME.apply(state, "I trust all of you")
    assert order == [3, 4, 0, 1, 2] and GAME.legal(state) == ("no", "yes")


def test_all_hear_every_statement() -> None:
    state = GAME.apply(start_talk(), "Why not 3?")
    assert 'Player 4: "Why not 3?"' in GAME.observe(state, 0).text
    assert 'You: "Why not 3?"' in GAME.observe(state, 3).text


@pytest.mark.parametrize("text", ["pass", "Pass.", "[PASS]"])
def test_a_player_may_say_nothing(text: str) -> None:
    assert GAME.parse(start_talk(), text) == "pass"
    assert "Player 4:" not in GAME.observe(GAME.apply(start_talk(), "pass"), 0).text


@pytest.mark.parametrize("text", ["", " \n", "...", "\u3164", '""'])
def test_silence_must_be_declared(text: str) -> None:
    assert problem_kind(GAME, start_talk(), text) is ProblemKind.NONE


def test_a_long_statement_is_cut() -> None:
    statement = GAME.parse(start_talk(), "long " * 100)
    assert isinstance(statement, str) and len(statement) == CHAT_CHARS and statement.endswith("…")


@given(nasty)
def test_any_reply_is_a_statement_that_reads_back_or_a_problem(text: str) -> None:
    statement = GAME.parse(start_talk(), text)
    assert isinstance(statement, Problem) or GAME.parse(start_talk(), statement) == statement


@given(nasty)
def test_a_statement_adds_one_line_and_stays_in_its_quotation_marks(text: str) -> None:
    statement = GAME.parse(start_talk(), f"a {text}")
    assert isinstance(statement, str)
    before, now = (
        GAME.observe(state, 1).text.splitlines() for state in (start_talk(), GAME.apply(start_talk(), statement))
    )
    assert len(now) == len(before) + 1 and re.fullmatch(r'Player 4: "[^"\n]+"', now[3])


def test_only_the_latest_statements_stay_in_view() -> None:
    state, number = deal_roles(game=GAME), 0
    for _ in range(4):
        state = GAME.apply(state, "1 2")
        for _ in range(5):
            number += 1
            state = GAME.apply(state, f"this is statement {number}")
        state = play_moves(state, *("no",) * 5, game=GAME)
    state = play_moves(state, "1 2", "this is statement 21", game=GAME)
    shown = re.findall(r"statement (\d+)", GAME.observe(state, 0).text)
    assert shown == [str(k) for k in range(2, 22)]


@pytest.mark.parametrize("given", ["talk=2", "players=10,talk=2"])
def test_what_a_player_is_shown_is_bounded(given: str) -> None:
    game, longest = games.get(f"avalon:{given}"), 0
    state = deal_roles(play_game(game, random.Random(1))[0].roles, game)
    while (role := game.to_act(state)) != OVER:
        longest = max(longest, len(game.observe(state, role).text))
        legal = game.legal(state)
        rejects = len(state.board.proposals) < 4
        action = game.parse(state, "x" * 500) if legal is None else legal[0 if rejects or legal != ("no", "yes") else 1]
        assert isinstance(action, str)
        state = game.apply(state, action)
    assert longest < 20 * (CHAT_CHARS + 15) + 25 * 110 + 1_000


# secrets

ASSASSINATE = reach_assassination().board.stage


def look(state: Any, role: int, game: Any = QUIET) -> Any:
    observed = game.observe(state, role)
    return game.view(state, role), observed.text


def find_knowledge(roles: tuple[str, ...], role: int) -> Any:
    """The part of a deal that a player may know: the own role, and the seats of the players shown to it."""
    own = roles[role]
    shown = EVIL if own in (*EVIL, "merlin") else ("merlin", "morgana") if own == "percival" else ()
    return own, [k for k, other in enumerate(roles) if other in shown]


@pytest.mark.parametrize("percival", ["no", "yes"])
def test_after_the_deal_a_player_can_distinguish_what_it_may_and_no_more(percival: str) -> None:
    game = games.get(f"avalon:talk=0,percival={percival}")
    cast = ("merlin", "percival", "servant", "assassin", "morgana") if percival == "yes" else ROLES
    deals = sorted(set(itertools.permutations(cast)))
    for role in range(5):
        shown = [look(deal_roles(deal, game), role, game) for deal in deals]
        for a, b in itertools.combinations(range(len(deals)), 2):
            assert (shown[a] == shown[b]) == (find_knowledge(deals[a], role) == find_knowledge(deals[b], role))


@pytest.mark.parametrize("own", ["merlin", "percival", "servant", "assassin", "morgana"])
def test_other_hidden_roles_change_nothing_in_what_a_player_sees(own: str) -> None:
    game, rng = games.get("avalon:players=7,percival=yes"), random.Random(own)
    cast = ["merlin", "percival", "servant", "servant", "assassin", "morgana", "minion"]
    for _ in range(20):
        deal = tuple(rng.sample(cast, 7))
        role = deal.index(own)
        twins = [deal]
        while len(twins) < 4:
            other = tuple(rng.sample(cast, 7))
            twins += [other] * (find_knowledge(other, role) == find_knowledge(deal, role))
        states = [deal_roles(twin, game) for twin in twins]
        for _ in range(rng.randint(1, 120)):
            if states[0].board.stage == ASSASSINATE:
                break
            legal = game.legal(states[0])
            view = game.view(states[0], game.to_act(states[0]))
            action = "success" if legal and "success" in legal else game.sample(view, legal, rng)
            then = [game.apply(state, action) for state in states]
            if game.to_act(then[0]) == OVER:  # everything is shown
                break
            states = then
        assert all(look(state, role, game) == look(states[0], role, game) for state in states)


@pytest.mark.parametrize("role", range(5))
@pytest.mark.parametrize("num_votes", range(1, 5))
def test_votes_of_others_are_unseen_until_all_have_voted(role: int, num_votes: int) -> None:
    state = play_moves(deal_roles(), "1 2")
    votes = [("yes", "no")[p % 2] for p in range(num_votes)]
    others = [vote if p == role else {"yes": "no", "no": "yes"}[vote] for p, vote in enumerate(votes)]
    assert look(play_moves(state, *votes), role) == look(play_moves(state, *others), role)


def test_how_many_have_voted_is_unseen() -> None:
    state = play_moves(deal_roles(), "1 2")
    assert look(play_moves(state, "yes"), 0) == look(play_moves(state, "yes", "no", "no"), 0)


def test_all_votes_are_shown_once_all_have_voted() -> None:
    state = play_moves(deal_roles(), "1 2", "yes", "no", "yes", "no", "no")
    assert "Yes: 1, 3. No: 2, 4, 5. Rejected." in QUIET.observe(state, 4).text


def test_a_card_in_a_quest_under_way_is_unseen() -> None:
    state = play_moves(deal_roles(), "4 5", *("yes",) * 5)
    for role in (0, 1, 2, 4):
        assert look(play_moves(state, "fail"), role) == look(play_moves(state, "success"), role) == look(state, role)


@pytest.mark.parametrize("role", [0, 1, 2])
def test_who_laid_the_fail_is_never_shown(role: int) -> None:
    assert look(send_team(deal_roles(), "4 5", "fs"), role) == look(send_team(deal_roles(), "4 5", "sf"), role)


def test_who_laid_the_fail_is_not_even_shown_to_another_evil_player() -> None:
    game = games.get("avalon:players=7,talk=0")
    roles = ("assassin", "minion", "minion", "merlin", "servant", "servant", "servant")
    states = [send_team(deal_roles(roles, game), "1 2", cards, game) for cards in ("fs", "sf")]
    assert look(states[0], 2, game) == look(states[1], 2, game)


def test_a_servant_on_the_quest_sees_only_that_one_of_the_others_failed() -> None:
    deals = [
        ("servant", "assassin", "merlin", "servant", "minion"),
        ("servant", "servant", "assassin", "merlin", "minion"),
    ]
    a = send_team(send_team(deal_roles(deals[0]), "1 4", "ss"), "1 2 3", "sfs")
    b = send_team(send_team(deal_roles(deals[1]), "1 4", "ss"), "1 2 3", "ssf")
    assert look(a, 0) == look(b, 0)
    assert "Quest 2 failed: 1 fail. You played success." in QUIET.observe(a, 0).text


def test_who_the_assassin_is_stays_unseen_to_the_end() -> None:
    states = []
    for roles in (ROLES, ("merlin", "servant", "servant", "minion", "assassin")):
        state = deal_roles(roles)
        for team, cards in THREE_WON:
            state = send_team(state, team, cards)
        states.append(state)
    assert all(look(states[0], role) == look(states[1], role) for role in (0, 1, 2))


@pytest.mark.parametrize(
    ("role", "line"),
    [
        (0, "You are player 1 of 5, Merlin (good). Evil: 4, 5."),
        (1, "You are player 2 of 5, a loyal servant (good)."),
        (3, "You are player 4 of 5, the Assassin (evil). Evil beside you: 5."),
        (4, "You are player 5 of 5, a minion (evil). Evil beside you: 4."),
    ],
)
def test_each_is_shown_its_role_and_the_players_that_it_knows(role: int, line: str) -> None:
    assert QUIET.observe(deal_roles(), role).text.splitlines()[0] == line


def test_percival_is_shown_merlin_and_morgana_by_seat() -> None:
    game = games.get("avalon:talk=0,percival=yes")
    text = game.observe(deal_roles(("morgana", "percival", "servant", "merlin", "assassin"), game), 1).text
    assert "Percival (good). Merlin and Morgana are 1, 4, in one order or the other." in text


def test_at_the_end_all_roles_are_shown() -> None:
    last = QUIET.observe(play_moves(reach_assassination(), "2"), 1).text.splitlines()[-1]
    assert last.startswith("The Assassin named player 2, who was not Merlin: good won. Roles: player 1 Merlin,")


# strength


def measure_good_wins(solvers: str, given: str = "talk=0") -> float:
    """The good team's share of won games."""
    game, rng, num_won = games.get(f"avalon:{given}"), random.Random(3), 0
    for _ in range(NUM_GAMES):
        state, _, _ = play_game(game, rng, solvers)
        num_won += game.returns(state)[state.roles.index("merlin")] > 0
    return num_won / NUM_GAMES


def test_a_good_team_by_the_rules_of_thumb_beats_random_evil() -> None:
    assert measure_good_wins("good") > measure_good_wins("") + 0.15  # about 0.63 and 0.35


def test_an_evil_team_by_the_rules_of_thumb_beats_random_good() -> None:
    assert measure_good_wins("evil") < 0.05 < 0.25 < measure_good_wins("")


def test_between_teams_by_the_rules_of_thumb_both_win_often() -> None:
    assert 0.25 < measure_good_wins("good evil") < 0.75


@pytest.mark.slow
def test_the_rules_of_thumb_work_with_percival_and_seven_players() -> None:
    assert (
        measure_good_wins("good", "players=7,talk=0,percival=yes")
        > measure_good_wins("", "players=7,talk=0,percival=yes") + 0.15
    )


def test_a_servant_distrusts_the_team_that_failed() -> None:
    state = send_team(deal_roles(("servant", "assassin", "servant", "minion", "merlin"), leader=5), "1 2", "sf")
    teams = [team for team, _ in QUIET.solution(QUIET.view(state, 0))]
    assert teams and not any("2" in team.split() for team in teams)


def test_merlin_proposes_only_good_players() -> None:
    assert all(set(team.split()) <= set("123") for team, _ in QUIET.solution(QUIET.view(deal_roles(), 0)))
