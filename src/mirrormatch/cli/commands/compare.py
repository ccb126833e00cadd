"""`mirrormatch compare`: paired differences between two runs or agents, and whether they could be chance."""

import asyncio
import json
from argparse import Namespace

from mirrormatch import games
from mirrormatch.agents.types import Agent
from mirrormatch.cli.commands.eval_games import resolve_games
from mirrormatch.cli.commands.eval_transfer import builtin_benchmarks
from mirrormatch.cli.runs import check_agent, load_pair
from mirrormatch.cli.terminal.output import console
from mirrormatch.cli.terminal.progress import show_progress
from mirrormatch.cli.terminal.tables import show_comparison
from mirrormatch.evals.comparison import compare_measurements
from mirrormatch.evals.measurement import Measurement, Plan, measure_agent
from mirrormatch.games.theory.information_states import is_searchable
from mirrormatch.text import printable


def run(options: Namespace) -> int:
    """Measures both agents with one plan and prints the differences."""
    for text in (options.a, options.b):
        check_agent(text)
    plan = _make_plan(options)
    agents = load_pair(options.a, options.b)
    before, after = (_measure(agent, plan, options.seed) for agent in agents)
    if options.json:
        differences = [change.score.model_dump() for change in compare_measurements(before, after)]
        shown = {
            "schema": 1,
            "a": options.a,
            "b": options.b,
            "a_request": before.request,
            "b_request": after.request,
            "differences": differences,
        }
        print(json.dumps(shown, indent=2))
        return 0
    out = console(options.plain)
    for heading, text in (("before", options.a), ("after", options.b), ("seed", str(options.seed))):
        out.print(f"{heading}: {printable(text)}", style="bold")
    out.print()
    show_comparison(before, after, options.plain)
    return 0


def _make_plan(options: Namespace) -> Plan:
    """Plans every measurement that the chosen games and the built-in benchmarks allow."""
    chosen = tuple(resolve_games(options.games))
    return Plan(
        games=chosen,
        episodes=options.episodes,
        exploitability=tuple(name for name in chosen if is_searchable(games.get(name))),
        thoughts=options.thoughts,
        transfer=tuple(builtin_benchmarks()),
        items=options.items,
    )


def _measure(agent: Agent, plan: Plan, seed: int) -> Measurement:
    with show_progress(f"measuring {agent.spec}") as progress:
        return asyncio.run(measure_agent(agent, plan, seed, progress))
