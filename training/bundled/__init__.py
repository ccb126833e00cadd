"""The recipe that makes the bundled models from nothing."""
