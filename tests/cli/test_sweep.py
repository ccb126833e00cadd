"""Sweeps: real runs of two steps, interrupted, resumed and compared."""

import json
from pathlib import Path

import pytest
from tests.cli.runner import Cli

pytestmark = pytest.mark.slow

RUN = """
model = "nano"
threads = 1
[play]
games = ["kuhn_poker"]
episodes = 4
max_tokens = 24
[learn]
steps = 2
[measure]
games = ["kuhn_poker"]
episodes = 4
"""
SWEEP = """
config = "run.toml"
seeds = [3, 4]
[arms.plain]
[arms.fixed]
learn = { learning_rate = 1e-3 }
matchmaker = { kind = "fixed", opponents = ["random"] }
"""


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    (tmp_path / "run.toml").write_text(RUN)
    path = tmp_path / "sweep.toml"
    path.write_text(SWEEP)
    return path


def test_a_sweep_goes_on_where_it_ended_and_compares_its_arms(sweep: Path, tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "out"
    first = cli("sweep", str(sweep), "--out", str(out), "--json")
    assert first.code == 0
    cells = (out / "cells.jsonl").read_text().splitlines(keepends=True)
    assert [(json.loads(c)["arm"], json.loads(c)["seed"]) for c in cells] == [
        ("plain", 3), ("fixed", 3), ("plain", 4), ("fixed", 4),
    ]  # fmt: skip
    stored = json.loads((out / "fixed" / "seed-4" / "config.json").read_text())
    assert (stored["seed"], stored["matchmaker"]["kind"], stored["learn"]["learning_rate"]) == (4, "fixed", 1e-3)
    figures = {row["name"]: row["arms"] for row in json.loads(first.out)["figures"]}
    legal = figures["legal/kuhn_poker"]
    values = [json.loads(c)["scores"]["legal/kuhn_poker"]["after"] for c in cells]
    assert legal["fixed"]["after"]["value"] == pytest.approx((values[1] + values[3]) / 2)
    assert legal["plain"]["difference"]["value"] == 0.0
    assert legal["fixed"]["difference"]["n"] == 2

    (out / "cells.jsonl").write_text("".join(cells[:2]) + cells[2][:40])  # killed while it wrote the third line
    again = cli("sweep", str(sweep), "--out", str(out), "--json")
    assert again.out == first.out
    assert "cell 1 of 2: plain, seed 4" in again.err

    sweep.write_text(SWEEP.replace("1e-3", "1e-4"))
    assert "arm 'fixed' was trained with learn.learning_rate=0.001" in cli.refusal(
        "sweep", str(sweep), "--out", str(out)
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[3, 4]", "[3]", "seeds: Tuple should have at least 2 items"),
        ("run.toml", "none.toml", "can't read the config"),
        ('"fixed", opponents', '"fixd", opponents', "unknown matchmaker 'fixd', did you mean 'fixed'?"),
        ("[arms.plain]", "[arms.'a/b']", "an arm's name is a word, not 'a/b'"),
        ("seeds =", "sed = 1\nseeds =", "unknown key 'sed', did you mean 'seeds'?"),
    ],
)
def test_a_wrong_file_is_refused_before_anything_is_trained(
    sweep: Path, cli: Cli, tmp_path: Path, old: str, new: str, message: str
) -> None:
    sweep.write_text(SWEEP.replace(old, new))
    assert message in cli.refusal("sweep", str(sweep), "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_run_that_measures_nothing_is_refused(sweep: Path, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(RUN.partition("[measure]")[0])
    assert "measures nothing" in cli.refusal("sweep", str(sweep), "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
