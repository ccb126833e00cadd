"""One self-play run from its settings to its last adapter: experience, credit, updates, record, checkpoint.

`train` is the training loop. A run that is killed at any moment resumes from its newest whole checkpoint and ends with
the same bits. Evaluation is not known here: the caller may pass a probe that measures the policy on the way.
"""

import time
from contextlib import closing

import torch

from mirrormatch.seeds import derive
from mirrormatch.training import metrics
from mirrormatch.training.alarms import Alarms
from mirrormatch.training.base_model import keep_date, load_trainable, sleep
from mirrormatch.training.checkpoints import Checkpoint
from mirrormatch.training.computation import pin_computation, record_computation
from mirrormatch.training.config import RunConfig
from mirrormatch.training.learner import Learner, split_updates
from mirrormatch.training.metrics import Metrics
from mirrormatch.training.pipeline import Credited, Pipeline, Stages, list_learners, uses_magnet
from mirrormatch.training.roster import RunRoster
from mirrormatch.training.run_folder import RunFolder
from mirrormatch.training.sinks import JsonLines, TensorBoard
from mirrormatch.training.trl_trainer import TrlLearner
from mirrormatch.training.types import MAIN
from mirrormatch.training.watcher import Ended, Probe, Watcher


def train(
    config: RunConfig, folder: RunFolder, start: Checkpoint | None, watcher: Watcher, probe: Probe | None = None
) -> Ended:
    """Runs or resumes self-play training.

    Args:
        config: the settings.
        folder: the run's folder, opened with `RunFolder.open`.
        start: the checkpoint which that returned.
        watcher: called after every step.
        probe: measures the policy on the way.

    Raises:
        UserError: a model or a plug-in that can't be used, or a loss that is not finite.
    """
    alarms = Alarms(config.alarms)
    for earlier in metrics.read(folder.metrics_path):
        alarms.check(earlier)
    is_over = start is not None and (start.step >= config.learn.steps or alarms.lasting_alarm() is not None)
    if start is not None and is_over and folder.has_adapter(start):
        return Ended(start.step, folder.adapter_path(start.step), alarms.lasting_alarm())
    pin_computation(config, folder)
    engine, path, dtype = load_trainable(config)
    record_computation(engine, folder)
    keep_date(engine, folder)
    if config.threads:
        torch.set_num_threads(config.threads)
    names = list_learners(config)
    magnets = names if uses_magnet(config) else ()
    sleep(engine)  # the learner's copy of the weights needs the memory
    learner = TrlLearner(config, path, folder.checkpoints, start.path if start else None, dtype, names, magnets)
    roster = RunRoster(config, engine, learner, folder, names)
    stages = Stages(config, roster, folder.episode_log, learner.step, start.state["pipeline"] if start else None)
    if start is not None:
        learner.restore(start.state["learner"])
    sinks = JsonLines(folder.metrics_path), TensorBoard(folder.tensorboard, learner.step)
    with closing(metrics.MetricsLog(*sinks)) as log:
        while learner.step < config.learn.steps and not alarms.lasting_alarm():
            # experience and credit
            pipeline = stages.at(learner.step)
            began = time.perf_counter()
            credited = pipeline.gather(learner.step)
            roster.sleep_engine()
            folder.write_episodes(learner.step, credited.experience.episodes)
            folder.episode_log(learner.step).append_advantages(credited.batch, credited.credit)
            played = time.perf_counter()
            # updates
            learned = _update_learners(config, learner, pipeline, credited)
            learn_s = time.perf_counter() - played
            timing = metrics.measure_time(played - began, learn_s, roster.take_sync_s(), credited.batch, learned)
            # record
            measured = metrics.measure_play(
                credited.experience.episodes, pipeline.estimator.baselines(), pipeline.matchmaker.learners
            )
            measured |= metrics.measure_credit(credited.batch, credited.credit, credited.samples, learner.step - 1)
            measured |= {f"reward/{name}": value for name, value in credited.terms.items()} | timing | learned
            ringing = alarms.check(metrics.round_for_log(measured))  # rounded: as a resumed run reads them
            measured |= {f"alarm/{name}": 1.0 for name in ringing}
            if probe is not None and learner.step % probe.every == 0:
                measured |= probe.measure(roster.policy())
                roster.sleep_engine()
                folder.keep_best(learner.step, measured, config.keep_adapters)
            log.append(learner.step, measured)
            watcher.step(learner.step, measured, ringing)
            # checkpoint
            is_last = learner.step == config.learn.steps or alarms.lasting_alarm() is not None
            if is_last or learner.step % config.checkpoint_every == 0:
                learner.save_checkpoint()
                roster.save_adapters()
                folder.mark_complete(learner.step, {"pipeline": pipeline.state(), "learner": learner.state()})
                folder.drop_logs(learner.step, config.keep_adapters)
    roster.wake_engine()
    return Ended(learner.step, roster.save_adapters(), alarms.lasting_alarm())


def _update_learners(config: RunConfig, learner: Learner, pipeline: Pipeline, credited: Credited) -> Metrics:
    """Updates every learner of the step and counts the step; the figures of all but the main one bear their names."""
    found: Metrics = {}
    learn, step = config.learn, learner.step
    for name, samples, positions in credited.by_learner():
        updates = split_updates(
            samples, positions, learn.epochs, learn.minibatches, derive(config.seed, "update", step)
        )
        figures = learner.update(name, list(updates), pipeline.terms)
        found |= figures if name == MAIN else {f"{name}/{figure}": value for figure, value in figures.items()}
    learner.finish_step()
    if learner.step % config.keep_adapters == 0:  # these adapters are kept for good
        pipeline.matchmaker.add_version(learner.step)
    return found
