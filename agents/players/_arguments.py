"""How an agent's file offers its agent: a factory that takes what followed the name in the spec."""

from collections.abc import Callable

from mirrormatch.agents.types import Agent
from mirrormatch.errors import UserError


def agent_factory(name: str, make: Callable[[], Agent]) -> Callable[[str], Agent]:
    """A factory for agents that have one form only, and say so when they are given an argument."""

    def factory(argument: str) -> Agent:
        if argument:
            raise UserError(f"agent {name!r} takes no argument, {argument!r} was given")
        return make()

    return factory
