"""The prompt and the sampling with which a model is asked, as the card of its adapter records them.

A run trains its adapter under one prompt and one token budget. Every later command uses them, unless the spec sets
others: the adapter has learned no other form of answer.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mirrormatch.agents.engines._types import Sampling
from mirrormatch.config_file import describe_validation_error
from mirrormatch.prompts.prompt import PromptSettings

_DEFAULT = Sampling()


class RequestSettings(BaseModel):
    """How a model is asked.

    Attributes:
        prompt: the name of the prompt format; None for the one that suits the model.
        settings: the format's settings.
        max_tokens: the token budget of one reply.
        temperature: the temperature of sampling.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    prompt: str | None = None
    settings: PromptSettings = PromptSettings()
    max_tokens: int = Field(ge=1, lt=1 << 31, default=_DEFAULT.max_tokens)
    temperature: float = Field(ge=0, default=_DEFAULT.temperature)

    def settings_for(self, prompt: str) -> PromptSettings:
        """The settings for a prompt format; another one than the recorded decides by itself whether to reason."""
        if self.prompt in (None, prompt):
            return self.settings
        return self.settings.model_copy(update={"thinking": None})

    @property
    def sampling(self) -> Sampling:
        """The sampling with the budget and the temperature."""
        return Sampling(max_tokens=self.max_tokens, temperature=self.temperature)


def parse_request(value: Any) -> RequestSettings:
    """Parses the settings in a card.

    Raises:
        ValueError: the message names the first wrong value.
    """
    try:
        return RequestSettings.model_validate(value)
    except ValidationError as problem:
        raise ValueError(f"request: {describe_validation_error(problem)}") from None
