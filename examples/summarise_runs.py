"""The effect of self-play over the seeds of one setting: `python examples/summarise_runs.py runs/seed-*`.

Reads finished run folders and prints, as Markdown, each seed's figures before and after, and the mean change with its
95 % interval over the seeds (Student's t). The return against `random` in Kuhn poker is computed exactly from the
measured policy, without playing.
"""

import argparse
import json
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from mirrormatch import games
from mirrormatch.evals.measurement import Measurement
from mirrormatch.evals.statistics import over_seeds
from mirrormatch.games import CHANCE, OVER
from mirrormatch.games.theory.information_states import information_states

GAME = games.get("kuhn_poker")


class Change(NamedTuple):
    """One figure of one seed."""

    before: float
    after: float


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    runs: list[Path] = sorted(parser.parse_args().runs)
    changes = [read_changes(run) for run in runs]
    names = list(changes[0])
    print("| seed | " + " | ".join(names) + " | exploitability on the way |")
    print("|---|" + "---:|" * len(names) + "---|")
    for run, found in zip(runs, changes, strict=True):
        cells = (f"{c.before:.3f} -> {c.after:.3f}" for c in found.values())
        print(f"| {read_seed(run)} | {' | '.join(cells)} | {format_training_curve(run)} |")
    print("| change | " + " | ".join(format_mean_change([c[n] for c in changes]) for n in names) + " | |")


def read_changes(run: Path) -> dict[str, Change]:
    """Reads the figures of one run, before and after."""
    before, after = (
        Measurement.model_validate_json((run / "measures" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("before", "after")
    )
    exploitability, accuracy = (
        Change(score_value(before, name), score_value(after, name))
        for name in ("exploitability/kuhn_poker", "accuracy/overall")
    )
    return {
        "exploitability": exploitability,
        "return against random": Change(return_against_random(before), return_against_random(after)),
        "transfer accuracy": accuracy,
    }


def score_value(measurement: Measurement, name: str) -> float:
    """The value of the score with that name."""
    return next(score.value for score in measurement.scores if score.name == name)


def return_against_random(measurement: Measurement) -> float:
    """The expected return of the measured policy against uniform play, mean over both seats."""
    states = measurement.policies[0].states
    policy = {info_set.view: state.moves for info_set, state in zip(information_states(GAME), states, strict=True)}

    def value(state: Any, seat: int) -> float:
        role = GAME.to_act(state)
        if role == OVER:
            return GAME.returns(state)[seat]
        if role == CHANCE:
            return sum(p * value(GAME.apply(state, a), seat) for a, p in GAME.chance(state))
        legal = GAME.legal(state)
        moves = policy[GAME.view(state, role)] if role == seat else {a: 1 / len(legal) for a in legal}
        return sum(p * value(GAME.apply(state, a), seat) for a, p in moves.items())

    return fmean(value(GAME.start(), seat) for seat in (0, 1))


def format_training_curve(run: Path) -> str:
    """The exploitabilities measured during training, in one line."""
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    found = (json.loads(line).get("exploitability/kuhn_poker") for line in lines)
    return " ".join(f"{value:.2f}" for value in found if value is not None)


def read_seed(run: Path) -> int:
    """Reads the seed of a run."""
    return int(json.loads((run / "config.json").read_text(encoding="utf-8"))["seed"])


def format_mean_change(changes: list[Change]) -> str:
    """The mean of after - before with its interval."""
    deltas = [c.after - c.before for c in changes]
    if len(deltas) < 2:
        return f"{deltas[0]:+.3f}"
    score = over_seeds("change", deltas, unit="", better=None)
    return f"{score.value:+.3f} [{score.low:+.3f}, {score.high:+.3f}]"


if __name__ == "__main__":
    main()
