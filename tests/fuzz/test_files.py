"""Any file in the place of an episode file, a run's settings or an adapter is read, or refused in one line."""

import asyncio
import json
import math
import re
import struct
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.strategies import damaged_bytes, damaged_json, texts

from mirrormatch import agents, games
from mirrormatch.agents.engines._adapter_settings import LoraSettings, read_lora_settings
from mirrormatch.agents.engines._adapter_weights import check_finite, check_fit, check_weights
from mirrormatch.agents.engines._adapters import CARD, CONFIG, WEIGHTS, check_base, content_hash, read_request
from mirrormatch.agents.engines._request import RequestSettings
from mirrormatch.agents.episodes import append_episode, read_episodes, replay, to_json
from mirrormatch.agents.play import play
from mirrormatch.agents.spec import hide_paths, parse_spec
from mirrormatch.agents.types import Episode
from mirrormatch.config_file import load_settings
from mirrormatch.errors import UserError
from mirrormatch.training.config import RunConfig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_000)]


def play_one(name: str) -> Episode:
    game = games.get(name)
    return asyncio.run(play(game, [agents.get("random")] * len(game.info.roles), 1))


EPISODES = [json.loads(to_json(play_one(name))) for name in ("kuhn_poker", "tictactoe", "simple_negotiation", "avalon")]


@pytest.fixture(scope="module")
def folder() -> Any:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def message(problem: UserError) -> str:
    """The error's text, which is one short line."""
    assert "\n" not in str(problem)
    return str(problem)


@given(damaged_json(EPISODES), st.sampled_from((b"", b"\n", b"\r\n", b"\n\n")))
def test_any_episode_file_is_read_or_refused(folder: Path, line: bytes, end: bytes) -> None:
    path = folder / "episodes.jsonl"
    path.write_bytes(line + end)
    try:
        for episode in read_episodes(path):
            again = path.with_name("again.jsonl")
            again.unlink(missing_ok=True)
            append_episode(again, episode)
            assert list(read_episodes(again)) == [episode], "an episode that was read can't be written"
            list(replay(games.get(episode.game), episode))
    except UserError as problem:
        assert message(problem)


CONFIGS = [path.read_bytes() for path in sorted(Path("configs").glob("*.toml"))]


@given(
    st.sampled_from(CONFIGS).flatmap(damaged_bytes), texts("play.games", "learn.steps=", "kuhn_poker", "prompt.format")
)
def test_any_settings_of_a_run_are_read_or_refused(folder: Path, raw: bytes, override: str) -> None:
    path = folder / "run.toml"
    path.write_bytes(raw)
    for overrides in ((), (override,)):
        try:
            assert isinstance(load_settings(path, RunConfig, overrides), RunConfig)
        except UserError as problem:
            assert message(problem)


LORA = {
    "peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"], "bias": "none",
    "rank_pattern": {"q_proj": 2}, "alpha_pattern": {}, "layers_to_transform": [0], "init_lora_weights": True,
    "modules_to_save": None, "use_dora": False, "lora_dropout": 0.0, "base_model_name_or_path": "x",
}  # fmt: skip
CARD_VALUES = {
    "schema": 1,
    "base": "x",
    "base_fingerprint": "0",
    "request": json.loads(RequestSettings(max_tokens=64, temperature=1.0).model_dump_json()),
}
HEADER = {
    f"base_model.model.model.layers.0.self_attn.q_proj.lora_{half}.weight": {
        "dtype": "F32",
        "shape": shape,
        "data_offsets": [32 * k, 32 * k + 32],
    }
    for k, (half, shape) in enumerate((("A", [2, 4]), ("B", [4, 2])))
}


def check_plain(lora: LoraSettings) -> None:
    """Checks that nothing in the settings is a regular expression, and that every number is finite."""
    values = lora.model_dump()
    texts = [v for name in values for v in (values[name] if isinstance(values[name], list | dict) else [values[name]])]
    assert all(re.fullmatch(r"(\.\*\\\.)?\^?[\w.-]+", text) for text in texts if isinstance(text, str))
    numbers = [lora.lora_alpha, lora.lora_dropout, *lora.alpha_pattern.values()]
    assert all(math.isfinite(number) for number in numbers) and lora.max_rank >= lora.r >= 1


@settings(max_examples=4 * settings().max_examples)  # they are quick, and a few of the settings are dangerous
@given(damaged_json([LORA]))
def test_any_settings_of_an_adapter_are_plain_or_refused(folder: Path, config: bytes) -> None:
    (folder / CONFIG).write_bytes(config)
    try:
        check_plain(read_lora_settings(folder))
    except UserError as problem:
        assert message(problem)


@given(damaged_json([LORA]), damaged_json([HEADER]), st.binary(max_size=64), damaged_json([CARD_VALUES]))
def test_any_adapter_is_taken_or_refused(folder: Path, config: bytes, header: bytes, data: bytes, card: bytes) -> None:
    (folder / CONFIG).write_bytes(config)
    (folder / CARD).write_bytes(card)
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(header)) + header + data.ljust(64, b"\0"))
    try:
        lora = read_lora_settings(folder)
        check_weights(folder, lora, {"model.layers.0.self_attn.q_proj.weight": (4, 4)})
        assert content_hash(folder)
        check_finite(folder)
        check_fit(folder, "x", {"model.layers.0.self_attn.q_proj.weight": (4, 4)})
        read_request(folder)
        check_base(folder, "x", "0")
    except UserError as problem:
        assert message(problem)


@given(
    texts("nano", "hf:", "openai:", "@http://x/v1", "+", ",temperature=0", "minimax:", "/tmp", "~", "random", "vllm:m")
)
def test_any_spec_is_parsed_or_refused(text: str) -> None:
    assert isinstance(hide_paths(text), str)
    try:
        assert parse_spec(text).text == text
    except UserError as problem:
        assert str(problem)


@given(texts("kuhn_poker", "openspiel/", "textarena/", ":players=", "liars_dice:players=4", ",", "avalon:talk=0"))
def test_any_name_of_a_game_is_found_or_refused(text: str) -> None:
    try:
        games.get(text).start()
    except UserError as problem:
        assert str(problem)
