"""The prompt and the budget of a run are those of its adapter, in every command."""

import json
from pathlib import Path
from typing import Any

import pytest

from mirrormatch import agents
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.llm import LLMAgent, describe_request
from mirrormatch.cli import main
from mirrormatch.cli.runs import load_pair, read_config
from mirrormatch.training.config import PromptConfig
from mirrormatch.training.run_folder import RunFolder

CONFIG = """
model = "nano"
[prompt]
format = "plain"
list_legal = false
[play]
games = ["kuhn_poker"]
episodes = 2
max_tokens = 8
temperature = 0.5
[learn]
steps = 1
[measure]
games = ["kuhn_poker"]
episodes = 4
exploitability = ["kuhn_poker"]
thoughts = 2
transfer = ["logic"]
items = 2
max_tokens = 12
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step."""
    folder = tmp_path_factory.mktemp("asked")
    (folder / "run.toml").write_text(CONFIG, encoding="utf-8")
    assert main(["train", str(folder / "run.toml"), "--out", str(folder / "run")]) == 0
    return folder / "run"


def is_asked_as_in_the_run(agent: object) -> bool:
    assert isinstance(agent, LLMAgent)
    settings = agent.prompt.settings
    return (
        type(agent.prompt).__name__ == "Plain"
        and (settings.list_legal, settings.thinking) == (False, False)
        and agent.sampling == Sampling(max_tokens=12, temperature=0.5)
    )


@pytest.mark.slow
def test_the_adapter_of_a_run_is_asked_as_in_its_run(run: Path) -> None:
    newest = sorted((run / "adapters").iterdir())[-1]
    assert is_asked_as_in_the_run(agents.get(f"nano+{run}"))
    assert is_asked_as_in_the_run(agents.get(f"nano+{newest}"))


@pytest.mark.slow
def test_every_command_gives_the_adapter_the_figures_of_its_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def read_json(*words: str) -> Any:
        capsys.readouterr()
        assert main([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    spec, text = f"nano+{run}", (run / "measures" / "after.json").read_text(encoding="utf-8")
    measured = {score["name"]: score for score in json.loads(text)["scores"]}
    for words in (
        ("eval", "exploitability", spec, "--thoughts", "2"),
        ("eval", "transfer", spec, "--benchmarks", "logic", "--items", "2"),
    ):
        for score in read_json(*words)["scores"]:
            assert score == measured[score["name"]]
    match = read_json("match", "kuhn_poker", spec, "random", "--episodes", "4")
    for figure in ("win", "mean_return"):
        name = f"{figure}/kuhn_poker/random"
        assert match["agents"][0][figure] | {"name": name} == measured[name]


@pytest.mark.slow
def test_a_run_that_starts_from_an_adapter_goes_on_with_its_prompt(run: Path, tmp_path: Path) -> None:
    def train(name: str, *overrides: str) -> PromptConfig:
        words = [word for override in (f"model=nano+{run}", "measure={}", *overrides) for word in ("--set", override)]
        assert main(["train", str(path), "--out", str(tmp_path / name), *words]) == 0
        return read_config(RunFolder(tmp_path / name)).prompt

    path = tmp_path / "next.toml"
    path.write_text(CONFIG.replace('[prompt]\nformat = "plain"\nlist_legal = false\n', ""), encoding="utf-8")
    adopted = train("adopted")
    assert (adopted.format, adopted.list_legal, adopted.thinking) == ("plain", False, False)
    own = train("own", "prompt.format=boxed")
    assert (own.format, own.list_legal, own.thinking) == ("boxed", True, True)


@pytest.mark.slow
def test_compare_asks_both_sides_alike(run: Path) -> None:
    for a, b in (("nano", str(run)), (f"nano+{run}", "nano"), ("nano", f"nano+{run}")):
        first, second = load_pair(a, b)
        assert is_asked_as_in_the_run(first) and is_asked_as_in_the_run(second)
        assert describe_request(first) == describe_request(second)


@pytest.mark.slow
def test_compare_shows_what_a_spec_sets_otherwise(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["compare", "nano,max_tokens=9", str(run), "--games", "kuhn_poker", "--episodes", "2", "--items", "1"]
    assert main([*line, "--thoughts", "2", "--plain"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["asked", "differently"] in lines
    assert lines[lines.index(["asked", "differently"]) + 1] == ["max_tokens", "9", "12"]
