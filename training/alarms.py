"""Detects a collapsing run from its metrics: dead gradients, repetition, lost moves, idle seats.

Known collapses of self-play: reasoning that falls from thousands of characters to none, "!!!!!" without end, the same
answer to every question. A base model begins with long, illegal replies and gets better, so most alarms need a
*worsening*: the mean of the last `WINDOW` steps is compared with the best such mean of the run so far, game by game,
after a warm-up. Only states that no healthy run reaches end a run unless the settings name others.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple, TypeAlias

from mirrormatch.training.alarm_settings import AlarmName, AlarmSettings

WINDOW = 5  # steps of a mean
NUM_LASTING = 5  # steps in a row after which an alarm counts as lasting
ZERO_GRADIENT = 1e-12  # norms of real gradients are 1e-5 and more
RISE = 0.1  # of a share over its lowest mean: more than noise
SEAT_RISE = 0.2  # likewise, of shares of wins and draws, which vary more
GAP_RISE = 5.0  # of the log-prob gap over its lowest mean, as a factor
BASELINE_RISE = 0.5
ALL = 1 - 1e-6  # of the replies: the share is a rounded sum
FEW_TRUNCATED = 0.1  # replies that were cut off set no reply length to compare with
_LEAST_STD = 1e-6
_RUN = ""  # in place of a game, for what concerns the whole run


class Series:
    """One figure over the steps in which it was logged; its means are NaN until there are `WINDOW` values.

    Attributes:
        num: number of values.
        now: the newest value.
        mean: mean of the last `WINDOW` values.
        before: the same without the newest value, one step earlier.
        lowest: the run's lowest such mean.
        highest: the run's highest such mean.
    """

    def __init__(self) -> None:
        self.num = 0
        self.now = self.mean = self.before = self.lowest = self.highest = math.nan
        self._last: deque[float] = deque(maxlen=WINDOW)

    def add(self, value: float) -> None:
        """Adds a step's value."""
        self.num += 1
        self.now = value
        self._last.append(value)
        if len(self._last) < WINDOW:
            return
        self.before, self.mean = self.mean, fmean(self._last)
        self.lowest = self.lowest if self.lowest < self.mean else self.mean  # the mean in place of NaN
        self.highest = self.highest if self.highest > self.mean else self.mean


class History:
    """All figures of one game, or of the whole run."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}

    def __getitem__(self, figure: str) -> Series:
        return self._series.setdefault(figure, Series())

    def add(self, figures: Mapping[str, float]) -> None:
        """Adds a step's figures; one that isn't finite has an alarm of its own."""
        for name, value in figures.items():
            if math.isfinite(value):
                self[name].add(value)


Condition: TypeAlias = Callable[[History, AlarmSettings], bool]


class Rule(NamedTuple):
    """One alarm.

    Attributes:
        name: its name.
        figure: the figure without which a step says nothing about it.
        is_per_game: whether it looks at each game alone.
        compares: whether it compares with earlier steps, and so waits for the warm-up.
        rings: the condition in words, for the documentation.
        meaning: what it usually means, as the end of "The alarm rings: ...".
        cure: what helps.
        condition: the condition.
    """

    name: AlarmName
    figure: str
    is_per_game: bool
    compares: bool
    rings: str
    meaning: str
    cure: str
    condition: Condition


def _is_repeating(seen: History, limits: AlarmSettings) -> bool:
    repeated = seen["repeated"]
    return repeated.now > max(limits.repeated, repeated.lowest + RISE)


def _is_shrinking(seen: History, limits: AlarmSettings) -> bool:
    return seen["reply_tokens"].mean < limits.shrink * seen["whole_reply_tokens"].highest


def _is_growing(seen: History, limits: AlarmSettings) -> bool:
    length, truncated = seen["reply_tokens"], seen["truncated"]
    return length.mean > limits.grow * length.lowest and truncated.mean > truncated.lowest + RISE


def _is_illegal(seen: History, limits: AlarmSettings) -> bool:
    share = seen["no_move"]
    return share.now >= ALL or (share.mean > limits.illegal and share.mean > share.lowest + RISE)


def _is_mute(seen: History, _: AlarmSettings) -> bool:
    return seen["no_move"].now >= ALL and seen["no_move"].lowest < 1 - RISE


def _is_frozen(seen: History, limits: AlarmSettings) -> bool:
    entropy = seen["entropy"]
    return entropy.now < min(limits.entropy, entropy.highest / 2)


def _has_template(seen: History, limits: AlarmSettings) -> bool:
    shared = seen["shared_replies"]
    return shared.mean > limits.template and shared.mean > shared.lowest + SEAT_RISE


def _has_spike(seen: History, limits: AlarmSettings) -> bool:
    return seen["grad_norm"].now > limits.spike * max(seen["grad_norm"].before, ZERO_GRADIENT)


def _is_mismatched(seen: History, limits: AlarmSettings) -> bool:
    gap = seen["logp_gap"]
    return abs(seen["ratio"].now - 1) > limits.ratio or gap.now > max(limits.gap, GAP_RISE * gap.lowest)


def _is_baseline_off(seen: History, limits: AlarmSettings) -> bool:
    off = seen["advantage_offset"]
    return off.mean > limits.baseline and off.mean > off.lowest + BASELINE_RISE


def _has_idle_seat(seen: History, limits: AlarmSettings) -> bool:
    gap = seen["win_gap"]
    return gap.mean > limits.seat and gap.mean > gap.lowest + SEAT_RISE


def _is_drawn(seen: History, limits: AlarmSettings) -> bool:
    draws = seen["draw"]
    return draws.mean > limits.draws and draws.mean > draws.lowest + SEAT_RISE


def _has_windfalls(seen: History, limits: AlarmSettings) -> bool:
    share = seen["forfeit_wins"]
    return share.mean > limits.windfalls and share.mean > share.lowest + RISE


RULES = (
    Rule(
        AlarmName.NOT_FINITE, "not_finite", False, False,
        "any figure of the step is NaN or infinite",
        "a figure is not finite",
        "The run computes nonsense: go back to an earlier adapter, with a lower learning rate.",
        lambda seen, _: seen["not_finite"].now > 0,
    ),
    Rule(
        AlarmName.NO_GRADIENT, "grad_norm", False, False,
        f"`grad_norm` < {ZERO_GRADIENT:g}",
        "the gradient is zero: nothing is learned",
        "All rewards are equal, or no reply has tokens: look at `zero_advantage` and at an episode.",
        lambda seen, _: seen["grad_norm"].now < ZERO_GRADIENT,
    ),
    Rule(
        AlarmName.REPEATING, "repeated", True, True,
        f"`repeated` > `alarms.repeated`, and {RISE:g} above its lowest mean",
        "replies repeat one token again and again",
        "The echo trap: more KL, a lower rate.",
        _is_repeating,
    ),
    Rule(
        AlarmName.MUTE, "no_move", False, True,
        f"`illegal + truncated` over all games is 1, and was below {1 - RISE:g} on a mean of {WINDOW} steps before",
        "no reply is a move any more",
        "Nothing can be won or learned: go back to an earlier adapter, with a lower learning rate or more KL.",
        _is_mute,
    ),
    Rule(
        AlarmName.SHRINKING, "reply_tokens", True, True,
        "mean of `reply_tokens` < `alarms.shrink` x its highest mean over steps with at most "
        f"{FEW_TRUNCATED:.0%} truncated replies",
        "replies have become much shorter than they were",
        "Reasoning is being unlearned: more KL, role baselines, a smaller rate. Harmless where a model only stopped to "
        "babble.",
        _is_shrinking,
    ),
    Rule(
        AlarmName.GROWING, "reply_tokens", True, True,
        f"mean of `reply_tokens` > `alarms.grow` x its lowest mean, and mean of `truncated` {RISE:g} above its lowest",
        "replies grow into the token budget and are cut off",
        "Length is rewarded, or the end of a reply is being unlearned: `norm = \"constant\"`, a penalty on truncation.",
        _is_growing,
    ),
    Rule(
        AlarmName.ILLEGAL, "no_move", True, True,
        f"mean of `illegal + truncated` > `alarms.illegal`, and {RISE:g} above its lowest mean; or no reply is a move",
        "more and more replies are no move",
        "The answers' form is being lost: more KL, a lower rate.",
        _is_illegal,
    ),
    Rule(
        AlarmName.FROZEN, "entropy", True, True,
        "`entropy` < `alarms.entropy`, and less than half of its highest mean",
        "the entropy is close to 0: one reply to every prompt",
        "The gradient fades with it: more KL, `[objective.entropy]`.",
        _is_frozen,
    ),
    Rule(
        AlarmName.TEMPLATE, "shared_replies", True, True,
        f"mean of `shared_replies` > `alarms.template`, and {SEAT_RISE:g} above its lowest mean",
        "different prompts get the same reply",
        "The prompt is no longer read: more KL, `[objective.entropy]`, role baselines.",
        _has_template,
    ),
    Rule(
        AlarmName.SPIKE, "grad_norm", False, True,
        f"`grad_norm` > `alarms.spike` x its mean over the {WINDOW} steps before",
        "the gradient is far longer than in the steps before",
        "One bad batch is bounded by `learn.max_grad_growth`. Again and again: a lower rate.",
        _has_spike,
    ),
    Rule(
        AlarmName.MISMATCH, "logp_gap", False, False,
        f"`ratio` differs from 1 by more than `alarms.ratio`; or `logp_gap` > `alarms.gap` and {GAP_RISE:g} x its "
        "lowest mean",
        "sampler and trainer disagree about the probabilities of the replies",
        "An old adapter serves, or another temperature, template or number type.",
        _is_mismatched,
    ),
    Rule(
        AlarmName.BASELINE, "advantage_offset", True, True,
        "mean of the greatest `abs(advantage_mean) / advantage_std` of a game's parts > `alarms.baseline`, and "
        f"{BASELINE_RISE:g} above its lowest; only where a baseline is logged",
        "a baseline is far from the rewards that it should follow",
        "`estimator.decay` is too slow, or the reward has changed.",
        _is_baseline_off,
    ),
    Rule(
        AlarmName.SEAT, "win_gap", True, True,
        f"mean difference of the highest and lowest `win` of a game's seats > `alarms.seat`, and {SEAT_RISE:g} above "
        "its lowest mean",
        "one seat wins nearly every episode: the other has given up",
        "Harmless in a game that its first player wins. Else: past opponents, role baselines.",
        _has_idle_seat,
    ),
    Rule(
        AlarmName.DRAWS, "draw", True, True,
        f"mean of `draw` > `alarms.draws`, and {SEAT_RISE:g} above its lowest mean",
        "nearly every episode is drawn",
        "Success in a game that is drawn under good play (tictactoe). Else nothing is decided any more.",
        _is_drawn,
    ),
    Rule(
        AlarmName.WINDFALLS, "forfeit_wins", True, True,
        f"mean of `forfeit_wins` > `alarms.windfalls`, and {RISE:g} above its lowest mean",
        "most wins are owed to another seat's forfeit",
        "The reward says little about play: `play.forfeits = \"own\"`, `[reward.penalties]`.",
        _has_windfalls,
    ),
)  # fmt: skip
MEANINGS: Mapping[str, str] = {rule.name: rule.meaning for rule in RULES}


class Alarms:
    """The alarms of one run, checked step by step.

    A ringing alarm is named `NAME`, or `NAME/GAME` where it concerns one game.
    """

    def __init__(self, settings: AlarmSettings) -> None:
        self._settings = settings
        self._histories: dict[str, History] = {}
        self._in_a_row: dict[str, int] = {}

    def check(self, metrics: Mapping[str, float]) -> list[str]:
        """Returns the names of the alarms that ring after this step."""
        ringing = []
        for game, figures in _group_figures(metrics).items():
            history = self._histories.setdefault(game, History())
            history.add(figures)
            for rule in RULES:
                if rule.is_per_game == (game != _RUN) and rule.figure in figures:
                    name = f"{rule.name}/{game}" if game else str(rule.name)
                    rings = self._is_ringing(rule, history)
                    self._in_a_row[name] = self._in_a_row.get(name, 0) + 1 if rings else 0
                    ringing += [name] if rings else []
        return ringing

    def lasting_alarm(self) -> str | None:
        """The name of an alarm that has rung for `NUM_LASTING` steps and that ends the run by the settings."""
        lasting = [name for name, steps in self._in_a_row.items() if steps >= NUM_LASTING]
        return next((name for name in lasting if name.partition("/")[0] in self._settings.stopping), None)

    def _is_ringing(self, rule: Rule, history: History) -> bool:
        is_warm = not rule.compares or history[rule.figure].num > self._settings.warm_up
        return is_warm and rule.condition(history, self._settings)


def _group_figures(metrics: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """A step's figures by game, the whole run's first: the mean over a game's parts, and what derives from them."""
    found = {_RUN: {name: value for name, value in metrics.items() if "/" not in name}}
    found[_RUN]["not_finite"] = float(not all(map(math.isfinite, metrics.values())))
    if "illegal" in metrics:
        found[_RUN]["no_move"] = metrics["illegal"] + metrics["truncated"]
    values: dict[str, dict[str, list[float]]] = {}
    for name, value in metrics.items():
        figure, _, rest = name.partition("/")
        if rest and figure in _OF_PARTS:
            values.setdefault(rest.rpartition("/")[0], {}).setdefault(figure, []).append(value)
    has_baseline = any(name.startswith("baseline/") for name in metrics)
    for game, figures in values.items():
        found[game] = dict(_derive_figures(figures, has_baseline))
        if (entropy := metrics.get(f"entropy/{game}")) is not None:
            found[game]["entropy"] = entropy
    return found


_OF_PARTS = (
    "reply_tokens", "illegal", "truncated", "repeated", "shared_replies", "win", "draw", "forfeit_wins",
    "advantage_mean", "advantage_std",
)  # fmt: skip


def _derive_figures(figures: Mapping[str, Sequence[float]], has_baseline: bool) -> Iterator[tuple[str, float]]:
    """A game's figures from those of its parts."""
    means = {name: fmean(values) for name, values in figures.items()}
    yield from means.items()
    if "win" in figures:
        yield "win_gap", max(figures["win"]) - min(figures["win"])
    if "illegal" in means:
        yield "no_move", means["illegal"] + means["truncated"]
        if means["truncated"] <= FEW_TRUNCATED:
            yield "whole_reply_tokens", means["reply_tokens"]
    if has_baseline and "advantage_std" in figures:
        pairs = zip(figures["advantage_mean"], figures["advantage_std"], strict=True)
        yield "advantage_offset", max(abs(mean) / max(std, _LEAST_STD) for mean, std in pairs)
