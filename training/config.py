"""The settings of one self-play run, each with its reason. `configs/` holds whole runs."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mirrormatch.prompts.prompt import PromptSettings


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PromptConfig(PromptSettings):
    """How a model is prompted: the format and its settings."""

    format: Annotated[str, Field(description="a file in prompts/formats")] = "boxed"

    @property
    def settings(self) -> PromptSettings:
        """The settings that every format takes."""
        return PromptSettings(**self.model_dump(exclude={"format"}))


class LoraSettings(_Section):
    """The adapter that is trained; the base model never changes."""

    rank: Annotated[int, Field(ge=1, description="16 holds what self-play teaches; more costs memory")] = 16
    alpha: Annotated[int, Field(ge=1, description="the update's scale is alpha / rank")] = 32
    targets: Annotated[
        str | tuple[str, ...], Field(description="'all-linear' learns faster than attention alone at equal rank")
    ] = "all-linear"


class PlaySettings(_Section):
    """How experience is made."""

    games: Annotated[tuple[str, ...], Field(min_length=1, description="played in equal shares every step")]
    episodes: Annotated[
        int, Field(ge=2, description="per step, over all games; fewer are noisier, more learn slower per minute")
    ] = 64
    patience: Annotated[
        int, Field(ge=0, description="replies after one that is no move; 0 makes every such reply count at once")
    ] = 0
    max_tokens: Annotated[int, Field(ge=1, description="budget of one reply; longer ones are truncated")] = 256
    temperature: Annotated[
        float, Field(gt=0, description="of play and of the loss alike; 1 trains the distribution that is played")
    ] = 1.0
    reward: Annotated[
        Literal["return", "outcome"],
        Field(description="'return': the game's own unit; 'outcome': +1, 0, -1, so that games of different stakes mix"),
    ] = "return"


class EstimatorSettings(_Section):
    """From returns to advantages."""

    name: Annotated[str, Field(description="a file in training/estimators")] = "role_baseline"
    decay: Annotated[float, Field(ge=0, lt=1, description="of the baseline's moving average; 0.95 as in SPIRAL")] = 0.95
    turn_discount: Annotated[
        float, Field(gt=0, le=1, description="a turn's advantage shrinks by this for each later turn; 1 as in SPIRAL")
    ] = 1.0


class LearnSettings(_Section):
    """The loss and the optimizer."""

    steps: Annotated[int, Field(ge=1, description="each plays once and updates once")]
    learning_rate: Annotated[float, Field(gt=0, description="AdamW's, constant; for 4B models 1e-6 to 1e-5")] = 1e-5
    loss: Annotated[
        Literal["dr_grpo", "dapo"],
        Field(description="'dr_grpo': token sum over a constant, no length bias; 'dapo': over the number of tokens"),
    ] = "dr_grpo"
    clip: Annotated[float, Field(gt=0, description="of the probability ratio, either way; 0.2 as in PPO")] = 0.2
    kl: Annotated[float, Field(ge=0, description="weight of the KL term; 0 lets self-play cycle (docs/log.md)")] = 0.05
    kl_to: Annotated[
        Literal["base", "magnet"],
        Field(description="'base': the model without adapter; 'magnet': a slowly moving copy of the policy"),
    ] = "base"
    magnet_decay: Annotated[
        float, Field(ge=0, lt=1, description="share of itself that the magnet keeps per step; 0.98: ~50 steps")
    ] = 0.98
    max_grad_norm: Annotated[float, Field(gt=0, description="longer gradients are shortened to it")] = 1.0
    micro_batches: Annotated[
        int, Field(ge=1, description="parts in which a step's rows pass through the model; more save memory")
    ] = 1


class MeasureSettings(_Section):
    """What is measured before and after the training."""

    games: Annotated[tuple[str, ...], Field(description="win rates against random and optimal in these")] = ()
    episodes: Annotated[int, Field(ge=2, description="per opponent and game, seats swapped")] = 200
    exploitability: Annotated[tuple[str, ...], Field(description="small two-player zero-sum games")] = ()
    thoughts: Annotated[int, Field(ge=2, description="sampled per information state")] = 64
    transfer: Annotated[tuple[str, ...], Field(description="benchmarks")] = ()
    items: Annotated[int, Field(ge=1, description="per transfer task")] = 100
    max_tokens: Annotated[
        int | None, Field(ge=1, description="budget of one reply; problems may need more than moves; none: play's")
    ] = None
    every: Annotated[
        int, Field(ge=0, description="steps between measurements of exploitability on the way; 0: none")
    ] = 0


class AlarmSettings(_Section):
    """When a run is collapsing. Alarms are printed and logged; `stop` ends the run by name."""

    stop: Annotated[bool, Field(description="end the run at an alarm that lasts")] = False
    shrink: Annotated[float, Field(gt=0, lt=1, description="reply length, as a share of the first steps' mean")] = 0.3
    illegal: Annotated[float, Field(gt=0, le=1, description="share of replies that are no move")] = 0.5
    repeated: Annotated[float, Field(gt=0, le=1, description="share of tokens that repeat the one before")] = 0.5
    entropy: Annotated[float, Field(ge=0, description="mean token entropy, nats, below which play is frozen")] = 0.01


def convert_old_keys(values: dict[str, Any]) -> dict[str, Any]:
    """The stored settings of a run that was started when `prompt` and `[prompts]` were apart, with today's keys."""
    if "prompts" not in values:
        return values
    kept = {key: value for key, value in values.items() if key not in ("prompt", "prompts")}
    return kept | {"prompt": {"format": values.get("prompt", "boxed"), **values["prompts"]}}


class RunConfig(_Section):
    """One self-play run."""

    model: Annotated[str, Field(description="an agent's spec without adapter: 'nano', 'hf:PATH_OR_ID'")]
    seed: Annotated[int, Field(ge=0, description="every other seed derives from it")] = 0
    threads: Annotated[
        int, Field(ge=0, description="torch threads; 1 or 2 for tiny models on few cores, 0 leaves torch's choice")
    ] = 0
    checkpoint_every: Annotated[int, Field(ge=1, description="steps; 1 loses at most the step in flight")] = 1
    keep_adapters: Annotated[int, Field(ge=1, description="every so many steps an adapter is kept for good")] = 20
    prompt: PromptConfig = PromptConfig()
    lora: LoraSettings = LoraSettings()
    play: PlaySettings
    estimator: EstimatorSettings = EstimatorSettings()
    learn: LearnSettings
    measure: MeasureSettings = MeasureSettings()
    alarms: AlarmSettings = AlarmSettings()

    @property
    def measured_tokens(self) -> int:
        """The budget of one reply when the policy is measured."""
        return self.measure.max_tokens or self.play.max_tokens

    @model_validator(mode="before")
    @classmethod
    def _refuse_old_keys(cls, values: Any) -> Any:
        if isinstance(values, dict) and ("prompts" in values or isinstance(values.get("prompt"), str)):
            raise ValueError(
                "'prompt' and [prompts] are one section now: [prompt] with format = \"boxed\", history and so on"
            )
        return values

    @model_validator(mode="after")
    def _enough_episodes(self) -> "RunConfig":
        if self.play.episodes < len(self.play.games):
            raise ValueError(f"play.episodes must be at least the number of games, {len(self.play.games)}")
        return self
