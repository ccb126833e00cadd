"""Settings from TOML files and `--set`: an error is one line, and nothing is written."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.paths import ROOT

from mirrormatch.config_file import load_settings
from mirrormatch.errors import UserError
from mirrormatch.training.config import RunConfig

CONFIGS = sorted((ROOT / "configs").glob("*.toml"))
SMALL = """
model = "nano"
[play]
games = ["kuhn_poker"]
episodes = 4
[learn]
steps = 3
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def error_message(path: Path, *overrides: str) -> str:
    with pytest.raises(UserError) as problem:
        load_settings(path, RunConfig, overrides)
    return str(problem.value)


def test_a_file_is_read_with_defaults_for_what_it_leaves_out(config: Path) -> None:
    loaded = load_settings(config, RunConfig)
    assert (loaded.play.episodes, loaded.play.temperature, loaded.estimator.settings["decay"]) == (4, 1.0, 0.95)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_that_ships_is_a_run(path: Path) -> None:
    assert load_settings(path, RunConfig).learn.steps > 0


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_that_ships_opens_with_its_purpose(path: Path) -> None:
    assert path.read_text().startswith("# ")


def list_fields(model: Any, at: str = "") -> list[tuple[str, Any]]:
    """Lists every setting that is a value with its dotted key."""
    found: list[tuple[str, Any]] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        found += list_fields(inner, f"{at}{name}.") if hasattr(inner, "model_fields") else [(f"{at}{name}", field)]
    return found


@pytest.mark.parametrize(("key", "field"), list_fields(RunConfig), ids=[key for key, _ in list_fields(RunConfig)])
def test_every_setting_is_described(key: str, field: Any) -> None:
    assert field.description


# overrides


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("learn.steps=7", 7),
        ("learn.learning_rate=2e-3", 2e-3),
        (" learn.steps = 7 ", 7),
        ("model=hf:some/path", "hf:some/path"),
        ('model="hf:some/path"', "hf:some/path"),
        ('play.games=["tictactoe", "kuhn_poker"]', ("tictactoe", "kuhn_poker")),
        ("alarms.stop=true", True),
        ("measure.items=5", 5),
    ],
)
def test_an_override_takes_the_place_of_the_files_value(config: Path, override: str, expected: object) -> None:
    found: Any = load_settings(config, RunConfig, [override])
    for part in override.partition("=")[0].strip().split("."):
        found = getattr(found, part)
    assert found == expected


def test_the_last_override_wins(config: Path) -> None:
    assert load_settings(config, RunConfig, ["learn.steps=7", "learn.steps=8"]).learn.steps == 8


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("learn.steps", "--set 'learn.steps': write it as section.key=value"),
        ("=3", "--set '=3': write it as section.key=value"),
        ("model.size=3", "--set 'model.size=3': 'model' is a value, not a section"),
    ],
)
def test_a_malformed_override_is_refused(config: Path, override: str, expected: str) -> None:
    assert error_message(config, override) == expected


# errors in a file


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("learn.step=3", "unknown key 'learn.step', did you mean 'steps'?"),
        ("lern.steps=3", "unknown key 'lern', did you mean 'learn'?"),
        ("sed=3", "unknown key 'sed', did you mean 'seed'?"),
        ("prompt.historie=full", "unknown key 'prompt.historie', did you mean 'history'?"),
        ("learn..steps=3", "unknown key 'learn.'"),
        ("estimator.deca=0.9", "unknown key 'estimator.deca', did you mean 'decay'?"),
        ("objective.kl.wait=0.1", "unknown key 'objective.kl.wait', did you mean 'weight'?"),
        ("estimator.kind=grupp", "estimator: unknown estimator 'grupp', did you mean 'group'?"),
        ("reward.scale={}", "reward.scale: unknown reward 'scale', did you mean 'scaled'?"),
    ],
)
def test_an_unknown_key_is_reported_with_the_nearest(config: Path, override: str, expected: str) -> None:
    assert error_message(config, override).startswith(f"{str(config)!r}: {expected}")


def test_an_unknown_key_is_reported_with_all_that_are_allowed(config: Path) -> None:
    assert error_message(config, "lora.x=3").endswith("there are: alpha, rank, targets")


@pytest.mark.parametrize("key", ["play.games", "measure.games", "measure.exploitability"])
def test_one_name_needs_no_brackets(config: Path, key: str) -> None:
    section, name = key.split(".")
    settings = load_settings(config, RunConfig, [f"{key}=kuhn_poker"])
    assert getattr(getattr(settings, section), name) == ("kuhn_poker",)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("learn.steps=0", "learn.steps: Input should be greater than or equal to 1, 0 was given"),
        ("objective.clipped.norm=ppo", "objective.clipped.norm: Input should be 'constant', 'tokens' or 'sequences', "),
        ("learn.learning_rate=fast", "learn.learning_rate: Input should be a valid number"),
        ("learn.learning_rate=inf", "learn.learning_rate: Input should be a finite number, inf was given"),
        ("objective.kl.weight=nan", "objective.kl.weight: Input should be a finite number, nan was given"),
        ("play.games=[]", "play.games: Tuple should have at least 1 item"),
        ("estimator.decay=1", "estimator.decay: Input should be less than 1, 1 was given"),
        ("prompt.history=all", "prompt.history: Input should be 'state', 'bounded' or 'full', 'all' was given"),
    ],
)
def test_a_bad_value_is_reported_with_what_is_allowed(config: Path, override: str, expected: str) -> None:
    assert error_message(config, override).startswith(f"{str(config)!r}: {expected}")


def test_a_value_that_contradicts_another_is_reported_once(config: Path) -> None:
    message = error_message(config, 'play.games=["a", "b", "c"]', "play.episodes=2")
    assert (
        message == f"{str(config)!r}: play.episodes must be at least 3: one deal of every game, times samples_per_deal"
    )


def test_a_missing_value_is_named(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text('model = "nano"\n[play]\ngames = ["kuhn_poker"]\n[learn]\n')
    assert error_message(path) == f"{str(path)!r}: learn.steps: Field required"


@pytest.mark.parametrize("text", ["model = ", "[play", "a = 1\na = 2", "model = 'x"])
def test_text_that_is_no_toml_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text)
    with pytest.raises(tomllib.TOMLDecodeError) as why:
        tomllib.loads(text)
    assert error_message(path) == f"{str(path)!r} is not TOML: {why.value}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert (
        error_message(tmp_path / "no.toml") == f"can't read the config '{tmp_path}/no.toml': No such file or directory"
    )


def test_a_folder_is_no_config(tmp_path: Path) -> None:
    assert error_message(tmp_path) == f"can't read the config {str(tmp_path)!r}: Is a directory"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert error_message(path).startswith(f"can't read the config {str(path)!r}: 'utf-8' codec can't decode")


@pytest.mark.parametrize("override", ["learn.step=3", "learn.steps=0", "learn"])
def test_every_problem_is_one_short_line(config: Path, override: str) -> None:
    message = error_message(config, override)
    assert "\n" not in message
    assert len(message) < 500


def test_a_problem_leaves_nothing_behind(config: Path) -> None:
    error_message(config, "learn.step=3")
    assert list(config.parent.iterdir()) == [config]
