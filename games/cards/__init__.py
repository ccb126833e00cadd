"""Card and dice games: chance, and mostly hidden information."""
