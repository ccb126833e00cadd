"""The plan of a run, printed before anything starts: measured with a model that is here, or else assumed."""

from pathlib import Path

from mirrormatch import games
from mirrormatch.agents.spec import engine_target, load_engine, parse_spec
from mirrormatch.evals import benchmarks
from mirrormatch.evals.arena import opponent_specs
from mirrormatch.games.theory.information_states import information_states
from mirrormatch.training.accelerators import ACCELERATORS, Accelerator
from mirrormatch.training.config import RunConfig
from mirrormatch.training.plan import Rates, RunPlan, Traffic, assume_traffic, measure_traffic, plan_run
from mirrormatch.training.preflight import NUM_GAMES, play_preflight

_ENGINES = ("hf", "nano", "smollm")  # run in this process, with files that may be here
_MAX_GAMES = 64  # played for a measurement


def make_plan(config: RunConfig, probe_thoughts: int) -> RunPlan:
    """Plans a run, with rates measured here where its model runs in this process.

    Args:
        config: the run's settings.
        probe_thoughts: number of thoughts at each information state during training.

    Raises:
        UserError: the model can't be loaded, or is unknown here.
    """
    spec = parse_spec(config.model)
    is_here = spec.kind in _ENGINES and Path(engine_target(spec)).exists()
    traffic, rates = _measure(config) if is_here else (assume_traffic(config), None)
    return plan_run(config, traffic, rates, _count_measurements(config, traffic, probe_thoughts), _find_accelerator())


def _measure(config: RunConfig) -> tuple[Traffic, Rates]:
    """Plays a few games and times one update's work."""
    from mirrormatch.agents.engines.hf import TransformersEngine
    from mirrormatch.training.learning_speed import measure_learning

    engine = load_engine(parse_spec(config.model))
    assert isinstance(engine, TransformersEngine), config.model
    played = play_preflight(config, engine, num_games=max(NUM_GAMES, min(config.play.episodes, _MAX_GAMES)))
    traffic = measure_traffic(played)
    learned = measure_learning(engine, round(traffic.prompt_tokens + traffic.reply_tokens))
    return traffic, Rates(len(played.replies) / played.seconds, learned, "measured here")


def _count_measurements(config: RunConfig, traffic: Traffic, probe_thoughts: int) -> int:
    """The requests of the measurements before, after and during the run."""
    measure = config.measure
    matches = sum(len(opponent_specs(games.get(name).info)) for name in measure.games)
    in_games = matches * measure.episodes * traffic.requests / 2  # the other half is the opponent's
    in_benchmarks = sum(len(benchmarks.get(name).items(config.seed, measure.items)) for name in measure.transfer)
    num_states = sum(len(information_states(games.get(name))) for name in measure.exploitability)
    probes = config.learn.steps // measure.every if measure.every else 0
    return round(2 * (in_games + in_benchmarks + num_states * measure.thoughts) + probes * num_states * probe_thoughts)


def _find_accelerator() -> Accelerator | None:
    """The GPU of this machine by its data sheet; None without one, or with one of an unknown name."""
    import torch

    if not torch.cuda.is_available():
        return None
    name = torch.cuda.get_device_name()
    return next((a for a in ACCELERATORS if a.name in name), None)
