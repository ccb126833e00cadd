"""`mirrormatch eval transfer`: accuracy on reasoning problems outside the games."""

import asyncio
from argparse import Namespace

from mirrormatch.agents.spec import model_agent
from mirrormatch.cli.terminal.match_table import following
from mirrormatch.cli.terminal.output import console, print_json, table
from mirrormatch.cli.terminal.score_table import scores_json
from mirrormatch.evals import benchmarks
from mirrormatch.evals.transfer import Transfer, run_transfer
from mirrormatch.evals.wording import format_interval, format_value, score_label
from mirrormatch.text import one_line

_TITLE_CHARS = 200


def run(options: Namespace) -> int:
    """Measures and prints."""
    chosen = [benchmarks.get(name) for name in options.benchmarks or own_benchmarks()]
    agent = model_agent(options.spec)
    with following(f"problems: {options.spec}") as progress:
        transfer = asyncio.run(run_transfer(agent, chosen, options.items, options.seed, progress))
    if options.json:
        print_json(scores_json(options.spec, transfer.scores()))
    else:
        _show(transfer, options)
    return 0


def own_benchmarks() -> list[str]:
    """Those that need no extra."""
    return [name for name in benchmarks.names() if benchmarks.get(name).extra is None]


def _show(transfer: Transfer, options: Namespace) -> None:
    """A row for every figure; beside a task's accuracy what its commonest answer would have got."""
    scores = {score.name: score for score in transfer.scores()}
    shown = table(("", "value", "95 % interval", "majority", "n"), numbers=True)
    for name, score in scores.items():
        if not name.startswith("majority/"):
            constant = scores.get(name.replace("accuracy/", "majority/"), None)
            majority = format_value(constant) if constant is not None and constant is not score else ""
            shown.add_row(score_label(name).text, format_value(score), format_interval(score), majority, f"{score.n:,}")
    out = console(options.plain)
    title = f"{transfer.spec}: {options.items} problems of each task, seed {transfer.seed}"
    out.print(one_line(title, _TITLE_CHARS), style="bold")
    out.print(shown)
    out.print()
