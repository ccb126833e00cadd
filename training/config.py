"""The settings of one self-play run, each with its reason. `configs/` holds whole runs."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mirrormatch.agents.engines._request import RequestSettings
from mirrormatch.config_file import MAX_COUNT, MAX_PATIENCE, MAX_TEMPERATURE, MAX_THREADS
from mirrormatch.prompts import formats
from mirrormatch.prompts.prompt import PromptSettings
from mirrormatch.registry import Registry
from mirrormatch.seeds import MAX_SEED
from mirrormatch.training import builders, estimators, matchmakers, objectives, rewards, sources
from mirrormatch.training.alarm_settings import AlarmSettings
from mirrormatch.training.choice import Choice, complete_settings
from mirrormatch.training.machine_settings import MachineSettings
from mirrormatch.training.trajectories import Forfeits

MAX_STEPS = 1_000_000  # the longest known runs of this kind take some thousands
MAX_RANK = 4_096  # the width of large models, beyond which a rank adds nothing
_YEAR_S = 365 * 24 * 3_600


def _as_names(value: Any) -> Any:
    """One name as a tuple: `--set play.games=kuhn_poker`."""
    return (value,) if isinstance(value, str) else value


_NAMES = BeforeValidator(_as_names)


Terms: TypeAlias = dict[str, dict[str, Any]]  # kinds of plug-ins and their settings, in order

CHOICES: dict[str, Registry[Any]] = {
    "source": sources.registry,
    "matchmaker": matchmakers.registry,
    "estimator": estimators.registry,
    "builder": builders.registry,
}
TERMS: dict[str, Registry[Any]] = {"reward": rewards.registry, "objective": objectives.registry}
_STAGED = (*CHOICES, *TERMS)


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

    def with_format(self, name: str, settings: PromptSettings | None = None) -> "PromptConfig":
        """The same section with another format, and with these settings for those that it doesn't set itself."""
        default = settings.model_dump() if settings else {}
        return PromptConfig(**{**default, **self.model_dump(include=self.model_fields_set), "format": name})

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
        int,
        Field(
            ge=0,
            le=MAX_PATIENCE,
            description="retries after a reply that is no move; with 0 such a reply forfeits the episode",
        ),
    ] = 0
    max_tokens: Annotated[
        int, Field(ge=1, le=MAX_COUNT, description="token budget of one reply; longer ones are truncated")
    ] = 256
    temperature: Annotated[
        float,
        Field(
            gt=0,
            le=MAX_TEMPERATURE,
            description="temperature of both play and loss; at 1 the loss trains the distribution that played",
        ),
    ] = 1.0
    samples_per_deal: Annotated[
        int,
        Field(ge=1, description="number of episodes with one deal and one seating; `group` and `leave_one_out` need 2"),
    ] = 1
    forfeits: Annotated[
        Forfeits,
        Field(description="seats that learn from a forfeit: 'both'; the 'own' mistake only; 'mask': none"),
    ] = "both"


class LearnSettings(_Section):
    """The updates and the optimizer."""

    steps: Annotated[int, Field(ge=1, description="number of steps; each plays once and then updates")]
    epochs: Annotated[
        int, Field(ge=1, description="number of passes over a step's samples; above 1 the clip matters; 2 in SPIRAL")
    ] = 1
    minibatches: Annotated[
        int, Field(ge=1, description="number of updates of each pass, each on a share of the trajectories")
    ] = 1
    learning_rate: Annotated[
        float, Field(gt=0, description="AdamW's highest learning rate; for 4B models 1e-6 to 1e-5")
    ] = 1e-5
    warm_up: Annotated[
        int, Field(ge=0, description="number of steps over which the rate rises from 0; large adapters diverge without")
    ] = 0
    schedule: Annotated[
        Literal["constant", "linear", "cosine"],
        Field(description="course of the rate after the warm-up; the last two end at 0 after `steps`"),
    ] = "constant"
    betas: Annotated[
        tuple[float, float],
        Field(description="AdamW's decay rates; a second one of 0.95 forgets an outlier in 20 steps, 0.999 in 1,000"),
    ] = (0.9, 0.999)
    weight_decay: Annotated[float, Field(ge=0, description="AdamW's weight decay; 0 is usual for adapters")] = 0.0
    max_grad_norm: Annotated[
        float, Field(gt=0, description="maximum norm of the gradient; longer gradients are scaled down to it")
    ] = 1.0
    max_grad_growth: Annotated[
        float,
        Field(gt=1, description="maximum norm as a multiple of the running mean of earlier norms: stops single spikes"),
    ] = 10.0
    part_tokens: Annotated[
        int,
        Field(ge=64, description="number of tokens that pass through the model at once; fewer need less memory"),
    ] = 8_192


class MeasureSettings(_Section):
    """The measurements before, during and after the training."""

    games: Annotated[
        tuple[str, ...], Field(description="games in which win rates against random and optimal are measured"), _NAMES
    ] = ()
    episodes: Annotated[int, Field(ge=2, le=MAX_COUNT, description="episodes per opponent and game, seats swapped")] = (
        200
    )
    exploitability: Annotated[
        tuple[str, ...], Field(description="small two-player zero-sum games whose exploitability is measured"), _NAMES
    ] = ()
    thoughts: Annotated[
        int, Field(ge=2, le=MAX_COUNT, description="number of thoughts sampled per information state")
    ] = 64
    transfer: Annotated[tuple[str, ...], Field(description="benchmarks of transfer"), _NAMES] = ()
    items: Annotated[int, Field(ge=1, le=MAX_COUNT, description="number of items per transfer task")] = 100
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
    drift_every: Annotated[
        int,
        Field(ge=0, description="number of steps between two measurements of `kl_base`; 0: none"),
    ] = 10


class Stage(_Section):
    """A stretch of the run's steps in which some sections are replaced; the others hold for the whole run."""

    steps: Annotated[int, Field(ge=1, description="number of steps; the stages' steps add up to `learn.steps`")]
    source: Annotated[Choice | None, Field(description="see [source]")] = None
    matchmaker: Annotated[Choice | None, Field(description="see [matchmaker]")] = None
    reward: Annotated[Terms | None, Field(description="see [reward.KIND]")] = None
    estimator: Annotated[Choice | None, Field(description="see [estimator]")] = None
    builder: Annotated[Choice | None, Field(description="see [builder]")] = None
    objective: Annotated[Terms | None, Field(description="see [objective.KIND]")] = None


_OLD_NORMS = {"dr_grpo": "constant", "dapo": "tokens"}
_OLD_TERMS = {  # keys of [learn], and the kinds of terms and settings that they are now
    "clip": (("clipped", "clip"),),
    "kl": (("kl", "weight"),),
    "kl_to": (("kl", "to"),),
    "magnet_decay": (("kl", "magnet_decay"),),
    "loss": (("clipped", "norm"), ("kl", "norm")),
}
_OLD_ESTIMATORS = {"role_baseline": "role_ema", "global_baseline": "global"}


def convert_old_keys(values: Any) -> Any:
    """Converts the settings of version 0.1 to today's keys: prompts, estimators' names, the loss under `[learn]`.

    Values of the wrong type stay where they are, for the model of the settings to refuse.
    """
    if not isinstance(values, dict):
        return values
    values = {k: dict(v) if isinstance(v, dict) else v for k, v in values.items()}
    given, prompts = values.get("prompt"), values.get("prompts", {})
    if (isinstance(given, str) or ("prompts" in values and given is None)) and isinstance(prompts, dict):
        values["prompt"] = {"format": given or formats.DEFAULT, **prompts}
        values.pop("prompts", None)
    estimator, play, learn = (values.get(key) for key in ("estimator", "play", "learn"))
    if isinstance(estimator, dict) and isinstance(name := estimator.get("name"), str):
        del estimator["name"]
        estimator["kind"] = _OLD_ESTIMATORS.get(name, name)
    if isinstance(play, dict) and isinstance(reward := play.get("reward"), str):
        del play["reward"]
        values["reward"] = {reward: {"changes_game": True} if reward == "outcome" else {}}
    if isinstance(learn, dict):
        learn.pop("micro_batches", None)
        _move_objective(values, learn)
    return values


def _move_objective(values: dict[str, Any], learn: dict[str, Any]) -> None:
    """Moves the loss of version 0.1 from `[learn]` to terms of the objective."""
    moved = [key for key in _OLD_TERMS if key in learn]
    terms = values.get("objective", {"clipped": {}, "kl": {}})
    if not moved or not isinstance(terms, dict):
        return
    terms = {kind: dict(given) if isinstance(given, dict) else given for kind, given in terms.items()}
    values["objective"] = terms
    for key in moved:
        value = learn.pop(key)
        for kind, setting in _OLD_TERMS[key]:
            if isinstance(given := terms.setdefault(kind, {}), dict):
                given[setting] = _OLD_NORMS.get(value, value) if key == "loss" and isinstance(value, str) else value


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
            le=MAX_THREADS,
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
    source: Annotated[Choice, Field(description="where the experience comes from: `play`, or `episodes` of a file")] = (
        Choice(kind="play")
    )
    matchmaker: Annotated[Choice, Field(description="the player in each seat; `mirror`: the policy in all of them")] = (
        Choice(kind="mirror")
    )
    reward: Annotated[
        Terms | None,
        Field(description="terms of the reward in order; `return` for one game, `scaled` for several by default"),
    ] = None
    estimator: Annotated[Choice, Field(description="the credit of each reply")] = Choice(kind="role_ema")
    builder: Annotated[Choice, Field(description="the sequences that the model reads")] = Choice(kind="rows")
    objective: Annotated[
        Terms, Field(min_length=1, description="terms of the loss; their weighted sum is minimised")
    ] = {"clipped": {}, "kl": {}}
    learn: LearnSettings
    stage: Annotated[
        tuple[Stage, ...], Field(description="stretches of the run with other settings, in order; none: one stretch")
    ] = ()
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

    @property
    def stages(self) -> "tuple[RunConfig, ...]":
        """The run's stages, each with the sections that hold in it and `learn.steps` of its own."""
        if not self.stage:
            return (self,)
        found = []
        for stage in self.stage:
            given = {k: v for k in _STAGED if (v := getattr(stage, k)) is not None}
            learn = self.learn.model_copy(update={"steps": stage.steps})
            found.append(self.model_copy(update={**given, "learn": learn, "stage": ()}))
        return tuple(found)

    @model_validator(mode="before")
    @classmethod
    def _convert(cls, values: Any) -> Any:
        values = convert_old_keys(values)
        for name in CHOICES if isinstance(values, dict) else ():
            if isinstance(section := values.get(name), dict):  # settings of the default kind
                section.setdefault("kind", cls.model_fields[name].default.kind)
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
    def _complete(self) -> "RunConfig":
        """Fills in the settings of every plug-in, which makes a stored config complete."""
        if self.reward is None:
            self.__dict__["reward"] = {"return" if len(self.play.games) == 1 else "scaled": {}}
        for section in (self, *self.stage):
            for name, registry in CHOICES.items():
                if (choice := getattr(section, name)) is not None:
                    settings = complete_settings(registry, choice.kind, choice.settings, name)
                    section.__dict__[name] = Choice(kind=choice.kind, **settings)
            for name, registry in TERMS.items():
                if (terms := getattr(section, name)) is not None:
                    section.__dict__[name] = {
                        kind: complete_settings(registry, kind, given, f"{name}.{kind}")
                        for kind, given in terms.items()
                    }
        return self

    @model_validator(mode="after")
    def _check_numbers(self) -> "RunConfig":
        if self.play.episodes < len(self.play.games) * self.play.samples_per_deal:
            least = len(self.play.games) * self.play.samples_per_deal
            raise ValueError(f"play.episodes must be at least {least}: one deal of every game, times samples_per_deal")
        if self.play.episodes % self.play.samples_per_deal:
            per_deal = self.play.samples_per_deal
            raise ValueError(f"play.episodes = {self.play.episodes} is no multiple of samples_per_deal = {per_deal}")
        if self.stage and (total := sum(stage.steps for stage in self.stage)) != self.learn.steps:
            raise ValueError(f"learn.steps = {self.learn.steps}, and the stages' steps add up to {total}")
        return self
