"""A few games before a run show whether its model makes moves."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.cli.runner import Cli

from mirrormatch.agents.engines.hf import engine
from mirrormatch.agents.models import find_model
from mirrormatch.config_file import parse_settings
from mirrormatch.training.config import RunConfig
from mirrormatch.training.preflight import NUM_GAMES, play_preflight


def config(model: str, **play: Any) -> RunConfig:
    values = {"model": model, "play": {"games": ["kuhn_poker"], "max_tokens": 8, **play}, "learn": {"steps": 1}}
    return parse_settings(values, RunConfig, "test")


def test_a_model_that_makes_no_move_is_named_with_what_helps(tiny: Path) -> None:
    warning = play_preflight(config(f"hf:{tiny}"), engine(str(tiny))).warning()
    assert warning.startswith(f"0 of {NUM_GAMES} replies were moves; most others are ")
    assert re.search(r"What helps: a larger play.max_tokens \(\d+ were cut off\), prompt.examples = 4", warning)
    assert "prompt.format = 'plain'" in warning


def test_a_model_that_plays_is_passed_over() -> None:
    found = play_preflight(config("nano", max_tokens=48), engine(str(find_model("nano"))))
    assert (found.warning(), len(found.episodes)) == ("", NUM_GAMES)
    assert 0 < len(found.replies) - 2 <= found.num_moves


@pytest.mark.slow
def test_the_warning_comes_before_a_new_run_and_not_before_a_resumed_one(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = Cli(capsys, monkeypatch)
    (tmp_path / "run.toml").write_text(
        f'model = "hf:{tiny}"\n[play]\ngames = ["kuhn_poker"]\nepisodes = 2\nmax_tokens = 4\n[learn]\nsteps = 1\n'
    )
    words = ("train", str(tmp_path / "run.toml"), "--out", str(tmp_path / "run"))
    assert f"0 of {NUM_GAMES} replies were moves" in cli(*words).err
    assert "replies were moves" not in cli(*words, "--resume", "--set", "learn.steps=2").err
