"""Our games as environments of TextArena: its wrappers, agents and loops work on them unchanged."""

import asyncio
import copy
import functools
import random
from typing import Any

import pytest

from mirrormatch import games
from mirrormatch.agents.environments.textarena import GameEnv, as_textarena
from mirrormatch.agents.play import play
from mirrormatch.agents.players.random import RandomAgent
from mirrormatch.errors import UserError
from mirrormatch.games import Problem
from mirrormatch.games.bridges.textarena.run import import_library

ta = import_library()
NAMES = sorted({"kuhn_poker", "tictactoe", "simple_negotiation", *games.names()})
SEEDS = range(5)


class Speaker(ta.Agent):  # type: ignore[name-defined, misc]  # textarena has no types
    """Plays our random player's moves as TextArena's agents do: a sentence with the move in brackets."""

    def __init__(self, env: Any, seed: int) -> None:
        self.env, self.rng, self.observed = env, random.Random(seed), list[str]()

    def __call__(self, observation: str) -> str:
        self.observed.append(observation)
        game, position = self.env.game, self.env._position
        role = game.to_act(position)
        move = game.sample(game.view(position, role), game.legal(position), self.rng)
        return move if game.legal(position) is None else f"I have thought about it. [{move}]"


def play_episode(env: Any, name: str, seed: int) -> tuple[Any, Any, list[list[str]]]:
    """Plays a game like TextArena's examples. Returns rewards, game info, and each player's observations."""
    num_players = len(games.get(name).info.roles)
    agents = {k: Speaker(env, 10 * seed + k) for k in range(num_players)}
    env.reset(num_players=num_players, seed=seed)
    done = False
    while not done:
        player_id, observation = env.get_observation()
        done, _ = env.step(action=agents[player_id](observation))
    rewards, info = env.close()
    return rewards, info, [agent.observed for agent in agents.values()]


def wrap(name: str) -> Any:
    return ta.wrappers.LLMObservationWrapper(as_textarena(name))


def start(name: str, seed: int = 1) -> Any:
    env = wrap(name)
    env.reset(num_players=len(games.get(name).info.roles), seed=seed)
    return env


def board_text(env: Any) -> str:
    return str(env.get_observation()[1])


@pytest.mark.parametrize("name", NAMES)
def test_rewards_are_our_returns(name: str) -> None:
    for seed in SEEDS:
        env = wrap(name)
        rewards, _, _ = play_episode(env, name, seed)
        assert tuple(rewards.values()) == env.game.returns(env._position)


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_are_equal_games(name: str) -> None:
    assert play_episode(wrap(name), name, 3) == play_episode(wrap(name), name, 3)


@pytest.mark.parametrize("name", ["kuhn_poker", "simple_negotiation"])
def test_a_seed_deals_what_our_own_loop_deals_under_it(name: str) -> None:
    game, agent = games.get(name), RandomAgent()
    for seed in SEEDS:
        state = game.start()
        for dealt in asyncio.run(play(game, [agent, agent], seed)).deal:
            state = game.apply(state, dealt)
        assert start(name, seed)._position == state


def test_an_environment_can_be_reset_again_and_again() -> None:
    env = as_textarena("kuhn_poker")
    results = [play_episode(env, "kuhn_poker", 3)[0] for _ in range(3)]
    assert results[0] == results[1] == results[2]


def test_without_a_seed_games_differ() -> None:
    env = as_textarena("simple_negotiation")
    dealt = set()
    for _ in range(10):
        env.reset(num_players=2)
        dealt.add(env._position)
    assert len(dealt) > 1


def test_the_global_generator_is_left_alone() -> None:
    random.seed(1)
    play_episode(wrap("kuhn_poker"), "kuhn_poker", 3)
    drawn = random.random()
    random.seed(1)
    assert drawn == random.random()


def test_the_rules_come_first_and_once() -> None:
    env = start("kuhn_poker")
    env.step("[check]")
    env.step("[bet]")
    text = board_text(env)
    assert text.startswith("\n[GAME] You are Player 0 (first) in kuhn_poker.\nKuhn poker with three cards")
    assert text.count("Kuhn poker with three cards") == 1


def test_legal_moves_are_shown_in_brackets() -> None:
    assert board_text(start("kuhn_poker")).endswith("Legal moves: [bet], [check]")


def test_a_player_is_shown_its_own_view_only() -> None:
    env = start("kuhn_poker", seed=2)
    cards = env._position.cards
    env.step("[check]")
    assert f"Your card is {cards[1]}." in board_text(env)
    assert f"Your card is {cards[0]}." not in board_text(env)


@pytest.mark.parametrize("text", [
    "[4]", "4", "I take the corner. [4]", "<think>[1] or [2]?</think> [4]", "[4]! [4]!", "[ 4. ]", "Not nine but [4]",
])  # fmt: skip
def test_a_move_is_read_from_brackets(text: str) -> None:
    env = start("tictactoe")
    env.step(text)
    assert env._position.cells == "...X....."


@pytest.mark.parametrize("text", ["[4] or [5]", "", "four or so", "[10]", "I take 4", "<think>[4]"])
def test_anything_else_is_an_invalid_move_that_is_asked_again(text: str) -> None:
    env = start("tictactoe")
    assert env.step(text)[0] is False
    assert "Player 0 attempted an invalid move." in board_text(env)


def test_a_second_invalid_move_in_a_row_loses() -> None:
    env = start("tictactoe")
    env.step("[10]")
    done, _ = env.step("[10]")
    rewards, info = env.close()
    assert (done, rewards) == (True, {0: -1.0, 1: 1.0})
    assert (info[0]["invalid_move"], info[1]["invalid_move"]) == (True, False)


def test_a_valid_move_in_between_forgives_the_invalid_one() -> None:
    env = start("tictactoe")
    for text in ("[10]", "[1]", "[10]", "[2]", "[10]"):
        assert env.step(text)[0] is False


def test_the_allowance_can_be_set() -> None:
    env = GameEnv(games.get("tictactoe"), error_allowance=0)
    env.reset(num_players=2, seed=1)
    assert env.step("[10]")[0] is True


def test_the_end_has_outcomes_and_roles() -> None:
    env = start("tictactoe")
    for text in ("[1]", "[4]", "[2]", "[5]", "[3]"):
        done, _ = env.step(text)
    rewards, info = env.close()
    assert (done, rewards) == (True, {0: 1.0, 1: -1.0})
    assert [(i["role"], i["outcome"], i["turn_count"]) for i in info.values()] == [("X", "win", 3), ("O", "loss", 2)]


def test_another_number_of_players_gives_a_one_line_error() -> None:
    with pytest.raises(UserError, match="tictactoe is for 2 players, 3 were given"):
        as_textarena("tictactoe").reset(num_players=3)


def test_an_unknown_game_gives_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'tictactoe'"):
        as_textarena("tictacto")


@pytest.mark.parametrize("wrapper", [
    "GameBoardObservationWrapper", "GameMessagesObservationWrapper", "GameMessagesAndCurrentBoardObservationWrapper",
])  # fmt: skip
@pytest.mark.parametrize("name", ["kuhn_poker", "tictactoe", "simple_negotiation"])
def test_every_observation_wrapper_shows_the_rules_and_the_position(wrapper: str, name: str) -> None:
    env = getattr(ta.wrappers, wrapper)(as_textarena(name))
    _, _, observed = play_episode(env, name, 4)
    assert all(env.game.rules() in text for texts in observed for text in texts)


def test_the_action_wrappers_work() -> None:
    env = ta.wrappers.ActionFormattingWrapper(start("tictactoe"))
    env.step("5")
    env = ta.wrappers.ClipCharactersActionWrapper(env, max_num_characters=3)
    env.step("I take the corner: [1]")
    assert env._position.cells == "O...X...."


def test_the_render_wrapper_works(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    env = ta.wrappers.SimpleRenderWrapper(start("tictactoe"))
    env.reset(num_players=2, seed=1)
    env.step("[5]")
    assert "4 X 6" in capsys.readouterr().out


def test_textarena_s_human_agent_can_play(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["1", "[4]", "2", "[5]", "3"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    env, human, done = start("tictactoe"), ta.agents.HumanAgent(), False
    while not done:
        _, observation = env.get_observation()
        done, _ = env.step(human(observation))
    assert env.close()[0] == {0: 1.0, 1: -1.0}


def test_a_game_can_be_registered_and_made_like_textarena_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ta.envs.registration, "ENV_REGISTRY", {})
    wrappers = [ta.wrappers.LLMObservationWrapper, ta.wrappers.ActionFormattingWrapper]
    make = functools.partial(as_textarena, "kuhn_poker")
    ta.register("OurKuhnPoker-v0", entry_point=make, default_wrappers=wrappers)
    env = ta.make("OurKuhnPoker-v0")
    rewards, _, _ = play_episode(env, "kuhn_poker", 1)
    assert (env.env_id, sum(rewards.values())) == ("OurKuhnPoker-v0", 0.0)


def test_a_copy_goes_its_own_way() -> None:
    env = start("tictactoe")
    copied = copy.deepcopy(env)
    copied.step("[1]")
    assert (env._position.cells, copied._position.cells) == ("." * 9, "X........")


def test_a_game_of_textarena_s_own_comes_back_as_one() -> None:
    name = "textarena/Nim-v0"
    for seed in SEEDS:
        env = wrap(name)
        rewards, _, _ = play_episode(env, name, seed)
        assert sorted(rewards.values()) == [-1.0, 1.0]


@pytest.mark.parametrize("name", NAMES)
def test_free_text_in_brackets_is_no_other_move_than_without(name: str) -> None:
    game, env = games.get(name), start(name)
    role = game.to_act(env._position)
    move = game.sample(game.view(env._position, role), game.legal(env._position), random.Random(1))
    read = env._parse(f"[{move}]")
    assert not isinstance(read, Problem)
    assert game.legal(env._position) is None or read == move
