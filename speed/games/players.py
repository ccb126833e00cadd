"""The same random play in every library: each function plays games of one kind and gives the number of its moves."""

import random
from collections.abc import Callable
from typing import Any

import pyspiel
import textarena

from mirrormatch import games
from mirrormatch.games import CHANCE, OVER

# game -> its name in TextArena, OpenSpiel and PettingZoo, where it is there
NAMES: dict[str, tuple[str | None, str | None, str | None]] = {
    "tictactoe": ("TicTacToe-v0", "tic_tac_toe", "tictactoe"),
    "reverse_tictactoe": (None, "misere(game=tic_tac_toe())", None),
    "connect_four": ("ConnectFour-v0", "connect_four", "connect_four"),
    "nim": ("Nim-v0", "nim", None),
    "breakthrough": (None, "breakthrough(rows=6,columns=5)", None),
    "pig_dice": ("PigDice-v0-50", "pig(horizon=1000,winscore=50)", None),
    "kuhn_poker": ("KuhnPoker-v0", "kuhn_poker", None),
    "leduc_poker": (None, "leduc_poker", None),
    "liars_dice": ("LiarsDice-v0-small", "liars_dice(numdice=2)", None),
    "goofspiel": (None, "turn_based_simultaneous_game(game=goofspiel(num_cards=5,imp_info=True))", None),
    "iterated_prisoners_dilemma": ("IteratedPrisonersDilemma-v0", None, None),
    "frozen_lake": ("FrozenLake-v0", None, None),
    "guess_the_number": ("GuessTheNumber-v0", None, None),
    "simple_negotiation": ("SimpleNegotiation-v0", None, None),
}
PERFECT = {"tictactoe", "reverse_tictactoe", "connect_four", "nim", "breakthrough", "pig_dice"}  # one board for all


def mirrormatch(name: str, num_games: int, seed: int) -> int:
    """The text for the role to act with its legal moves, a move read from text, and the next state."""
    game, rng, num_steps = games.get(name), random.Random(seed), 0
    for _ in range(num_games):
        state = game.start()
        while (role := game.to_act(state)) != OVER:
            if role == CHANCE:
                state = game.apply(state, rng.choice(game.chance(state))[0])
                continue
            observation = game.observe(state, role)
            legal = observation.legal
            said = rng.choice(legal) if legal else game.sample(game.view(state, role), None, rng)
            move = game.parse(state, said)
            assert isinstance(move, str) and observation.text
            state = game.apply(state, move)
            num_steps += 1
        game.returns(state)
    return num_steps


def textarena_as(variant: str) -> Callable[[str, int, int], int]:
    """TextArena's player: `""` as registered, `"-raw"` without wrappers, `"-train"` with those for training."""

    def count_moves(name: str, num_games: int, seed: int) -> int:
        theirs, choose, rng, num_steps = NAMES[name][0], _CHOICES[name], random.Random(seed), 0
        num_players = 1 if name in ("frozen_lake", "guess_the_number") else 2
        for k in range(num_games):
            env = textarena.make(
                f"{theirs}{variant}"
            )  # a new one each time: a wrapper keeps the text of earlier games over a reset
            env.reset(num_players=num_players, seed=seed * num_games + k)
            done = False
            while not done:
                _, text = env.get_observation()
                assert text
                done, _ = env.step(choose(env.state.game_state, rng))
                num_steps += 1
            env.close()
        return num_steps

    return count_moves


def openspiel_with_text(name: str, num_games: int, seed: int) -> int:
    """The observation or information state as a string, the legal moves as strings, a move read from its string."""
    view = "observation_string" if name in PERFECT else "information_state_string"
    game, rng, num_steps = pyspiel.load_game(NAMES[name][1]), random.Random(seed), 0
    for _ in range(num_games):
        state = game.new_initial_state()
        while not state.is_terminal():
            if state.is_chance_node():
                state.apply_action(rng.choice(state.chance_outcomes())[0])
                continue
            role = state.current_player()
            text = getattr(state, view)(role)
            legal = [state.action_to_string(role, action) for action in state.legal_actions()]
            assert text and legal
            state.apply_action(state.string_to_action(role, rng.choice(legal)))
            num_steps += 1
        state.returns()
    return num_steps


def openspiel_plain(name: str, num_games: int, seed: int) -> int:
    """Numbers only: no language model could play from them."""
    game, rng, num_steps = pyspiel.load_game(NAMES[name][1]), random.Random(seed), 0
    for _ in range(num_games):
        state = game.new_initial_state()
        while not state.is_terminal():
            if state.is_chance_node():
                state.apply_action(rng.choice(state.chance_outcomes())[0])
                continue
            state.apply_action(rng.choice(state.legal_actions()))
            num_steps += 1
        state.returns()
    return num_steps


def pettingzoo(name: str, num_games: int, seed: int) -> int:
    """Arrays and a mask of legal actions through PettingZoo's usual wrappers: no text either."""
    import importlib

    env = importlib.import_module("pettingzoo.classic.{0}.{0}".format(NAMES[name][2])).env()
    rng, num_steps = random.Random(seed), 0
    for k in range(num_games):
        env.reset(seed=seed * num_games + k)
        for _ in env.agent_iter():
            observation, _, terminated, truncated, _ = env.last()
            if terminated or truncated:
                env.step(None)
                continue
            mask = observation["action_mask"]
            env.step(rng.choice([action for action, allowed in enumerate(mask) if allowed]))
            num_steps += 1
    return num_steps


def _square(state: dict[str, Any], rng: random.Random) -> str:
    cells = [cell for row in state["board"] for cell in row]
    return f"[{rng.choice([k for k, mark in enumerate(cells) if not mark])}]"


def _column(state: dict[str, Any], rng: random.Random) -> str:
    return f"[col {rng.choice([k for k, mark in enumerate(state['board'][0]) if mark == '.'])}]"


def _heap(state: dict[str, Any], rng: random.Random) -> str:
    pile = rng.choice([k for k, left in enumerate(state["piles"]) if left])
    return f"[{pile} {rng.randint(1, state['piles'][pile])}]"


def _bid(state: dict[str, Any], rng: random.Random) -> str:
    bid = state["current_bid"]
    higher = f"[Bid: {bid['quantity'] + 1}, {bid['face_value'] or 2}]"
    return rng.choice(["[Call]", higher]) if bid["quantity"] else higher


def _bet(state: dict[str, Any], rng: random.Random) -> str:
    return f"[{rng.choice(list(state['current_legal_action_tree']))}]"


def _prisoner(state: dict[str, Any], rng: random.Random) -> str:
    return rng.choice(["[Cooperate]", "[Defect]"]) if state["phase"] == "decision" else "I have thought about it."


def _offer(state: dict[str, Any], rng: random.Random) -> str:
    offer = state["current_offer"]
    if offer and rng.random() < 0.5:
        stocks = state["player_resources"][offer["to_player"]]
        payable = all(stocks[good] >= number for good, number in offer["requested_resources"].items())
        return rng.choice(["[Accept]", "[Deny]"]) if payable else "[Deny]"
    give, get = rng.sample(["Wheat", "Wood", "Sheep", "Brick", "Ore"], 2)
    return f"[Offer: 1 {give} -> 1 {get}]"


def _one_of(*moves: str) -> Callable[[dict[str, Any], random.Random], str]:
    return lambda state, rng: rng.choice(moves)


_CHOICES: dict[str, Callable[[dict[str, Any], random.Random], str]] = {
    "tictactoe": _square,
    "connect_four": _column,
    "nim": _heap,
    "pig_dice": _one_of("[roll]", "[hold]"),
    "kuhn_poker": _bet,
    "liars_dice": _bid,
    "iterated_prisoners_dilemma": _prisoner,
    "frozen_lake": _one_of("[up]", "[down]", "[left]", "[right]"),
    "guess_the_number": _one_of(*(f"[{k}]" for k in range(1, 21))),
    "simple_negotiation": _offer,
}

PLAYERS: dict[str, Callable[[str, int, int], int]] = {
    "mirrormatch": mirrormatch,
    "TextArena": textarena_as(""),
    "TextArena raw": textarena_as("-raw"),
    "TextArena train": textarena_as("-train"),
    "OpenSpiel text": openspiel_with_text,
    "OpenSpiel": openspiel_plain,
    "PettingZoo": pettingzoo,
}


def plays(library: str, name: str) -> bool:
    """Whether the library has the game."""
    in_textarena, in_openspiel, in_pettingzoo = NAMES[name]
    there = {"TextArena": in_textarena, "OpenSpiel": in_openspiel, "PettingZoo": in_pettingzoo}
    return library == "mirrormatch" or there[library.partition(" ")[0]] is not None
