"""A run's folder as settings, agent and report."""

import importlib.metadata
import itertools
import json
import os
import platform
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mirrormatch import agents
from mirrormatch.agents.engines._request import RequestSettings
from mirrormatch.agents.episodes import read_episodes
from mirrormatch.agents.llm import LLMAgent
from mirrormatch.agents.spec import add_adapter, check_spec, hide_paths, model_agent, parse_spec, read_card
from mirrormatch.agents.types import Agent, Episode
from mirrormatch.config_file import describe_validation_error, parse_settings
from mirrormatch.errors import UnknownName, UserError
from mirrormatch.evals.measurement import Measurement
from mirrormatch.evals.report import Fact, ReportInput, render_report
from mirrormatch.files import check_file, read_bounded, read_object, write_text
from mirrormatch.seeds import derive
from mirrormatch.training import alarms, metrics
from mirrormatch.training.config import TERMS, RunConfig
from mirrormatch.training.metrics import Metrics
from mirrormatch.training.run_folder import RunFolder

NUM_EPISODES = 3  # samples in a report
_NUM_SHOWN = 6  # games of a step that may be shown
HUMAN = "human"
_LIBRARIES = ("mirrormatch", "torch", "transformers", "peft", "trl")
_MINUTE_S = 60
_TERM_SECTIONS = tuple((name,) for name in TERMS)  # sections of sections


def read_config(folder: RunFolder) -> RunConfig:
    """Reads the settings that a run was started with.

    Raises:
        UserError: the folder holds no run.
    """
    path = folder.config_path
    try:
        values = read_object(path)
    except OSError:
        raise UserError(
            f"no run at {str(folder.path)!r}: it has no {path.name} (mirrormatch train makes one)"
        ) from None
    except ValueError as problem:
        raise UserError(f"{str(path)!r} is broken: {problem}") from None
    if "model_type" in values:
        raise UserError(f"{str(folder.path)!r} holds a model and no run: for the model itself write hf:{folder.path}")
    return parse_settings(values, RunConfig, str(path))


def load_policy(config: RunConfig, adapter: Path | None = None) -> LLMAgent:
    """Loads the agent that a run trains, with the run's own prompt, temperature and budget.

    Args:
        config: the run's settings.
        adapter: the folder of an adapter or of a run; None for the base model.
    """
    spec = config.model if adapter is None else add_adapter(config.model, adapter)
    return model_agent(spec, config.request)


def check_agent(text: str) -> None:
    """Checks a spec or a run's folder without loading a model.

    Raises:
        UserError: neither a spec nor a run's folder, or a person.
    """
    if is_run(text):
        config = read_config(RunFolder(Path(text)))
        check_spec(add_adapter(config.model, Path(text)))
    elif check_spec(text).kind == HUMAN:
        raise UserError(f"{text!r} is a person, whose games can't be repeated: compare runs or agents")


def is_run(text: str) -> bool:
    """Whether a text names a run's folder, rather than an agent.

    Raises:
        UserError: it names neither.
    """
    try:
        parse_spec(text)
    except UnknownName as problem:
        if Path(text).is_dir():
            return True
        raise UserError(f"{text!r} is no run's folder, and as an agent: {problem}") from None
    return False


def load_pair(a: str, b: str) -> tuple[Agent, Agent]:
    """Loads two agents to compare: specs, or run folders, which mean their newest adapters.

    A run's adapter is asked as in that run. A model that comes from no run is asked as the other one is, for what its
    spec leaves open: an adapter and its base model then differ in their weights alone.

    Raises:
        UserError: one is neither a spec nor a run's folder.
    """
    first, second = _recorded_request(a), _recorded_request(b)
    return _load_agent(a, first or second), _load_agent(b, second or first)


def _recorded_request(text: str) -> RequestSettings | None:
    """The prompt and sampling of the run that an agent comes from; None for an agent of no run."""
    if is_run(text):
        return read_config(RunFolder(Path(text))).request
    return read_card(parse_spec(text))


def _load_agent(text: str, request: RequestSettings | None) -> Agent:
    if is_run(text):
        text = add_adapter(read_config(RunFolder(Path(text))).model, Path(text))
    if request is None or parse_spec(text).kind in agents.players.names():
        return agents.get(text)
    return model_agent(text, request)


def write_report(folder: RunFolder, out: Path | None = None) -> Path:
    """Writes a run's report and returns its path.

    Args:
        folder: the run's folder.
        out: the file to write; the folder's own `report.html` by default.

    Raises:
        UserError: the folder holds no run or a broken file, or the report can't be written.
    """
    path = out or folder.report_path
    if out is not None:
        check_file(out, "the report")
    page = render_report(report_input(folder))
    try:
        write_text(path, page)
    except OSError as problem:
        raise UserError(f"can't write the report to {str(path)!r}: {problem.strerror}") from None
    return path


def report_input(folder: RunFolder) -> ReportInput:
    """Everything that a run's folder contributes to its report."""
    config = read_config(folder)
    steps = metrics.read(folder.metrics_path)
    before, after = read_measurement(folder, "before"), read_measurement(folder, "after")
    episodes, note = _sample_episodes(folder, config.seed)
    return ReportInput(
        title=f"Self-play in {', '.join(config.play.games)}: {folder.path.resolve().name}",
        facts=_facts(folder, config, steps, before, after),
        command="mirrormatch train SETTINGS.toml  # with the settings below",
        config=_to_toml(_hide_all_paths(config.model_dump(mode="json", exclude_none=True))),
        before=before,
        after=after,
        metrics=steps,
        alarms=alarms.MEANINGS,
        episodes=episodes,
        episodes_note=note,
    )


def read_game(folder: RunFolder, step: int) -> Episode | None:
    """Reads a game that a step of the run played, counted from 1, or None if there is none to read.

    Steps show their first games in turn, which brings up every game of a mix.
    """
    try:
        games = list(itertools.islice(read_episodes(folder.episodes_path(step - 1)), _NUM_SHOWN))
    except UserError:
        return None
    return games[step % len(games)] if games else None


def read_measurement(folder: RunFolder, name: str) -> Measurement | None:
    """Reads a run's measurement, "before" or "after"; None if it has none.

    Raises:
        UserError: the file is broken.
    """
    path = folder.measurement_path(name)
    if not path.is_file():
        return None
    try:
        return Measurement.model_validate_json(read_bounded(path))
    except (OSError, ValueError) as problem:
        reason = describe_validation_error(problem) if isinstance(problem, ValidationError) else str(problem)
        raise UserError(f"{str(path)!r} is no measurement: {reason}; remove it") from None


def _sample_episodes(folder: RunFolder, seed: int) -> tuple[list[Episode], str]:
    """Draws episodes of the newest step, all different in deal or moves; returns them with a note on the choice."""
    files = sorted(folder.episodes_path(0).parent.glob("step-*.jsonl"))
    if not files:
        return [], ""
    different = {(e.game, e.deal, tuple(t.reply for t in e.turns)): e for e in read_episodes(files[-1])}
    rng = random.Random(derive(seed, "report"))
    chosen = rng.sample(list(different.values()), min(NUM_EPISODES, len(different)))
    step = int(files[-1].stem.rpartition("-")[2]) + 1
    return (
        chosen,
        f"Drawn at random from {len(different)} different ones that the policy played against itself in step {step}.",
    )


def _facts(
    folder: RunFolder,
    config: RunConfig,
    steps: list[Metrics],
    before: Measurement | None,
    after: Measurement | None,
) -> list[Fact]:
    took_s = sum(step.get("time/play_s", 0.0) + step.get("time/learn_s", 0.0) for step in steps)
    learn = config.learn
    return [
        Fact("Run", folder.path.resolve().name),
        Fact("Model", f"{hide_paths(config.model)}, LoRA rank {config.lora.rank}"),
        Fact("Training", f"{len(steps)} of {learn.steps} steps, {took_s / _MINUTE_S:.1f} minutes of play and learning"),
        Fact("Experience", f"{config.play.episodes} episodes a step, temperature {config.play.temperature:g}"),
        Fact("Learning", _describe_learning(config)),
        Fact("Seed", str(config.seed)),
        *(Fact("Measured", _describe_plan(m)) for m in [before or after] if m is not None),
        Fact("Written with", ", ".join(_versions())),
        Fact("Written on", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"),
    ]


def _describe_learning(config: RunConfig) -> str:
    terms = [f"{settings['weight']:g} {kind}" for kind, settings in config.objective.items() if settings["weight"]]
    return (
        f"{config.matchmaker.kind}, {config.estimator.kind}, {' + '.join(terms)}, rate {config.learn.learning_rate:g}"
    )


def _describe_plan(measurement: Measurement) -> str:
    return f"{measurement.plan.describe()}, seed {measurement.seed}"


def _versions() -> Iterator[str]:
    """Versions of Python and of the libraries installed here."""
    yield f"Python {platform.python_version()}"
    for name in _LIBRARIES:
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue


def _hide_all_paths(value: Any) -> Any:
    """Settings whose specs hold no paths: a report is passed on."""
    if isinstance(value, dict):
        return {k: _hide_all_paths(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_hide_all_paths(v) for v in value]
    return hide_paths(value) if isinstance(value, str) else value


def _to_toml(values: dict[str, Any]) -> str:
    """Formats settings as TOML that `train` accepts: values first, then the sections."""
    return "\n".join(_list_toml_lines(values, ()))


def _list_toml_lines(values: dict[str, Any], section: tuple[str, ...]) -> Iterator[str]:
    """The lines of a section and of the sections in it; `[objective.kl]` is one of terms."""
    inner = {k: v for k, v in values.items() if isinstance(v, dict) and (not section or section in _TERM_SECTIONS)}
    plain = {k: v for k, v in values.items() if k not in inner and v is not None}
    if section and (plain or not inner):
        yield from ("", f"[{'.'.join(section)}]")
    for key, value in plain.items():
        yield f"{key} = {to_toml_value(value)}"
    for key, value in inner.items():
        yield from _list_toml_lines(value, (*section, key))


def to_toml_value(value: Any) -> str:
    """A value in TOML; a table within a value is written inline."""
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{json.dumps(k)} = {to_toml_value(v)}" for k, v in value.items() if v is not None) + " }"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(to_toml_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
