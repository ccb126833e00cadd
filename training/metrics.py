"""The metrics of every step. docs/metrics.md has the formula, unit and warning sign of each.

Metrics are plain names and numbers: one JSON line per step, and TensorBoard beside it.
"""

import itertools
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import fmean, pstdev

from mirrormatch.agents.types import Episode, Turn
from mirrormatch.games.types import ProblemKind
from mirrormatch.training.metrics_file import Metrics as Metrics
from mirrormatch.training.metrics_file import read_metrics
from mirrormatch.training.sinks import Sink
from mirrormatch.training.types import MAIN, Credit, Sample, Trajectory

EPSILON = 1e-6  # an advantage below it teaches nothing


def measure_play(
    episodes: Sequence[Episode], baselines: Mapping[str, float], learners: Collection[str] = (MAIN,)
) -> Metrics:
    """Measures the learners' seats in the episodes of one step: per game and role, and over all replies.

    Args:
        episodes: the episodes, with the names of their players; one without names is the learners' own.
        baselines: the estimator's baselines by key.
        learners: the names of the learners. The seats of every other player are left out.
    """
    found: Metrics = {}
    groups: dict[tuple[str, int], list[Episode]] = defaultdict(list)
    turns = list[Turn]()
    for episode in episodes:
        own = {k for k, name in enumerate(episode.players or ()) if name in learners}
        own |= set() if episode.players else set(range(len(episode.seats)))
        for role in own:
            groups[episode.game, role].append(episode)
        turns += [turn for turn in episode.turns if turn.role in own]
    for (game, role), group in sorted(groups.items()):
        key = f"{game}/{role}"
        found[f"return/{key}"] = fmean(e.returns[role] for e in group)
        for outcome in ("win", "draw", "loss"):
            found[f"{outcome}/{key}"] = fmean(e.outcome[role] == outcome for e in group)
    found |= {f"baseline/{key}": value for key, value in sorted(baselines.items())}
    return found | _measure_replies(turns)


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
    }


def _share_repeated(ids: Sequence[int]) -> float:
    """The share of tokens that equal the one before."""
    return sum(a == b for a, b in itertools.pairwise(ids)) / max(1, len(ids) - 1)


def measure_credit(batch: Sequence[Trajectory], credit: Credit, samples: Sequence[Sample]) -> Metrics:
    """Measures rewards and advantages, and how well the turns of a trajectory merge into one row."""
    advantages = [a for values in credit for a in values]
    if not advantages:
        return {"rows_per_trajectory": 0.0}
    return {
        "reward": fmean(t.reward for t in batch),
        "advantage_std": pstdev(advantages),
        "zero_advantage": fmean(abs(a) < EPSILON for a in advantages),
        "forfeit_own": fmean(t.forfeit == "own" for t in batch),
        "forfeit_other": fmean(t.forfeit == "other" for t in batch),
        "rows_per_trajectory": len(samples) / len(batch),
    }


def measure_time(play_s: float, learn_s: float, batch: Sequence[Trajectory]) -> Metrics:
    """Computes a step's durations of play and learning, and the tokens generated per second of play."""
    num_tokens = sum(len(step.ids) for t in batch for step in t.steps)
    return {
        "time/play_s": play_s,
        "tokens_per_s": num_tokens / play_s,
        "time/learn_s": learn_s,
        "time/play_share": play_s / (play_s + learn_s),
    }


def round_for_log(metrics: Metrics) -> Metrics:
    """Rounds the figures to the precision of the log."""
    return {name: round(value, 6) for name, value in metrics.items()}


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
