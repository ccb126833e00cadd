"""The Resistance: Avalon."""

from mirrormatch.games.talk.avalon.rules import Avalon

__all__ = ["GAME", "Avalon"]

GAME = Avalon()
