"""Draws tokens: one uniform number per request and step, mapped to a token by the inverse of the distribution.

A request's draws depend on its own seed and step alone, not on the rest of its batch. B rows, V tokens of vocabulary.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_MANTISSA_BITS = 24  # of float32, in which tokens are drawn: with more, a uniform number could round up to 1


class Drawn(NamedTuple):
    """The token of each row and its log-probability at the row's temperature, before top_k and top_p."""

    ids_B: Tensor
    logp_B: Tensor


class Rules(NamedTuple):
    """Sampling settings as columns, one row per request."""

    temperature_B: Tensor
    top_k_B: Tensor
    top_p_B: Tensor
    filtered: bool  # whether any row uses top_k or top_p

    def select_rows(self, kept: Tensor) -> "Rules":
        """The settings of some rows."""
        return Rules(self.temperature_B[kept], self.top_k_B[kept], self.top_p_B[kept], self.filtered)


def uniforms(seeds_B: np.ndarray, step: int) -> np.ndarray:
    """Uniform numbers in [0, 1), exact in float32, by splitmix64 over (seed, step) (Steele, Lea, Flood 2014)."""
    with np.errstate(over="ignore"):
        z = seeds_B.astype(np.uint64) + _GOLDEN * np.uint64(step + 1)
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(64 - _MANTISSA_BITS)).astype(np.float64) / float(1 << _MANTISSA_BITS)


def draw(logits_BV: Tensor, rules: Rules, uniform_B: Tensor) -> Drawn:
    """One token per row.

    Args:
        logits_BV: logits of the next token.
        rules: temperature 0 takes the most probable token, whose log-probability is then given at temperature 1.
        uniform_B: numbers from `uniforms`.
    """
    greedy_B = rules.temperature_B == 0
    temperature_B = torch.where(greedy_B, torch.ones_like(rules.temperature_B), rules.temperature_B)
    logp_BV = torch.log_softmax(logits_BV.float() / temperature_B[:, None], dim=-1)
    weight_BV = _filter(logp_BV, rules) if rules.filtered else logp_BV.exp()
    cdf_BV = weight_BV.cumsum(-1)
    point_B1 = (uniform_B.to(cdf_BV.dtype) * cdf_BV[:, -1])[:, None]
    ids_B = torch.searchsorted(cdf_BV, point_B1, right=True)[:, 0].clamp(max=logits_BV.shape[-1] - 1)
    ids_B = torch.where(greedy_B, logp_BV.argmax(-1), ids_B)
    return Drawn(ids_B, logp_BV.gather(-1, ids_B[:, None])[:, 0])


def _filter(logp_BV: Tensor, rules: Rules) -> Tensor:
    """Probabilities with everything outside top_k and top_p set to 0; not renormalised."""
    sorted_BV, order_BV = logp_BV.sort(dim=-1, descending=True)
    prob_BV = sorted_BV.exp()
    rank_V = torch.arange(logp_BV.shape[-1], device=logp_BV.device)
    before_BV = prob_BV.cumsum(-1) - prob_BV
    top_k_B = torch.where(rules.top_k_B > 0, rules.top_k_B, logp_BV.shape[-1])
    kept_BV = (rank_V[None] < top_k_B[:, None]) & (before_BV < rules.top_p_B[:, None])
    kept_BV[:, 0] = True  # the most probable token is always kept
    return torch.zeros_like(prob_BV).scatter(-1, order_BV, torch.where(kept_BV, prob_BV, 0.0))
