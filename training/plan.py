"""The cost of a run before it starts: requests, tokens, memory and hours, from rates measured here or assumed.

An estimate says where its numbers come from. Replies that are not measured are taken to be half of their budget long.
"""

import asyncio
import functools
from collections.abc import Awaitable, Sequence
from statistics import fmean
from typing import NamedTuple

from mirrormatch import games, prompts
from mirrormatch.agents.play import play
from mirrormatch.agents.players.random import RandomAgent
from mirrormatch.agents.scheduler import run_all
from mirrormatch.agents.spec import engine_target, parse_spec
from mirrormatch.agents.types import Episode
from mirrormatch.seeds import derive
from mirrormatch.training.accelerators import ASSUMED, BYTES, Accelerator
from mirrormatch.training.config import RunConfig
from mirrormatch.training.machine import machine_mode
from mirrormatch.training.model_shape import ModelShape, find_shape
from mirrormatch.training.preflight import Preflight

NUM_SAMPLED = 30  # random games of each kind, from which the number of replies is counted
CHARS_PER_TOKEN = 3.5  # of English text, where no tokenizer is at hand
REPLY_SHARE = 0.5  # of the token budget, where no reply is measured
SHARE_OF_VLLM = 0.9  # of the GPU's memory, unless the settings give another
_ADAPTER_BYTES = 16  # per weight: itself, its gradient and two moments, in single precision
_LAYER_NUMBERS = 40  # of activations per token and unit of width, while one layer is computed again
_GB = 1e9
_HOUR_S, _MINUTE_S = 3600, 60
_KILO, _MEGA, _GIGA = 1e3, 1e6, 1e9


class Traffic(NamedTuple):
    """What a game costs.

    Attributes:
        requests: number of requests per episode.
        prompt_tokens: tokens of a prompt, mean.
        reply_tokens: tokens of a reply, mean.
        source: where these numbers come from.
    """

    requests: float
    prompt_tokens: float
    reply_tokens: float
    source: str


class Rates(NamedTuple):
    """How fast a machine is.

    Attributes:
        requests_per_s: requests answered per second, many at a time.
        learned_per_s: tokens learned per second.
        source: where these numbers come from.
    """

    requests_per_s: float
    learned_per_s: float
    source: str


class RunPlan(NamedTuple):
    """The estimate for a run.

    Attributes:
        config: the run's settings.
        shape: the base model's shape.
        traffic: what a game costs.
        rates: how fast the machine is.
        num_measured: number of requests of all measurements.
        accelerator: the GPU, None for a CPU.
    """

    config: RunConfig
    shape: ModelShape
    traffic: Traffic
    rates: Rates
    num_measured: int
    accelerator: Accelerator | None

    @property
    def step_requests(self) -> float:
        """Requests of one step."""
        return self.config.play.episodes * self.traffic.requests

    @property
    def step_tokens(self) -> float:
        """Tokens that one step reads and generates, which the learner reads once more."""
        return self.step_requests * (self.traffic.prompt_tokens + self.traffic.reply_tokens)

    @property
    def hours(self) -> tuple[float, float, float]:
        """Hours of play, of learning and of measurements."""
        steps, rates = self.config.learn.steps, self.rates
        play_s = steps * self.step_requests / rates.requests_per_s
        learn_s = steps * self.config.learn.epochs * self.step_tokens / rates.learned_per_s
        return play_s / _HOUR_S, learn_s / _HOUR_S, self.num_measured / rates.requests_per_s / _HOUR_S

    @property
    def learner_gb(self) -> float:
        """Memory of the learner: weights, adapter with its optimizer, activations of one part."""
        config, shape = self.config, self.shape
        size = BYTES if self.accelerator else 2 * BYTES
        part_tokens = min(self.step_tokens, config.learn.part_tokens)
        activations = part_tokens * shape.hidden * size * (shape.layers + _LAYER_NUMBERS)
        adapter = _ADAPTER_BYTES * shape.adapter_weights(config.lora)
        return (size * shape.num_weights + adapter + activations) / _GB

    @property
    def play_gb(self) -> float:
        """Memory of play in this process or its children: weights, and keys and values of the games in flight."""
        kind = parse_spec(self.config.model).kind
        if machine_mode(self.config) == "served":
            return 0.0
        if kind == "vllm" and self.accelerator is not None:
            return _vllm_share(self.config) * self.accelerator.memory_gb
        size = BYTES if self.accelerator else 2 * BYTES
        context = self.traffic.prompt_tokens + self.traffic.reply_tokens
        numbers = (
            self.shape.num_weights
            + min(self.config.play.episodes, self.config.machine.games_in_flight) * context * self.shape.kv_numbers
        )
        return size * numbers / _GB

    def lines(self) -> list[str]:
        """The plan in words, one line for each aspect."""
        config, traffic, steps = self.config, self.traffic, self.config.learn.steps
        replies = self.step_requests * traffic.reply_tokens
        play_h, learn_h, measure_h = self.hours
        total_h = play_h + learn_h + measure_h
        where = f", on {self.accelerator.name} with {self.accelerator.memory_gb:g} GB" if self.accelerator else ""
        return [
            f"model:    {config.model}, {_count(self.shape.num_weights)} weights; "
            f"an adapter of {_count(self.shape.adapter_weights(config.lora))}",
            f"a step:   {config.play.episodes} episodes, {_count(self.step_requests)} requests, "
            f"{_count(replies)} tokens generated, {_count(self.step_tokens)} at most read by the learner",
            f"the run:  {steps} steps, {_count(steps * self.step_requests)} requests, {_count(steps * replies)} tokens "
            f"generated, {_count(steps * self.step_tokens)} learned; {_count(self.num_measured)} requests to measure",
            f"memory:   {self.play_gb:.1f} GB to play, {self.learner_gb:.1f} GB to learn{where}",
            f"time:     {_duration(play_h)} of play, {_duration(learn_h)} of learning, {_duration(measure_h)} of "
            f"measurements: {_duration(total_h)}",
            f"requests: {traffic.requests:.1f} an episode, {traffic.prompt_tokens:.0f} tokens of prompt and "
            f"{traffic.reply_tokens:.0f} of reply each ({traffic.source})",
            f"rates:    {self.rates.requests_per_s:,.1f} requests and {_count(self.rates.learned_per_s)} tokens "
            f"learned per second ({self.rates.source})",
        ]


def measure_traffic(preflight: Preflight) -> Traffic:
    """The traffic of games that were played with the run's model."""
    replies = preflight.replies
    return Traffic(
        requests=len(replies) / len(preflight.episodes),
        prompt_tokens=fmean(len(turn.prompt_ids or ()) for turn in replies),
        reply_tokens=fmean(len(turn.completion.token_ids) for turn in replies if turn.completion is not None),
        source=f"measured in {len(preflight.episodes)} games",
    )


def assume_traffic(config: RunConfig) -> Traffic:
    """The traffic of random games, with replies of half of their budget."""
    played = asyncio.run(_play_random_games(config))
    prompt = prompts.get(config.prompt.format, config.prompt.settings)
    sizes = [
        sum(len(m.text) for m in prompt.turn(games.get(episode.game).rules(), [], turn.observation))
        for episode in played
        for turn in episode.turns
    ]
    return Traffic(
        requests=sum(len(episode.turns) for episode in played) / len(played),
        prompt_tokens=fmean(sizes) / CHARS_PER_TOKEN,
        reply_tokens=REPLY_SHARE * config.play.max_tokens,
        source=f"assumed: random games, {CHARS_PER_TOKEN:g} characters a token, replies of half their budget",
    )


def assume_rates(config: RunConfig, shape: ModelShape, traffic: Traffic, accelerator: Accelerator) -> Rates:
    """The rates that a GPU's data sheet allows."""
    context = traffic.prompt_tokens + traffic.reply_tokens / 2
    share = _vllm_share(config)
    is_eager = parse_spec(config.model).kind not in ("vllm", "openai")
    fitting = accelerator.num_sequences(shape, context, share)
    replies = accelerator.reply_rate(shape, min(fitting, config.play.episodes), context, is_eager)
    seconds = traffic.reply_tokens / replies + traffic.prompt_tokens / accelerator.read_rate(shape)
    source = f"assumed for one {accelerator.name}: docs/benchmarks.md"
    return Rates(1 / seconds, accelerator.learn_rate(shape), source)


def plan_run(
    config: RunConfig,
    traffic: Traffic,
    rates: Rates | None,
    measured_requests: int,
    accelerator: Accelerator | None,
) -> RunPlan:
    """Plans a run.

    Args:
        config: the run's settings.
        traffic: what a game costs.
        rates: how fast this machine is; None for the rates of a GPU's data sheet.
        measured_requests: number of requests of all measurements.
        accelerator: the GPU of this machine; None without one.

    Raises:
        UserError: the base model is unknown here.
    """
    shape = find_shape(engine_target(parse_spec(config.model)))
    if rates is None:
        accelerator = accelerator or ASSUMED
        rates = assume_rates(config, shape, traffic, accelerator)
    return RunPlan(config, shape, traffic, rates, measured_requests, accelerator)


def _vllm_share(config: RunConfig) -> float:
    given = dict(parse_spec(config.model).settings).get("memory_share")
    return float(given) if given else SHARE_OF_VLLM


async def _play_random_games(config: RunConfig) -> Sequence[Episode]:
    def play_one(name: str, k: int) -> Awaitable[Episode]:
        game = games.get(name)
        return play(game, [RandomAgent()] * len(game.info.roles), derive(config.seed, "plan", k))

    jobs = [functools.partial(play_one, name, k) for name in config.play.games for k in range(NUM_SAMPLED)]
    return await run_all(jobs)


def _count(number: float) -> str:
    """A number with two digits or three and a unit."""
    for unit, name in ((_GIGA, " G"), (_MEGA, " M"), (_KILO, " k")):
        if number >= unit:
            return f"{number / unit:.3g}{name}"
    return f"{number:.0f}"


def _duration(hours: float) -> str:
    return f"{hours:,.1f} h" if hours >= 1 else f"{hours * _HOUR_S / _MINUTE_S:.1f} min"
