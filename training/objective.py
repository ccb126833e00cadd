"""The objective's interface: one term of the loss, from the log-probs of an update's own tokens.

A term returns sums, never means over a part: the sum over the parts of an update is exact however the samples were
split. Importing an objective loads no torch; the tensors bring it along.

N own tokens of a part, over all its samples.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Protocol

from pydantic import Field

from mirrormatch.training.choice import PluginSettings

if TYPE_CHECKING:
    from torch import Tensor


class ObjectiveSettings(PluginSettings):
    """The settings of every objective."""

    weight: Annotated[float, Field(ge=0, description="factor on the term; 0 leaves it out")] = 1.0


class Seen(NamedTuple):
    """A part of an update, as the objective sees it: one entry for each own token.

    Attributes:
        logp_N: the policy's log-probs, with gradient.
        entropy_N: entropy of the next-token distribution in nats, with gradient.
        sampler_logp_N: log-probs at sampling.
        advantage_N: the advantages.
        weight_N: the samples' weights.
        sample_N: the number of the token's sample within the update.
        references: the log-probs of reference policies by name, without gradient.
    """

    logp_N: "Tensor"
    entropy_N: "Tensor"
    sampler_logp_N: "Tensor"
    advantage_N: "Tensor"
    weight_N: "Tensor"
    sample_N: "Tensor"
    references: Mapping[str, "Tensor"]


class Denominators(NamedTuple):
    """Constants of a whole update, equal in all its parts.

    Attributes:
        tokens: number of own tokens.
        trajectories: number of trajectories that the samples come from.
        max_tokens: the token budget of one reply.
        lengths: number of own tokens of each sample.
    """

    tokens: int
    trajectories: int
    max_tokens: int
    lengths: tuple[int, ...]


class Sums(NamedTuple):
    """A term's value on one part.

    Attributes:
        loss: a scalar, its share of the update's loss.
        figures: for each figure the sum over the part's tokens and the number of them.
    """

    loss: "Tensor"
    figures: Mapping[str, tuple[float, float]]


class Objective(Protocol):
    """One term of the loss.

    Attributes:
        teaches: whether the term alone can teach anything, rather than hold the policy back.
        needs_entropy: whether the term needs the entropy's gradient.
        needs_sampler: whether the term compares with the sampler's log-probs.
    """

    Settings: ClassVar[type[ObjectiveSettings]]
    needs: ClassVar[frozenset[str]]
    teaches: ClassVar[bool]
    needs_entropy: ClassVar[bool]
    needs_sampler: ClassVar[bool]

    def __init__(self, settings: Any) -> None: ...

    @property
    def reference(self) -> str | None:
        """The reference policy whose log-probs the term needs: "base" or "magnet"."""
        ...

    def __call__(self, seen: Seen, denominators: Denominators) -> Sums:
        """Computes the term, without its weight."""
        ...


MAX_LOG_RATIO = 20.0  # e^20 is finite in fp32, also times an advantage; no ratio that far off has a meaning


def probability_ratio(seen: Seen) -> "Tensor":
    """The policy's over the sampler's probability of each own token, (N,), with gradient; always finite."""
    return (seen.logp_N - seen.sampler_logp_N).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp()


def token_scale(seen: Seen, denominators: Denominators, norm: str) -> "Tensor":
    """The factor of each own token, (N,): its sample's weight over the denominator of a normalisation.

    Args:
        seen: the part.
        denominators: the update's constants.
        norm: "constant": trajectories x token budget, no length bias (Dr. GRPO, Liu et al. 2025, arXiv 2503.20783);
            "tokens": all own tokens of the update (DAPO, Yu et al. 2025, arXiv 2503.14476); "sequences": the mean over
            samples of each sample's mean over tokens (GRPO).
    """
    if norm == "sequences":
        lengths_S = seen.logp_N.new_tensor(denominators.lengths)
        return seen.weight_N / lengths_S[seen.sample_N] / max(1, len(denominators.lengths))
    whole = denominators.tokens if norm == "tokens" else denominators.trajectories * denominators.max_tokens
    return seen.weight_N / max(1, whole)
