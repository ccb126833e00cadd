"""A small text adventure."""

from mirrormatch.games.puzzles.text_quest.rules import TextQuest

__all__ = ["GAME", "TextQuest"]

GAME = TextQuest()
