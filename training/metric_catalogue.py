"""The catalogue of a run's metrics: one row for every name that a step logs, from which docs/metrics.md is generated.

It computes nothing: metrics.py, figure_sums.py and the objectives do. `find_metric` gives the row of a logged name.
"""

import functools
import re
from typing import NamedTuple

_PLACES = {"GAME": r".+", "PART": r"[^/]+", "ROLE": r"\d+", "TERM": r"[^/]+"}  # games' names may hold a slash
_PLACE = re.compile("|".join(_PLACES))


class Metric(NamedTuple):
    """One metric, or a family of them.

    Attributes:
        patterns: its names, with GAME, PART, ROLE and TERM in place of what differs.
        formula: the computation.
        unit: the unit; "-" for none.
        good: "higher", "lower", a value, or "-" where neither direction is good in itself.
        smell: the look of it when something is wrong.
        section: the section of the documentation.
    """

    patterns: tuple[str, ...]
    formula: str
    unit: str
    good: str
    smell: str
    section: str


PLAY, CREDIT, LEARNING, TIME = "Play", "Credit", "Learning", "Time and memory"
SECTIONS = {
    PLAY: "Over all of the learners' seats and, with `/GAME/PART` after the name, over one part of one game.",
    CREDIT: "Over all replies of the learners and, with `/GAME/PART` after the name, over one part of one game.",
    LEARNING: "Means over the tokens that the policy sampled itself, over all parts of all updates of the step; "
    "prompts and other players' words are masked. The figures of a learner other than the main one have its name in "
    "front (`solver/kl`).",
    TIME: "",
}


def _with_parts(name: str) -> tuple[str, str]:
    return name, f"{name}/GAME/PART"


CATALOGUE = (
    Metric(
        ("return/GAME/ROLE",),
        "mean of the role's returns over the step's episodes",
        "the game's own", "-",
        "In self-play the roles of a zero-sum game mirror each other: it shows which seat the policy favours, "
        "**never** how strong it is. One that runs away to a bound: one seat has given up.",
        PLAY,
    ),
    Metric(
        ("win/GAME/ROLE", "draw/GAME/ROLE", "loss/GAME/ROLE"),
        "share of the episodes with that outcome for the role",
        "share", "-",
        "As above (alarm `seat`). `draw` near 1 in a game that isn't drawn: both have stopped trying (alarm `draws`).",
        PLAY,
    ),
    Metric(
        ("part_return/GAME/PART",),
        "mean return of the seats that were dealt the part; equal to `return` where parts are not dealt",
        "the game's own", "-",
        "A hidden role far below the others (a spy that is always found): its seat's mean hides it.",
        PLAY,
    ),
    Metric(
        _with_parts("illegal"),
        "replies with a problem other than truncation / replies",
        "share", "lower",
        "A rise of a few points after a good start (alarm `illegal`): the policy has left the language that it was "
        "taught (too little KL, too high a rate).",
        PLAY,
    ),
    Metric(
        _with_parts("truncated"),
        "replies cut off before an answer / replies",
        "share", "lower",
        "Rises with `reply_tokens` (alarm `growing`): raise `play.max_tokens`, or the policy babbles.",
        PLAY,
    ),
    Metric(
        _with_parts("reply_tokens"),
        "mean number of sampled tokens of a reply, the end token counted",
        "tokens", "-",
        "Falls to a fraction: reasoning collapses (alarm `shrinking`). Creeps towards `play.max_tokens`: length is "
        "being rewarded.",
        PLAY,
    ),
    Metric(
        _with_parts("repeated"),
        "mean over replies of the share of tokens that equal the one before",
        "share", "lower",
        "Above a few per cent: the echo trap, \"!!!!!\" (alarm `repeating`).",
        PLAY,
    ),
    Metric(
        ("distinct_replies",),
        "different replies / replies",
        "share", "-",
        "Falls while `entropy` stays: one template for every prompt. Small games have few different replies to begin "
        "with.",
        PLAY,
    ),
    Metric(
        _with_parts("shared_replies"),
        "pairs of equal replies to different prompts / pairs of different prompts; absent with a single prompt",
        "share",
        "-",
        "Towards 1 (alarm `template`): the same answer to every question, however the state. High from the start where "
        "replies are bare moves, of which a game has few.",
        PLAY,
    ),
    Metric(
        ("turns/GAME/PART",),
        "mean number of the part's replies in an episode, retries counted",
        "replies", "-",
        "Falls to the least that the game allows: a seat gives up, or forfeits, at once.",
        PLAY,
    ),
    Metric(
        (*_with_parts("forfeit_own"), *_with_parts("forfeit_other")),
        "share of the seats that forfeited, or whose episode another seat forfeited",
        "share", "lower",
        "`forfeit_other` high: much of the reward is a windfall (`play.forfeits = \"own\"` leaves it out).",
        PLAY,
    ),
    Metric(
        _with_parts("forfeit_wins"),
        "wins in an episode that another seat forfeited / wins; absent without a win",
        "share", "lower",
        "Above a half (alarm `windfalls`): returns measure the form of the others' answers.",
        PLAY,
    ),
    Metric(
        ("baseline/GAME/PART", "baseline/all"),
        "exponential moving average of the part's rewards, decay `estimator.decay`, after the step; `baseline/all` "
        "with the global estimator; absent with estimators without one",
        "the reward's", "-",
        "Far from the mean of `return` for long (alarm `baseline`): the decay is too slow. With the reward `outcome` "
        "it counts +1, 0, -1 and isn't comparable with `return`.",
        CREDIT,
    ),
    Metric(
        ("reward",),
        "mean over trajectories of the sum of their replies' rewards",
        "the reward's", "-",
        "In self-play of a zero-sum game it is 0; off 0 where forfeits or unequal numbers of trajectories leave out a "
        "side.",
        CREDIT,
    ),
    Metric(
        ("reward/TERM",),
        "what a term of the reward added to a trajectory, penalties included, on average",
        "the reward's", "-",
        "A term that outweighs the game's own: the policy learns the term.",
        CREDIT,
    ),
    Metric(
        _with_parts("advantage_mean"),
        "mean of the advantages",
        "the reward's", "0",
        "Off 0 by as much as `advantage_std` for long (alarm `baseline`): every reply of the part is pushed the same "
        "way.",
        CREDIT,
    ),
    Metric(
        _with_parts("advantage_std"),
        "standard deviation of the advantages",
        "the reward's", "-",
        "Towards 0: the gradient is gone. One game's far above another's: it owns the gradient (reward `scaled`).",
        CREDIT,
    ),
    Metric(
        _with_parts("zero_advantage"),
        "share of replies whose advantage is below 1e-6",
        "share", "lower",
        "High with `group`: most groups end alike and teach nothing.",
        CREDIT,
    ),
    Metric(
        ("sample_age",),
        "mean over trajectories of the updates that the learners have made since it was played",
        "steps", "lower",
        "Above 0 only where experience is kept: old samples need the clip.",
        CREDIT,
    ),
    Metric(
        ("rows_per_trajectory",),
        "rows of tokens that are trained / trajectories",
        "rows", "1",
        "More with `history = \"full\"`: a later prompt doesn't begin with the earlier prompt and reply "
        "(`keep_thoughts = false` does that), and its tokens are computed again. A retry is a row of its own. With "
        "`history = \"state\"` it is the mean number of replies of a role.",
        CREDIT,
    ),
    Metric(
        ("loss",),
        "what the optimizer saw: the weighted sum of the objective's terms, mean over the step's updates",
        "-", "-",
        "Has no level of its own; only NaN and jumps mean something.",
        LEARNING,
    ),
    Metric(
        ("grad_norm",),
        "norm of the gradient before it is shortened to `learn.max_grad_norm`, or to `learn.max_grad_growth` times its "
        "running mean",
        "-", "-",
        "Always above the limit: the rate is really smaller than it says. 0: nothing is learned (alarm "
        "`no_gradient`). A jump: alarm `spike`.",
        LEARNING,
    ),
    Metric(
        ("update_share",),
        "norm of an update / norm of the adapter's weights before it, mean over the step's updates",
        "share", "-",
        "Usually 1e-4 to 1e-2. Far above: the rate is too high. Far below: nothing moves.",
        LEARNING,
    ),
    Metric(
        ("kl",),
        "mean of `exp(d) - d - 1`, d = reference's log-prob - policy's (k3, Schulman 2020); absent without "
        "`[objective.kl]`",
        "nats per token", "lower",
        "Grows without end: the policy leaves its reference. Steps upwards together with `illegal`: lower the rate.",
        LEARNING,
    ),
    Metric(
        ("kl_base",),
        "the same against the base model, before the step's first update, on its first 32 samples; every "
        "`measure.drift_every` steps, with or without a KL term",
        "nats per token", "-",
        "The drift of the whole run. A jump: a bad update. Without a KL term it grows; together with `illegal` it is a "
        "collapse.",
        LEARNING,
    ),
    Metric(
        ("entropy", "entropy/GAME"),
        "mean of the entropy of the next-token distribution at `play.temperature`",
        "nats per token", "-",
        "Towards 0: play is frozen and nothing new is tried (alarm `frozen`). A steep rise: the language dissolves.",
        LEARNING,
    ),
    Metric(
        ("clipped", "clipped_low", "clipped_high"),
        "share of tokens whose probability ratio the clip holds back: both sides, below and above",
        "share", "lower",
        "With one update per step it is 0; anything else says that sampler and trainer disagree.",
        LEARNING,
    ),
    Metric(
        ("nll",),
        "mean of minus the policy's log-prob; with `[objective.nll]`",
        "nats per token", "lower",
        "Near 0: nothing is left to imitate.",
        LEARNING,
    ),
    Metric(
        ("ratio",),
        "mean of `exp(trainer's log-prob - sampler's)` over the step's first update",
        "-", "1",
        "Off 1 by more than rounding (alarm `mismatch`): trained on other tokens, weights or temperature than were "
        "sampled.",
        LEARNING,
    ),
    Metric(
        ("ratio_max",),
        "greatest of these",
        "-", "1",
        "As `logp_gap`: one token that the sampler thought impossible. `objective.clipped.dual_clip` bounds its "
        "effect.",
        LEARNING,
    ),
    Metric(
        ("effective_share",),
        "effective sample size / tokens: `(sum of ratios)^2 / (tokens x sum of their squares)`",
        "share", "1",
        "Below a half: a few tokens own the update; fewer epochs, or younger samples.",
        LEARNING,
    ),
    Metric(
        ("logp_gap",),
        "greatest absolute difference of the two log-probs in the step's first update",
        "nats", "lower",
        "About 1e-5 in fp32, up to 0.1 in bf16. More (alarm `mismatch`): an old adapter still serves.",
        LEARNING,
    ),
    Metric(
        ("logp_gap_p99",),
        "the absolute difference that 99 % of its tokens don't exceed",
        "nats",
        "lower",
        "Near `logp_gap`: all tokens are off, not a few. An old adapter, or another temperature or template.",
        LEARNING,
    ),
    Metric(
        ("learner_tokens",),
        "tokens that pass through the model in the step's updates, padding included, without reference policies",
        "tokens", "lower",
        "-",
        LEARNING,
    ),
    Metric(
        ("read_share",),
        "`learner_tokens` / the tokens of the samples, each read alone",
        "share", "lower",
        "Near 1: nothing is shared (a model that can't read trees, prompts that differ at their start).",
        LEARNING,
    ),
    Metric(
        ("real_tokens",),
        "tokens that are no padding / `learner_tokens`",
        "share", "higher",
        "Below 0.95: few long samples; raise `learn.part_tokens`.",
        LEARNING,
    ),
    Metric(
        ("parts",),
        "number of parts in which the updates passed through the model",
        "parts", "-",
        "-",
        LEARNING,
    ),
    Metric(
        ("time/play_s",),
        "wall-clock time of playing and preparing the rows",
        "s", "lower",
        "-",
        TIME,
    ),
    Metric(
        ("time/learn_s",),
        "wall-clock time of the loss, the update and the rest of the step",
        "s", "lower",
        "Grows from step to step: something is kept that shouldn't be.",
        TIME,
    ),
    Metric(
        ("time/play_share",),
        "`play_s / (play_s + learn_s)`",
        "share", "-",
        "Near 1: generation is the bottleneck (batch more games); near 0: learning is (`threads`, `learn.epochs`).",
        TIME,
    ),
    Metric(
        ("time/sync_s",),
        "the part of the step in which adapters are written and loaded, and the engine wakes or goes to sleep",
        "s",
        "lower",
        "A large part of `play_s`: more episodes a step, or `[machine] mode = \"split\"`.",
        TIME,
    ),
    Metric(
        ("tokens_per_s",),
        "sampled tokens that are trained on / `time/play_s`",
        "tokens per second", "higher",
        "Falls while replies get longer: stragglers hold the batch.",
        TIME,
    ),
    Metric(
        ("learner_tokens_per_s",),
        "`learner_tokens` / `time/learn_s`",
        "tokens per second", "higher",
        "Low beside the rate that `--plan` measured: small parts, or reference policies.",
        TIME,
    ),
    Metric(
        ("gpu_peak_gb",),
        "greatest memory that torch held for tensors during the step's updates; on a GPU only",
        "GiB", "lower",
        "Near the GPU's size: a longer reply ends the run; lower `learn.part_tokens`.",
        TIME,
    ),
)  # fmt: skip


def find_metric(name: str) -> Metric | None:
    """The catalogue's row of a logged name; None if there is none.

    A name with a learner's in front has the row of the rest.
    """
    for metric in CATALOGUE:
        if any(_expression(pattern).fullmatch(name) for pattern in metric.patterns):
            return metric
    learner, _, rest = name.partition("/")
    found = find_metric(rest) if learner and rest else None
    return found if found is not None and found.section == LEARNING else None


@functools.cache
def _expression(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern."""
    return re.compile(_PLACE.sub(lambda match: _PLACES[match[0]], pattern))
