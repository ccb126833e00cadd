"""The settings of one self-play run, each with its reason. `configs/` holds whole runs."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mirrormatch.agents.engines._request import RequestSettings
from mirrormatch.prompts import formats
from mirrormatch.prompts.prompt import PromptSettings
from mirrormatch.seeds import MAX_SEED
from mirrormatch.training.machine_settings import MachineSettings

MAX_STEPS = 1_000_000  # the longest known runs of this kind take some thousands
MAX_RANK = 4_096  # the width of large models, beyond which a rank adds nothing
MAX_COUNT = 1_000_000  # of anything whose records are in memory together

_YEAR_S = 365 * 24 * 3_600


def _as_names(value: Any) -> Any:
    """One name as a tuple: `--set play.games=kuhn_poker`."""
    return (value,) if isinstance(value, str) else value


_NAMES = BeforeValidator(_as_names)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PromptConfig(PromptSettings):
    """The prompt format and its settings."""

    format: Annotated[str, Field(description="name of a file in prompts/formats")] = formats.DEFAULT

    @model_validator(mode="after")
    def _decide_thinking(self) -> "PromptConfig":
        """Fills in the format's own choice, which makes a stored config complete."""
        if self.thinking is None and self.format in formats.names():
            self.__dict__["thinking"] = formats.get(self.format).thinks
        return self

    @property
    def has_format(self) -> bool:
        """Whether a format was given, rather than left to the model."""
        return "format" in self.model_fields_set

    def with_format(self, name: str) -> "PromptConfig":
        """The same section with another format."""
        return PromptConfig(**{**self.model_dump(include=self.model_fields_set), "format": name})

    @property
    def settings(self) -> PromptSettings:
        """The settings that every format takes."""
        return PromptSettings(**self.model_dump(exclude={"format"}))


class LoraSettings(_Section):
    """The adapter that is trained; the base model never changes."""

    rank: Annotated[
        int, Field(ge=1, le=MAX_RANK, description="LoRA rank; 16 suffices for self-play, more costs memory")
    ] = 16
    alpha: Annotated[int, Field(ge=1, description="LoRA alpha; the update is scaled by alpha / rank")] = 32
    targets: Annotated[
        str | tuple[str, ...],
        Field(description="target modules; 'all-linear' learns faster than attention alone at equal rank"),
    ] = "all-linear"


class PlaySettings(_Section):
    """Play: games, budget, temperature and reward."""

    games: Annotated[
        tuple[str, ...], Field(min_length=1, description="games, played in equal shares every step"), _NAMES
    ]
    episodes: Annotated[
        int,
        Field(ge=2, description="episodes per step, over all games; fewer are noisier, more learn slower per minute"),
    ] = 64
    patience: Annotated[
        int, Field(ge=0, description="retries after a reply that is no move; with 0 such a reply forfeits the episode")
    ] = 0
    max_tokens: Annotated[int, Field(ge=1, description="token budget of one reply; longer ones are truncated")] = 256
    temperature: Annotated[
        float,
        Field(gt=0, description="temperature of both play and loss; at 1 the loss trains the distribution that played"),
    ] = 1.0
    reward: Annotated[
        Literal["return", "outcome"],
        Field(
            description="'return': in the game's own unit; 'outcome': +1, 0 or -1, to mix games with different stakes"
        ),
    ] = "return"


class EstimatorSettings(_Section):
    """The estimator of the advantages."""

    name: Annotated[str, Field(description="name of a file in training/estimators")] = "role_baseline"
    decay: Annotated[
        float, Field(ge=0, lt=1, description="decay of the baseline's moving average; 0.95 as in SPIRAL")
    ] = 0.95
    turn_discount: Annotated[
        float, Field(gt=0, le=1, description="factor on a turn's advantage for each later turn; 1 as in SPIRAL")
    ] = 1.0


class LearnSettings(_Section):
    """The loss and the optimizer."""

    steps: Annotated[int, Field(ge=1, description="number of steps; each plays once and updates once")]
    learning_rate: Annotated[
        float, Field(gt=0, description="AdamW's constant learning rate; for 4B models 1e-6 to 1e-5")
    ] = 1e-5
    loss: Annotated[
        Literal["dr_grpo", "dapo"],
        Field(description="'dr_grpo': token sum over a constant, no length bias; 'dapo': over the number of tokens"),
    ] = "dr_grpo"
    clip: Annotated[float, Field(gt=0, description="clip range of the probability ratio, both ways; 0.2 as in PPO")] = (
        0.2
    )
    kl: Annotated[float, Field(ge=0, description="weight of the KL term; 0 lets self-play cycle (docs/log.md)")] = 0.05
    kl_to: Annotated[
        Literal["base", "magnet"],
        Field(description="'base': the model without adapter; 'magnet': a slowly moving copy of the policy"),
    ] = "base"
    magnet_decay: Annotated[
        float,
        Field(ge=0, lt=1, description="share of its old weights that the magnet keeps per step; 0.98: about 50 steps"),
    ] = 0.98
    max_grad_norm: Annotated[
        float, Field(gt=0, description="maximum norm of the gradient; longer gradients are scaled down to it")
    ] = 1.0
    micro_batches: Annotated[
        int,
        Field(
            ge=1,
            description="number of parts in which a step's rows pass through the model; more parts need less memory",
        ),
    ] = 1


class MeasureSettings(_Section):
    """The measurements before, during and after the training."""

    games: Annotated[
        tuple[str, ...], Field(description="games in which win rates against random and optimal are measured"), _NAMES
    ] = ()
    episodes: Annotated[int, Field(ge=2, description="episodes per opponent and game, seats swapped")] = 200
    exploitability: Annotated[
        tuple[str, ...], Field(description="small two-player zero-sum games whose exploitability is measured"), _NAMES
    ] = ()
    thoughts: Annotated[int, Field(ge=2, description="number of thoughts sampled per information state")] = 64
    transfer: Annotated[tuple[str, ...], Field(description="benchmarks of transfer"), _NAMES] = ()
    items: Annotated[int, Field(ge=1, description="number of items per transfer task")] = 100
    max_tokens: Annotated[
        int | None,
        Field(
            ge=1, description="token budget of one reply, since problems may need more than moves; play's by default"
        ),
    ] = None
    every: Annotated[
        int,
        Field(ge=0, description="number of steps between two measurements of exploitability during the run; 0: none"),
    ] = 0


class AlarmSettings(_Section):
    """The alarms of a collapsing run. They are printed and logged; with `stop` a lasting alarm ends the run."""

    stop: Annotated[bool, Field(description="end the run at a lasting alarm")] = False
    shrink: Annotated[
        float,
        Field(gt=0, lt=1, description="threshold of 'shrinking': reply length as a share of the first steps' mean"),
    ] = 0.3
    illegal: Annotated[
        float, Field(gt=0, le=1, description="threshold of 'illegal': share of replies that are no move")
    ] = 0.5
    repeated: Annotated[
        float, Field(gt=0, le=1, description="threshold of 'repeating': share of tokens equal to their predecessor")
    ] = 0.5
    entropy: Annotated[float, Field(ge=0, description="threshold of 'frozen': mean token entropy in nats")] = 0.01


def convert_old_keys(values: dict[str, Any]) -> dict[str, Any]:
    """Converts the stored settings of an old run, with `prompt` and `[prompts]` apart, to today's keys."""
    if not isinstance(values.get("prompts"), dict):
        return values
    kept = {key: value for key, value in values.items() if key not in ("prompt", "prompts")}
    return kept | {"prompt": {"format": values.get("prompt", "boxed"), **values["prompts"]}}


class RunConfig(_Section):
    """One self-play run."""

    model: Annotated[
        str,
        Field(
            description="spec of the base model: 'nano', 'hf:PATH_OR_ID'; with '+ADAPTER', training starts from that "
            "adapter, which has the rank, alpha and targets of [lora]"
        ),
    ]
    seed: Annotated[int, Field(ge=0, le=MAX_SEED, description="seed of the run, from which all other seeds derive")] = 0
    threads: Annotated[
        int,
        Field(
            ge=0,
            description="number of torch threads; 1 for tiny models, 0 for the fastest of the run's start",
        ),
    ] = 0
    checkpoint_every: Annotated[
        int,
        Field(
            ge=1, description="number of steps between two checkpoints; with 1 a kill loses at most the current step"
        ),
    ] = 1
    keep_adapters: Annotated[
        int, Field(ge=1, description="number of steps between two adapters that are kept for good")
    ] = 20
    prompt: PromptConfig = PromptConfig()
    lora: LoraSettings = LoraSettings()
    play: PlaySettings
    estimator: EstimatorSettings = EstimatorSettings()
    learn: LearnSettings
    measure: MeasureSettings = MeasureSettings()
    alarms: AlarmSettings = AlarmSettings()
    machine: MachineSettings = MachineSettings()

    @property
    def measured_tokens(self) -> int:
        """The token budget of one reply in measurements."""
        return self.measure.max_tokens or self.play.max_tokens

    @property
    def request(self) -> RequestSettings:
        """The prompt and the sampling with which the model is measured and used later."""
        return RequestSettings(
            prompt=self.prompt.format,
            settings=self.prompt.settings,
            max_tokens=self.measured_tokens,
            temperature=self.play.temperature,
        )

    @model_validator(mode="before")
    @classmethod
    def _refuse_old_keys(cls, values: Any) -> Any:
        if isinstance(values, dict) and ("prompts" in values or isinstance(values.get("prompt"), str)):
            raise ValueError(
                "'prompt' and [prompts] are one section now: [prompt] with format = \"boxed\", history and so on"
            )
        return values

    @model_validator(mode="after")
    def _affordable(self) -> "RunConfig":
        """Refuses a run that no machine finishes, with its cost."""
        steps, episodes = self.learn.steps, self.play.episodes
        if episodes > MAX_COUNT:
            raise ValueError(
                f"play.episodes = {episodes:,}: a step's episodes are in memory together, {MAX_COUNT:,} at most"
            )
        if steps > MAX_STEPS:
            raise ValueError(
                f"learn.steps = {steps:,} would play {steps * episodes:,} episodes, keep "
                f"{steps // self.keep_adapters:,} adapters and take {steps / _YEAR_S:,.1f} years at a second a step: "
                f"{MAX_STEPS:,} steps at most"
            )
        return self

    @model_validator(mode="after")
    def _enough_episodes(self) -> "RunConfig":
        if self.play.episodes < len(self.play.games):
            raise ValueError(f"play.episodes must be at least the number of games, {len(self.play.games)}")
        return self
