"""An entropy bonus: keeps the policy from freezing."""

from typing import Annotated, Literal

from pydantic import Field

from mirrormatch.training.objective import Denominators, ObjectiveSettings, Seen, Sums, token_scale


class EntropySettings(ObjectiveSettings):
    """The settings of `entropy`."""

    weight: Annotated[float, Field(ge=0, description="weight of the bonus; 0.01 is usual")] = 0.01
    norm: Annotated[
        Literal["constant", "tokens", "sequences"], Field(description="normalisation of the sum, as in `clipped`")
    ] = "constant"


class Entropy:
    """-H per own token, with H the entropy of the whole next-token distribution, in nats.

    The gradient is that of the entropy at the prefixes that were sampled, not of the entropy of whole replies.
    """

    Settings = EntropySettings
    needs = frozenset[str]()
    needs_sampler = False
    needs_entropy = True
    teaches = False
    reference = None

    def __init__(self, settings: EntropySettings) -> None:
        self._settings = settings

    def __call__(self, seen: Seen, denominators: Denominators) -> Sums:
        return Sums(-(seen.entropy_N * token_scale(seen, denominators, self._settings.norm)).sum(), {})


OBJECTIVE = Entropy
