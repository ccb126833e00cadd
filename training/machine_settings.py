"""The section `[machine]` of a run: where it computes. None of it is part of the run's identity."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Mode: TypeAlias = Literal["colocated", "split", "served"]


class MachineSettings(BaseModel):
    """The GPUs of play and learning. A resumed run may have others."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mode: Annotated[
        Mode | None,
        Field(
            description="'colocated': play and learning take turns on one GPU or CPU; 'split': vLLM has its own GPUs; "
            "'served': a server plays; none: 'served' for openai:MODEL@URL, else 'colocated'"
        ),
    ] = None
    play_devices: Annotated[
        tuple[int, ...], Field(description="numbers of the GPUs that vLLM plays on, in mode 'split'")
    ] = ()
    learn_device: Annotated[int, Field(ge=0, description="number of the GPU that learns, in mode 'split'")] = 0
    memory_share: Annotated[
        float | None,
        Field(
            gt=0,
            le=1,
            description="share of a GPU's memory that vLLM takes while it is awake; none: 0.9, or the spec's own",
        ),
    ] = None
    games_in_flight: Annotated[
        int, Field(ge=1, description="number of episodes that are played at once; more fill larger engines")
    ] = 256
