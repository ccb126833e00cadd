"""A match for people: a column per agent, and what to know before believing it."""

import contextlib
from collections import Counter
from collections.abc import Iterator

from rich.progress import Progress as Bar

from mirrormatch.cli.terminal.output import console, note, table
from mirrormatch.evals.arena import AgentScores, MatchResult
from mirrormatch.evals.types import Progress
from mirrormatch.evals.wording import format_estimate
from mirrormatch.games.types import ProblemKind
from mirrormatch.text import one_line

_SPEC_CHARS = 24
_LABELS = ("return", "win", "draw", "loss", "illegal", "cut off", "no moves")
_LABEL_CHARS = 8
_WIDE = 22  # columns of a figure with its interval beside it


def show(result: MatchResult) -> None:
    """Prints the figures."""
    out, scores = console(), result.scores
    heads = tuple(one_line(a.spec, _SPEC_CHARS) for a in scores.agents)
    title = f"{scores.game}, {scores.episodes} episodes, seed {scores.seed}"
    shown = table(("", *heads), numbers=True)
    gap = " " if len(heads) * _WIDE + _LABEL_CHARS <= out.width else "\n"
    told = [_column(a, problems, gap) for a, problems in zip(scores.agents, result.problems, strict=True)]
    for label, row in zip(_LABELS, zip(*told, strict=True), strict=True):
        shown.add_row(label, *row)
    out.print(f"{title} (mirror match)" if result.mirror else title, style="bold")
    out.print(shown)
    out.print()


def warn(result: MatchResult) -> None:
    """Says on stderr what the figures don't."""
    scores = result.scores
    if scores.episodes != result.asked:
        note(f"{scores.episodes} episodes instead of {result.asked}, so that every deal meets every seating")
    if result.mirror:
        note(f"a mirror match: {scores.agents[0].spec!r} sits in every seat, so this is no evidence of its strength")
    if result.repeats:
        note(
            f"only {result.num_distinct} of {scores.episodes} games differ: these agents are deterministic, "
            "and more episodes would tell nothing new"
        )


@contextlib.contextmanager
def following(title: str) -> Iterator[Progress | None]:
    """A progress bar on stderr while a match is played, if somebody is there to see it."""
    talk = console(stderr=True)
    if not talk.is_terminal:
        yield None
        return
    with Bar(console=talk, transient=True) as bar:
        task = bar.add_task(one_line(title, _SPEC_CHARS), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _column(agent: AgentScores, problems: Counter[ProblemKind], gap: str) -> list[str]:
    shares = (agent.win, agent.draw, agent.loss, agent.illegal, agent.truncated)
    by_kind = "\n".join(f"{kind} {times}" for kind, times in sorted(problems.items()))
    percents = (format_estimate(s, digits=0, gap=gap) for s in shares)
    return [format_estimate(agent.mean_return, plus=True, gap=gap), *percents, by_kind or "-"]
