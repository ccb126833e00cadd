"""A report shows a run's results, and no text from a model or a file becomes markup."""

import asyncio
import math
import re
from html.parser import HTMLParser

import pytest
from tests.evals.measured_agents import Stumbling, measure

from mirrormatch import agents, games, play
from mirrormatch.agents.types import Episode, Turn
from mirrormatch.evals.comparison import comparison_rows, describe_verdict, headline_rows, worse_rows
from mirrormatch.evals.measurement import Measurement, Plan, measure_agent
from mirrormatch.evals.report import Fact, ReportInput, render_report
from mirrormatch.evals.report.charts import Chart, Line, axis_ticks, moving_average, render_chart
from mirrormatch.evals.report.curves import Metrics, learning_curves
from mirrormatch.evals.report.markup import Html, element
from mirrormatch.evals.report.tables import headlines
from mirrormatch.games.types import Observation, Problem, ProblemKind

HOSTILE = (
    "<script>alert(1)</script>",
    "</details></article><img src=x onerror=alert(2)>",
    '" onmouseover="alert(3)" x=\'',
    "</title><style>*{display:none}</style>",
    "<!-- ]]> &lt;b&gt; \x1b[31m\x00\u202e",
)
VOID = {"br", "hr", "meta"}
HEADINGS = ["Before and after", "Learning curves", "Alarms", "What it plays", "Episodes", "What ran"]


class Page(HTMLParser):
    """Parses a page, and fails where tags don't match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []  # innermost tag, text
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {tag}: {attrs}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def within(self, tag: str) -> list[str]:
        return [text for where, text in self.texts if where == tag]


def turn(text: str, problem: Problem | None = None) -> Turn:
    action = None if problem else text
    return Turn(
        role=0,
        observation=Observation(0, text, None),
        reply=text,
        thinking=text,
        action=action,
        problem=problem,
    )


def episode(text: str = "bet", problem: Problem | None = None) -> Episode:
    return Episode(
        game=text, version=1, seed=7, seats=(text, text), deal=(text,), turns=(turn(text, problem),),
        returns=(-2.0, 2.0), outcome=("loss", "win"), forfeited_by=0,
    )  # fmt: skip


def steps(num_steps: int = 30) -> Metrics:
    return [
        {
            "step": k, "return/kuhn_poker/0": 0.1, "return/kuhn_poker/1": -0.1, "baseline/kuhn_poker/0": 0.0,
            "baseline/kuhn_poker/1": 0.0, "entropy": 0.5, "kl": 0.01 * k, "reply_tokens": 20.0, "illegal": 0.02,
            "truncated": 0.0, "distinct_replies": 0.4, "tokens_per_s": 900.0, "time/play_share": 0.25,
            "time/play_s": 1.0, "time/learn_s": 3.0,
            **({"exploitability/kuhn_poker": 0.3} if k % 10 == 0 else {}),
        }
        for k in range(1, num_steps + 1)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def measurements() -> tuple[Measurement, Measurement]:
    plan = Plan(games=("kuhn_poker",), episodes=20, exploitability=("kuhn_poker",))
    before, after = (asyncio.run(measure_agent(agents.get(spec), plan, 3)) for spec in ("random", "optimal"))
    return before, after


def page(**parts: object) -> Page:
    given = {"title": "A run", "facts": [Fact("Seed", "0")], "command": "mirrormatch train x.toml", "config": ""}
    return Page(render_report(ReportInput(**{**given, **parts})))  # type: ignore[arg-type]


def test_a_report_has_every_section(measurements: tuple[Measurement, Measurement]) -> None:
    before, after = measurements
    shown = page(before=before, after=after, metrics=steps(), episodes=[episode()], config="seed = 0")
    assert shown.within("h1") == ["A run"]
    assert shown.within("h2") == HEADINGS
    assert "▲ better" in shown.within("td")
    assert {"Seed", "0"} <= {*shown.within("dt"), *shown.within("dd")}
    assert shown.within("pre") == ["mirrormatch train x.toml", "seed = 0"]


def test_a_report_names_the_settings_under_which_two_models_were_asked_differently(
    measurements: tuple[Measurement, Measurement],
) -> None:
    before, after = measurements
    before = before.model_copy(update={"request": {"max_tokens": "48"}})
    after = after.model_copy(update={"request": {"max_tokens": "256"}})
    page = Page(render_report(ReportInput(title="A run", facts=(), command="", config="", before=before, after=after)))
    cells = [text for _, text in page.texts]
    start = cells.index("asked differently")
    assert cells[start : start + 4] == ["asked differently", "max_tokens", "48", "256"]


def test_the_tiles_hold_everything_that_got_worse() -> None:
    before, after = measure(agents.get("optimal")), measure(Stumbling(max_retries=0))
    tiles = headlines(before, after)
    assert tiles is not None
    rows = comparison_rows(before, after)
    others = [row for row in worse_rows(rows) if row not in headline_rows(rows)]
    texts = [text for _, text in Page(str(tiles)).texts]
    assert all(f"{row.label.section}: {row.label.text}" in texts for row in others[:4])
    assert f"{len(others) - 4} more figures got worse: see the table" in texts
    assert describe_verdict(rows) in texts


def test_nothing_is_loaded_and_nothing_runs(measurements: tuple[Measurement, Measurement]) -> None:
    shown = page(before=measurements[0], after=measurements[1], metrics=steps(), episodes=[episode()])
    assert not {tag for tag, _ in shown.tags} & {"script", "link", "img", "iframe", "object", "base", "form", "a"}
    for tag, attributes in shown.tags:
        assert not {"src", "href"} & attributes.keys(), tag
        assert not [name for name in attributes if name.startswith("on")], tag
    (style,) = shown.within("style")
    assert "url(" not in style and "@import" not in style
    (policy,) = [a["content"] for t, a in shown.tags if t == "meta" and "http-equiv" in a]
    assert policy is not None and policy.startswith("default-src 'none'")


def test_light_and_dark_and_small_screens_have_their_style() -> None:
    (style,) = page().within("style")
    assert "@media (prefers-color-scheme: dark)" in style and "@media (max-width" in style
    defined = set(re.findall(r"(--[a-z0-9]+):", style))
    assert set(re.findall(r"var\((--[a-z0-9]+)\)", style)) <= defined | {"--p"}


# Hostile text.


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_an_episode_stays_text(text: str) -> None:
    clean = page(episodes=[episode(), episode("bet", Problem(ProblemKind.NONE, "bet"))])
    shown = page(episodes=[episode(text), episode(text, Problem(ProblemKind.NONE, text))])
    assert [tag for tag, _ in shown.tags] == [tag for tag, _ in clean.tags]
    assert [attributes.keys() for _, attributes in shown.tags] == [attributes.keys() for _, attributes in clean.tags]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_everywhere_else_stays_text(text: str) -> None:
    metrics = [{"step": 1.0, f"return/{text}/{text}": 1.0, f"exploitability/{text}": 1.0, f"alarm/{text}": 1.0}]
    shown = page(title=text, facts=[Fact(text, text)], command=text, config=text, metrics=metrics, episodes_note=text)
    assert not {tag for tag, _ in shown.tags} & {"script", "img", "b"}
    assert len(shown.within("style")) == len(shown.within("title")) == 1


def test_a_model_s_text_is_shown_whole_and_readable() -> None:
    shown = page(episodes=[episode("<script>alert(1)</script>")])
    assert "<script>alert(1)</script>" in shown.within("p")


def test_control_characters_do_not_reach_the_page() -> None:
    text = render_report(ReportInput(title="x", facts=[], command="", config="", episodes=[episode(HOSTILE[-1])]))
    assert not set(text) & {"\x1b", "\x00", "\u202e"}


def test_endless_text_is_cut_and_says_so() -> None:
    shown = page(episodes=[episode("x" * 100_000)])
    assert max(len(text) for text in shown.within("p")) < 5_000
    assert any(text.endswith("… (96,000 more characters)") for text in shown.within("p"))


def test_a_plain_string_is_never_markup() -> None:
    assert element("p", "<b>") == "<p>&lt;b&gt;</p>"
    assert element("p", Html("<b></b>"), None) == "<p><b></b></p>"
    assert element("i", data_label='"><', class_=None, x=1.0) == '<i data-label="&quot;&gt;&lt;" x="1"></i>'


# What is missing.


def test_an_empty_run_is_reported_too() -> None:
    shown = page()
    assert "Nothing was measured." in shown.within("p")
    assert shown.within("p").count("No step has finished yet.") == 2
    assert "svg" not in {tag for tag, _ in shown.tags}


def test_one_measurement_alone_is_a_table(measurements: tuple[Measurement, Measurement]) -> None:
    for alone in ({"before": measurements[0]}, {"after": measurements[1]}):
        shown = page(**alone)
        assert "kuhn_poker: exploitability" in shown.within("th")
        assert "It was not measured both before and after." in " ".join(shown.within("p"))


def test_an_episode_of_a_game_that_is_not_installed_is_shown() -> None:
    shown = page(episodes=[episode("gone")])
    assert "role 0" in shown.within("b")
    assert "role 0 -2 (loss), role 1 +2 (win). Role 0 made no legal move and forfeits." in shown.within("p")


def test_a_real_episode_names_its_roles_and_moves() -> None:
    kuhn = games.get("kuhn_poker")
    real = asyncio.run(play(kuhn, [agents.get("optimal"), agents.get("random")], seed=3))
    shown = page(episodes=[real])
    assert [text for text in shown.within("b") if text in kuhn.info.roles] == [
        kuhn.info.roles[t.role] for t in real.turns
    ]
    assert [text for text in shown.within("b") if text in ("bet", "check", "call", "fold")] == [
        t.action for t in real.turns
    ]


def test_alarms_are_listed_with_their_games_steps_and_meaning() -> None:
    rings = {f"alarm/frozen/{game}": 1.0 for game in ("nim", "openspiel/chess")}
    metrics = [{"step": float(k), **(rings if k in (3, 4, 5, 9) else {})} for k in range(1, 11)]
    shown = page(metrics=metrics, alarms={"frozen": "the entropy is close to 0"})
    assert "frozen" in shown.within("span")
    for game in ("nim", "openspiel/chess"):
        assert f" in {game} at 4 steps: 3-5, 9. The entropy is close to 0." in "".join(shown.within("li"))


# Curves.


def test_every_curve_has_its_unit() -> None:
    assert [(chart.title, chart.unit) for chart in learning_curves(steps())] == [
        ("Return by role in kuhn_poker", "return per game"),
        ("Exploitability in kuhn_poker", "return per game"),
        ("Entropy", "nats per token"),
        ("KL from the reference", "nats per token"),
        ("Length of a reply", "tokens"),
        ("Replies that are no move", "share of replies"),
        ("Different replies", "share of replies"),
        ("Speed of play", "tokens per second"),
        ("Where the time goes", "share of a step"),
    ]


def test_a_short_run_is_drawn_as_it_is_and_a_long_one_averaged_too() -> None:
    def looks(num_steps: int) -> list[str]:
        (entropy,) = [chart for chart in learning_curves(steps(num_steps)) if chart.title == "Entropy"]
        return [line.look for line in entropy.lines]

    assert looks(5) == ["bold"]
    assert looks(30) == ["thin", "bold"]


def test_the_mean_of_the_last_steps_is_counted_by_hand() -> None:
    assert moving_average([(1, 2.0), (2, 4.0), (3, 9.0), (4, 5.0)], 2) == [(1, 2.0), (2, 3.0), (3, 6.5), (4, 7.0)]


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-0.3, 0.4, [-0.4, -0.2, 0.0, 0.2, 0.4]),
        (0.0, 0.011, [0.0, 0.0025, 0.005, 0.0075, 0.01, 0.0125]),
        (0.0, 7.0, [0.0, 2.0, 4.0, 6.0, 8.0]),
    ],
)
def test_ticks_are_round_and_hold_the_range(low: float, high: float, marks: list[float]) -> None:
    assert axis_ticks(low, high) == pytest.approx(marks)


def test_a_chart_says_in_words_what_it_draws() -> None:
    drawn = Page(render_chart(Chart("KL", "nats", [Line("kl", [(1, 0.0), (9, 0.25)])])))
    (words,) = [a["aria-label"] for tag, a in drawn.tags if tag == "svg"]
    assert words == "KL: kl from 0 at step 1 to 0.25 at step 9"


@pytest.mark.parametrize(
    "points",
    [
        [(1.0, 0.0)],
        [(1.0, 5.0)],
        [(1.0, 0.0), (2.0, 0.0)],
        [(1.0, math.nan), (2.0, 1.0)],
        [(1.0, -1e9)],
        [(1.0, 1e308), (2.0, 1.0)],
        [(1.0, math.inf), (2.0, 1.0)],
    ],
)
def test_odd_points_are_drawn_within_the_chart(points: list[tuple[float, float]]) -> None:
    drawn = Page(render_chart(Chart("x", "y", [Line("x", points)])))
    assert "nan" not in str(drawn.tags) and "inf" not in str(drawn.tags)
    for tag, attributes in drawn.tags:
        if tag == "circle":
            assert -1 <= float(attributes["cx"] or "") <= 331 and -1 <= float(attributes["cy"] or "") <= 201


def test_a_chart_without_points_says_so() -> None:
    assert "Nothing was measured." in render_chart(Chart("x", "y", [Line("x", [(1.0, math.inf)])]))


def test_a_game_of_another_library_keeps_its_whole_name_in_the_curves() -> None:
    metrics = [{"step": 1.0, f"return/openspiel/leduc_poker:players=3/{role}": 0.5} for role in range(3)]
    (chart,) = [chart for chart in learning_curves(metrics) if chart.title.startswith("Return")]
    assert chart.title == "Return by role in openspiel/leduc_poker:players=3"


def test_a_dealt_part_has_its_return_and_its_baseline() -> None:
    measured = {f"{n}/who_is_the_spy/{part}": 0.5 for n in ("part_return", "baseline") for part in ("spy", "civilian")}
    (chart,) = learning_curves([{"step": 1.0, "return/who_is_the_spy/0": 0.1, **measured}])
    assert [(line.name, line.points) for line in chart.lines] == [
        ("", [(1.0, 0.5)]), ("civilian", [(1.0, 0.5)]), ("", [(1.0, 0.5)]), ("spy", [(1.0, 0.5)]),
    ]  # fmt: skip


def test_a_line_along_zero_is_drawn_on_a_scale_up_to_one() -> None:
    drawn = str(render_chart(Chart("Nothing", "return", [Line("first", [(1.0, 0.0), (2.0, 0.0)])])))
    assert ">1.0<" in drawn and "0.000" not in drawn
