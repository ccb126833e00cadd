"""The clipped policy gradient: PPO, Schulman et al. 2017, arXiv 1707.06347, equation 7, refined."""

from typing import Annotated, Literal

from pydantic import Field

from mirrormatch.training.objective import (
    Denominators,
    ObjectiveSettings,
    Seen,
    Sums,
    probability_ratio,
    token_scale,
)


class ClippedSettings(ObjectiveSettings):
    """The settings of `clipped`."""

    norm: Annotated[
        Literal["constant", "tokens", "sequences"],
        Field(description="'constant': Dr. GRPO, no length bias; 'tokens': DAPO; 'sequences': GRPO"),
    ] = "constant"
    clip: Annotated[float, Field(gt=0, description="clip range of the probability ratio; 0.2 as in PPO")] = 0.2
    clip_high: Annotated[
        float | None, Field(gt=0, description="upper clip range, higher in DAPO (0.28); `clip` by default")
    ] = None
    dual_clip: Annotated[
        float,
        Field(gt=1, description="bound on the ratio where the advantage is negative (dual-clip PPO), else unbounded"),
    ] = 3.0


class Clipped:
    """-min(r A, clip(r, 1 - clip, 1 + clip_high) A) per token, r = policy's over sampler's probability.

    The ratio is against the sampler's own log-probs, so a mismatch of the two backends is a corrected and clipped
    effect. PPO bounds the loss only from one side: at A < 0 a token that the sampler thought impossible has an
    unbounded ratio, and one such token can own a step. There the ratio is bounded by `dual_clip` (Ye et al. 2020,
    arXiv 1912.09729, equation 5).
    """

    Settings = ClippedSettings
    needs = frozenset[str]()
    needs_sampler = True
    needs_entropy = False
    teaches = True
    reference = None

    def __init__(self, settings: ClippedSettings) -> None:
        self._settings = settings

    def __call__(self, seen: Seen, denominators: Denominators) -> Sums:
        low = 1 - self._settings.clip
        high = 1 + (self._settings.clip_high or self._settings.clip)
        ratio_N = probability_ratio(seen)
        free_N = ratio_N * seen.advantage_N
        gain_N = free_N.minimum(ratio_N.clamp(low, high) * seen.advantage_N)
        bounded_N = gain_N.maximum(self._settings.dual_clip * seen.advantage_N)
        gain_N = bounded_N.where(seen.advantage_N < 0, gain_N)
        loss = -(gain_N * token_scale(seen, denominators, self._settings.norm)).sum()
        count = float(ratio_N.numel())
        is_low_N = (ratio_N < low) & (seen.advantage_N < 0)
        is_high_N = (ratio_N > high) & (seen.advantage_N > 0)
        figures = {
            "clipped": (float((is_low_N | is_high_N).sum()), count),
            "clipped_low": (float(is_low_N.sum()), count),
            "clipped_high": (float(is_high_N.sum()), count),
        }
        return Sums(loss, figures)


OBJECTIVE = Clipped
