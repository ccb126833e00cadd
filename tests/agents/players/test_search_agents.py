"""The agents with OpenSpiel's algorithms: their strength, and the games that they refuse."""

import asyncio
import random
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from mirrormatch import agents, games
from mirrormatch.agents import Decision, Episode
from mirrormatch.agents.play import play
from mirrormatch.agents.players._openspiel import SearchedState
from mirrormatch.agents.players.cfr import solve
from mirrormatch.errors import UserError
from mirrormatch.games import OVER, Game
from mirrormatch.games.theory import efg as gambit
from mirrormatch.games.theory.best_response import exploitability

pytestmark = pytest.mark.slow

NUM_GAMES = 20
SMALL = "openspiel/connect_four:rows=4,columns=5"


def episode(game: str, specs: Sequence[str], seed: int = 0) -> Episode:
    return asyncio.run(play(games.get(game), [agents.get(spec) for spec in specs], seed))


def returns(game: str, agent: str, opponent: str, num_games: int = NUM_GAMES) -> list[float]:
    """The agent's returns, in alternating seats."""
    seats = [((agent, opponent), 0), ((opponent, agent), 1)]
    return [episode(game, seats[k % 2][0], k).returns[seats[k % 2][1]] for k in range(num_games)]


def decision(game: Game[Any, Any], state: Any, seed: int = 0) -> Decision:
    role = game.to_act(state)
    view = game.view(state, role)
    return Decision(game=game, view=view, observation=game.observe(state, role), state=state, seed=seed)


def move(spec: str, game: Game[Any, Any], path: Sequence[str], seed: int = 0) -> str:
    """The agent's move after these moves."""
    state = game.start()
    for action in path:
        state = game.apply(state, action)
    return asyncio.run(agents.get(spec).act(decision(game, state, seed))).text


# minimax


@pytest.mark.parametrize("game", ["tictactoe", "openspiel/tic_tac_toe"])
def test_minimax_never_loses_at_tictactoe(game: str) -> None:
    assert min(returns(game, "minimax", "random")) >= 0


def test_minimax_mostly_wins_at_tictactoe() -> None:
    assert sum(returns("tictactoe", "minimax", "random")) >= NUM_GAMES / 2


def test_minimax_against_the_solution_draws() -> None:
    assert set(returns("tictactoe", "minimax", "optimal", num_games=6)) == {0.0}


def test_minimax_takes_the_shortest_way_to_a_win() -> None:
    # X X .   X to move wins at once on 3, or in two moves by 7 and a double threat
    # O O .
    # . . .
    assert {move("minimax", games.get("tictactoe"), "1425", seed) for seed in range(10)} == {"3"}


def test_minimax_parries_what_it_sees_one_move_ahead_of_the_other() -> None:
    # X . .   O to move must take 7, between 1 and the threat 1-4-7
    # X O .
    # . . .
    assert {move("minimax:2", games.get("tictactoe"), "154", seed) for seed in range(10)} == {"7"}


def test_minimax_does_not_see_beyond_its_depth() -> None:
    assert len({move("minimax:1", games.get("tictactoe"), "154", seed) for seed in range(30)}) > 1


def test_minimax_weighs_chance() -> None:
    # First to 2: a roll of 2 or more, stopped, wins, so rolling is worth 5/6 and stopping at once nothing.
    game = games.get("openspiel/pig:winscore=2")
    assert {move("minimax:2", game, (), seed) for seed in range(10)} == {"roll"}


def test_minimax_sees_no_difference_where_chance_has_not_decided_yet() -> None:
    game = games.get("openspiel/pig:winscore=2")
    assert {move("minimax:1", game, (), seed) for seed in range(30)} == {"roll", "stop"}


# mcts


@pytest.mark.parametrize("game", ["tictactoe", SMALL])
def test_mcts_beats_the_random_player(game: str) -> None:
    assert sum(returns(game, "mcts:100", "random")) >= 0.6 * NUM_GAMES


def test_mcts_takes_a_win() -> None:
    assert {move("mcts:200", games.get("tictactoe"), "1425", seed) for seed in range(5)} == {"3"}


def test_mcts_plays_games_of_chance() -> None:
    assert sum(returns("openspiel/pig:winscore=15,horizon=60", "mcts:50", "random", num_games=12)) > 0


def test_mcts_plays_with_three_players_and_alone() -> None:
    assert len(episode("openspiel/pig:players=3,winscore=6,horizon=30", ["mcts:10", "random", "random"]).returns) == 3
    assert episode("openspiel/catch", ["mcts:100"]).returns == (1.0,)


@pytest.mark.parametrize("spec", ["mcts:30", "minimax", "minimax:2"])
@pytest.mark.parametrize("game", ["tictactoe", "openspiel/tic_tac_toe"])
def test_equal_seeds_give_equal_games(spec: str, game: str) -> None:
    assert episode(game, [spec, "random"], seed=4) == episode(game, [spec, "random"], seed=4)


def test_other_seeds_give_other_games() -> None:
    assert len({tuple(t.action for t in episode("tictactoe", ["mcts:30", "mcts:30"], k).turns) for k in range(5)}) > 1


# cfr


@pytest.mark.parametrize(
    ("name", "most"),
    [("kuhn_poker", 0.001), ("openspiel/kuhn_poker", 0.001), ("openspiel/liars_dice:dice_sides=3", 0.001),
     ("openspiel/goofspiel:num_cards=3", 0.001), ("openspiel/leduc_poker", 0.02)],
)  # fmt: skip
def test_the_policy_of_cfr_loses_next_to_nothing_to_a_best_response(name: str, most: float) -> None:
    game = games.get(name)
    policy = solve(game, 100 if "leduc" in name else 300)
    assert 0 <= exploitability(game, lambda view: dict(policy[view])).value < most


def test_more_iterations_come_closer() -> None:
    game = games.get("kuhn_poker")
    worth = [exploitability(game, lambda view, k=k: dict(solve(game, k)[view])).value for k in (3, 30, 300)]  # type: ignore[misc]
    assert worth == sorted(worth, reverse=True)


def test_cfr_earns_the_value_of_kuhn_poker_against_the_solution() -> None:
    def value(state: Any) -> float:
        role = game.to_act(state)
        if role == OVER:
            return game.returns(state)[0]
        if role < 0:
            options = game.chance(state)
        else:
            view = game.view(state, role)
            options = tuple(policy[view].items()) if role == 0 else game.solution(view)
        return sum(p * value(game.apply(state, action)) for action, p in options)

    game = games.get("kuhn_poker")
    policy = solve(game, 300)
    assert value(game.start()) == pytest.approx(-1 / 18, abs=0.001)


def test_cfr_draws_its_moves_with_the_probabilities_of_its_policy() -> None:
    game = games.get("openspiel/matrix_brps")  # biased rock, paper, scissors: 1/16, 10/16, 5/16
    agent, policy = agents.get("cfr"), solve(game, 300)[game.view(game.start(), 0)]

    async def draw() -> list[str]:
        return [(await agent.act(decision(game, game.start(), seed))).text for seed in range(400)]

    moves = asyncio.run(draw())
    assert policy == pytest.approx({"Rock": 1 / 16, "Paper": 10 / 16, "Scissors": 5 / 16}, abs=0.01)
    assert moves.count("Paper") / 400 == pytest.approx(10 / 16, abs=0.1)


def test_cfr_plays_whole_games() -> None:
    assert episode("kuhn_poker", ["cfr:20", "random"], 3) == episode("kuhn_poker", ["cfr:20", "random"], 3)


def test_a_tree_has_every_history_and_every_information_set() -> None:
    tree = gambit.to_efg(games.get("kuhn_poker"))
    assert tree is not None and len(tree.text.splitlines()) == 1 + 58 and len(tree.infosets) == 12


# refusals


@pytest.mark.parametrize(
    ("spec", "game", "message"),
    [
        ("mcts", "kuhn_poker", "needs a game that hides nothing, which 'kuhn_poker' is not"),
        ("minimax", "kuhn_poker", "needs a game that hides nothing, which 'kuhn_poker' is not"),
        ("mcts", "openspiel/leduc_poker", "needs a game that hides nothing"),
        ("minimax", "openspiel/pig:players=3", "plays two-player zero-sum games"),
        ("cfr", "openspiel/matrix_pd", "plays two-player zero-sum games"),
        ("cfr", "openspiel/connect_four", "can't be solved whole"),
        ("cfr", "simple_negotiation", "can't be solved whole"),
    ],
)
def test_a_game_that_does_not_fit_gives_a_one_line_error(spec: str, game: str, message: str) -> None:
    with pytest.raises(UserError) as problem:
        episode(game, [spec] * len(games.get(game).info.roles))
    assert message in str(problem.value) and "\n" not in str(problem.value)


@pytest.mark.parametrize("spec", ["mcts:0", "mcts:x", "minimax:-1", "minimax:²", "cfr:1.5"])
def test_a_number_that_is_none_gives_a_one_line_error(spec: str) -> None:
    with pytest.raises(UserError, match=r"takes the number of .*, 1 or more, not '.*': .* for instance"):
        agents.get(spec)


@pytest.mark.parametrize("spec", ["mcts", "mcts:50", "minimax", "minimax:3", "cfr", "cfr:10"])
def test_the_spec_is_kept(spec: str) -> None:
    assert agents.get(spec).spec == spec


@pytest.mark.parametrize(("spec", "game"), [("mcts", "tictactoe"), ("minimax:8", "tictactoe"), ("cfr:7", "kuhn_poker")])
def test_without_the_library_the_error_is_how_to_install_it(
    spec: str, game: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in ("open_spiel", "pyspiel")]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=r"pip install 'mirrormatch\[games\]'"):
        episode(game, [spec, "random"])


def test_the_state_that_is_searched_is_played_as_the_game_is() -> None:
    game, rng = games.get("tictactoe"), random.Random(2)
    searched, state = SearchedState(game, game.start()), game.start()
    while not searched.is_terminal():
        number = rng.choice(searched.legal_actions())
        state = game.apply(state, (game.legal(state) or ())[number])
        searched.apply_action(number)
    assert tuple(searched.returns()) == game.returns(state)
