"""A model that can't be trained is refused in one line, before anything is played or written."""

from pathlib import Path

import pytest
from tests.agents.engines.openai.faulty_server import FaultyServer

from mirrormatch.cli import main

CONFIG = """
[play]
games = ["kuhn_poker"]
episodes = 2

[learn]
steps = 1

[measure]
games = ["kuhn_poker"]
episodes = 2
"""


def refusal(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The error line of the command."""
    config, out = tmp_path / "run.toml", tmp_path / "out"
    config.write_text(f'model = "{model}"\n{CONFIG}')
    assert main(["train", str(config), "--out", str(out)]) != 0
    assert not out.exists()
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    return told.err


def test_a_server_that_keeps_its_tokens_is_not_trained_and_gets_no_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FaultyServer() as server:
        assert "it gives no tokens" in refusal(f"openai:tiny@{server.url}", tmp_path, capsys)
        assert server.posts == []


def test_training_starts_without_an_adapter(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "without '+ADAPTER'" in refusal(f"hf:{tiny}+somewhere", tmp_path, capsys)


@pytest.mark.parametrize("setting", ["temperature=0", "max_tokens=9", "constrain=yes", "thinking_tokens=9", "top_k=1"])
def test_how_a_model_plays_in_training_is_set_by_the_config_alone(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str
) -> None:
    name = setting.partition("=")[0]
    assert f"'{name}' is for play and evals" in refusal(f"hf:{tiny},{setting}", tmp_path, capsys)
