"""Who is the spy (Undercover)."""

from mirrormatch.games.talk.who_is_the_spy.rules import WhoIsTheSpy

__all__ = ["GAME", "WhoIsTheSpy"]

GAME = WhoIsTheSpy()
