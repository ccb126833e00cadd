"""A frame of a run fits its terminal, whatever is in it, and shows what one would ask for first."""

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest
from rich.cells import cell_len
from tests.training.records import make_player, play_tictactoe

from mirrormatch.agents.types import Episode
from mirrormatch.cli.terminal.frame import RunView, render_frame
from mirrormatch.cli.terminal.sparkline import draw_sparkline

Metrics = list[dict[str, float]]
SIZES = [(80, 23), (60, 19), (60, 8), (200, 60), (20, 3)]


def make_metrics(num: int = 30, num_parts: int = 2, last: Mapping[str, float] = MappingProxyType({})) -> Metrics:
    """The metrics of a run whose replies get shorter; `last` belongs to its last step."""
    metrics = [
        {
            "step": float(k), "reply_tokens": 100.0 - k, "illegal": 0.02, "truncated": 0.01, "entropy": 0.4,
            "grad_norm": 0.01, "tokens_per_s": 1_200.0, "learner_tokens_per_s": 5_000.0, "time/play_share": 0.25,
            **{f"part_return/tictactoe/part{part}": 0.1 * part for part in range(num_parts)},
        }
        for k in range(1, num + 1)
    ]  # fmt: skip
    metrics[-1] |= last
    return metrics


def make_game(*thoughts: str) -> Episode:
    played = play_tictactoe(make_player("1", "2", "3"), make_player("5", "9"))
    turns = [replace(turn, thinking=thought) for turn, thought in zip(played.turns, thoughts, strict=False)]
    return replace(played, turns=(*turns, *played.turns[len(turns) :]))


def render(metrics: Metrics, width: int = 80, height: int = 23, game: Episode | None = None) -> list[str]:
    view = RunView("my-run", 100, metrics, "0:10:00 left", game)
    return render_frame(view, width, height).plain.split("\n")


HOSTILE = make_game("\x1b[2J\x1b[31mgone\n\n" * 50, "宽" * 500, "é\u202e🙂" * 300)
ALARMS = {"alarm/illegal/nim": 1.0, "alarm/spike": 1.0, "alarm/frozen/nim": 1.0, "alarm/unknown/nim": 1.0}


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize(
    "metrics",
    [
        [],
        make_metrics(1),
        make_metrics(1_000, last=ALARMS),
        make_metrics(50, 40),
        make_metrics(last={"entropy": math.nan}),
    ],
    ids=["no step", "one step", "alarms", "many parts", "not a number"],
)
def test_every_frame_fits(metrics: Metrics, width: int, height: int) -> None:
    lines = render(metrics, width, height, HOSTILE)
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width
    assert not any("\x1b" in line or "\u202e" in line for line in lines)


@pytest.mark.parametrize(("width", "height"), [(80, 23), (60, 19)])
def test_curves_returns_speed_time_and_a_game_fit_a_small_terminal(width: int, height: int) -> None:
    text = "\n".join(render(make_metrics(), width, height, make_game("I take the corner.")))
    for part in (
        "step 30/100 0:10:00 left", "my-run", "play 1,200 tokens/s", "learning 5,000", "reply tokens", "no move",
        "entropy", "return part1", "A game of tictactoe: X +1, O -1", "X: 1 | I take the corner.",
    ):  # fmt: skip
        assert part in text


def test_a_ringing_alarm_is_shown_first_with_its_game_step_and_meaning() -> None:
    metrics = make_metrics(5)
    for step in metrics[2:]:
        step["alarm/illegal/nim"] = 1.0
    line = render(metrics, 100)[2]
    assert line == "alarm since step 3: illegal in nim: more and more replies are no move"


def test_an_alarm_that_rings_no_more_is_named_with_its_last_step() -> None:
    metrics = make_metrics(5)
    metrics[1]["alarm/spike"] = 1.0
    assert render(metrics)[2] == "alarm spike rang, at step 2 last"


def test_parts_that_have_no_room_are_counted() -> None:
    assert any(line == "and 5 more parts" for line in render(make_metrics(num_parts=10), game=HOSTILE))


def test_a_figure_that_is_measured_rarely_keeps_its_value_between() -> None:
    metrics = make_metrics(4)
    metrics[1]["exploitability/kuhn_poker"], metrics[3]["exploitability/kuhn_poker"] = 0.4, 0.2
    (line,) = (line for line in render(metrics) if line.startswith("exploitability"))
    assert " 0.200  ██▁ " in line and line.endswith("0.200 to 0.400")


@pytest.mark.parametrize(
    ("values", "width", "drawn"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([0, 0, 7, 7], 2, "▁█"),
        ([3, 3, 3], 8, "▄▄▄"),
        ([0, 0], 8, "▁▁"),
        ([1, math.nan, 2], 8, "▁ █"),
        ([math.nan, math.inf], 8, "  "),
        ([], 8, ""),
        ([1, 2], 0, ""),
    ],
)
def test_a_sparkline(values: list[float], width: int, drawn: str) -> None:
    assert draw_sparkline(values, width) == drawn


def test_a_terminal_without_blocks_has_a_curve_of_its_own_characters() -> None:
    assert draw_sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8, blocks=False) == "_.-=+*%#"
