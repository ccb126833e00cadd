"""Settings of version 0.1, in stored runs and in TOML files, mean what they meant."""

import copy
from pathlib import Path
from typing import Any

import pytest

from mirrormatch.config_file import load_settings, parse_settings
from mirrormatch.errors import UserError
from mirrormatch.training.config import RunConfig, convert_old_keys

STORED: dict[str, Any] = {  # config.json of a run of version 0.1
    "model": "nano",
    "seed": 3,
    "threads": 1,
    "checkpoint_every": 1,
    "keep_adapters": 20,
    "prompt": {"format": "boxed", "history": "full"},
    "lora": {"rank": 16, "alpha": 32, "targets": "all-linear"},
    "play": {
        "games": ["kuhn_poker"],
        "episodes": 64,
        "patience": 0,
        "max_tokens": 48,
        "temperature": 1.0,
        "reward": "return",
    },
    "estimator": {"name": "role_baseline", "decay": 0.9, "turn_discount": 1.0},
    "learn": {
        "steps": 100,
        "learning_rate": 1e-3,
        "loss": "dr_grpo",
        "clip": 0.2,
        "kl": 0.1,
        "kl_to": "base",
        "magnet_decay": 0.98,
        "max_grad_norm": 1.0,
        "micro_batches": 2,
    },
}
NEW = {"model": "nano", "play": {"games": ["kuhn_poker"]}, "learn": {"steps": 9}}


def read(**changes: Any) -> RunConfig:
    values = copy.deepcopy(STORED)
    for section, given in changes.items():
        values[section] = {**values[section], **given} if isinstance(given, dict) else given
    return parse_settings(values, RunConfig, "config.json")


def test_a_stored_run_is_read_with_the_settings_that_it_had() -> None:
    config = read()
    assert (config.seed, config.play.max_tokens, config.learn.learning_rate) == (3, 48, 1e-3)
    assert (config.prompt.format, config.prompt.history) == ("boxed", "full")
    assert (config.matchmaker.kind, config.source.kind, config.builder.kind) == ("mirror", "play", "rows")


def test_a_stored_run_is_that_of_todays_keys() -> None:
    today = {
        **{k: v for k, v in STORED.items() if k not in ("play", "estimator", "learn")},
        "play": {k: v for k, v in STORED["play"].items() if k != "reward"},
        "reward": {"return": {}},
        "estimator": {"kind": "role_ema", "decay": 0.9},
        "objective": {"clipped": {"norm": "constant"}, "kl": {"weight": 0.1, "norm": "constant"}},
        "learn": {"steps": 100, "learning_rate": 1e-3},
    }
    assert read().model_dump() == parse_settings(today, RunConfig, "run.toml").model_dump()


def test_what_was_read_is_stored_with_todays_keys_and_read_again() -> None:
    config = read()
    stored = config.model_dump(mode="json")
    assert convert_old_keys(stored) == stored
    assert parse_settings(stored, RunConfig, "config.json") == config


@pytest.mark.parametrize(("old", "new"), [("role_baseline", "role_ema"), ("global_baseline", "global")])
def test_an_estimator_has_its_new_name(old: str, new: str) -> None:
    estimator = read(estimator={"name": old, "decay": 0.5}).estimator
    assert (estimator.kind, estimator.settings["decay"]) == (new, 0.5)


@pytest.mark.parametrize(("old", "norm"), [("dr_grpo", "constant"), ("dapo", "tokens")])
def test_a_loss_is_the_norm_of_both_terms(old: str, norm: str) -> None:
    objective = read(learn={"loss": old}).objective
    assert {terms["norm"] for terms in objective.values()} == {norm}


def test_the_magnet_is_the_reference_of_the_kl_term() -> None:
    kl = read(learn={"kl": 0.2, "kl_to": "magnet", "magnet_decay": 0.5}).objective["kl"]
    assert (kl["weight"], kl["to"], kl["magnet_decay"]) == (0.2, "magnet", 0.5)


def test_a_clip_is_that_of_the_clipped_term() -> None:
    assert read(learn={"clip": 0.3}).objective["clipped"]["clip"] == 0.3


def test_an_outcome_that_was_accepted_still_is() -> None:
    assert read(play={"reward": "outcome"}).reward == {"outcome": {"changes_game": True}}


def test_the_number_of_parts_is_gone() -> None:
    assert "micro_batches" not in read().learn.model_dump()


def test_a_prompt_and_its_settings_were_two_keys() -> None:
    values = {**NEW, "prompt": "plain", "prompts": {"history": "full"}}
    prompt = parse_settings(values, RunConfig, "run.toml").prompt
    assert (prompt.format, prompt.history) == ("plain", "full")


def test_settings_in_a_file_and_in_overrides_are_converted(tmp_path: Path) -> None:
    path = tmp_path / "old.toml"
    path.write_text(
        'model = "nano"\n[play]\ngames = ["kuhn_poker"]\nreward = "return"\n[estimator]\ndecay = 0.5\n'
        '[learn]\nsteps = 9\nmicro_batches = 4\nkl = 0.3\nloss = "dapo"\n'
    )
    config = load_settings(path, RunConfig, ["learn.kl=0.7"])
    assert config.objective["kl"]["weight"] == 0.7 and config.objective["clipped"]["norm"] == "tokens"
    assert config.estimator.settings["decay"] == 0.5


def test_an_old_key_changes_one_setting_of_a_new_section() -> None:
    values = {**NEW, "objective": {"clipped": {"clip": 0.4}, "kl": {"to": "magnet"}}}
    values["learn"] = {"steps": 9, "kl": 0.3}
    objective = parse_settings(values, RunConfig, "run.toml").objective
    assert (objective["clipped"]["clip"], objective["kl"]["to"], objective["kl"]["weight"]) == (0.4, "magnet", 0.3)


def test_the_given_values_are_not_touched() -> None:
    values = {**copy.deepcopy(STORED), "objective": {"clipped": {}, "kl": {}}}
    before = copy.deepcopy(values)
    convert_old_keys(values)
    assert values == before


@pytest.mark.parametrize(
    ("learn", "message"),
    [
        ({"loss": "ppo"}, "'ppo'"),
        ({"kl": -1}, "-1"),
        ({"clip": 0}, "greater than 0"),
        ({"kl_to": "moon"}, "'moon'"),
    ],
)
def test_a_bad_value_of_an_old_key_is_refused_in_one_line(learn: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as problem:
        read(learn=learn)
    assert message in str(problem.value) and "\n" not in str(problem.value)


@pytest.mark.parametrize(
    "values",
    [
        None,
        3,
        [],
        {"prompts": 5},
        {"prompt": "boxed", "prompts": 5},
        {"prompt": {"format": "boxed"}, "prompts": {"history": "full"}},
        {"learn": 3, "estimator": "x", "play": []},
        {"estimator": {"name": ["x"]}},
        {"play": {"games": ["kuhn_poker"], "reward": ["return"]}},
        {"learn": {"steps": 9, "loss": ["dapo"]}},
        {"learn": {"steps": 9, "kl": 0.1}, "objective": ["kl"]},
        {"learn": {"steps": 9, "kl": 0.1}, "objective": {"kl": 5}},
    ],
)
def test_values_of_the_wrong_type_are_refused_in_one_line(values: Any) -> None:
    whole = {**NEW, **values} if isinstance(values, dict) else values
    with pytest.raises(UserError) as problem:
        parse_settings(whole, RunConfig, "run.toml")
    assert "\n" not in str(problem.value)
