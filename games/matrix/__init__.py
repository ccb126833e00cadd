"""Matrix games, played once or repeated."""
