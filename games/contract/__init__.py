"""The contract that every game keeps, as checks that run on any game: native, installed or from a file."""
