"""The metrics of every step. docs/metrics.md has the formula, unit and warning sign of each.

Metrics are plain names and numbers: one JSON line per step, and TensorBoard beside it.
"""

import itertools
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from mirrormatch.agents.types import Episode, Turn
from mirrormatch.games.types import ProblemKind
from mirrormatch.training.estimator import State
from mirrormatch.training.metrics_file import Metrics as Metrics
from mirrormatch.training.metrics_file import read_metrics
from mirrormatch.training.rows import Batch
from mirrormatch.training.trajectories import Trajectory

# TRL's names of the figures that we report, and ours.
_FROM_TRL = {
    "loss": "loss",
    "grad_norm": "grad_norm",
    "kl": "kl",
    "entropy": "entropy",
    "clip_ratio/region_mean": "clipped",
    "ratio": "ratio",
    "logp_gap": "logp_gap",
}


def measure_play(episodes: Sequence[Episode], baselines: State) -> Metrics:
    """Measures the episodes of one step: per game and role, and over all replies."""
    found: Metrics = {}
    groups: dict[tuple[str, int], list[Episode]] = defaultdict(list)
    for episode in episodes:
        for role in range(len(episode.seats)):
            groups[episode.game, role].append(episode)
    for (game, role), group in sorted(groups.items()):
        key = f"{game}/{role}"
        found[f"return/{key}"] = fmean(e.returns[role] for e in group)
        for outcome in ("win", "draw", "loss"):
            found[f"{outcome}/{key}"] = fmean(e.outcome[role] == outcome for e in group)
    found |= {f"baseline/{key}": value for key, value in sorted(baselines.items())}
    return found | _measure_replies([t for e in episodes for t in e.turns])


def _measure_replies(turns: Sequence[Turn]) -> Metrics:
    replies = [t.completion for t in turns if t.completion is not None]
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


def from_trl_logs(logs: Mapping[str, float]) -> Metrics:
    """Translates TRL's log of an update to our names."""
    return {ours: float(logs[theirs]) for theirs, ours in _FROM_TRL.items() if theirs in logs}


def measure_rows(batch: Batch) -> Metrics:
    """Measures how well the turns of a trajectory merge: 1 where every later prompt extends the earlier tokens."""
    return {"rows_per_trajectory": len(batch.rows) / max(1, batch.num_trajectories)}


def measure_time(play_s: float, learn_s: float, batch: Sequence[Trajectory]) -> Metrics:
    """Computes a step's durations of play and learning, and the tokens generated per second of play."""
    num_tokens = sum(len(move.completion.token_ids) for t in batch for move in t.moves)
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
    """Appends each step's metrics to a JSON-lines file and to TensorBoard.

    Args:
        path: the JSON-lines file.
        tensorboard: TensorBoard's folder.
        first_step: the step at which the run begins or resumes; TensorBoard hides later points of a killed run.
    """

    def __init__(self, path: Path, tensorboard: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._path = path
        self._board = SummaryWriter(str(tensorboard), purge_step=first_step + 1 if first_step else None)

    def append(self, step: int, metrics: Metrics) -> None:
        """Writes one step's line."""
        line = json.dumps({"step": step, **round_for_log(metrics)})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        for name, value in metrics.items():
            self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flushes TensorBoard."""
        self._board.close()


def read(path: Path) -> list[Metrics]:
    """Reads all steps' metrics, in order; an incomplete last line is left out."""
    return read_metrics(path)
