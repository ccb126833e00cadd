"""Records that several measurements share."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]  # called with the units of work done and the units in all
