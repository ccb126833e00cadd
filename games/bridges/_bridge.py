"""What a bridge is: the games of another library, each as a `Game`, under `LIBRARY/NAME`."""

from typing import Any, Protocol

from mirrormatch.games.game import Game


class Bridge(Protocol):
    """The games of one library. A file in `games/bridges/` offers one as `BRIDGE`; it imports the library when asked.

    Attributes:
        name: what stands before the slash.
        extra: what to install for it: `pip install 'mirrormatch[EXTRA]'`.
    """

    name: str
    extra: str

    def names(self) -> list[str]:
        """The games that can be played, without the prefix, sorted.

        Raises:
            UserError: the library isn't installed.
        """
        ...

    def unavailable(self) -> dict[str, str]:
        """The games of the library that can't be played, each with the reason in a few words."""
        ...

    def get(self, name: str) -> Game[Any, Any]:
        """The game of that name, in the library's own spelling, with parameters where it takes them.

        Raises:
            UnknownName: no such game.
            UserError: it can't be played here, and why; or the library isn't installed.
        """
        ...
