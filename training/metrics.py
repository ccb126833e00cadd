"""The metrics of every step. docs/metrics.md has the formula, unit and warning sign of each.

Metrics are plain names and numbers: one JSON line per step, and TensorBoard beside it.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, NamedTuple, TypeVar

from mirrormatch.agents.types import Episode, Turn
from mirrormatch.games.types import ProblemKind
from mirrormatch.training.metrics_file import Metrics as Metrics
from mirrormatch.training.metrics_file import read_metrics
from mirrormatch.training.sinks import Sink
from mirrormatch.training.types import MAIN, Credit, Ids, Sample, Trajectory

EPSILON = 1e-6  # an advantage below it teaches nothing
PER_PART = (
    "part_return", "turns", "illegal", "truncated", "reply_tokens", "repeated", "shared_replies",
    "forfeit_own", "forfeit_other", "forfeit_wins",
)  # fmt: skip
_DIGITS = 9  # of a figure in the log: a token count of a step fits

_Item = TypeVar("_Item")


def measure_play(
    episodes: Sequence[Episode], baselines: Mapping[str, float], learners: Collection[str] = (MAIN,)
) -> Metrics:
    """Measures the learners' seats in the episodes of one step: per game and seat, per game and part, and over all.

    Args:
        episodes: the episodes, with the names of their players; one without names is the learners' own.
        baselines: the estimator's baselines by key.
        learners: the names of the learners. The seats of every other player are left out.
    """
    found: Metrics = {}
    seats = [_Seat(e, role) for e in episodes for role in range(len(e.seats)) if _is_own(e, role, learners)]
    for key, group in _group(seats, lambda seat: f"{seat.episode.game}/{seat.role}"):
        found[f"return/{key}"] = fmean(seat.paid for seat in group)
        for outcome in ("win", "draw", "loss"):
            found[f"{outcome}/{key}"] = fmean(seat.outcome == outcome for seat in group)
    found |= {f"baseline/{key}": value for key, value in sorted(baselines.items())}
    for key, group in _group(seats, lambda seat: f"{seat.episode.game}/{seat.part}"):
        measured = {"part_return": fmean(seat.paid for seat in group), **_measure_forfeits(group)}
        turns = [seat.turns for seat in group]
        measured |= {"turns": fmean(map(len, turns))} | _measure_replies([turn for own in turns for turn in own])
        found |= {f"{name}/{key}": value for name, value in measured.items() if name in PER_PART}
    return found | _measure_forfeits(seats) | _measure_replies([turn for seat in seats for turn in seat.turns])


class _Seat(NamedTuple):
    """One learner's seat of one episode."""

    episode: Episode
    role: int

    @property
    def part(self) -> str:
        return self.episode.parts[self.role] if self.episode.parts else str(self.role)

    @property
    def paid(self) -> float:
        return self.episode.returns[self.role]

    @property
    def outcome(self) -> str:
        return self.episode.outcome[self.role]

    @property
    def turns(self) -> list[Turn]:
        return [turn for turn in self.episode.turns if turn.role == self.role]

    @property
    def forfeits(self) -> bool:
        return self.episode.forfeited_by == self.role

    @property
    def profits(self) -> bool:
        """Whether another role forfeited."""
        return self.episode.forfeited_by not in (None, self.role)


def _is_own(episode: Episode, role: int, learners: Collection[str]) -> bool:
    return not episode.players or episode.players[role] in learners


def _group(items: Iterable[_Item], key: Callable[[_Item], str]) -> list[tuple[str, list[_Item]]]:
    """Groups items by a key, in the order of the keys."""
    groups: dict[str, list[_Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return sorted(groups.items())


def _measure_forfeits(seats: Sequence[_Seat]) -> Metrics:
    if not seats:
        return {}
    wins = [seat for seat in seats if seat.outcome == "win"]
    found = {
        "forfeit_own": fmean(seat.forfeits for seat in seats),
        "forfeit_other": fmean(seat.profits for seat in seats),
    }
    return found | ({"forfeit_wins": fmean(seat.profits for seat in wins)} if wins else {})


def _measure_replies(turns: Sequence[Turn]) -> Metrics:
    replies = [t.completion for t in turns if t.completion is not None]
    if not replies:
        return {}
    lengths = [len(c.token_ids) for c in replies]
    return {
        "illegal": fmean(t.problem is not None and t.problem.kind is not ProblemKind.TRUNCATED for t in turns),
        "truncated": fmean(t.problem is not None and t.problem.kind is ProblemKind.TRUNCATED for t in turns),
        "reply_tokens": fmean(lengths),
        "repeated": fmean(_share_repeated(c.token_ids) for c in replies),
        "distinct_replies": len({c.token_ids for c in replies}) / len(replies),
        **_measure_shared(turns),
    }


def _measure_shared(turns: Sequence[Turn]) -> Metrics:
    """The probability that the replies to two different prompts of the step are the same."""
    pairs = Counter((t.prompt_ids, t.completion.token_ids) for t in turns if t.completion is not None)
    prompts, replies = Counter[Ids | None](), Counter[Ids]()
    for (prompt, reply), count in pairs.items():
        prompts[prompt] += count
        replies[reply] += count
    num_different = _count_pairs(Counter(all=pairs.total())) - _count_pairs(prompts)
    num_equal = _count_pairs(replies) - _count_pairs(pairs)
    return {"shared_replies": num_equal / num_different} if num_different else {}


def _count_pairs(counts: Counter[Any]) -> int:
    """The number of pairs within groups of these sizes."""
    return sum(n * (n - 1) // 2 for n in counts.values())


def _share_repeated(ids: Sequence[int]) -> float:
    """The share of tokens that equal the one before."""
    return sum(a == b for a, b in itertools.pairwise(ids)) / max(1, len(ids) - 1)


def measure_credit(batch: Sequence[Trajectory], credit: Credit, samples: Sequence[Sample], step: int = 0) -> Metrics:
    """Measures rewards and advantages, over all and per game and part, and the rows that a trajectory became.

    Args:
        batch: the trajectories of learners.
        credit: their advantages.
        samples: the rows.
        step: number of updates that the learners have made.
    """
    pairs = list(zip(batch, credit, strict=True))
    found = _measure_advantages([a for _, values in pairs for a in values])
    if not found:
        return {"rows_per_trajectory": 0.0}
    for key, group in _group(pairs, lambda pair: f"{pair[0].game}/{pair[0].part}"):
        measured = _measure_advantages([a for _, values in group for a in values])
        found |= {f"{name}/{key}": value for name, value in measured.items()}
    return found | {
        "reward": fmean(t.reward for t in batch),
        "sample_age": fmean(step - t.born for t in batch),
        "rows_per_trajectory": len(samples) / len(batch),
    }


def _measure_advantages(advantages: Sequence[float]) -> Metrics:
    if not advantages:
        return {}
    return {
        "advantage_mean": fmean(advantages),
        "advantage_std": pstdev(advantages),
        "zero_advantage": fmean(abs(a) < EPSILON for a in advantages),
    }


def measure_time(
    play_s: float, learn_s: float, sync_s: float, batch: Sequence[Trajectory], learned: Mapping[str, float]
) -> Metrics:
    """Computes a step's durations of play and learning, and the tokens per second of each.

    Args:
        play_s: the seconds of play.
        learn_s: the seconds of the updates.
        sync_s: the seconds within these in which adapters and the engine were made ready.
        batch: the trajectories that were played.
        learned: the figures of the updates.
    """
    num_tokens = sum(len(step.ids) for t in batch for step in t.steps)
    found = {
        "time/play_s": play_s,
        "tokens_per_s": num_tokens / play_s,
        "time/learn_s": learn_s,
        "time/sync_s": sync_s,
        "time/play_share": play_s / (play_s + learn_s),
    }
    if "learner_tokens" in learned:
        found["learner_tokens_per_s"] = learned["learner_tokens"] / learn_s
    return found


def round_for_log(metrics: Metrics) -> Metrics:
    """Rounds the figures to the significant digits of the log: gradients and updates are small numbers."""
    return {name: float(f"{value:.{_DIGITS}g}") for name, value in metrics.items()}


class MetricsLog:
    """Appends each step's metrics to all sinks.

    Args:
        sinks: the places.
    """

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks

    def append(self, step: int, metrics: Metrics) -> None:
        """Writes one step's figures, rounded."""
        for sink in self._sinks:
            sink.append(step, round_for_log(metrics))

    def close(self) -> None:
        """Closes every sink."""
        for sink in self._sinks:
            sink.close()


def read(path: Path) -> list[Metrics]:
    """Reads all steps' metrics, in order; an incomplete last line is left out."""
    return read_metrics(path)
