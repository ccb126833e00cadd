"""One self-play run from its settings to its last adapter; killed at any moment, it resumes and ends the same.

It doesn't know how to evaluate: whoever starts a run may hand in a probe that measures the policy on the way.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import safetensors.torch
import torch
from transformers import TrainerCallback

from mirrormatch.agents.engines._engine import ChatEngine, Engine
from mirrormatch.agents.engines.hf import load_base
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.spec import ModelSettings, engine_of, parse_spec
from mirrormatch.errors import UserError
from mirrormatch.training import estimators, metrics
from mirrormatch.training.alarms import Alarms
from mirrormatch.training.config import RunConfig
from mirrormatch.training.run_folder import Checkpoint, RunFolder
from mirrormatch.training.self_play import SelfPlay
from mirrormatch.training.trl_trainer import SelfPlayTrainer

_MAGNET_FILE = "magnet.safetensors"


class Watcher(Protocol):
    """Follows a run, for a progress bar or a log."""

    def step(self, step: int, measured: metrics.Metrics, alarms: list[str]) -> None:
        """Called after every finished step, with everything that was measured."""
        ...


class Probe(NamedTuple):
    """A measurement on the way.

    Attributes:
        every: steps between two.
        measure: of the policy; its figures join the step's metrics.
    """

    every: int
    measure: Callable[[LLMAgent], metrics.Metrics]


class Ended(NamedTuple):
    """How a run ended.

    Attributes:
        step: finished steps.
        adapter: the folder of the last adapter.
        stopped_by: the alarm that ended it early, if one did.
    """

    step: int
    adapter: Path
    stopped_by: str | None


def train(
    config: RunConfig, folder: RunFolder, start: Checkpoint | None, watcher: Watcher, probe: Probe | None = None
) -> Ended:
    """Runs or resumes self-play training.

    Args:
        config: the settings.
        folder: opened with `RunFolder.open`.
        start: what that returned.
        watcher: is told of every step.
        probe: measures on the way.

    Raises:
        UserError: a model or an estimator that can't be used.
    """
    alarms = Alarms(config.alarms)
    for earlier in metrics.read(folder.metrics_path):
        alarms.check(earlier)
    if start is not None and (start.step >= config.learn.steps or alarms.lasting()):
        return Ended(start.step, folder.adapter(start.step), alarms.lasting())
    if config.threads:
        torch.set_num_threads(config.threads)
    engine, path = trainable(config)
    estimator = estimators.get(config.estimator.name)(config.estimator.decay)
    if start is not None:
        estimator.restore(start.state["estimator"])
    model, tokenizer = load_base(path)  # a copy of its own: TRL changes the model that it trains
    base = (config.model, engine.fingerprint)
    play = SelfPlay(config, engine, estimator, folder, lambda path: trainer.save_adapter(path), base)
    steps = _Steps(folder, play, watcher, probe, alarms, start.step if start else 0)
    trainer = SelfPlayTrainer(play, config, model, tokenizer, folder.checkpoints, callbacks=[steps])
    steps.trainer = trainer
    if start is not None and (saved := start.path / _MAGNET_FILE).is_file():
        trainer.restore_magnet(safetensors.torch.load_file(saved))
    try:
        trainer.train(resume_from_checkpoint=str(start.path) if start else None)
    finally:
        steps.log.close()
    step = trainer.state.global_step
    play.wake()
    return Ended(step, play.save(step), alarms.lasting())


def trainable(config: RunConfig) -> tuple[Engine, str]:
    """What generates, and from where the weights are loaded that learn.

    Raises:
        UserError: the model can't be trained, or not like that.
    """
    spec = parse_spec(config.model)
    if spec.adapter:
        raise UserError(f"model = {config.model!r}: training starts from a base model, without '+ADAPTER'")
    if said := [name for name, _ in spec.settings if name in ModelSettings.model_fields]:
        raise UserError(f"model = {config.model!r}: {said[0]!r} is for play and evals; a run's own are in [play]")
    engine = engine_of(spec)
    if engine.base is None or isinstance(engine, ChatEngine):
        raise UserError(f"model = {config.model!r} can't be trained: it gives no tokens; write nano or hf:PATH_OR_ID")
    return engine, engine.base


class _Steps(TrainerCallback):
    """Follows transformers' trainer: measures, logs, completes checkpoints, and ends a collapsing run."""

    def __init__(
        self,
        folder: RunFolder,
        play: SelfPlay,
        watcher: Watcher,
        probe: Probe | None,
        alarms: Alarms,
        first_step: int,
    ) -> None:
        self.trainer: SelfPlayTrainer
        self.log = metrics.MetricsLog(folder.metrics_path, folder.tensorboard, first_step)
        self._folder = folder
        self._play = play
        self._watcher = watcher
        self._probe = probe
        self._alarms = alarms
        self._began = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.trainer.move_magnet()
        step_s = time.perf_counter() - self._began  # play included: the batch is asked for inside the step
        self._play.measured["time/learn_s"] = step_s - self._play.measured["time/play_s"]

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        if logs is None or "loss" not in logs:
            return  # the summary at the end
        step = int(state.global_step)
        measured = {**self._play.measured, **metrics.of_trl(logs)}
        measured["time/play_share"] = measured["time/play_s"] / (measured["time/play_s"] + measured["time/learn_s"])
        alarms = self._alarms.check(metrics.rounded(measured))  # what a resumed run will read
        measured |= {f"alarm/{name}": 1.0 for name in alarms}
        if self._probe is not None and step % self._probe.every == 0:
            measured |= self._probe.measure(self._play.agent(step))
            self._play.rest()
        self.log.append(step, measured)
        self._watcher.step(step, measured, alarms)
        if self._alarms.lasting():
            control.should_training_stop = control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        step = int(state.global_step)
        if magnet := self.trainer.magnet_state():
            safetensors.torch.save_file(magnet, self._folder.checkpoints / f"checkpoint-{step}" / _MAGNET_FILE)
        self._play.save(step)
        self._folder.mark_complete(step, {"estimator": self._play.estimator_state()})
