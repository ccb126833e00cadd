"""The recipe of the bundled model mini, which plays every native game."""
