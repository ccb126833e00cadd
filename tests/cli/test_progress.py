"""Progress shows step and time left first, whatever the width, and a log line holds what one would ask for."""

import re

import pytest
from tests.cli.terminal import show_on_a_terminal

from mirrormatch.cli.terminal.progress import TrainingProgress, format_returns

STEP = {
    "part_return/kuhn_poker/first": 0.054, "part_return/kuhn_poker/second": -0.054,
    "return/kuhn_poker/0": 0.054, "return/kuhn_poker/1": -0.054, "reply_tokens": 18.2, "illegal": 0.01,
    "truncated": 0.01, "kl": 0.003, "entropy": 0.09, "logp_gap": 2e-6,
}  # fmt: skip
PROBE = {"exploitability/kuhn_poker": 0.3123}
BARS = f"""
from mirrormatch.cli.terminal.progress import TrainingProgress, show_progress
with TrainingProgress(100, 0) as training:
    training.step(1, {STEP | PROBE!r}, [])
with show_progress("measuring before training") as progress:
    progress(3, 50)
"""


@pytest.mark.parametrize("columns", [80, 60])
def test_a_bar_and_a_frame_show_step_and_time_left_first_and_stay_on_their_lines(columns: int) -> None:
    lines = show_on_a_terminal("-c", BARS, columns=columns).lines
    assert max(map(len, lines)) <= columns
    assert any(re.match(r"step 1/100 \d+:\d\d:\d\d left ", line) for line in lines)
    assert any(re.match(r"return first +\+0\.05 ", line) for line in lines)
    assert any(re.match(r" +6% .* left .* measuring before training", line) for line in lines)


def test_a_log_line_has_times_returns_and_the_last_probe(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = iter([0.0, 0.0, 60.0, 120.0])
    with TrainingProgress(100, done=20, clock=lambda: next(seconds)) as training:
        training.step(21, STEP | PROBE, [])
        training.step(22, STEP, [])
    first, second = capsys.readouterr().err.splitlines()
    assert first == (
        "mirrormatch: step 21 of 100, 0:01:00 gone, 1:19:00 left: return +0.05 -0.05, "
        "exploitability 0.312 at step 21, reply 18 tokens, illegal 2%, kl 0.003, entropy 0.09, logp_gap 2e-06"
    )
    assert "step 22 of 100, 0:02:00 gone, 1:18:00 left" in second and "exploitability 0.312 at step 21" in second


def test_returns_of_several_games_have_their_names() -> None:
    found = {"return/tictactoe/0": 0.5, "return/openspiel/chess/0": -0.001, "return/openspiel/chess/1": 1.0}
    assert format_returns(found) == "return tictactoe +0.50, return openspiel/chess +0.00 +1.00"
    assert format_returns(found | {"return/nim/0": 0.0}).endswith("+1.00, ...")
    assert format_returns({}) == ""
