"""`mirrormatch train`: measures, fine-tunes a LoRA adapter by self-play, measures again, and reports.

Training and evals don't know each other; they meet here.
"""

import asyncio
import os
import shutil
import sys
from argparse import Namespace
from pathlib import Path

from mirrormatch import games, prompts
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.spec import add_adapter, parse_spec
from mirrormatch.cli.policy import policy
from mirrormatch.cli.runs import write_report
from mirrormatch.cli.terminal.match_table import following
from mirrormatch.cli.terminal.output import console, note
from mirrormatch.cli.terminal.progress import TrainingProgress
from mirrormatch.cli.terminal.tables import comparison_table
from mirrormatch.config_file import load_settings
from mirrormatch.errors import UserError
from mirrormatch.evals import benchmarks
from mirrormatch.evals.exploitability import measure_exploitability
from mirrormatch.evals.measurement import Measurement, Plan, measure_agent
from mirrormatch.files import write_text
from mirrormatch.seeds import derive
from mirrormatch.training import estimators
from mirrormatch.training.config import RunConfig
from mirrormatch.training.run_folder import RunFolder
from mirrormatch.training.types import Ended, Probe

REAL_CONFIG = "configs/spiral_qwen3_4b.toml"
PROBE_THOUGHTS = 32  # per information state, on the way; fewer than before and after, where the figure is reported


def run(options: Namespace) -> int:
    """Trains."""
    config = load_settings(options.config, RunConfig, options.overrides)
    _check_names(config)
    folder = RunFolder(options.out or Path("runs") / options.config.stem)
    try:
        return _run(config, folder, options.resume)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"--resume goes on with {str(folder.path)!r}") from None


def _run(config: RunConfig, folder: RunFolder, resume: bool) -> int:
    # torch, transformers and TRL take seconds to import: mistakes in the config are reported before.
    from mirrormatch.training.run import load_trainable, train

    load_trainable(config)  # a model that can't be loaded or trained is said before anything is written
    start = folder.open(config, resume)
    before = _measured(config, folder, "before", policy(config))
    with TrainingProgress(config.learn.steps, start.step if start else 0) as watcher:
        ended = train(config, folder, start, watcher, _probe(config))
    if ended.stopped_by:
        note(f"stopped after step {ended.step}: the alarm {ended.stopped_by!r} lasted (docs/metrics.md)")
    after = _measured(config, folder, "after", policy(config, ended.adapter))
    _conclude(config, folder, ended, before, after)
    return 0


def _check_names(config: RunConfig) -> None:
    """Looks every name up, so that a wrong one is said at once."""
    for name in (*config.play.games, *config.measure.games, *config.measure.exploitability):
        games.get(name)
    for name in config.measure.transfer:
        benchmarks.get(name)
    for name in config.measure.exploitability:
        if not games.get(name).info.is_two_player_zero_sum:
            raise UserError(f"measure.exploitability: {name!r} is not a two-player zero-sum game")
    prompts.get(config.prompt.format)
    estimators.get(config.estimator.name)
    parse_spec(config.model)


def _plan(config: RunConfig) -> Plan:
    wanted = config.measure
    return Plan(
        games=wanted.games,
        episodes=wanted.episodes,
        exploitability=wanted.exploitability,
        thoughts=wanted.thoughts,
        transfer=wanted.transfer,
        items=wanted.items,
    )


def _measured(config: RunConfig, folder: RunFolder, name: str, agent: LLMAgent) -> Measurement | None:
    """The measurement of that name, made now unless the folder holds it; None where the config asks for none."""
    wanted = config.measure
    if not (wanted.games or wanted.exploitability or wanted.transfer):
        return None
    path = folder.measurement_path(name)
    if path.is_file():
        return Measurement.model_validate_json(path.read_text(encoding="utf-8"))
    _set_threads(config)
    with following(f"measuring {name} training") as progress:
        found = asyncio.run(measure_agent(agent, _plan(config), derive(config.seed, "measure"), progress))
    write_text(path, found.model_dump_json())
    return found


def _set_threads(config: RunConfig) -> None:
    if config.threads:
        import torch

        torch.set_num_threads(config.threads)


def _probe(config: RunConfig) -> Probe | None:
    """Exploitability on the way, where the config asks for it."""
    wanted = config.measure
    if not (wanted.every and wanted.exploitability):
        return None

    def measured(agent: LLMAgent) -> dict[str, float]:
        found: dict[str, float] = {}
        for name in wanted.exploitability:
            seed = derive(config.seed, "probe")
            report = asyncio.run(measure_exploitability(agent, games.get(name), PROBE_THOUGHTS, seed))
            found |= {score.name: score.value for score in report.scores()}
        return found

    return Probe(wanted.every, measured)


def _conclude(
    config: RunConfig, folder: RunFolder, ended: Ended, before: Measurement | None, after: Measurement | None
) -> None:
    """The table, the report and what to do next."""
    if before is not None and after is not None:
        console().print(comparison_table(before, after))
    write_report(folder)
    found = shutil.which("mirrormatch")
    is_found = found is not None and Path(found).resolve() == Path(sys.argv[0]).resolve()
    program = "mirrormatch" if is_found else os.path.relpath(sys.argv[0])
    episodes = folder.episodes_path(ended.step - 1)
    game = config.play.games[0]
    lines = (
        f"Report:  {folder.report_path}",
        f"Adapter: {ended.adapter}",
        "Next:",
        f"  {program} play {game} --opponent {add_adapter(config.model, folder.path)}",
        f"  {program} watch {episodes} --episode 1",
        f"  {program} train {REAL_CONFIG}",
    )
    print("\n".join(lines))
