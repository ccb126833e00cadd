"""Differences between two measurements: paired changes, and the rows of a table of before and after.

Games are paired deal by deal, problems one by one, thoughts resample by resample. This file prints nothing: the command
line and the report draw the rows.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from mirrormatch.errors import UserError
from mirrormatch.evals.exploitability import compare_policies
from mirrormatch.evals.measurement import Measurement
from mirrormatch.evals.statistics import Difference, Figure, Unmeasured, difference
from mirrormatch.evals.transfer import compare_transfers
from mirrormatch.evals.wording import PROBLEMS, Label, format_change, format_figure, judge_change, score_label

_SHOWN: Final = (
    "legal",
    "win",
    "forfeit",
    "mean_return",
    "exploitability",
    "legal_mass",
    "floor",
    "accuracy",
    "no_answer",
)
_MAX_NAMED: Final = 3  # figures in a sentence
_FORFEIT: Final = "forfeit/"
CAPTION: Final = (
    "Differences of shares are in percentage points. Better, worse, differs: the 95% interval of the paired "
    "difference leaves out 0, as one in twenty does by chance. n: deals, thoughts or problems."
)


class ComparisonRow(NamedTuple):
    """A figure before and after.

    Attributes:
        label: the figure's section and name.
        before: the earlier score; None where only the later measurement has the figure.
        after: the later score; None where only the earlier measurement has the figure.
        change: the paired difference; None where the figure can't be paired.
    """

    label: Label
    before: Figure | None
    after: Figure | None
    change: Difference | None


class RequestRow(NamedTuple):
    """A setting under which two models were asked differently."""

    name: str
    before: str
    after: str


def request_differences(before: Measurement, after: Measurement) -> list[RequestRow]:
    """The settings of prompt and sampling in which two models were asked differently; empty unless both are models."""
    earlier, later = before.request, after.request
    if earlier is None or later is None:
        return []
    names = dict.fromkeys([*earlier, *later])
    rows = (RequestRow(name, earlier.get(name, "-"), later.get(name, "-")) for name in names)
    return [row for row in rows if row.before != row.after]


def comparison_rows(before: Measurement, after: Measurement) -> list[ComparisonRow]:
    """The rows of a table of two measurements, section by section."""
    earlier, later = ({s.name: s for s in m.scores if _is_shown(s, m)} for m in (before, after))
    changes = {change.score.name: change for change in compare_measurements(before, after)}
    names = [n for n in dict.fromkeys([*earlier, *later]) if not _is_needless(earlier.get(n), later.get(n))]
    found = [ComparisonRow(score_label(n), earlier.get(n), later.get(n), changes.get(n)) for n in names]
    sections = list(dict.fromkeys(row.label.section for row in found))
    return sorted(found, key=lambda row: sections.index(row.label.section))


def compare_measurements(before: Measurement, after: Measurement) -> list[Difference]:
    """The change of every figure that both measurements have, after minus before, in the order of the scores.

    Raises:
        UserError: the two have different plans or seeds.
    """
    if (before.plan, before.seed) != (after.plan, after.seed):
        raise UserError(
            f"{before.spec!r} and {after.spec!r} were measured on different plans or seeds, so nothing can be paired"
        )
    changes = [
        *_compare_samples(before, after),
        *_compare_all_policies(before, after),
        *_compare_answers(before, after),
    ]
    by_name = {change.score.name: change for change in changes}
    return [by_name[score.name] for score in before.scores if score.name in by_name]


def headline_rows(rows: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    """The most important changes: exploitability, the return against `random`, and overall accuracy."""
    paired = [(row.change.score.name, row) for row in rows if row.change is not None]
    return [
        *(row for name, row in paired if name.startswith("exploitability/")),
        *(row for name, row in paired if name.startswith("mean_return/") and name.endswith("/random")),
        *(row for name, row in paired if name == "accuracy/overall"),
    ]


def worse_rows(rows: Sequence[ComparisonRow]) -> list[ComparisonRow]:
    """The rows of figures that got worse."""
    return [row for row in rows if row.change is not None and judge_change(row.change.score) == "worse"]


def describe_headline(rows: Sequence[ComparisonRow]) -> str:
    """The most important change in one line; empty if nothing can be compared."""
    paired = [*headline_rows(rows), *(row for row in rows if row.change is not None)]
    if not paired:
        return ""
    label, before, after, change = paired[0]
    assert before and after and change
    subject = f"{label.section}: {label.text}"
    return f"{subject} {format_figure(before)} -> {format_figure(after)}, {format_change(change.score)}"


def describe_verdict(rows: Sequence[ComparisonRow]) -> str:
    """What got better and what got worse, in one sentence."""
    changes = [(row.label, judge_change(row.change.score)) for row in rows if row.change is not None]
    unmeasured = [_name_figure(row.label) for row in rows if _is_unmeasured(row)]
    beside = f" Not measurable: {', '.join(unmeasured)}." if unmeasured else ""
    if not changes:
        return f"Nothing can be compared: the two measurements share no figure.{beside}"
    better, worse = (
        [_name_figure(label) for label, verdict in changes if verdict == wanted] for wanted in ("better", "worse")
    )
    if not better and not worse:
        return f"No clear difference in any of {len(changes)} figures.{beside}"
    parts = [f"{len(better)} of {len(changes)} figures got better", f"{len(worse)} got worse"]
    named = f": {', '.join(worse[:_MAX_NAMED])}" + (", ..." if len(worse) > _MAX_NAMED else "") if worse else ""
    return f"{' and '.join(parts)}{named}.{beside}"


def _is_unmeasured(row: ComparisonRow) -> bool:
    return isinstance(row.before, Unmeasured) or isinstance(row.after, Unmeasured)


def _name_figure(label: Label) -> str:
    return label.text if label.section == PROBLEMS else f"{label.text} in {label.section}"


def _compare_samples(before: Measurement, after: Measurement) -> Iterator[Difference]:
    later = {sample.name: sample for sample in after.samples}
    for sample in before.samples:
        if (other := later.get(sample.name)) is not None:
            unit, better = sample.unit, sample.better
            yield difference(sample.name, sample.values, other.values, seed=before.seed, unit=unit, better=better)


def _compare_all_policies(before: Measurement, after: Measurement) -> Iterator[Difference]:
    later = {policy.game: policy for policy in after.policies}
    for policy in before.policies:
        if (other := later.get(policy.game)) is not None:
            yield from compare_policies(policy, other)


def _compare_answers(before: Measurement, after: Measurement) -> Iterator[Difference]:
    if before.transfer is not None and after.transfer is not None:
        yield from compare_transfers(before.transfer, after.transfer)


def _is_needless(before: Figure | None, after: Figure | None) -> bool:
    """Whether a row would say that nothing was forfeited, as usual."""
    known = [score for score in (before, after) if score is not None]
    return all(score.name.startswith(_FORFEIT) and not score.value for score in known)


def _is_shown(score: Figure, measurement: Measurement) -> bool:
    """Whether a table shows the figure. Majorities and the accuracy of a benchmark over all its tasks are left out."""
    figure, _, subject = score.name.partition("/")
    if figure == "accuracy" and measurement.transfer is not None:
        return subject not in {result.kind for result in measurement.transfer.results}
    return figure in _SHOWN
