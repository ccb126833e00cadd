"""What of the vLLM engine can be told without vLLM: its settings, what it refuses, and that it is missing."""

import json
import sys
from pathlib import Path

import pytest

from mirrormatch import agents
from mirrormatch.agents.core import adapters
from mirrormatch.agents.core.engine import read_settings
from mirrormatch.agents.core.vllm_adapters import check_settings
from mirrormatch.agents.engines.vllm import VllmSettings
from mirrormatch.errors import UserError


def test_without_vllm_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tiny: Path) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)  # as if it weren't installed
    with pytest.raises(UserError, match=r"^vLLM is not installed: pip install 'mirrormatch\[vllm\]'$"):
        agents.engines.get("vllm")(str(tiny), ())


@pytest.mark.parametrize(("given", "taken"), [(1, 1), (2, 8), (16, 16), (17, 32), (300, 320), (512, 512)])
def test_a_rank_is_rounded_up_to_one_that_vllm_has(given: int, taken: int) -> None:
    assert VllmSettings(max_lora_rank=given).arguments("m", cpu=False)["max_lora_rank"] == taken


def test_on_a_cpu_the_last_place_for_adapters_stays_empty() -> None:
    settings = VllmSettings(max_loras=3)
    assert [settings.arguments("m", cpu)["max_loras"] for cpu in (True, False)] == [4, 3]


def test_arithmetic_is_in_single_precision_on_a_cpu_unless_told_otherwise() -> None:
    assert VllmSettings().arguments("m", cpu=True)["dtype"] == "float32"
    assert VllmSettings().arguments("m", cpu=False)["dtype"] == "auto"
    assert VllmSettings(dtype="bfloat16").arguments("m", cpu=True)["dtype"] == "bfloat16"


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


@pytest.mark.parametrize("pattern", ["rank_pattern", "alpha_pattern"])
def test_an_adapter_of_several_ranks_or_scales_is_refused(pattern: str, tmp_path: Path) -> None:
    (tmp_path / adapters.CONFIG).write_text(json.dumps({"r": 4, pattern: {"q_proj": 8}}))
    with pytest.raises(UserError, match=f"has a {pattern}, and vLLM knows one rank and one scale per adapter"):
        check_settings(tmp_path, most_rank=8)


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in VllmSettings.model_fields.values())
