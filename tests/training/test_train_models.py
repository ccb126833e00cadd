"""A model that can't be trained is refused in one line, before anything is played or written."""

from pathlib import Path

import pytest
from tests.agents.engines.architectures import save_architecture
from tests.agents.engines.openai.faulty_server import FaultyServer

from mirrormatch.cli import main
from mirrormatch.training import metrics

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


def refusal(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], *settings: str) -> str:
    """The error line of the command."""
    config, out = tmp_path / "run.toml", tmp_path / "out"
    config.write_text(f'model = "{model}"\n{CONFIG}')
    overrides = [word for setting in settings for word in ("--set", setting)]
    assert main(["train", str(config), "--out", str(out), *overrides]) != 0
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


def test_an_adapter_to_start_from_exists(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no adapter at 'somewhere': there is no such folder" in refusal(f"hf:{tiny}+somewhere", tmp_path, capsys)


@pytest.mark.parametrize("setting", ["temperature=0", "max_tokens=9", "constrain=yes", "thinking_tokens=9", "top_k=1"])
def test_how_a_model_plays_in_training_is_set_by_the_config_alone(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str
) -> None:
    name = setting.partition("=")[0]
    assert f"'{name}' is for play and evals" in refusal(f"hf:{tiny},{setting}", tmp_path, capsys)


@pytest.mark.parametrize("target", ["nowhere", "lm_head"])
def test_targets_that_cannot_be_trained_are_refused(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    assert target in refusal(f"hf:{tiny}", tmp_path, capsys, f'lora.targets=["{target}"]')


def test_a_game_that_is_too_large_for_its_measurement_is_refused(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setting = 'measure.exploitability=["tictactoe"]'
    assert "too large to be searched whole" in refusal(f"hf:{tiny}", tmp_path, capsys, setting, "measure.games=[]")


def test_an_architecture_that_cannot_play_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save_architecture(tmp_path / "model", "rwkv")
    assert "has no cache of transformers' kind" in refusal(f"hf:{folder}", tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["opt", "mixtral", "bloom", "deepseek_v3"])
def test_the_trainer_gives_the_log_probs_of_play_for_every_architecture(kind: str, tmp_path: Path) -> None:
    folder, out = save_architecture(tmp_path / "model", kind), tmp_path / "out"
    (tmp_path / "run.toml").write_text(f'model = "hf:{folder}"\n{CONFIG}')
    words = ("--set", "play.max_tokens=8", "--set", "measure.games=[]")
    assert main(["train", str(tmp_path / "run.toml"), "--out", str(out), *words]) == 0
    assert metrics.read(out / "metrics.jsonl")[0]["logp_gap"] < 1e-4
