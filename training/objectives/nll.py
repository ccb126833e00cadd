"""Negative log-likelihood: imitation of the replies, as in supervised fine-tuning and behaviour cloning."""

from typing import Annotated, Literal

from pydantic import Field

from mirrormatch.training.objective import Denominators, ObjectiveSettings, Seen, Sums, token_scale


class NllSettings(ObjectiveSettings):
    """The settings of `nll`."""

    norm: Annotated[
        Literal["constant", "tokens", "sequences"],
        Field(description="'tokens': the mean over tokens, as supervised fine-tuning has it"),
    ] = "tokens"


class Nll:
    """-log p per own token, times the sample's weight. Advantages and the sampler's log-probs don't enter."""

    Settings = NllSettings
    needs = frozenset[str]()
    needs_sampler = False
    needs_entropy = False
    teaches = True
    reference = None

    def __init__(self, settings: NllSettings) -> None:
        self._settings = settings

    def __call__(self, seen: Seen, denominators: Denominators) -> Sums:
        loss = -(seen.logp_N * token_scale(seen, denominators, self._settings.norm)).sum()
        return Sums(loss, {"nll": (float(-seen.logp_N.detach().sum()), float(seen.logp_N.numel()))})


OBJECTIVE = Nll
