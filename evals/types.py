"""The defaults and the callback type that several evaluations share. Imports no library."""

from collections.abc import Callable
from typing import Final, TypeAlias

# An interval half as wide needs four times the number.
NUM_EPISODES: Final = 200  # of a pair of agents in a game: about +-7 points on a win rate
NUM_THOUGHTS: Final = 64  # per information state; the noise floor printed beside the figure shows their bias
NUM_ITEMS: Final = 100  # problems per task: about +-10 points on an accuracy, +-7 for two tasks of a kind

Progress: TypeAlias = Callable[[int, int], None]  # called with the units of work done and the units in all
