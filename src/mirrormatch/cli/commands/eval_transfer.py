"""`mirrormatch eval transfer`: accuracy on reasoning problems outside the games."""

import asyncio
from argparse import Namespace

from mirrormatch.agents.spec import check_spec, model_agent
from mirrormatch.cli.terminal.progress import show_progress
from mirrormatch.cli.terminal.tables import scores_json, show_transfer
from mirrormatch.evals import benchmarks
from mirrormatch.evals.transfer import run_transfer


def run(options: Namespace) -> int:
    """Measures the accuracy on each task and prints it."""
    chosen = [benchmarks.get(name) for name in options.benchmarks or builtin_benchmarks()]
    check_spec(options.spec)
    for benchmark in chosen:
        if benchmark.extra is not None:
            benchmark.items(options.seed, 1)  # raises without its extra, before a model is loaded
    agent = model_agent(options.spec)
    with show_progress(f"problems: {options.spec}") as progress:
        transfer = asyncio.run(run_transfer(agent, chosen, options.items, options.seed, progress))
    if options.json:
        print(scores_json(options.spec, transfer.scores(), agent))
    else:
        title = f"{transfer.spec}: {options.items} problems of each task, seed {transfer.seed}"
        show_transfer(title, transfer, options.plain)
    return 0


def builtin_benchmarks() -> list[str]:
    """Names of the benchmarks that need no extra."""
    return [name for name in benchmarks.names() if benchmarks.get(name).extra is None]
