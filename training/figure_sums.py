"""The figures of a learner's step: sums and counts over all parts of all updates, exact however they were split.

K own tokens of a part.
"""

import math
from collections.abc import Sequence

import torch

from mirrormatch.training.metrics_file import Metrics
from mirrormatch.training.objective import MAX_LOG_RATIO, Seen, probability_ratio
from mirrormatch.training.packing import Plan
from mirrormatch.training.types import Sample

_GIB = 2**30
_QUANTILE = 0.99


class FigureSums:
    """Sums and counts over all parts of all updates of a step, and greatest values.

    Args:
        is_cuda: whether the learner computes on a GPU whose memory counts.
    """

    def __init__(self, is_cuda: bool = False) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, float] = {}
        self._peaks: dict[str, float] = {}
        self._tokens = dict.fromkeys(("read", "own", "rows"), 0)
        self._ratios = [0.0, 0.0, 0.0]  # number of tokens, sum of their ratios, sum of the squares
        self._gaps: list[torch.Tensor] = []  # of every token of the first update
        self._num_updates = 0
        self._num_parts = 0
        self._is_cuda = is_cuda
        if is_cuda:
            torch.cuda.reset_peak_memory_stats()

    def add(self, name: str, total: float, count: float) -> None:
        """Adds a sum over `count` values."""
        self._sums[name] = self._sums.get(name, 0.0) + total
        self._counts[name] = self._counts.get(name, 0.0) + count

    def raise_peak(self, name: str, value: float) -> None:
        """Raises a greatest value."""
        self._peaks[name] = max(self._peaks.get(name, value), value)

    def add_plan(self, plan: Plan, samples: Sequence[Sample]) -> None:
        """Begins an update: counts the tokens that the model reads, against one row per sample."""
        self._num_updates += 1
        self._tokens["read"] += plan.num_tokens
        self._tokens["rows"] += sum(len(sample.ids) for sample in samples)
        self._tokens["own"] += plan.num_own
        self._num_parts += len(plan.parts)
        self.add("real_tokens", plan.real_share * plan.num_tokens, plan.num_tokens)

    @torch.no_grad()
    def add_seen(self, seen: Seen, games: Sequence[str]) -> None:
        """Adds how far the trainer's log-probs are from the sampler's, and the entropy, also game by game.

        The distance is that of the step's first update: from the second on, the policy has moved away on purpose.

        Args:
            seen: a part of an update.
            games: the game of each of the update's samples.
        """
        count = float(seen.logp_N.numel())
        log_ratio_K = (seen.logp_N - seen.sampler_logp_N).detach()
        self.add("entropy", float(seen.entropy_N.sum()), count)
        if self._num_updates <= 1:
            self.add("ratio", float(log_ratio_K.exp().sum()), count)
            self.raise_peak("ratio_max", float(log_ratio_K.exp().max()))
            self.raise_peak("logp_gap", float(log_ratio_K.abs().max()))
            self._gaps.append(log_ratio_K.abs().cpu())
        ratio_K = probability_ratio(seen).double()
        for k, value in enumerate((count, float(ratio_K.sum()), float(ratio_K.square().sum()))):
            self._ratios[k] += value
        numbers = seen.sample_N.tolist()
        names = sorted({games[k] for k in numbers})
        codes = torch.tensor([names.index(games[k]) for k in numbers], device=seen.entropy_N.device)
        for code, game in enumerate(names):
            if game:
                own_K = seen.entropy_N[codes == code]
                self.add(f"entropy/{game}", float(own_K.sum()), float(own_K.numel()))

    def means(self) -> Metrics:
        """The step's figures; empty without an update."""
        found = {name: self._sums[name] / count for name, count in self._counts.items() if count}
        found |= self._peaks
        if self._num_parts:
            found["learner_tokens"] = float(self._tokens["read"])
            found["read_share"] = self._tokens["read"] / self._tokens["rows"]
            found["parts"] = float(self._num_parts)
        if self._gaps:
            gaps = torch.cat(self._gaps).sort().values
            found["logp_gap_p99"] = float(gaps[math.ceil(_QUANTILE * len(gaps)) - 1])
        count, total, squares = self._ratios
        if squares:
            found["effective_share"] = total * total / (count * squares)
        if self._is_cuda and self._num_parts:
            found["gpu_peak_gb"] = torch.cuda.max_memory_allocated() / _GIB
        return found


@torch.no_grad()
def sum_k3(logp_K: torch.Tensor, reference_K: torch.Tensor) -> float:
    """Sums exp(d) - d - 1 over own tokens, d = reference's log-prob - policy's; as objectives/kl.py."""
    d_K = (reference_K - logp_K).clamp(max=MAX_LOG_RATIO)
    return float((d_K.exp() - d_K - 1).sum())
