"""Arguments of players, the text after their name in a spec: `mcts:1000`."""

import re
from collections.abc import Callable

from mirrormatch.agents.types import Agent
from mirrormatch.errors import UserError

_EXAMPLE = 4  # of a number that has no default


def agent_factory(name: str, make: Callable[[], Agent]) -> Callable[[str], Agent]:
    """A factory for an agent without arguments. It refuses any argument."""

    def factory(argument: str) -> Agent:
        if argument:
            raise UserError(f"agent {name!r} takes no argument, {argument!r} was given")
        return make()

    return factory


def parse_number(spec: str, argument: str, default: int, what: str) -> int:
    """Parses a numeric argument; an empty one gives the default.

    Raises:
        UserError: it isn't a number, or is below 1.
    """
    if not argument:
        return default
    if not re.fullmatch("[0-9]{1,9}", argument) or int(argument) < 1:
        example = default or _EXAMPLE
        raise UserError(f"agent {spec!r} takes {what}, 1 or more, not {argument!r}: {spec}:{example} for instance")
    return int(argument)
