"""Our games as TextArena environments, for agents, wrappers and loops that are written for TextArena.

The environment has a random generator of its own, not TextArena's global one, and deals the same cards for a seed as
our episode loop.
"""

import random
import re
from typing import Any

from mirrormatch import games
from mirrormatch.errors import UserError
from mirrormatch.games.bridges.textarena.run import import_library
from mirrormatch.games.bridges.textarena.words import strip_reasoning
from mirrormatch.games.game import Game, outcomes, sample_chance
from mirrormatch.games.types import CHANCE, OVER, Action, Problem, ProblemKind
from mirrormatch.seeds import derive

ERROR_ALLOWANCE = 1  # TextArena's default number of retries after invalid moves in a row

_ta = import_library()
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")


class GameEnv(_ta.Env):  # type: ignore[name-defined, misc]  # textarena has no types
    """Plays a game of ours under TextArena's interface.

    A player is shown the rules once and, for each decision, its view and the legal moves, nothing else: hidden moves
    stay hidden. A move is the text in square brackets, or the whole text. Two different moves in brackets, or none, are
    an invalid move, which is retried up to `error_allowance` times; then the player forfeits.

    Args:
        game: the rules.
        error_allowance: number of retries after invalid moves in a row.
    """

    def __init__(self, game: Game[Any, Any], error_allowance: int = ERROR_ALLOWANCE) -> None:
        self.game = game
        self.error_allowance = error_allowance
        self.env_id = game.info.name

    def reset(self, num_players: int, seed: int | None = None) -> None:
        """Deals a new game, a different one each time without a seed.

        Raises:
            UserError: the game is for another number of players.
        """
        roles = self.game.info.roles
        if num_players != len(roles):
            raise UserError(f"{self.game.info.name} is for {len(roles)} players, {num_players} were given")
        self._deck = random.Random(None if seed is None else derive(seed, "chance"))
        self._position = self._deal(self.game.start())
        self.state = _ta.FFAMultiPlayerState(
            num_players=num_players, max_turns=self.game.info.max_turns, error_allowance=self.error_allowance
        )  # without the seed: TextArena would seed the global generator with it
        self.state.reset(
            game_state={},
            player_prompt_function=self._prompt,
            secret_roles={k: f"{role}" for k, role in enumerate(roles)},
        )
        self._advance()

    def step(self, action: str) -> tuple[bool, dict[str, Any]]:
        """Applies the acting player's text. Returns whether the game is over, and TextArena's step info."""
        role = self.state.current_player_id
        kinds = _ta.ObservationType
        self.state.add_observation(action, kinds.PLAYER_ACTION, from_id=role, to_id=role)
        move = self._parse(action)
        if isinstance(move, Problem):
            if self.state.set_invalid_move(reason=f"{move.detail}."):
                self._end(self.game.forfeit_returns(self._position, role), f"Player {role} made an invalid move.")
        else:
            self._position = self._deal(self.game.apply(self._position, move))
            self._advance()
        done, info = self.state.step(rotate_player=False)
        return bool(done), info

    def get_board_str(self) -> str:
        """The acting player's view, for TextArena's renderers."""
        return self.game.observe(self._position, self.state.current_player_id).text

    def _deal(self, position: Any) -> Any:
        """Samples chance until a player acts or the game is over. Returns the position."""
        while self.game.to_act(position) == CHANCE:
            position = self.game.apply(position, sample_chance(self.game.chance(position), self._deck))
        return position

    def _advance(self) -> None:
        """Shows the position to the player to act, or ends the game."""
        role = self.game.to_act(self._position)
        if role == OVER:
            self._end(self.game.returns(self._position), "The game is over.")
            return
        self.state.manually_set_current_player_id(role)
        observation = self.game.observe(self._position, role)
        lines = [observation.text]
        if observation.legal is not None:
            lines.append(f"Legal moves: {', '.join(f'[{move}]' for move in observation.legal)}")
        self.state.add_observation("\n".join(lines), _ta.ObservationType.GAME_BOARD, to_id=role)

    def _end(self, returns: tuple[float, ...], reason: str) -> None:
        self.state.set_game_outcome(dict(enumerate(returns)), reason)
        for role, outcome in enumerate(outcomes(self.game.info, returns)):
            self.state.game_info[role]["outcome"] = outcome

    def _prompt(self, player_id: int, game_state: object) -> str:
        return (
            f"You are Player {player_id} ({self.game.info.roles[player_id]}) in {self.game.info.name}.\n"
            f"{self.game.rules()}\nPut your move in square brackets."
        )

    def _parse(self, text: str) -> Action | Problem:
        """Parses the one move in brackets, or the whole text as a move."""
        text = strip_reasoning(text).strip()
        whole = self.game.parse(self._position, text)
        if not isinstance(whole, Problem):
            return whole
        read = [self.game.parse(self._position, inside) for inside in _BRACKETS.findall(text)]
        moves = {move for move in read if not isinstance(move, Problem)}
        if len(moves) == 1:
            return moves.pop()
        if moves:
            return Problem(ProblemKind.AMBIGUOUS, f"names {len(moves)} moves: {', '.join(sorted(moves))}")
        problems = [problem for problem in read if isinstance(problem, Problem)]
        return problems[-1] if problems else whole


def as_textarena(game: Game[Any, Any] | str) -> GameEnv:
    """Wraps a game as a `textarena.Env`.

    Raises:
        UserError: there is no such game.
    """
    return GameEnv(games.get(game) if isinstance(game, str) else game)


ENVIRONMENT = as_textarena
