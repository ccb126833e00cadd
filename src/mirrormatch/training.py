"""The trainer: trajectories, advantages, the self-play run, and the recipe of the nano model."""

from pathlib import Path

__path__ = [str(Path(__file__).with_suffix(""))]  # this module is the front door of the folder beside it
