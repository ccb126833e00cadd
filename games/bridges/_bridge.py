"""The protocol of a bridge: the games of another library, each as a `Game`, under `LIBRARY/NAME`."""

from typing import Any, Protocol

from mirrormatch.games.game import Game


class Bridge(Protocol):
    """The games of one library. A module in `games/bridges/` defines one as `BRIDGE`; it imports the library on use.

    Attributes:
        name: the library's name, before the slash.
        extra: the extra that installs it: `pip install 'mirrormatch[EXTRA]'`.
    """

    name: str
    extra: str

    def names(self) -> list[str]:
        """The names of the playable games, without the prefix, sorted.

        Raises:
            UserError: the library isn't installed.
        """
        ...

    def unavailable(self) -> dict[str, str]:
        """The library's games that can't be played, each with a short reason."""
        ...

    def get(self, name: str) -> Game[Any, Any]:
        """The game of that name, in the library's own spelling, with parameters where it takes them.

        Raises:
            UnknownName: no such game.
            UserError: the game can't be played, or the library isn't installed.
        """
        ...
