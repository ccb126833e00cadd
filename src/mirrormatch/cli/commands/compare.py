"""`mirrormatch compare`: paired differences between two runs or agents, and whether they could be chance."""

import asyncio
import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from mirrormatch.cli.arguments import Parser, add_games, add_json, add_plain, add_seed, at_least, chosen_games
from mirrormatch.cli.commands.eval_transfer import own_benchmarks
from mirrormatch.errors import UnknownName, UserError
from mirrormatch.text import printable

if TYPE_CHECKING:
    from mirrormatch.agents.types import Agent
    from mirrormatch.evals.measurement import Measurement, Plan

NUM_EPISODES = 200  # in each game against each opponent
NUM_THOUGHTS = 64  # at each information state of Kuhn poker
NUM_ITEMS = 100  # of each task


def configure(parser: Parser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("a", metavar="BEFORE", help="a run's folder, which means its newest adapter, or an agent")
    parser.add_argument("b", metavar="AFTER", help="likewise; differences are this one less the first")
    add_games(parser)
    for name, default, what in (
        ("--episodes", NUM_EPISODES, "episodes in each game against each opponent"),
        ("--thoughts", NUM_THOUGHTS, "thoughts at each information state of Kuhn poker"),
        ("--items", NUM_ITEMS, "problems of each task"),
    ):
        parser.add_argument(name, type=at_least(1), default=default, metavar="N", help=f"{what} (default {default})")
    add_seed(parser, "of deals, thoughts and problems (default 0)")
    add_plain(parser)
    add_json(parser)


def run(options: Namespace) -> int:
    """Compares and prints."""
    from mirrormatch.cli.terminal.output import console, print_json
    from mirrormatch.cli.terminal.tables import comparison_table
    from mirrormatch.evals.comparison import compare_measurements

    plan = _plan(options)
    chosen = [agent_of(options.a), agent_of(options.b)]
    before, after = (_measured(agent, plan, options.seed) for agent in chosen)
    if options.json:
        differences = [change.score.model_dump() for change in compare_measurements(before, after)]
        print_json(json.dumps({"schema": 1, "a": options.a, "b": options.b, "differences": differences}, indent=2))
        return 0
    out = console(options.plain)
    for heading, text in (("before", options.a), ("after", options.b), ("seed", str(options.seed))):
        out.print(f"{heading}: {printable(text)}", style="bold")
    out.print()
    out.print(comparison_table(before, after, options.plain))
    return 0


def agent_of(text: str) -> "Agent":
    """The agent of a spec, or the newest adapter of a run's folder, asked and sampled as in that run.

    Raises:
        UserError: neither of them, or a person.
    """
    from mirrormatch import agents
    from mirrormatch.agents.spec import parse_spec

    try:
        parse_spec(text)
    except UnknownName as problem:
        if Path(text).is_dir():
            return _trained(Path(text))
        raise UserError(f"{text!r} is no run's folder, and as an agent: {problem}") from None
    agent = agents.get(text)
    if agent.patience is None:
        raise UserError(f"{text!r} is a person, whose games can't be repeated: compare runs or agents")
    return agent


def _trained(path: Path) -> "Agent":
    from mirrormatch.cli.policy import policy
    from mirrormatch.cli.runs import read_config
    from mirrormatch.training.run_folder import RunFolder

    return policy(read_config(RunFolder(path)), path)


def _plan(options: Namespace) -> "Plan":
    """Everything that the chosen games and this project's own problems allow."""
    from mirrormatch import games
    from mirrormatch.evals.measurement import Plan
    from mirrormatch.games.theory.information_states import is_searchable

    chosen = tuple(chosen_games(options.games))
    return Plan(
        games=chosen,
        episodes=options.episodes,
        exploitability=tuple(name for name in chosen if is_searchable(games.get(name))),
        thoughts=options.thoughts,
        transfer=tuple(own_benchmarks()),
        items=options.items,
    )


def _measured(agent: "Agent", plan: "Plan", seed: int) -> "Measurement":
    from mirrormatch.cli.terminal.match_table import following
    from mirrormatch.evals.measurement import measure_agent

    with following(f"measuring {agent.spec}") as progress:
        return asyncio.run(measure_agent(agent, plan, seed, progress))
