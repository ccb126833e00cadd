"""`mirrormatch eval transfer`: accuracy on reasoning problems outside the games."""

import asyncio
from argparse import Namespace
from typing import TYPE_CHECKING

from mirrormatch.cli.arguments import SPEC_HELP, Parser, add_json, add_plain, add_seed, at_least
from mirrormatch.text import one_line

if TYPE_CHECKING:
    from mirrormatch.evals.transfer import Transfer

NUM_ITEMS = 100  # per task: an interval of about +-10 points; two tasks of a kind have +-7
_TITLE_CHARS = 200


def configure(parser: Parser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("spec", metavar="SPEC", help=SPEC_HELP)
    parser.add_argument(
        "--benchmarks",
        nargs="+",
        metavar="NAME",
        help="only these (default: all of 'mirrormatch list benchmarks' that need no extra)",
    )
    parser.add_argument(
        "--items",
        type=at_least(1),
        default=NUM_ITEMS,
        metavar="N",
        help=f"problems of each task (default {NUM_ITEMS})",
    )
    add_seed(parser, "of the problems and of the sampled answers (default 0)")
    add_plain(parser)
    add_json(parser)


def run(options: Namespace) -> int:
    """Measures and prints."""
    from mirrormatch.agents.spec import model_agent
    from mirrormatch.cli.terminal.match_table import following
    from mirrormatch.cli.terminal.output import print_json
    from mirrormatch.cli.terminal.score_table import scores_json
    from mirrormatch.evals import benchmarks
    from mirrormatch.evals.transfer import run_transfer

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
    from mirrormatch.evals import benchmarks

    return [name for name in benchmarks.names() if benchmarks.get(name).extra is None]


def _show(transfer: "Transfer", options: Namespace) -> None:
    """A row for every figure; beside a task's accuracy what its commonest answer would have got."""
    from mirrormatch.cli.terminal.output import console, table
    from mirrormatch.evals.wording import format_interval, format_value, score_label

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
