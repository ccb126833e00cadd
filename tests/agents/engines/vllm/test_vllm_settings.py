"""The vLLM engine without vLLM installed: its settings, its refusals, and the error that it is missing."""

import datetime
import sys
from pathlib import Path

import pytest
from tests.agents.engines.tiny_model import save_adapter

from mirrormatch import agents
from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._adapter_settings import LoraSettings, read_lora_settings
from mirrormatch.agents.engines._adapter_weights import check_fit, check_weights, read_shapes
from mirrormatch.agents.engines._engine import read_settings
from mirrormatch.agents.engines._settings import VllmSettings
from mirrormatch.agents.engines._vllm_limits import check_adapter
from mirrormatch.errors import UserError


def test_without_vllm_the_error_is_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tiny: Path) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)  # imitates a missing package
    with pytest.raises(UserError, match=r"^vLLM is not installed: pip install 'mirrormatch\[vllm\]'$"):
        agents.engines.get("vllm")(str(tiny), ())


@pytest.mark.parametrize(("given", "taken"), [(1, 1), (2, 8), (16, 16), (17, 32), (300, 320), (512, 512)])
def test_a_rank_is_rounded_up_to_one_that_vllm_has(given: int, taken: int) -> None:
    assert VllmSettings(max_lora_rank=given).arguments("m", cpu=False)["max_lora_rank"] == taken


def test_on_a_cpu_the_last_place_for_adapters_stays_empty() -> None:
    settings = VllmSettings(max_loras=3)
    assert [settings.arguments("m", cpu)["max_loras"] for cpu in (True, False)] == [4, 3]


def test_arithmetic_is_in_single_precision_on_a_cpu_by_default() -> None:
    assert VllmSettings().arguments("m", cpu=True)["dtype"] == "float32"
    assert VllmSettings().arguments("m", cpu=False)["dtype"] == "auto"
    assert VllmSettings(dtype="bfloat16").arguments("m", cpu=True)["dtype"] == "bfloat16"


def test_arguments_of_the_chat_template_are_read_from_a_spec() -> None:
    chosen = read_settings("vllm", VllmSettings, (("template.enable_thinking", "false"), ("date", "2026-11-03")))
    assert chosen.template == {"enable_thinking": False}
    assert chosen.date == datetime.date(2026, 11, 3)


def test_settings_are_read_from_a_spec() -> None:
    given = (("tensor_parallel", "2"), ("dtype", "bfloat16"), ("enforce_eager", "true"))
    assert read_settings("vllm", VllmSettings, given) == VllmSettings(
        tensor_parallel=2, dtype="bfloat16", enforce_eager=True
    )


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("memory_share", "1.5", "less than or equal to 1"),
        ("max_lora_rank", "513", "less than or equal to 512"),
        ("max_lora", "2", "did you mean 'max_loras'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(name: str, value: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        read_settings("vllm", VllmSettings, ((name, value),))


# adapters that vLLM would load wrongly


@pytest.mark.parametrize("pattern", ["rank_pattern", "alpha_pattern"])
def test_an_adapter_of_several_ranks_or_scales_is_refused(pattern: str, tmp_path: Path) -> None:
    settings = LoraSettings.model_validate({"r": 4, pattern: {"q_proj": 8}})
    with pytest.raises(UserError, match=f"sets {pattern}, and vLLM supports one rank and one scale per adapter"):
        check_adapter(tmp_path, settings, max_rank=8)


def test_an_adapter_with_biases_of_its_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="sets lora_bias, which vLLM ignores"):
        check_adapter(tmp_path, LoraSettings(r=4, lora_bias=True), max_rank=8)


def test_a_rank_above_the_highest_is_refused_with_what_helps(tmp_path: Path) -> None:
    folder = save_adapter(tmp_path, seed=1)
    with pytest.raises(UserError) as problem:
        check_adapter(folder, read_lora_settings(folder), max_rank=2)
    assert str(problem.value) == (
        f"the adapter at '{folder}' has rank 4, but vLLM was started for ranks up to 2: "
        "add ',max_lora_rank=4' to the model's spec"
    )


def test_an_adapter_of_this_shape_fits(tiny: Path, tmp_path: Path) -> None:
    check_fit(save_adapter(tmp_path, seed=1), "tiny", read_shapes(tiny))


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"hidden": 96}, r"size mismatch: lora_B \[96, 4\] on .*down_proj \[64, 96\]"),
        ({"layers": 4}, "0 layers are missing, 6 are unknown"),
        ({"layers": 1}, "3 layers are missing, 0 are unknown"),
    ],
)
def test_an_adapter_of_another_shape_is_refused(shape: dict[str, int], reason: str, tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"does not fit 'tiny': {reason}"):
        check_fit(save_adapter(tmp_path, seed=1, **shape), "tiny", read_shapes(tiny))


def test_an_adapter_with_torn_weights_is_refused(tmp_path: Path) -> None:
    folder = save_adapter(tmp_path, seed=1)
    (folder / _adapters.WEIGHTS).write_bytes((folder / _adapters.WEIGHTS).read_bytes()[:-100])
    with pytest.raises(UserError, match=r"can't be loaded: adapter_model\.safetensors: "):
        check_weights(folder, read_lora_settings(folder), {})


def test_every_setting_has_a_description() -> None:
    assert all(field.description for field in VllmSettings.model_fields.values())
