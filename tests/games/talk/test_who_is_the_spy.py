"""Who is the spy: elimination and victory, allowed clues, and that every player sees only what its word allows."""

import json
import random
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.games.playing import problem_kind
from tests.paths import ROOT

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER, Problem, ProblemKind
from mirrormatch.games.game import outcomes
from mirrormatch.games.player_text import CHAT_CHARS

GAME = games.get("who_is_the_spy")
ROWS = json.loads((ROOT / "games" / "talk" / "data" / "who_is_the_spy.json").read_text(encoding="utf-8"))
CLUES = ("red outside", "sweet", "eaten raw", "healthy")
NUM_GAMES = 300

nasty = st.text(st.one_of(st.characters(), st.sampled_from("\n\r\t\x1b\x00\x85\u2028\u202e\ud800\"'|[]")))


def deal_words(pair: str = "apple/peach", spy_word: str = "peach", spy: int = 3, name: str = "who_is_the_spy") -> Any:
    """The state after the deal; the spy is counted from 1."""
    game = games.get(name)
    return play_actions(game.start(), pair, spy_word, f"player {spy}", game=game)


def play_actions(state: Any, *actions: str, game: Any = GAME) -> Any:
    for action in actions:
        state = game.apply(state, action)
    return state


def play_round(state: Any, *votes: str, clues: tuple[str, ...] = CLUES) -> Any:
    """The state after a round of clues and these votes."""
    return play_actions(state, *clues[: len(state.players)], *votes)


def play_game(game: Any, rng: random.Random, solvers: frozenset[str] = frozenset()) -> tuple[Any, list[str]]:
    """Plays a game; returns its last state and its actions. `solvers` may contain "spy" and "civilians"."""
    state, path = game.start(), list[str]()
    while (role := game.to_act(state)) != OVER:
        if role == CHANCE:
            action = rng.choice(game.chance(state))[0]
        elif ("spy" if role == state.spy else "civilians") in solvers:
            solved = game.solution(game.view(state, role))
            action = rng.choices([a for a, _ in solved], [p for _, p in solved])[0]
        else:
            action = game.sample(game.view(state, role), game.legal(state), rng)
        state = game.apply(state, action)
        path.append(action)
    return state, path


# the oracle: the rules once more, from the list of actions


def count_returns(path: list[str], num_players: int, num_rounds: int) -> list[float]:
    """The returns of a finished game, with players as names in lists and votes as tally strokes."""
    spy = path[2]
    inside = [f"player {k}" for k in range(1, num_players + 1)]
    rest = path[3:]
    for _ in range(num_rounds):
        rest = rest[len(inside) :]  # the clues
        strokes = {name: "" for name in inside}
        for vote in rest[: len(inside)]:
            strokes[f"player {vote}"] += "|"
        rest = rest[len(inside) :]
        order = sorted(inside, key=lambda name: len(strokes[name]), reverse=True)
        if strokes[order[0]] != strokes[order[1]]:
            inside.remove(order[0])
        if spy not in inside or len(inside) == 2:
            break
    assert not rest, "the game went on after its end"
    sign = 1 if spy in inside else -1
    names = [f"player {k}" for k in range(1, num_players + 1)]
    return [sign * 1.0 if name == spy else -sign / (num_players - 1) for name in names]


@pytest.mark.parametrize(("players", "rounds"), [(3, 1), (3, 4), (4, 3), (5, 2), (6, 4)])
def test_games_end_and_pay_as_in_a_slow_count_of_votes(players: int, rounds: int) -> None:
    game, rng = games.get(f"who_is_the_spy:players={players},rounds={rounds}"), random.Random(players)
    for _ in range(NUM_GAMES):
        state, path = play_game(game, rng)
        assert list(game.returns(state)) == pytest.approx(count_returns(path, players, rounds)), path


# who is out, who wins


def test_the_player_with_the_most_votes_is_out() -> None:
    assert play_round(deal_words(), "2", "1", "2", "2").players == (0, 2, 3)


def test_on_a_tie_no_player_is_out() -> None:
    assert play_round(deal_words(), "2", "1", "1", "2").players == (0, 1, 2, 3)


def test_with_the_spy_out_the_others_win() -> None:
    state = play_round(deal_words(spy=3), "3", "3", "1", "3")
    assert GAME.to_act(state) == OVER
    assert GAME.returns(state) == pytest.approx((1 / 3, 1 / 3, -1.0, 1 / 3))


def test_with_two_players_left_the_spy_wins() -> None:
    state = play_round(deal_words(spy=3), "2", "1", "2", "2")
    state = play_round(state, "4", "4", "1", clues=("sweet too", "round", "in a pie"))
    assert GAME.to_act(state) == OVER
    assert GAME.returns(state) == pytest.approx((-1 / 3, -1 / 3, 1.0, -1 / 3))


def test_after_the_last_round_the_spy_wins() -> None:
    game = games.get("who_is_the_spy:rounds=1")
    state = play_actions(deal_words(name="who_is_the_spy:rounds=1"), *CLUES, "2", "1", "1", "2", game=game)
    assert game.to_act(state) == OVER and game.returns(state)[2] == 1.0


def test_the_longest_game_has_the_declared_number_of_turns() -> None:
    state, num_turns = deal_words(), 0
    for k in range(3):
        state = play_round(state, "2", "1", "1", "2", clues=tuple(f"clue {k}{p}" for p in range(4)))
        num_turns += 8
    assert GAME.to_act(state) == OVER and num_turns == GAME.info.max_turns


@pytest.mark.parametrize("spy_out", [True, False])
def test_every_winner_is_counted_as_one(spy_out: bool) -> None:
    state = (
        play_round(deal_words(spy=1), "2", "1", "1", "1")
        if spy_out
        else play_round(deal_words(spy=1), "2", "3", "2", "2")
    )
    state = state if spy_out else play_round(state, "3", "4", "3", clues=("sweet too", "round", "in a pie"))
    side, others = ("loss", "win") if spy_out else ("win", "loss")
    assert outcomes(GAME.info, GAME.returns(state)) == (side, others, others, others)


@pytest.mark.parametrize("spy", [1, 2])
def test_failing_to_move_costs_one_and_the_others_win(spy: int) -> None:
    assert GAME.forfeit_returns(deal_words(spy=spy), 0) == pytest.approx((-1.0, 1 / 3, 1 / 3, 1 / 3))


def test_a_player_who_is_out_is_not_asked_again() -> None:
    state = play_round(deal_words(), "2", "1", "2", "2")
    order = list[int]()
    for action in ("sweet too", "round", "in a pie", "3", "1", "1"):
        order.append(GAME.to_act(state))
        state = GAME.apply(state, action)
    assert order == [0, 2, 3, 0, 2, 3]


def test_no_player_votes_for_itself_or_for_one_who_is_out() -> None:
    state = play_actions(play_round(deal_words(), "2", "1", "2", "2"), "sweet too", "round", "in a pie")
    assert GAME.legal(state) == ("3", "4")
    assert problem_kind(GAME, state, "1") is ProblemKind.ILLEGAL
    assert problem_kind(GAME, state, "player 2") is ProblemKind.ILLEGAL


@pytest.mark.parametrize("text", ["2", "Player 2", "[vote 2]", "Vote for player 2.", "vote: 2"])
def test_a_vote_is_read_in_many_spellings(text: str) -> None:
    assert GAME.parse(play_actions(deal_words(), *CLUES), text) == "2"


@pytest.mark.parametrize("text", ["2 or 3", "not 2", "I would never vote for 2", "23", ""])
def test_a_sentence_around_a_vote_is_no_vote(text: str) -> None:
    assert problem_kind(GAME, play_actions(deal_words(), *CLUES), text) in (ProblemKind.NONE, ProblemKind.AMBIGUOUS)


# clues


def reduce_text(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if c.isalpha() or c.isdigit())


@pytest.mark.parametrize(
    ("word", "clue"),
    [
        ("peach", "a peach"), ("peach", "PEACHES"), ("peach", "p e a c h"), ("peach", "p-e-a-c-h"), ("peach", "pêaçh"),
        ("peach", "impeachment"), ("café", "a cafe"), ("café", "CAFÉ"), ("café", "cafe\u0301"),
        ("ice cream", "icecream"), ("ice cream", "Ice-Cream"), ("ice cream", "like i.c.e. c.r.e.a.m."),
        ("hot dog", "hot\tdog"), ("peach", "pe\u200bach"), ("peach", "ｐｅａｃｈ"),
    ],
)  # fmt: skip
def test_a_clue_with_the_own_word_in_it_is_refused(word: str, clue: str) -> None:
    pair = next("/".join(row["words"]) for row in ROWS if word in row["words"])
    assert problem_kind(GAME, deal_words(pair, word, spy=1), clue) is ProblemKind.ILLEGAL


def test_the_word_of_the_others_may_be_used() -> None:
    assert GAME.parse(deal_words(spy=1), "like an apple") == "like an apple"


@pytest.mark.parametrize("clue", ["red outside", "RED OUTSIDE!", "red-outside", " réd  outside"])
def test_a_clue_given_before_is_refused(clue: str) -> None:
    assert problem_kind(GAME, play_actions(deal_words(), "red outside"), clue) is ProblemKind.ILLEGAL


def test_a_clue_of_an_earlier_round_is_refused() -> None:
    assert problem_kind(GAME, play_round(deal_words(), "2", "1", "1", "2"), "healthy") is ProblemKind.ILLEGAL


@pytest.mark.parametrize("clue", ["", "  ", "...", "!?", "✨", '""', "clue:", "\u200b"])
def test_a_clue_without_a_letter_or_digit_is_none(clue: str) -> None:
    assert problem_kind(GAME, deal_words(), clue) is ProblemKind.NONE


@pytest.mark.parametrize("text", ["sweet fruit", '"sweet fruit"', "[sweet fruit]", "Clue: sweet fruit",
                                  "my clue: 'sweet fruit'", " sweet\nfruit "])  # fmt: skip
def test_what_is_around_a_clue_is_taken_off(text: str) -> None:
    assert GAME.parse(deal_words(), text) == "sweet fruit"


def test_only_a_label_in_front_is_taken_off() -> None:
    assert GAME.parse(deal_words(), "clue: 'clue: no clue: sweet'") == "no clue: sweet"


def test_a_long_clue_is_cut() -> None:
    clue = GAME.parse(deal_words(), "long " * 100)
    assert isinstance(clue, str) and len(clue) == CHAT_CHARS and clue.endswith("…")


@given(nasty)
def test_any_reply_is_a_clue_that_reads_back_without_the_word_or_a_problem(text: str) -> None:
    clue = GAME.parse(deal_words(), text)
    assert isinstance(clue, Problem) or (GAME.parse(deal_words(), clue) == clue and "apple" not in reduce_text(clue))


@given(nasty)
def test_a_clue_adds_one_line_and_stays_in_its_quotation_marks(text: str) -> None:
    clue = GAME.parse(deal_words(), f"a {text}")
    if not isinstance(clue, Problem):
        lines = GAME.observe(GAME.apply(deal_words(), clue), 1).text.splitlines()
        assert len(lines) == 4 and re.fullmatch(r'Player 1: "[^"\n]+"', lines[2])


# secrets


def look(state: Any, role: int) -> Any:
    return GAME.view(state, role), GAME.observe(state, role)


@pytest.mark.parametrize("num_done", range(8))
def test_a_civilian_sees_the_same_for_every_other_spy(num_done: int) -> None:
    actions = (*CLUES, "2", "1", "4", "1")[:num_done]
    assert look(play_actions(deal_words(spy=2), *actions), 0) == look(play_actions(deal_words(spy=4), *actions), 0)


@pytest.mark.parametrize("num_done", range(8))
def test_the_spy_sees_the_same_as_a_civilian_with_its_word(num_done: int) -> None:
    actions = (*CLUES, "2", "1", "4", "1")[:num_done]
    assert look(play_actions(deal_words(spy_word="peach", spy=1), *actions), 0) == look(
        play_actions(deal_words(spy_word="apple", spy=4), *actions), 0
    )


def test_another_round_later_the_spy_is_still_unseen() -> None:
    state, other = (play_round(deal_words(spy=spy), "2", "1", "2", "2") for spy in (3, 4))
    assert look(state, 0) == look(other, 0)


@pytest.mark.parametrize("role", range(4))
@pytest.mark.parametrize("num_votes", range(1, 4))
def test_votes_of_others_are_unseen_until_all_have_voted(role: int, num_votes: int) -> None:
    votes, others = ("2", "1", "2", "1")[:num_votes], ("3", "3", "4", "1")[:num_votes]
    mixed = [v if p == role else o for p, (v, o) in enumerate(zip(votes, others, strict=True))]
    assert look(play_actions(deal_words(), *CLUES, *votes), role) == look(
        play_actions(deal_words(), *CLUES, *mixed), role
    )


def test_how_many_have_voted_is_unseen() -> None:
    assert look(play_actions(deal_words(), *CLUES, "2"), 0) == look(
        play_actions(deal_words(), *CLUES, "2", "1", "1"), 0
    )


def test_all_votes_are_shown_after_the_round() -> None:
    state = play_round(deal_words(), "2", "1", "1", "2")
    told = "Votes: Player 1 -> You, You -> Player 1, Player 3 -> Player 1, Player 4 -> You."
    assert told in GAME.observe(state, 1).text


def test_a_player_is_shown_its_own_vote() -> None:
    assert GAME.observe(play_actions(deal_words(), *CLUES, "2"), 0).text.endswith("You voted for player 2.")


def test_at_the_end_all_are_shown_the_spy_and_both_words() -> None:
    last = GAME.observe(play_round(deal_words(spy=3), "3", "3", "1", "3"), 0).text.splitlines()[-1]
    assert last == "Player 3 was the spy, with the word peach; all others had apple. The others have won."


# the list of words


def test_the_number_of_pairs_is_the_documented_one() -> None:
    assert len(ROWS) == 159 and f"a list of {len(ROWS)}." in (type(GAME).__doc__ or "")


def test_every_word_is_in_one_pair_only() -> None:
    words = [reduce_text(word) for row in ROWS for word in row["words"]]
    assert len(set(words)) == len(words)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "/".join(row["words"]))
def test_the_bundled_clues_are_different_and_name_neither_word(row: Any) -> None:
    clues = [reduce_text(clue) for clue in (*row["shared"], *row["own"][0], *row["own"][1])]
    assert len(set(clues)) == len(clues) == 6
    assert not [c for c in clues for word in row["words"] if reduce_text(word) in c]


def test_a_random_player_always_finds_a_clue() -> None:
    from mirrormatch.games.talk.who_is_the_spy.words import ANYTHING

    game = games.get("who_is_the_spy:players=6,rounds=4")
    assert len({reduce_text(clue) for clue in ANYTHING}) > game.info.max_turns / 2
    assert not [c for c in ANYTHING for row in ROWS for word in row["words"] if reduce_text(word) in reduce_text(c)]


# strength


def measure_spy_wins(solvers: frozenset[str], name: str = "who_is_the_spy") -> float:
    """The spy's share of won games."""
    game, rng = games.get(name), random.Random(5)
    ends = [play_game(game, rng, solvers)[0] for _ in range(NUM_GAMES)]
    num_won = sum(bool(game.returns(state)[state.spy] > 0) for state in ends)
    return num_won / NUM_GAMES


def test_civilians_by_the_rules_of_thumb_find_a_random_spy() -> None:
    assert measure_spy_wins(frozenset({"civilians"})) < 0.1 < 0.4 < measure_spy_wins(frozenset())


def test_a_spy_by_the_rules_of_thumb_lasts_longer_against_them_than_a_random_one() -> None:
    both = measure_spy_wins(frozenset({"spy", "civilians"}), "who_is_the_spy:players=6")
    assert both > measure_spy_wins(frozenset({"civilians"}), "who_is_the_spy:players=6") + 0.2


@pytest.mark.parametrize("seat", [0, 3])
def test_one_player_by_the_rules_of_thumb_wins_more_than_a_random_one(seat: int) -> None:
    def measure_wins(num_solvers: int) -> float:
        rng, total = random.Random(seat), 0
        for _ in range(NUM_GAMES):
            state = GAME.start()
            while (role := GAME.to_act(state)) != OVER:
                if role == CHANCE:
                    action = rng.choice(GAME.chance(state))[0]
                elif role == seat and num_solvers:
                    action = rng.choice(GAME.solution(GAME.view(state, role)))[0]  # equal chances
                else:
                    action = GAME.sample(GAME.view(state, role), GAME.legal(state), rng)
                state = GAME.apply(state, action)
            total += GAME.returns(state)[seat] > 0
        return total / NUM_GAMES

    assert measure_wins(1) > measure_wins(0) + 0.1  # about 0.67 and 0.48
