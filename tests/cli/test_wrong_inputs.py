"""Wrong inputs on the command line: each is refused in one line, before anything slow and before a file is made."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.runner import Cli
from tests.paths import ROOT

from mirrormatch.agents.models import NANO_PATH
from mirrormatch.cli import overview

CONFIG = str(ROOT / "configs" / "kuhn_nano.toml")
HUGE = "1" + "0" * 28
WITH_SEEDS = (
    "play kuhn_poker", "match kuhn_poker random optimal", "eval games random", "eval exploitability random",
    "eval transfer nano", "compare random optimal", "check game kuhn_poker",
)  # fmt: skip
WITH_GAMES = (
    "play {}", "match {} random random", "eval games random --games {}", "eval exploitability random --game {}",
    "compare random optimal --games {}", "check game {}", f"train {CONFIG} --set play.games={{}}",
    f"train {CONFIG} --set measure.games={{}}", f"train {CONFIG} --set measure.exploitability={{}}",
)  # fmt: skip
WITH_SPECS = (
    "play kuhn_poker --opponent {}", "match kuhn_poker random {}", "eval games {}", "eval exploitability {}",
    "compare random {}", "compare {} random",
)  # fmt: skip
WITH_MODELS = (*WITH_SPECS, "eval transfer {}")
UNWRITABLE = ("nowhere/here", "a_file/here", ".")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with one file; nothing may be added to it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").write_text("text", encoding="utf-8")
    return tmp_path


@pytest.fixture(autouse=True)
def no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the loading of a model an error: what is wrong here is refused before."""

    def refuse(*_: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("mirrormatch.agents.spec.load_engine", refuse)


def refusal(cli: Cli, line: str, folder: Path) -> str:
    """The error message of a command line that must leave the folder as it was."""
    before = sorted(folder.rglob("*"))
    message = cli.refusal(*line.split())
    assert sorted(folder.rglob("*")) == before
    return message


@pytest.mark.parametrize("command", WITH_SEEDS)
@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        ("-1", "-1 is too small, it must be 0 or more"),
        (HUGE, f"{HUGE} is too large, it must be {2**63 - 1} or less"),
        ("1.5", "'1.5' is not a whole number"),
    ],
)
def test_a_seed_is_a_whole_number_of_63_bits(cli: Cli, command: str, seed: str, expected: str, folder: Path) -> None:
    assert expected in refusal(cli, f"{command} --seed {seed}", folder)


@pytest.mark.parametrize("seed", ["-1", HUGE, "x"])
def test_the_seed_of_a_run_has_the_same_bounds(cli: Cli, seed: str, folder: Path) -> None:
    assert "seed: Input should be" in refusal(cli, f"train {CONFIG} --set seed={seed}", folder)


@pytest.mark.parametrize(
    "line",
    [
        "play kuhn_poker --opponent random --opponent optimal",
        "match kuhn_poker random optimal --seed 1 --seed=2",
        "eval games random --games kuhn_poker --games tictactoe",
        f"train {CONFIG} --out a --out b",
        "watch a_file --episode 1 --episode 2",
    ],
)
def test_an_option_that_is_given_twice_is_refused(cli: Cli, line: str, folder: Path) -> None:
    assert "is given 2 times, it takes effect once" in refusal(cli, line, folder)


@pytest.mark.parametrize(
    "line",
    [
        f"train {CONFIG} --out=",
        "report --out= a_run",
        "play kuhn_poker --save=",
        "match kuhn_poker random cfr --save=",
        "serve nano --log=",
    ],
)
def test_an_empty_path_is_not_the_current_folder(cli: Cli, line: str, folder: Path) -> None:
    assert "an empty path was given" in refusal(cli, line, folder)


def test_an_empty_opponent_is_not_the_default_one(cli: Cli, folder: Path) -> None:
    assert "unknown agent ''" in refusal(cli, "play kuhn_poker --opponent=", folder)


@pytest.mark.parametrize("command", ["eval games random", "compare random optimal"])
def test_all_games_are_named_alone(cli: Cli, command: str, folder: Path) -> None:
    assert "'all' is every game" in refusal(cli, f"{command} --games all kuhn_poker", folder)


@pytest.mark.parametrize("delay", ["nan", "inf", "-inf", "-1", "1e9", "soon"])
def test_a_delay_is_a_number_of_seconds(cli: Cli, delay: str, folder: Path) -> None:
    assert f"argument --turn-delay: {delay!r}" in refusal(cli, f"watch a_file --turn-delay={delay}", folder)


@pytest.mark.parametrize(
    "line",
    [
        "match kuhn_poker random optimal --episodes 1000000001",
        "eval games random --episodes 1000000001",
        "eval exploitability random --thoughts 1000000001",
        "eval transfer nano --items 1000000001",
        "compare random optimal --items 1000000001",
        "check game kuhn_poker --games 1000000001",
    ],
)
def test_a_number_of_games_has_an_upper_bound(cli: Cli, line: str, folder: Path) -> None:
    assert "1000000001 is too large, it must be 1000000 or less" in refusal(cli, line, folder)


def test_a_run_without_end_is_refused_with_its_cost(cli: Cli, folder: Path) -> None:
    message = refusal(cli, f"train {CONFIG} --set learn.steps=1000000000", folder)
    assert "learn.steps = 1,000,000,000 would play 64,000,000,000 episodes, keep 50,000,000 adapters" in message
    assert "31.7 years at a second a step: 1,000,000 steps at most" in message


def test_a_step_whose_episodes_fill_the_memory_is_refused(cli: Cli, folder: Path) -> None:
    assert "play.episodes = 1,000,000,000" in refusal(cli, f"train {CONFIG} --set play.episodes=1000000000", folder)


@pytest.mark.parametrize("command", WITH_GAMES)
def test_a_game_of_another_library_is_suggested_with_the_library(cli: Cli, command: str, folder: Path) -> None:
    message = refusal(cli, command.format("Chess"), folder)
    assert "unknown game 'Chess', did you mean 'openspiel/chess'?" in message


@pytest.mark.parametrize("command", WITH_GAMES)
def test_a_misspelt_game_is_refused(cli: Cli, command: str, folder: Path) -> None:
    assert "did you mean 'kuhn_poker'?" in refusal(cli, command.format("kuhn_pokr"), folder)


@pytest.mark.parametrize("command", WITH_MODELS)
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("nano,temprature=0", "unknown setting of nano 'temprature', did you mean 'temperature'?"),
        ("hf:/x,dtyp=float32", "unknown setting of hf 'dtyp', did you mean 'dtype'?"),
        ("vllm:/x,memory_shar=1", "unknown setting of vllm 'memory_shar', did you mean 'memory_share'?"),
        ("openai:m@http://h/v1,timeout=9", "unknown setting of openai 'timeout', did you mean 'timeout_s'?"),
        ("nano,temperature=warm", "temperature: Input should be a valid number"),
        ("nano,threads=1000000", "threads: Input should be less than or equal to 1024"),
        (f"nano,top_k={HUGE}", "top_k: Input should be less than or equal to 1000000"),
        (f"nano,max_tokens={HUGE}", "max_tokens: Input should be less than or equal to 1000000"),
        ("nano,patience=1000000", "patience: Input should be less than or equal to 1000"),
        ("nano,temperature=1e300", "temperature: Input should be less than or equal to 100"),
        ("nano,max_tokens=0", "max_tokens: Input should be greater than or equal to 1"),
        ("nano,max_batch=0", "max_batch: Input should be greater than or equal to 1"),
        ("openai:m@http://h/v1,timeout_s=nan", "timeout_s: Input should be"),
        ("nano,prompt=boxd", "unknown prompt 'boxd', did you mean 'boxed'?"),
        ("hf:/nowhere", "no model at '/nowhere'"),
        ("nano+/nowhere", "no adapter at '/nowhere'"),
        ("openai:llama3.2", "is not MODEL@URL"),
        ("openai:m@ftp://h/v1", "is not MODEL@URL"),
    ],
)
def test_a_model_with_a_wrong_part_is_refused_before_torch_is_loaded(
    cli: Cli, command: str, spec: str, expected: str, folder: Path
) -> None:
    assert expected in refusal(cli, command.format(spec), folder)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("nano,max_bach=9", "unknown setting of nano 'max_bach', did you mean 'max_batch'?"),
        ("hf:/nowhere", "no model at '/nowhere'"),
        ("nano+/nowhere", "no adapter at '/nowhere': there is no such folder"),
        ("nano,temperature=0", "'temperature' is for play and evals"),
        ("random", "can't be trained"),
    ],
)
def test_a_model_that_cannot_be_trained_is_refused_before_torch_is_loaded(
    cli: Cli, model: str, expected: str, folder: Path
) -> None:
    assert expected in refusal(cli, f"train {CONFIG} --set model={model}", folder)


@pytest.mark.parametrize("command", WITH_SPECS)
@pytest.mark.parametrize("spec", ["minimax:abc", "minimax:-1", "minimax:nan", "mcts:0", f"mcts:{HUGE}"])
def test_a_player_with_a_wrong_number_is_refused_with_one_that_is_right(
    cli: Cli, command: str, spec: str, folder: Path
) -> None:
    name, _, argument = spec.partition(":")
    message = refusal(cli, command.format(spec), folder)
    assert f"1 or more, not {argument!r}: {name}:" in message and f"{name}:0 for" not in message


def test_players_that_do_not_fit_the_game_are_refused_before_a_model_is_loaded(cli: Cli, folder: Path) -> None:
    assert "needs a game that hides nothing" in refusal(cli, "match kuhn_poker nano mcts", folder)
    assert "needs at least two agents, 1 given" in refusal(cli, "match kuhn_poker nano", folder)
    assert "'tictactoe' is too large" in refusal(cli, "eval exploitability nano --game tictactoe", folder)


@pytest.mark.parametrize("command", ["play kuhn_poker --opponent random", "match kuhn_poker random optimal"])
@pytest.mark.parametrize("path", UNWRITABLE)
def test_a_file_for_episodes_is_checked_before_the_game(cli: Cli, command: str, path: str, folder: Path) -> None:
    assert f"can't write episodes to {path!r}" in refusal(cli, f"{command} --save {path}", folder)


def test_a_torn_file_of_episodes_is_refused_before_the_game(cli: Cli, folder: Path) -> None:
    assert "ends in the middle of a line" in refusal(cli, "match kuhn_poker random optimal --save a_file", folder)


@pytest.mark.parametrize("path", UNWRITABLE)
def test_a_file_for_the_output_of_a_server_is_checked_before_its_start(cli: Cli, path: str, folder: Path) -> None:
    assert f"can't write the server's output to {path!r}" in refusal(cli, f"serve nano --log {path}", folder)


def test_a_server_with_a_wrong_setting_or_model_is_refused_before_vllm_is_loaded(cli: Cli, folder: Path) -> None:
    assert "did you mean 'memory_share'?" in refusal(cli, "serve nano,memory_shar=1", folder)
    assert "no model at '/nowhere'" in refusal(cli, "serve /nowhere", folder)


@pytest.mark.parametrize("path", UNWRITABLE)
def test_a_report_is_not_written_to_a_folder_that_does_not_exist(cli: Cli, path: str, folder: Path) -> None:
    assert f"can't write the report to {path!r}" in refusal(cli, f"report {folder} --out {path}", folder)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a_file", "'a_file' is a file: a run needs a folder"),
        ("a_file/run", "can't write a run to 'a_file/run'"),
        ("/proc/run", "can't write a run to '/proc/run'"),
    ],
)
def test_a_run_is_not_written_where_nothing_can_be_written(cli: Cli, path: str, expected: str, folder: Path) -> None:
    assert expected in refusal(cli, f"train {CONFIG} --out {path}", folder)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("estimator.kind=role_emma", "did you mean 'role_ema'?"),
        ("prompt.format=boxd", "unknown prompt 'boxd', did you mean 'boxed'?"),
        ("measure.transfer=logik", "did you mean 'logic'?"),
        ("measure.exploitability=tictactoe", "'tictactoe' is too large to be searched whole"),
        ("play.gmaes=x", "unknown key 'play.gmaes', did you mean 'games'?"),
        ("threads=1000000", "threads: Input should be less than or equal to 1024"),
        (f"play.max_tokens={HUGE}", "play.max_tokens: Input should be less than or equal to 1000000"),
        ("measure.items=1000000000", "measure.items: Input should be less than or equal to 1000000"),
        ("lora.rank=1000000", "lora.rank: Input should be less than or equal to 4096"),
        ("learn.learning_rate=nan", "learn.learning_rate: Input should be a finite number"),
    ],
)
def test_a_run_with_a_wrong_setting_leaves_no_folder(cli: Cli, setting: str, expected: str, folder: Path) -> None:
    assert expected in refusal(cli, f"train {CONFIG} --set {setting}", folder)


def test_training_on_a_game_for_one_player_is_noted(cli: Cli) -> None:
    printed = cli("train", CONFIG, "--set", "play.games=sokoban", "--out", "a_file")
    assert printed.code == 2
    assert "sokoban: a game for one player, in which the policy plays alone, without an opponent" in printed.err


def test_help_is_a_command_too(cli: Cli) -> None:
    assert cli("help") == (0, overview(), "")
    assert cli("help", "play") == cli("play", "--help")
    assert cli("help", "eval") == cli("eval", "--help") == cli("eval", "help")
    assert cli("help", "eval", "games") == cli("eval", "games", "--help")
    assert "unknown command 'plya', did you mean 'play'?" in cli.refusal("help", "plya")


@pytest.mark.parametrize("module", ["mirrormatch", "mirrormatch.cli"])
def test_the_package_runs_as_a_module(module: str) -> None:
    ended = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.split()[0], ended.stderr) == (0, "mirrormatch", "")


def test_a_misspelt_setting_is_refused_without_torch() -> None:
    words = f"match kuhn_poker random hf:{NANO_PATH},temprature=0".split()
    program = f"import sys; from mirrormatch.cli import main; print(main({words!r}), *sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    code, *loaded = ended.stdout.split()
    assert code == "2" and not {"torch", "transformers", "peft"} & set(loaded)


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed here")
@pytest.mark.parametrize("command", WITH_MODELS)
def test_an_engine_that_is_not_installed_is_refused_before_another_model_is_loaded(
    cli: Cli, command: str, folder: Path
) -> None:
    assert "vLLM is not installed: pip install" in refusal(cli, command.format("vllm:nano"), folder)
