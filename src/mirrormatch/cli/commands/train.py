"""`mirrormatch train`: measures a model, fine-tunes a LoRA adapter by self-play, measures again and reports.

Training and evals don't import each other: this command passes an evaluation callback to the training.
"""

import asyncio
import errno
import functools
import os
import shutil
import sys
from argparse import Namespace
from pathlib import Path

from mirrormatch import games
from mirrormatch.agents.engines._engine import Engine
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.spec import add_adapter, default_format, parse_spec, read_card
from mirrormatch.cli.run_plan import make_plan
from mirrormatch.cli.runs import load_policy, read_game, read_measurement, write_report
from mirrormatch.cli.terminal.output import note
from mirrormatch.cli.terminal.progress import TrainingProgress, show_progress
from mirrormatch.cli.terminal.tables import show_comparison
from mirrormatch.config_file import load_settings
from mirrormatch.errors import UserError
from mirrormatch.evals import benchmarks
from mirrormatch.evals.exploitability import measure_exploitability
from mirrormatch.evals.measurement import Measurement, Plan, measure_agent
from mirrormatch.files import check_folder, write_text
from mirrormatch.seeds import derive
from mirrormatch.training import metrics
from mirrormatch.training.checks import check_config
from mirrormatch.training.config import PromptConfig, RunConfig
from mirrormatch.training.machine import check_machine, fit_engine, hide_devices
from mirrormatch.training.preflight import play_preflight
from mirrormatch.training.run_folder import RunFolder
from mirrormatch.training.watcher import Ended, Probe

REAL_CONFIG = "configs/spiral_qwen3_4b.toml"
PROBE_THOUGHTS = 32  # per information state during training; more before and after, where the figure is reported


def run(options: Namespace) -> int:
    """Runs a whole training run from its config."""
    config = load_settings(options.config, RunConfig, options.overrides)
    check_config(config, loads=not options.plan)  # a run is planned on any machine
    _check_measures(config)
    config = fit_engine(config)
    hide_devices(config)
    if options.plan:
        print("\n".join(make_plan(config, PROBE_THOUGHTS).lines()))
        return 0
    folder = RunFolder(options.out or Path("runs") / options.config.stem)
    folder.check_free(options.resume)
    check_folder(folder.path, "a run")
    is_new = not folder.config_path.exists()
    try:
        with folder.lock():
            return _run(config, folder, options.resume)
    except UserError:
        if is_new:
            folder.discard_unused()
        raise
    except OSError as problem:
        raise UserError(_describe_failure(folder, problem)) from None
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"--resume goes on with {str(folder.path)!r}") from None


def _run(config: RunConfig, folder: RunFolder, resume: bool) -> int:
    # torch, transformers and TRL take seconds to import: mistakes in the config are reported before.
    from mirrormatch.training.base_model import keep_date, load_trainable
    from mirrormatch.training.computation import pin_computation, record_computation
    from mirrormatch.training.lora import check_targets
    from mirrormatch.training.run import train
    from mirrormatch.training.warm_start import check_start

    check_start(config)
    pin_computation(config, folder)
    base = load_trainable(config)  # raises for a model that can't be loaded or trained, before anything is written
    check_targets(config, base.path)
    if not config.prompt.has_format:
        config = config.model_copy(update={"prompt": _choose_prompt(config, base.engine)})
    start = folder.open(config, resume, base.engine.fingerprint, note)
    record_computation(base.engine, folder)
    keep_date(base.engine, folder)
    policy = load_policy(config)
    if start is None and (warning := play_preflight(config, base.engine, policy.adapter).warning()):
        note(warning)
    before = _measure_once(config, folder, "before", policy)
    with TrainingProgress(
        config.learn.steps,
        start.step if start else 0,
        folder.path.resolve().name,
        metrics.read(folder.metrics_path),
        functools.partial(read_game, folder),
    ) as watcher:
        ended = train(config, folder, start, watcher, _make_probe(config))
    if ended.stopped_by:
        note(f"stopped after step {ended.step}: the alarm {ended.stopped_by!r} lasted (docs/metrics.md)")
    after = _measure_once(config, folder, "after", load_policy(config, ended.adapter))
    if before is not None and after is not None:
        show_comparison(before, after)
    write_report(folder)
    _print_next_steps(config, folder, ended)
    return 0


def _choose_prompt(config: RunConfig, engine: Engine) -> PromptConfig:
    """The prompt of a run that names no format: that of the adapter it starts from, or else the one for its model."""
    card = read_card(parse_spec(config.model))
    if card is not None and card.prompt is not None:
        return config.prompt.with_format(card.prompt, card.settings)
    return config.prompt.with_format(default_format(engine, config.model))


def _describe_failure(folder: RunFolder, problem: OSError) -> str:
    """The line about a file of the run that can't be read or written."""
    reason = problem.strerror or str(problem)
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{reason} for the run in {str(folder.path)!r}: make some room, then --resume goes on with it"
    name = f": {problem.filename!r}" if problem.filename else ""
    return f"the run in {str(folder.path)!r} ends: {reason}{name}; --resume goes on with it"


def _check_measures(config: RunConfig) -> None:
    """Looks up the benchmarks, and notes games without an opponent."""
    for name in config.measure.transfer:
        benchmarks.get(name)
    check_machine(config)
    if alone := [name for name in config.play.games if len(games.get(name).info.roles) == 1]:
        note(f"{', '.join(alone)}: a game for one player, in which the policy plays alone, without an opponent")


def _make_plan(config: RunConfig) -> Plan:
    measure = config.measure
    return Plan(
        games=measure.games,
        episodes=measure.episodes,
        exploitability=measure.exploitability,
        thoughts=measure.thoughts,
        transfer=measure.transfer,
        items=measure.items,
    )


def _measure_once(config: RunConfig, folder: RunFolder, name: str, agent: LLMAgent) -> Measurement | None:
    """Measures the agent unless the folder holds the measurement; None if the config contains none."""
    measure = config.measure
    if not (measure.games or measure.exploitability or measure.transfer):
        return None
    plan, found = _make_plan(config), read_measurement(folder, name)
    if found is not None and (found.plan, found.seed) == (plan, config.seed):  # earlier versions derived another seed
        return found
    _set_threads(config)
    with show_progress(f"measuring {name} training") as progress:
        if progress is None:
            note(f"measuring {name} training, {plan.describe()}")
        found = asyncio.run(measure_agent(agent, plan, config.seed, progress))
    write_text(folder.measurement_path(name), found.model_dump_json())
    return found


def _set_threads(config: RunConfig) -> None:
    if config.threads:
        import torch

        torch.set_num_threads(config.threads)


def _make_probe(config: RunConfig) -> Probe | None:
    """The callback that measures exploitability during training; None if the config has none."""
    measure = config.measure
    if not (measure.every and measure.exploitability):
        return None

    def measure_policy(agent: LLMAgent) -> dict[str, float]:
        found: dict[str, float] = {}
        for name in measure.exploitability:
            seed = derive(config.seed, "probe")
            report = asyncio.run(measure_exploitability(agent, games.get(name), PROBE_THOUGHTS, seed))
            found |= {score.name: score.value for score in report.scores() if score.value is not None}
        return found

    return Probe(measure.every, measure_policy)


def _print_next_steps(config: RunConfig, folder: RunFolder, ended: Ended) -> None:
    """Prints the paths of the results and command lines that use them."""
    program = _program()
    game = config.play.games[0]
    lines = (
        f"Report:  {folder.report_path}",
        f"Adapter: {ended.adapter}",
        *_describe_best(folder),
        "Next:",
        f"  {program} play {game} --opponent {add_adapter(config.model, folder.path)}",
        f"  {program} watch {folder.episodes_path(ended.step - 1)} --episode 1",
        f"  {program} train {REAL_CONFIG}",
    )
    print("\n".join(lines))


def _describe_best(folder: RunFolder) -> list[str]:
    """The line about the best adapter by the probe, if the run has one."""
    best = folder.best
    if best is None:
        return []
    return [f"Best:    {folder.adapter_path(best.step)} ({best.metric} {best.value:.3f} after step {best.step})"]


def _program() -> str:
    """The words that start this program in the user's shell: its name if it is on the PATH, else its path."""
    if Path(sys.argv[0]).name == "__main__.py":
        return "python -m mirrormatch"
    on_path = shutil.which("mirrormatch")
    is_this = on_path is not None and Path(on_path).resolve() == Path(sys.argv[0]).resolve()
    return "mirrormatch" if is_this else os.path.relpath(sys.argv[0])
