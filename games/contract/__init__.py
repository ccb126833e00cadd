"""The contract of all games, as checks that run on any game: built in, installed or loaded from a file."""
