"""Hanabi for two with a small deck."""

from mirrormatch.games.cards.mini_hanabi.rules import MiniHanabi

__all__ = ["GAME", "MiniHanabi"]

GAME = MiniHanabi()
