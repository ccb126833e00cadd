"""`eval exploitability`, `eval transfer`, `compare` and `report`, called as functions."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from tests.cli.runner import Cli

from mirrormatch import agents
from mirrormatch.agents.engines._request import RequestSettings
from mirrormatch.agents.players.random import RandomAgent
from mirrormatch.agents.types import Reply
from mirrormatch.cli.arguments import CLASSICS
from mirrormatch.cli.runs import read_config, report_input
from mirrormatch.config_file import load_settings
from mirrormatch.evals.measurement import Plan, measure_agent
from mirrormatch.prompts import PromptSettings
from mirrormatch.training.config import RunConfig
from mirrormatch.training.run_folder import RunFolder

SCORE = {"name", "value", "low", "high", "n", "unit", "better"}
FEW = ("--episodes", "4", "--items", "2")


class Silent(RandomAgent):
    """Plays like `random` and gives the same answer to every problem."""

    spec = "silent"

    async def ask(self, text: str, seed: int) -> Reply:
        return Reply(answer="none of these", text="")


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Replaces models by a quick agent and records the arguments with which they were loaded."""
    calls: list[tuple[Any, ...]] = []

    def model_agent(*settings: Any) -> Silent:
        calls.append(settings)
        return Silent()

    monkeypatch.setattr("mirrormatch.cli.commands.eval_transfer.model_agent", model_agent)
    monkeypatch.setattr("mirrormatch.cli.runs.model_agent", model_agent)
    return calls


# eval exploitability


@pytest.mark.parametrize(("spec", "value"), [("optimal", 0.0), ("random", 11 / 24)])
def test_exploitability_is_printed_as_scores(cli: Cli, spec: str, value: float) -> None:
    shown = cli.json("eval", "exploitability", spec)
    assert shown.keys() == {"schema", "spec", "computation", "scores"}
    assert (shown["schema"], shown["spec"]) == (1, spec)
    assert all(score.keys() == SCORE for score in shown["scores"])
    scores = {score["name"]: score for score in shown["scores"]}
    assert scores.keys() == {f"{n}/kuhn_poker" for n in ("exploitability", "legal_mass", "legal_mass_min", "floor")}
    assert scores["exploitability/kuhn_poker"]["value"] == pytest.approx(value)


def test_the_policy_is_shown_state_by_state(cli: Cli) -> None:
    printed = cli("eval", "exploitability", "optimal")
    assert "optimal in kuhn_poker: exact" in printed.out and printed.err == ""
    assert printed.out.count("You are the ") == 12
    assert "bet 33 %, check 67 %  You are the first player. Your card is J. Moves: none. Pot: 2." in printed.out


def test_a_terminal_is_not_flooded_with_states(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirrormatch.cli.terminal.tables._SHOWN_STATES", 5)
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    printed = cli("eval", "exploitability", "optimal")
    assert printed.out.count("You are the ") == 5
    assert "... and 7 more states: into a file or a pipe, all of them are written" in printed.out


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("human", "agent 'human' has no probabilities to read"),
        ("random --game tictactoe", "'tictactoe' is too large"),
        ("random --game kuhn", "unknown game 'kuhn', did you mean 'kuhn_poker'?"),
        ("rndom", "unknown agent 'rndom', did you mean 'random'?"),
        ("random --thoughts 0", "0 is too small, it must be 1 or more"),
    ],
)
def test_an_agent_or_game_without_exploitability_is_reported_in_one_line(cli: Cli, line: str, expected: str) -> None:
    assert expected in cli.refusal("eval", "exploitability", *line.split())


def test_a_model_that_hardly_answers_has_a_reason_in_place_of_an_exploitability(cli: Cli, tiny: Path) -> None:
    line = ("eval", "exploitability", f"hf:{tiny},max_tokens=8", "--thoughts", "2")
    score = cli.json(*line)["scores"][0]
    assert (score["name"], score["value"], score["low"], score["high"]) == ("exploitability/kuhn_poker", *[None] * 3)
    assert score["reason"].endswith("% of the probability is on legal answers, less than half")
    printed = cli(*line).out
    assert re.search(r"exploitability +not measurable", printed) and f"exploitability: {score['reason']}" in printed


# eval transfer


def test_transfer_is_printed_as_scores(cli: Cli, models: list[Any]) -> None:
    shown = cli.json("eval", "transfer", "nano", "--items", "2", "--benchmarks", "logic", "arithmetic")
    assert (shown["schema"], shown["spec"]) == (1, "nano")
    values = {score["name"]: score["value"] for score in shown["scores"]}
    assert values["accuracy/overall"] == values["accuracy/logic_2"] == 0.0
    assert "majority/arithmetic_1" in values
    assert models == [("nano",)]


def test_transfer_measures_all_benchmarks_that_need_no_extra(cli: Cli, models: list[Any]) -> None:
    printed = cli("eval", "transfer", "nano", "--items", "1")
    assert "nano" not in printed.err and "overall accuracy" in printed.out
    assert all(f"{kind} 2" in printed.out for kind in ("arithmetic", "case analysis", "comparison", "logic"))
    assert "gym" not in printed.out


def test_transfer_needs_a_language_model(cli: Cli) -> None:
    assert "'random' is not a language model" in cli.refusal("eval", "transfer", "random")
    assert "did you mean 'logic'" in cli.refusal("eval", "transfer", "nano", "--benchmarks", "logik")


# compare


def test_differences_are_printed_as_scores(cli: Cli) -> None:
    shown = cli.json("compare", "random", "optimal", *FEW)
    assert shown.keys() == {"schema", "a", "b", "a_request", "b_request", "differences"}
    assert (shown["schema"], shown["a"], shown["b"]) == (1, "random", "optimal")
    assert all(score.keys() == SCORE for score in shown["differences"])
    changes = {score["name"]: score["value"] for score in shown["differences"]}
    assert changes["exploitability/kuhn_poker"] == pytest.approx(-11 / 24)
    assert {f"win/{name}/random" for name in CLASSICS} <= changes.keys()


def test_a_comparison_is_a_table(cli: Cli) -> None:
    printed = cli("compare", "random", "optimal", "--games", "kuhn_poker", *FEW, "--plain")
    assert "before: random\nafter: optimal\nseed: 0\n" in printed.out
    assert "tictactoe" not in printed.out and "─" not in printed.out
    (line,) = [line for line in printed.out.splitlines() if line.startswith("  exploitability  ")]
    assert line.split() == ["exploitability", "0.458", "0.000", "-0.458", "[-0.458,", "-0.458]", "better"]


@pytest.mark.parametrize(
    ("a", "expected"),
    [
        ("human", "'human' is a person"),
        ("runs/nowhere", "'runs/nowhere' is no run's folder, and as an agent: unknown agent"),
        ("optmal", "did you mean 'optimal'?"),
    ],
)
def test_an_agent_that_cannot_be_compared_is_reported_in_one_line(cli: Cli, a: str, expected: str) -> None:
    assert expected in cli.refusal("compare", a, "random")
    assert expected in cli.refusal("compare", "random", a)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run's folder that holds only the settings."""
    folder = RunFolder(tmp_path / "a_run")
    config = RunConfig.model_validate(
        {
            "model": "nano",
            "prompt": {"list_legal": False},
            "play": {"games": ["kuhn_poker"], "max_tokens": 40, "temperature": 0.5},
            "learn": {"steps": 2},
        }
    )
    folder.open(config, resume=False)
    return folder


def add_adapter_file(run: RunFolder) -> None:
    weights = run.adapter_path(1) / "adapter_model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.touch()


def test_a_run_is_compared_by_its_newest_adapter_asked_as_it_was_trained(
    cli: Cli, run: RunFolder, models: list[Any]
) -> None:
    add_adapter_file(run)
    cli.json("compare", "random", str(run.path), "--games", "kuhn_poker", *FEW)
    settings = PromptSettings(list_legal=False, thinking=True)
    request = RequestSettings(prompt="boxed", settings=settings, max_tokens=40, temperature=0.5)
    assert models == [(f"nano+{run.path}", request)]


def test_a_base_model_is_asked_as_the_run_that_it_is_compared_with(cli: Cli, run: RunFolder, models: list[Any]) -> None:
    add_adapter_file(run)
    cli.json("compare", "nano,max_tokens=7", str(run.path), "--games", "kuhn_poker", *FEW)
    assert models == [("nano,max_tokens=7", read_config(run).request), (f"nano+{run.path}", read_config(run).request)]


# report


def test_a_run_that_has_done_nothing_yet_has_a_report(cli: Cli, run: RunFolder) -> None:
    assert cli("report", str(run.path)) == (0, f"{run.report_path}\n", "")
    page = run.report_path.read_text(encoding="utf-8")
    assert "<h1>Self-play in kuhn_poker: a_run</h1>" in page
    assert "0 of 2 steps" in page and "temperature = 0.5" in page and "torch " in page


def test_a_report_holds_measurements_metrics_and_episodes(cli: Cli, run: RunFolder, tmp_path: Path) -> None:
    found = asyncio.run(measure_agent(agents.get("random"), Plan(games=("kuhn_poker",), episodes=4), 1))
    run.measurement_path("before").parent.mkdir()
    for name in ("before", "after"):
        run.measurement_path(name).write_text(found.model_dump_json(), encoding="utf-8")
    run.metrics_path.write_text('{"step": 1, "kl": 0.25}\n{"step": 2, "kl": 0.5}\n{"st', encoding="utf-8")
    run.episodes_path(1).parent.mkdir()
    cli("match", "kuhn_poker", "optimal", "random", "--episodes", "20", "--save", str(run.episodes_path(1)))
    out = tmp_path / "page.html"
    assert cli("report", str(run.path), "--out", str(out)).out == f"{out}\n"
    page = out.read_text(encoding="utf-8")
    assert "kl from 0.25 at step 1 to 0.5 at step 2" in page
    assert page.count("<article>") == 3 and "in step 2." in page
    assert "mean return vs optimal" in page
    assert not run.report_path.exists()


def test_the_settings_in_a_report_can_be_run_again(run: RunFolder, tmp_path: Path) -> None:
    again = tmp_path / "settings.toml"
    again.write_text(report_input(run).config, encoding="utf-8")
    assert load_settings(again, RunConfig) == read_config(run)


def test_a_folder_without_a_whole_run_is_reported_in_one_line(cli: Cli, run: RunFolder, tmp_path: Path) -> None:
    assert "no run at" in cli.refusal("report", str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "qwen3"}', encoding="utf-8")
    assert "holds a model and no run: for the model itself write hf:" in cli.refusal("report", str(tmp_path))
    assert "can't write the report to" in cli.refusal("report", str(run.path), "--out", "/dev/null/page.html")
    run.measurement_path("after").parent.mkdir()
    run.measurement_path("after").write_text('{"schema": 1}', encoding="utf-8")
    assert "after.json' is no measurement: spec: Field required" in cli.refusal("report", str(run.path))
    run.config_path.write_text("{", encoding="utf-8")
    assert "config.json' is broken" in cli.refusal("report", str(run.path))
