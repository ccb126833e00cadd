"""`mirrormatch compare`: paired differences between two runs or agents, and whether they could be chance."""

import asyncio
import json
from argparse import Namespace
from pathlib import Path

from mirrormatch import agents, games
from mirrormatch.agents.spec import parse_spec
from mirrormatch.agents.types import Agent
from mirrormatch.cli.commands.eval_games import chosen_games
from mirrormatch.cli.commands.eval_transfer import own_benchmarks
from mirrormatch.cli.policy import policy
from mirrormatch.cli.runs import read_config
from mirrormatch.cli.terminal.match_table import following
from mirrormatch.cli.terminal.output import console, print_json
from mirrormatch.cli.terminal.tables import comparison_table
from mirrormatch.errors import UnknownName, UserError
from mirrormatch.evals.comparison import compare_measurements
from mirrormatch.evals.measurement import Measurement, Plan, measure_agent
from mirrormatch.games.theory.information_states import is_searchable
from mirrormatch.text import printable
from mirrormatch.training.run_folder import RunFolder


def run(options: Namespace) -> int:
    """Compares and prints."""
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


def agent_of(text: str) -> Agent:
    """The agent of a spec, or the newest adapter of a run's folder, asked and sampled as in that run.

    Raises:
        UserError: neither of them, or a person.
    """
    try:
        parse_spec(text)
    except UnknownName as problem:
        if Path(text).is_dir():
            return _trained(Path(text))
        raise UserError(f"{text!r} is no run's folder, and as an agent: {problem}") from None
    agent = agents.get(text)
    if agent.max_retries is None:
        raise UserError(f"{text!r} is a person, whose games can't be repeated: compare runs or agents")
    return agent


def _trained(path: Path) -> Agent:
    return policy(read_config(RunFolder(path)), path)


def _plan(options: Namespace) -> Plan:
    """Everything that the chosen games and this project's own problems allow."""
    chosen = tuple(chosen_games(options.games))
    return Plan(
        games=chosen,
        episodes=options.episodes,
        exploitability=tuple(name for name in chosen if is_searchable(games.get(name))),
        thoughts=options.thoughts,
        transfer=tuple(own_benchmarks()),
        items=options.items,
    )


def _measured(agent: Agent, plan: Plan, seed: int) -> Measurement:
    with following(f"measuring {agent.spec}") as progress:
        return asyncio.run(measure_agent(agent, plan, seed, progress))
