"""The script that measures how often a model's replies are moves."""

from tests.paths import import_script

figures = import_script("docs/generate/mini_figures.py")
SPEC = "random"


def test_every_reply_of_a_random_player_is_a_move() -> None:
    count = figures.count_moves(["kuhn_poker"], lambda game, _: [figures.agents.get(SPEC)] * 2, SPEC, 50)
    assert count.moves == count.replies >= 50


def test_replies_of_the_rival_are_not_counted() -> None:
    seat = figures._seat_rival(figures.agents.get(SPEC), "simple_negotiation", "insult")
    played = figures.asyncio.run(figures._play_batch([figures.games.get("simple_negotiation")], seat, [0]))
    count = figures._add(figures.Count(), played[0], SPEC)
    assert count.replies == 4 and len(played[0].turns) >= 8


def test_a_reply_that_is_no_move_stays_in_the_denominator() -> None:
    nano = figures.agents.get("nano,max_tokens=4")
    count = figures.count_moves(["nim"], lambda game, _: [nano] * 2, nano.spec, 10)
    assert count.moves < count.replies


def test_the_tables_have_a_row_for_each_game() -> None:
    lines = list(figures.measure_games("nano", ["kuhn_poker"], 4))
    assert len(lines) == 3 and lines[2].startswith("| kuhn_poker | ")
    assert len(list(figures.measure_chatter("nano", ["simple_negotiation"], 2))) == 3


def test_a_share_is_shown_with_its_interval() -> None:
    assert figures.Count(95, 100).to_text() == "95% [89, 98]"
    assert figures.Count().to_text() == "-"
