"""The settings of the alarms, and the alarms' names. What each one looks at is in alarms.py."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class AlarmName(StrEnum):
    """The alarms."""

    NOT_FINITE = "not_finite"
    NO_GRADIENT = "no_gradient"
    REPEATING = "repeating"
    MUTE = "mute"
    SHRINKING = "shrinking"
    GROWING = "growing"
    ILLEGAL = "illegal"
    FROZEN = "frozen"
    TEMPLATE = "template"
    SPIKE = "spike"
    MISMATCH = "mismatch"
    BASELINE = "baseline"
    SEAT = "seat"
    DRAWS = "draws"
    WINDFALLS = "windfalls"


UNAMBIGUOUS = (
    AlarmName.NOT_FINITE,
    AlarmName.NO_GRADIENT,
    AlarmName.REPEATING,
    AlarmName.MUTE,
)  # no healthy run looks like these


def _as_names(value: Any) -> Any:
    """One name as a tuple: `--set alarms.stop=illegal`."""
    return (value,) if isinstance(value, str) else value


class AlarmSettings(BaseModel):
    """The alarms of a collapsing run. They are printed and logged; one of `stop` that lasts ends the run."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    stop: Annotated[
        bool | tuple[AlarmName, ...],
        Field(
            description="alarms that end the run when they ring five steps in a row: true for those that no healthy "
            f"run rings ({', '.join(UNAMBIGUOUS)}), or a list of names"
        ),
        BeforeValidator(_as_names),
    ] = False
    warm_up: Annotated[
        int, Field(ge=0, description="steps before an alarm that compares with earlier steps may ring")
    ] = 10
    shrink: Annotated[
        float,
        Field(gt=0, lt=1, description="threshold of 'shrinking': reply length as a share of the run's longest"),
    ] = 0.3
    grow: Annotated[
        float,
        Field(gt=1, description="threshold of 'growing': reply length over the run's shortest, with more truncation"),
    ] = 2.0
    illegal: Annotated[
        float, Field(gt=0, le=1, description="threshold of 'illegal': share of replies that are no move, after a rise")
    ] = 0.25
    repeated: Annotated[
        float, Field(gt=0, le=1, description="threshold of 'repeating': share of tokens equal to their predecessor")
    ] = 0.5
    entropy: Annotated[float, Field(ge=0, description="threshold of 'frozen': mean token entropy in nats")] = 0.01
    template: Annotated[
        float,
        Field(gt=0, le=1, description="threshold of 'template': share of different prompts with the same reply"),
    ] = 0.8
    spike: Annotated[
        float, Field(gt=1, description="threshold of 'spike': gradient norm over the mean of the five steps before")
    ] = 10.0
    ratio: Annotated[
        float, Field(gt=0, description="threshold of 'mismatch': distance of the mean probability ratio from 1")
    ] = 0.1
    gap: Annotated[
        float, Field(gt=0, description="threshold of 'mismatch': greatest gap of two log-probs in nats, after a rise")
    ] = 1.0
    baseline: Annotated[
        float,
        Field(gt=0, description="threshold of 'baseline': mean advantage of a part over its standard deviation"),
    ] = 1.0
    seat: Annotated[
        float, Field(gt=0, le=1, description="threshold of 'seat': difference of two seats' shares of wins")
    ] = 0.9
    draws: Annotated[float, Field(gt=0, le=1, description="threshold of 'draws': share of drawn episodes")] = 0.95
    windfalls: Annotated[
        float, Field(gt=0, le=1, description="threshold of 'windfalls': share of wins owed to another's forfeit")
    ] = 0.5

    @property
    def stopping(self) -> tuple[AlarmName, ...]:
        """The alarms that end the run."""
        if isinstance(self.stop, bool):
            return UNAMBIGUOUS if self.stop else ()
        return self.stop
