"""Board games: full information, no chance."""
