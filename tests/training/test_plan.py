"""The plan of a run: published shapes and rates, numbers by hand, and nothing that starts."""

from pathlib import Path
from typing import Any

import pytest
from tests.cli.runner import Cli
from tests.paths import ROOT

from mirrormatch.agents.models import find_model
from mirrormatch.config_file import load_settings, parse_settings
from mirrormatch.errors import UserError
from mirrormatch.training.accelerators import ASSUMED
from mirrormatch.training.config import LoraSettings, RunConfig
from mirrormatch.training.model_shape import KNOWN, find_shape
from mirrormatch.training.plan import Rates, Traffic, assume_traffic, plan_run

QWEN = KNOWN["Qwen3-4B"]
TRAFFIC = Traffic(requests=2.0, prompt_tokens=100.0, reply_tokens=400.0, source="by hand")


def config(**changes: Any) -> RunConfig:
    values = {
        "model": "vllm:Qwen/Qwen3-4B-Base",
        "play": {"games": ["kuhn_poker"], "episodes": 100},
        "learn": {"steps": 36},
    }
    return parse_settings(values | changes, RunConfig, "test")


@pytest.mark.parametrize(
    ("name", "billions"), [("Qwen3-0.6B", 0.6), ("Qwen3-1.7B", 1.7), ("Qwen3-4B", 4.0), ("Qwen3-8B", 8.2)]
)
def test_published_shapes_have_the_published_number_of_weights(name: str, billions: float) -> None:
    assert KNOWN[name].num_weights / 1e9 == pytest.approx(billions, rel=0.02)


def test_a_token_of_qwen3_4b_holds_147_kb_of_keys_and_values() -> None:
    assert 2 * QWEN.kv_numbers == 2 * 36 * 8 * 128 * 2 == 147_456


def test_an_adapter_of_rank_32_on_qwen3_4b_is_264_mb_in_single_precision() -> None:
    assert 4 * QWEN.adapter_weights(LoraSettings(rank=32)) / 1e6 == pytest.approx(264, abs=1)


def test_an_adapter_on_two_modules_counts_those_alone() -> None:
    lora = LoraSettings(rank=2, targets=("q_proj", "v_proj"))
    assert QWEN.adapter_weights(lora) == 36 * 2 * ((2560 + 4096) + (2560 + 1024))


def test_the_shape_of_a_model_that_is_here_is_read_from_its_files() -> None:
    shape = find_shape(str(find_model("nano")))
    assert (shape.layers, shape.hidden, shape.vocabulary) == (4, 128, 2048)


def test_a_model_that_is_neither_here_nor_known_is_refused() -> None:
    with pytest.raises(UserError, match="no plan for 'someone/some-model'"):
        find_shape("someone/some-model")


def test_hours_are_requests_and_tokens_over_rates() -> None:
    plan = plan_run(config(), TRAFFIC, Rates(10.0, 5_000.0, "by hand"), 3_600, ASSUMED)
    assert plan.step_requests == 200
    assert plan.step_tokens == 200 * 500
    assert plan.hours == (36 * 200 / 10 / 3600, 36 * 100_000 / 5_000 / 3600, 0.1)


def test_decoding_reads_all_weights_and_all_keys_and_values_for_each_token() -> None:
    bytes_read = 2 * (QWEN.num_weights + 64 * 1000 * QWEN.kv_numbers)
    assert ASSUMED.reply_rate(QWEN, 64, 1000, is_eager=False) == pytest.approx(64 / (bytes_read / (0.5 * 3.35e12)))


def test_vllm_takes_its_share_of_the_gpu_and_a_server_takes_nothing_here() -> None:
    shares = [
        plan_run(config(model=model), TRAFFIC, None, 0, ASSUMED).play_gb
        for model in ("vllm:Qwen/Qwen3-4B-Base", "vllm:Qwen/Qwen3-4B-Base,memory_share=0.5")
    ]
    assert shares == [72.0, 40.0]


def test_random_games_tell_how_many_requests_an_episode_has() -> None:
    traffic = assume_traffic(config(play={"games": ["kuhn_poker"], "max_tokens": 200}))
    assert 2.0 < traffic.requests < 2.5  # check and bet are followed by one reply or two
    assert traffic.reply_tokens == 100


def test_the_header_of_the_4b_recipe_states_its_plan() -> None:
    path = ROOT / "configs" / "spiral_qwen3_4b.toml"
    header = " ".join(line.lstrip("# ") for line in path.read_text().splitlines() if line.startswith("#"))
    made = load_settings(path, RunConfig)
    plan = plan_run(made, assume_traffic(made), None, 0, ASSUMED)
    play_h, learn_h, _ = plan.hours
    assert f"{play_h:.0f} hours of play and {learn_h:.0f} of learning" in header
    assert f"{plan.play_gb:.0f} GB to play and {plan.learner_gb:.0f} GB to learn" in header


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_has_a_plan_and_nothing_starts(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("train", str(path), "--plan", *(("--set", "model=nano") if "smollm" in path.stem else ()))
    printed = Cli(capsys, monkeypatch)(*words)
    assert printed.code == 0
    assert [line.split(":")[0] for line in printed.out.splitlines()] == [
        "model", "a step", "the run", "memory", "time", "requests", "rates"
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == []
