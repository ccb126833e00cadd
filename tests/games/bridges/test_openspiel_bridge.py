"""OpenSpiel's games through the bridge: they give OpenSpiel's results and keep the contract of every game."""

import copy
import functools
import importlib
import os
import pickle
import random
import resource
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyspiel
import pytest
from tests.paths import ROOT, import_script

from mirrormatch import games
from mirrormatch.errors import UnknownName, UserError
from mirrormatch.games import CHANCE, OVER, Action, Game, Problem, ProblemKind
from mirrormatch.games.contract.check import check

pytestmark = pytest.mark.slow

BRIDGE = games.bridges.get("openspiel")
NUM_GAMES = 100
NUM_LONG_GAMES = 1
# Games that take a few milliseconds: each is played a hundred times.
SHORT = (
    "amazons", "antichess", "banqi", "bargaining", "blackjack", "blotto", "breakthrough", "catch", "checkers",
    "cliff_walking", "clobber", "coin_game", "colored_trails", "connect_four", "coordinated_mp", "crazy_eights",
    "cursor_go", "dark_hex", "dark_hex_ir", "deep_sea", "dots_and_boxes", "dou_dizhu", "einstein_wurfelt_nicht",
    "euchre", "first_sealed_auction", "go_fish", "goofspiel", "hanabi", "hearts", "kuhn_poker", "latent_ttt",
    "leduc_poker", "lewis_signaling", "liars_dice", "liars_dice_ir", "mancala", "markov_soccer",
    "matching_pennies_3p", "matrix_bos", "matrix_brps", "matrix_cd", "matrix_coordination", "matrix_mp", "matrix_pd",
    "matrix_rps", "matrix_rpsw", "matrix_sh", "matrix_shapleys_game", "nim", "oh_hell", "oshi_zumo", "othello",
    "oware", "phantom_ttt", "phantom_ttt_ir", "pig", "python_hangman", "python_kuhn_poker", "python_tic_tac_toe",
    "repeated_leduc_poker", "sheriff", "skat", "snake", "social_deduction", "spades", "tic_tac_toe", "tiny_bridge_2p",
    "tiny_bridge_4p", "tiny_hanabi", "trade_comm", "twixt", "ultimate_tic_tac_toe", "universal_poker",
)  # fmt: skip
LONG = tuple(name for name in BRIDGE.names() if name not in SHORT)
# Of every kind: perfect and hidden information, chance, moves at once, one to three players, all kinds of interests.
DIVERSE = (
    "tic_tac_toe", "connect_four:rows=4,columns=4", "nim", "kuhn_poker(players=3)", "leduc_poker", "liars_dice",
    "goofspiel:num_cards=4", "matrix_pd", "matching_pennies_3p", "blotto:coins=4", "tiny_hanabi", "catch",
    "pig:winscore=12,horizon=20", "first_sealed_auction", "phantom_ttt", "coordinated_mp", "misere(game=tic_tac_toe())",
    "breakthrough:rows=4,columns=4", "blackjack", "python_kuhn_poker",
)  # fmt: skip
DEALT = (
    "kuhn_poker",
    "kuhn_poker:players=4",
    "leduc_poker",
    "leduc_poker:players=3",
    "python_kuhn_poker",
    "liars_dice",
)


class Played(NamedTuple):
    """A finished game: OpenSpiel's numbers of the actions, and the returns."""

    numbers: tuple[int, ...]
    returns: tuple[float, ...]


def draw_action(game: Game[Any, Any], state: Any, rng: random.Random) -> Action:
    if game.to_act(state) == CHANCE:
        actions, probabilities = zip(*game.chance(state), strict=True)
        return str(rng.choices(actions, probabilities)[0])
    return rng.choice(game.legal(state) or ())


def play_to_end(game: Game[Any, Any], rng: random.Random) -> Any:
    state = game.start()
    while game.to_act(state) != OVER:
        state = game.apply(state, draw_action(game, state, rng))
    return state


@functools.cache
def play_games(name: str) -> tuple[Played, ...]:
    """Plays random games from start to end."""
    game, rng = games.get(f"openspiel/{name}"), random.Random(20)
    ends = [play_to_end(game, rng) for _ in range(NUM_GAMES if name in SHORT else NUM_LONG_GAMES)]
    return tuple(Played(tuple(event.action for event in end.events), game.returns(end)) for end in ends)


def replay(game: Game[Any, Any], path: Sequence[Action]) -> Any:
    return functools.reduce(game.apply, path, game.start())


def sample_state(name: str, num_moves: int) -> tuple[Game[Any, Any], Any]:
    game, rng = games.get(f"openspiel/{name}"), random.Random(7)
    state = game.start()
    while num_moves or game.to_act(state) == CHANCE:
        num_moves -= game.to_act(state) >= 0
        state = game.apply(state, draw_action(game, state, rng))
    return game, state


# every game


def test_at_least_sixty_games_are_played_a_hundred_times() -> None:
    assert len(SHORT) >= 60 and set(SHORT) <= set(BRIDGE.names())


@pytest.mark.parametrize("name", [*SHORT, *LONG])
def test_random_games_end_within_the_bounds(name: str) -> None:
    info = games.get(f"openspiel/{name}").info
    assert all(info.min_return <= r <= info.max_return for end in play_games(name) for r in end.returns)


@pytest.mark.parametrize("name", [*SHORT, *LONG])
def test_the_same_actions_give_the_same_returns_in_openspiel(name: str) -> None:
    theirs = pyspiel.load_game(name)
    if theirs.get_type().dynamics == pyspiel.GameType.Dynamics.SIMULTANEOUS:
        theirs = pyspiel.convert_to_turn_based(theirs)
    for numbers, returns in play_games(name):
        state = theirs.new_initial_state()
        for number in numbers:
            state.apply_action(number)
        assert state.is_terminal() and tuple(state.returns()) == returns


@pytest.mark.parametrize("name", [*SHORT, *LONG])
def test_a_zero_sum_game_adds_up_to_nothing(name: str) -> None:
    sums = [sum(end.returns) for end in play_games(name)] if games.get(f"openspiel/{name}").info.zero_sum else []
    assert sums == pytest.approx([0.0] * len(sums))


@pytest.mark.parametrize("name", [*SHORT, *LONG])
def test_every_role_is_shown_text_and_rules(name: str) -> None:
    game, state = sample_state(name, 0)
    assert all(game.observe(state, role).text.strip() for role in range(len(game.info.roles))) and game.rules()


def test_every_registered_game_can_be_played_or_has_a_reason() -> None:
    unavailable = BRIDGE.unavailable()
    assert sorted([*BRIDGE.names(), *unavailable]) == sorted(pyspiel.registered_names()) and all(unavailable.values())


@pytest.mark.parametrize("name", DIVERSE)
def test_diverse_games_keep_the_contract(name: str) -> None:
    assert check(games.get(f"openspiel/{name}"), num_games=10) == []


# states and moves


def test_a_state_is_the_same_in_another_process_and_as_a_copy() -> None:
    _, state = sample_state("leduc_poker", 2)
    for other in (copy.deepcopy(state), pickle.loads(pickle.dumps(state))):
        assert other == state and hash(other) == hash(state) and other.spiel.history() == state.spiel.history()


def test_the_same_cells_taken_in_another_order_are_another_state() -> None:
    game = games.get("openspiel/tic_tac_toe")
    one, other = (replay(game, path) for path in (["x(0,0)", "o(1,1)", "x(2,2)"], ["x(2,2)", "o(1,1)", "x(0,0)"]))
    assert one != other and str(one.spiel) == str(other.spiel)


@pytest.mark.parametrize("name", ["crazyhouse", "hive", "backgammon", "blotto", "nim", "battleship", "universal_poker"])
def test_moves_with_any_signs_in_them_are_read_back(name: str) -> None:
    game, rng, state = games.get(f"openspiel/{name}"), random.Random(3), games.get(f"openspiel/{name}").start()
    for _ in range(60):
        if game.to_act(state) == OVER:
            break
        legal = game.legal(state) or ()
        texts = [(text, move) for move in legal for text in (move, f"[{move}]", move.upper(), f" {move}.")]
        assert [game.parse(state, text) for text, _ in texts] == [move for _, move in texts]
        state = game.apply(state, draw_action(game, state, rng))


def test_the_mover_is_not_repeated_in_the_move() -> None:
    game, state = sample_state("goofspiel", 0)
    assert "Bid: 1" in (game.legal(state) or ())


def test_moves_that_differ_in_case_only_have_a_number() -> None:
    game = games.get("openspiel/chess")
    state = replay(game, ("b4", "a6", "d3", "c5", "Be3", "h6"))
    captures = [move for move in game.legal(state) or () if "xc5" in move]
    assert [move.split(" #")[0] for move in captures] == ["Bxc5", "bxc5"]
    assert [game.parse(state, move.lower()) for move in captures] == captures
    assert game.parse(state, "bxc5") not in captures


def test_a_move_made_before_is_not_allowed_rather_than_no_move() -> None:
    game = games.get("openspiel/tic_tac_toe")
    problem = game.parse(replay(game, ["x(1,1)", "o(0,0)"]), "x(1,1)")
    assert isinstance(problem, Problem) and problem.kind is ProblemKind.ILLEGAL


def test_players_who_move_at_once_do_not_see_each_other() -> None:
    game = games.get("openspiel/matrix_rps")
    seen = {game.observe(game.apply(game.start(), move), 1).text for move in game.legal(game.start()) or ()}
    assert len(seen) == 1 and game.info.hidden


def test_the_rules_of_a_game_of_one_move_each_have_its_table() -> None:
    assert "Cooperate / Defect: 0, 10" in games.get("openspiel/matrix_pd").rules()


# secrets


@pytest.mark.parametrize("name", DEALT)
def test_what_others_were_dealt_is_not_shown(name: str) -> None:
    game, rng, num_compared = games.get(f"openspiel/{name}"), random.Random(5), 0
    num_roles = len(game.info.roles)
    for _ in range(200):
        path = [event.words for event in play_to_end(game, rng).events]
        path = path[: rng.randint(num_roles, len(path) - 1)]
        dealt_to = rng.randrange(num_roles)
        other = rng.choice([a for a, _ in game.chance(replay(game, path[:dealt_to]))])
        if other in path[:num_roles]:
            continue  # another player's card
        try:
            twin = replay(game, [*path[:dealt_to], other, *path[dealt_to + 1 :]])
        except ValueError:
            continue  # the card came later
        for role in {*range(num_roles)} - {dealt_to}:
            assert game.observe(twin, role) == game.observe(replay(game, path), role)
            num_compared += 1
    assert num_compared >= 20


def test_a_word_to_be_guessed_is_not_shown() -> None:
    game, state = sample_state("python_hangman", 1)
    word = str(state.spiel).split()[1]
    assert word.isalpha() and word not in game.observe(state, 0).text and game.info.hidden


# facts


@pytest.mark.parametrize(
    ("name", "kind"),
    [("tic_tac_toe", "zero-sum"), ("tiny_hanabi", "cooperative"), ("matrix_pd", "mixed"), ("catch", "single-player")],
)
def test_interests_are_openspiels(name: str, kind: str) -> None:
    assert games.get(f"openspiel/{name}").info.kind == kind


def test_facts_are_openspiels() -> None:
    info = games.get("openspiel/leduc_poker").info
    facts = (info.min_return, info.max_return, info.max_turns, info.hidden, info.random, info.zero_sum)
    assert facts == (-13.0, 13.0, 8, True, True, True)


def test_where_interests_are_mixed_giving_up_hurts_oneself_only() -> None:
    game = games.get("openspiel/matrix_pd")
    assert game.forfeit_returns(game.start(), 0) == (0.0, 5.0)


# names


@pytest.mark.parametrize("name", ["leduc_poker(players=3)", "leduc_poker:players=3"])
def test_parameters_are_written_either_way(name: str) -> None:
    info = games.get(f"openspiel/{name}").info
    assert (info.name, len(info.roles)) == ("openspiel/leduc_poker:players=3", 3)


def test_a_game_within_a_game_keeps_its_brackets() -> None:
    name = "openspiel/misere(game=tic_tac_toe())"
    assert games.get(name).info.name == name


@pytest.mark.parametrize(
    "name", ["openspiel/go:board_size=5,komi=0.5", "openspiel/repeated_game(stage_game=matrix_pd(),num_repetitions=3)"]
)
def test_a_name_gets_the_same_game_again(name: str) -> None:
    assert games.get(games.get(name).info.name).info == games.get(name).info


def test_the_error_for_an_unknown_name_has_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"unknown game of OpenSpiel 'leduc_pokr', did you mean 'leduc_poker'\?"):
        games.get("openspiel/leduc_pokr")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("leduc_poker:playrs=3", "has no parameter 'playrs', did you mean 'players'"),
        ("tic_tac_toe:a=1", "has no parameter 'a'; it has none"),
        ("leduc_poker:players=x", "takes players=VALUE like players=2, not 'players=x'"),
        ("leduc_poker:players", "takes players=VALUE like players=2, not 'players'"),
        ("leduc_poker:players=30", "is for 2 to 10 players"),
        ("go:komi=x", "takes komi=VALUE like komi=7.5"),
        ("hex:swap=2", "takes swap=VALUE like swap=False"),
        ("tarok", "can't be played: draws its chance inside"),
        ("mfg_garnet", "can't be played: a crowd plays it"),
        ("misere", "needs parameters: openspiel/misere"),
        ("misere(game=tarok())", "can't be played: draws its chance inside"),
        ("crossword", "can't be played: needs files"),
    ],
)
def test_the_reason_for_an_unplayable_game_is_one_line(name: str, message: str) -> None:
    with pytest.raises(UserError) as problem:
        games.get(f"openspiel/{name}")
    assert message in str(problem.value) and "\n" not in str(problem.value)


def test_a_refusal_by_openspiel_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="OpenSpiel can't load 'dark_hex:gameversion=xyz'"):
        games.get("openspiel/dark_hex:gameversion=xyz")


def test_without_the_library_the_error_gives_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("mirrormatch.games.bridges.openspiel")
    monkeypatch.setitem(sys.modules, "pyspiel", None)
    module._import_library.cache_clear()
    try:
        with pytest.raises(UserError, match=r"pip install 'mirrormatch\[games\]'"):
            BRIDGE.names()
    finally:
        module._import_library.cache_clear()


def test_the_library_is_imported_on_first_use() -> None:
    code = "import mirrormatch.games as g, sys; g.bridges.get('openspiel'); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert not {"pyspiel", "numpy", "open_spiel"} & set(run.stdout.split())


def test_a_chess_position_is_drawn() -> None:
    game = games.get("openspiel/chess")
    shown = game.observe(game.apply(game.start(), "e4"), 1).text
    assert "8 r n b q k b n r\n7 p p p p p p p p\n6 . . . . . . . .\n" in shown
    assert "4 . . . . P . . .\n" in shown and "\n  a b c d e f g h\nFEN: rnbqkbnr/pppppppp/8/8/4P3/8/" in shown


def test_the_table_is_up_to_date() -> None:
    command = "python docs/generate/openspiel.py docs/openspiel.md"
    page = ROOT / "docs" / "openspiel.md"
    assert page.read_text(encoding="utf-8") == import_script("docs/generate/openspiel.py").make_page(), (
        f"run: {command}"
    )


@pytest.mark.parametrize("name", [
    "connect_four:rows=100000,columns=100000", "connect_four(rows=100000,columns=100000)", "hex:board_size=2000000",
    "blotto:coins=60,fields=30", "turn_based_simultaneous_game(game=blotto(coins=60,fields=30))",
    "nim:pile_sizes=" + "9;" * 3_000,
])  # fmt: skip
def test_a_game_that_would_take_the_memory_is_refused_in_one_line(name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError) as problem:
        games.get(f"openspiel/{name}")
    assert "\n" not in str(problem.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 200_000  # KiB


@pytest.mark.parametrize("name", ["connect_four:rows=12,columns=30", "hex:board_size=19", "blotto:coins=30,fields=3"])
def test_a_game_of_unusual_size_is_played(name: str) -> None:
    game = games.get(f"openspiel/{name}")
    assert game.legal(game.start())
