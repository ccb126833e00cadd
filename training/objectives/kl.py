"""KL divergence to a reference policy: the base model, or a magnet that follows the policy slowly."""

from typing import Annotated, Literal

from pydantic import Field

from mirrormatch.training.objective import (
    MAX_LOG_RATIO,
    Denominators,
    ObjectiveSettings,
    Seen,
    Sums,
    probability_ratio,
    token_scale,
)


class KlSettings(ObjectiveSettings):
    """The settings of `kl`."""

    weight: Annotated[float, Field(ge=0, description="weight of the term; 0 lets self-play cycle (docs/log.md)")] = 0.05
    to: Annotated[
        Literal["base", "magnet"],
        Field(description="'base': the model without adapter; 'magnet': a slowly moving copy of the adapter"),
    ] = "base"
    magnet_decay: Annotated[
        float,
        Field(ge=0, lt=1, description="share of its old weights that the magnet keeps per step; 0.98: about 50 steps"),
    ] = 0.98
    norm: Annotated[
        Literal["constant", "tokens", "sequences"], Field(description="normalisation of the sum, as in `clipped`")
    ] = "constant"
    max_ratio: Annotated[
        float, Field(gt=1, description="bound on the ratio: a token that the sampler thought impossible owns no step")
    ] = 10.0


class Kl:
    """r (exp(d) - d - 1) per token, d = reference's log-prob - policy's, r = policy's over sampler's probability.

    exp(d) - d - 1 is the estimator k3 (Schulman 2020, "Approximating KL divergence"). Its gradient alone is not that of
    the KL; times the ratio it is, on and off policy (DeepSeek-V3.2, arXiv 2512.02556, section 3.1). Beyond `max_ratio`
    the ratio is a constant, which biases the gradient there and bounds it.

    The magnet averages the factors A and B of the adapter, not their product, so it is near, not equal, to the average
    of the policies' weights; and an average of weights is not the magnet policy of MMD (Sokota et al. 2023).
    """

    Settings = KlSettings
    needs = frozenset[str]()
    needs_sampler = True
    needs_entropy = False
    teaches = False

    def __init__(self, settings: KlSettings) -> None:
        self._settings = settings

    @property
    def reference(self) -> str | None:
        return self._settings.to

    def __call__(self, seen: Seen, denominators: Denominators) -> Sums:
        d_N = (seen.references[self._settings.to] - seen.logp_N).clamp(max=MAX_LOG_RATIO)
        k3_N = d_N.exp() - d_N - 1
        ratio_N = probability_ratio(seen).clamp(max=self._settings.max_ratio)
        loss = (ratio_N * k3_N * token_scale(seen, denominators, self._settings.norm)).sum()
        return Sums(loss, {"kl": (float(k3_N.detach().sum()), float(k3_N.numel()))})


OBJECTIVE = Kl
