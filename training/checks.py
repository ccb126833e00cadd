"""Checks of a run's settings that need the games' rules: what can't learn is refused before anything slow.

`needs` of each plug-in names conditions; this file knows what each condition is.
"""

import random
from collections.abc import Callable
from typing import Any

from mirrormatch import games, prompts
from mirrormatch.agents.spec import check_spec
from mirrormatch.errors import UserError
from mirrormatch.games.game import Game, outcomes
from mirrormatch.games.theory.information_states import information_states
from mirrormatch.games.theory.playouts import playouts
from mirrormatch.training import builders, estimators, matchmakers, objectives, rewards, sources
from mirrormatch.training.choice import make_plugin
from mirrormatch.training.config import RunConfig
from mirrormatch.training.model_spec import check_model_spec

NUM_PLAYOUTS = 64  # random games from which the sizes of wins are read


def check_config(config: RunConfig, *, loads: bool = True) -> None:
    """Looks up every name in the config and checks what its plug-ins need.

    Args:
        config: the run's settings.
        loads: whether the model will be loaded here.

    Raises:
        UserError: a name is unknown, a game doesn't suit its measurement, or the run couldn't learn.
    """
    for name in (*config.play.games, *config.measure.games):
        games.get(name)
    for name in config.measure.exploitability:
        information_states(games.get(name))
    prompts.get(config.prompt.format)
    check_model_spec(config.model, loads=loads)
    for stage in config.stages:
        _check_stage(stage)


def _check_stage(config: RunConfig) -> None:
    kinds: list[tuple[str, Any]] = [
        (f"source {config.source.kind}", sources.get(config.source.kind)),
        (f"matchmaker {config.matchmaker.kind}", matchmakers.get(config.matchmaker.kind)),
        (f"estimator {config.estimator.kind}", estimators.get(config.estimator.kind)),
        (f"builder {config.builder.kind}", builders.get(config.builder.kind)),
        *((f"reward {kind}", rewards.get(kind)) for kind in config.reward or ()),
        *((f"objective {kind}", objectives.get(kind)) for kind in config.objective),
    ]
    for label, plugin in kinds:
        for need in sorted(plugin.needs):
            _CHECKS[need](config, label)
    if not any(objectives.get(kind).teaches and settings["weight"] for kind, settings in config.objective.items()):
        raise UserError("no term of the objective teaches anything: add [objective.clipped], or [objective.nll]")
    _check_seats(config)


def _check_seats(config: RunConfig) -> None:
    """Seats one game of each kind, which shows roles and players that don't exist."""
    matchmaker = make_plugin(matchmakers.registry, config.matchmaker.kind, config.matchmaker.settings)
    for name in config.play.games:
        for seat in matchmaker.seat_players(games.get(name).info.roles, 0, 0):
            if seat.learner is None and seat.player not in matchmaker.frozen:
                check_spec(seat.player)


def _check_samples_per_deal(config: RunConfig, label: str) -> None:
    if config.play.samples_per_deal < 2:
        raise UserError(f"{label} compares games of one deal: set play.samples_per_deal to 2 or more")


def _check_equal_wins(config: RunConfig, label: str) -> None:
    if (config.reward or {}).get("outcome", {}).get("changes_game"):
        return
    for name in config.play.games:
        game = games.get(name)
        if game.info.kind == "mixed":
            reason = "its players' interests are mixed: what both gain counts as a draw"
        elif len(sizes := win_sizes(game)) > 1:
            reason = f"its wins differ in size ({', '.join(f'{size:g}' for size in sorted(sizes)[:3])})"
        else:
            continue
        raise UserError(
            f"{label} changes {name}: {reason}; use [reward.scaled], or accept it by reward.outcome.changes_game = true"
        )


def _check_no_ratio(config: RunConfig, label: str) -> None:
    for kind, settings in config.objective.items():
        if settings["weight"] and objectives.get(kind).needs_sampler:
            raise UserError(
                f"{label} knows no log-probs of the replies, which objective {kind} compares with: use [objective.nll] "
                f"and leave out [objective.{kind}]"
            )


_CHECKS: dict[str, Callable[[RunConfig, str], None]] = {
    "samples_per_deal": _check_samples_per_deal,
    "equal_wins": _check_equal_wins,
    "no_ratio": _check_no_ratio,
}


def win_sizes(game: Game[Any, Any]) -> set[float]:
    """The different returns of winners over random games."""
    games_played = playouts(game, [game.start()] * NUM_PLAYOUTS, 1, random.Random(0))
    ends = [zip(returns, outcomes(game.info, returns), strict=True) for returns in games_played]
    return {value for end in ends for value, outcome in end if outcome == "win"}
