"""One self-play run from its settings to its last adapter: play, credit, update, record, save.

`train` is the training loop. A run that is killed at any moment resumes from its newest whole checkpoint and ends with
the same bits. Evaluation is not known here: the caller may pass a probe that measures the policy on the way.
"""

import time
from contextlib import closing

import torch

from mirrormatch.training import estimators, metrics
from mirrormatch.training.alarms import Alarms
from mirrormatch.training.base_model import keep_date, load_trainable, sleep
from mirrormatch.training.checkpoints import Checkpoint
from mirrormatch.training.computation import pin_computation, record_computation
from mirrormatch.training.config import RunConfig
from mirrormatch.training.rows import build_batch
from mirrormatch.training.run_folder import RunFolder
from mirrormatch.training.self_play import SelfPlay
from mirrormatch.training.trajectories import extract_trajectories
from mirrormatch.training.trl_trainer import TrlLearner
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
        UserError: a model or an estimator that can't be used.
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
    estimator = estimators.get(config.estimator.name)(config.estimator.decay)
    if start is not None:
        estimator.restore(start.state["estimator"])
    sleep(engine)  # the learner's copy of the weights needs the memory
    learner = TrlLearner(config, path, folder.checkpoints, start.path if start else None, dtype)
    policy = SelfPlay(config, engine, learner, folder)
    with closing(metrics.MetricsLog(folder.metrics_path, folder.tensorboard, learner.step)) as log:
        while learner.step < config.learn.steps and not alarms.lasting_alarm():
            # play
            began = time.perf_counter()
            episodes = policy.play()
            # credit
            batch = [t for episode in episodes for t in extract_trajectories(episode, config.play.reward)]
            rows = build_batch(batch, estimator(batch), config.estimator.turn_discount)
            played = time.perf_counter()
            # update
            learned = learner.update(rows)
            timing = metrics.measure_time(played - began, time.perf_counter() - played, batch)
            # record
            measured = metrics.measure_play(episodes, estimator.state())
            measured |= {**metrics.measure_rows(rows), **timing, **learned}
            ringing = alarms.check(metrics.round_for_log(measured))  # rounded: as a resumed run reads them
            measured |= {f"alarm/{name}": 1.0 for name in ringing}
            if probe is not None and learner.step % probe.every == 0:
                measured |= probe.measure(policy.agent())
                policy.sleep_engine()
                folder.keep_best(learner.step, measured, config.keep_adapters)
            log.append(learner.step, measured)
            watcher.step(learner.step, measured, ringing)
            # save
            is_last = learner.step == config.learn.steps or alarms.lasting_alarm() is not None
            if is_last or learner.step % config.checkpoint_every == 0:
                learner.save_checkpoint()
                policy.save_adapter()
                folder.mark_complete(learner.step, {"estimator": estimator.state()})
    policy.wake_engine()
    return Ended(learner.step, policy.save_adapter(), alarms.lasting_alarm())
