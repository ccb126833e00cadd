"""Every alarm rings for a synthetic collapse, and for none of the healthy curves."""

import math
from collections.abc import Iterator, Mapping, Sequence

import pytest

from mirrormatch.config_file import parse_settings
from mirrormatch.errors import UserError
from mirrormatch.training.alarm_settings import UNAMBIGUOUS, AlarmName, AlarmSettings
from mirrormatch.training.alarms import NUM_LASTING, RULES, Alarms

GAME = "kuhn_poker"
PARTS = ("first", "second")
HEALTHY = {
    "reply_tokens": 20.0, "illegal": 0.1, "truncated": 0.0, "repeated": 0.02, "shared_replies": 0.05,
    "forfeit_wins": 0.1, "advantage_mean": 0.01, "advantage_std": 1.0,
}  # fmt: skip
WHOLE = {"illegal": 0.1, "truncated": 0.0, "grad_norm": 0.02, "ratio": 1.0, "logp_gap": 1e-5, "reply_tokens": 20.0}
WARM = 12  # steps, longer than the warm-up
Curve = Sequence[Mapping[str, float]]


def make_step(values: Mapping[str, float], game: str = GAME) -> dict[str, float]:
    """A step's metrics: healthy but for the given figures, of which those of a part are the same in both."""
    step = WHOLE | {name: value for name, value in values.items() if name in WHOLE}
    step[f"entropy/{game}"] = values.get("entropy", 0.4)
    for seat, part in enumerate(PARTS):
        step |= {f"{name}/{game}/{part}": values.get(name, value) for name, value in HEALTHY.items()}
        step[f"baseline/{game}/{part}"] = 0.0
        step[f"win/{game}/{seat}"] = values.get(f"win/{seat}", 0.4)
        step[f"draw/{game}/{seat}"] = values.get("draw", 0.2)
    return step


def ring(curve: Curve, game: str = GAME, **settings: object) -> tuple[set[str], str | None]:
    """The alarms that ring at any step of a curve, and the one that ends it."""
    alarms = Alarms(AlarmSettings.model_validate(settings))
    rang = set[str]()
    for values in curve:
        rang |= set(alarms.check(make_step(values, game)))
    return rang, alarms.lasting_alarm()


def line(name: str, *values: float) -> list[dict[str, float]]:
    return [{name: value} for value in values]


def lead(start: float, end: float, steps: int) -> Iterator[float]:
    """Equal factors from one value to another."""
    return (start * (end / start) ** (k / (steps - 1)) for k in range(steps))


def learn_to_finish() -> list[dict[str, float]]:
    """A base model whose replies run into the budget at first: 2,600 tokens become 620, and the cut ones whole."""
    lengths = lead(2_600, 620, 40)
    return [{"reply_tokens": length, "truncated": max(0.02, 0.6 - 0.03 * k)} for k, length in enumerate(lengths)]


def together(*curves: Curve) -> list[dict[str, float]]:
    return [{name: value for step in steps for name, value in step.items()} for steps in zip(*curves, strict=True)]


COLLAPSES = {
    AlarmName.NOT_FINITE: line("ratio", math.nan),
    AlarmName.NO_GRADIENT: line("grad_norm", 0.0),
    AlarmName.REPEATING: line("repeated", *[0.02] * WARM, 0.6),
    AlarmName.MUTE: together(
        line("illegal", *[0.1] * WARM, 0.055555555), line("truncated", *[0.0] * WARM, 0.944444444)
    ),
    AlarmName.SHRINKING: line("reply_tokens", *lead(200, 10, 60)),
    AlarmName.GROWING: together(
        line("reply_tokens", *[20] * WARM, *lead(20, 96, 20)),
        line("truncated", *[0.0] * WARM, *lead(0.01, 0.24, 20)),
        line("illegal", *[0.0] * (WARM + 20)),
    ),
    AlarmName.ILLEGAL: line("illegal", *[0.02] * WARM, *lead(0.02, 0.4, 20)),
    AlarmName.FROZEN: line("entropy", *lead(0.4, 0.004, 40)),
    AlarmName.TEMPLATE: line("shared_replies", *[0.05] * WARM, *lead(0.05, 1, 20), *[1.0] * 5),
    AlarmName.SPIKE: line("grad_norm", *[0.02] * WARM, 0.5),
    AlarmName.MISMATCH: line("logp_gap", *[1e-5] * WARM, 3.0),
    AlarmName.BASELINE: together(
        line("advantage_mean", *[0.0] * WARM, *[1.5] * 5), line("advantage_std", *[1.0] * (WARM + 5))
    ),
    AlarmName.SEAT: together(
        line("win/0", *[0.5] * WARM, *lead(0.5, 1, 10), *[1.0] * 5), line("win/1", *[0.4] * WARM, *[0.0] * 15)
    ),
    AlarmName.DRAWS: line("draw", *[0.2] * WARM, *lead(0.2, 1, 10), *[1.0] * 5),
    AlarmName.WINDFALLS: line("forfeit_wins", *[0.1] * WARM, *lead(0.1, 0.9, 20)),
}
HEALTHY_CURVES = {
    "nothing changes": [{}] * 60,
    "a base model learns to finish": learn_to_finish(),
    "the illegal share falls": line("illegal", 0.62, 0.60, 0.57, 0.54, 0.51, *lead(0.5, 0.05, 40)),
    "the illegal share varies": line("illegal", *[0.2, 0.27, 0.18, 0.24] * 15),
    "reasoning gets longer": line("reply_tokens", *lead(100, 900, 60)),
    "entropy falls by half": line("entropy", *lead(0.8, 0.3, 60)),
    "a low entropy stays": line("entropy", *[0.008] * 60),
    "gradients vary": line("grad_norm", *[0.003, 0.03, 0.01, 0.06] * 15),
    "half precision": together(
        line("logp_gap", *[0.1, 0.3, 0.2, 0.4] * 15), line("ratio", *[1.01, 0.98, 1.0, 1.03] * 15)
    ),
    "forfeits become rare": line("forfeit_wins", *lead(0.9, 0.1, 60)),
    "a game is drawn more often": line("draw", *lead(0.2, 0.8, 60)),
    "the first player is better": line("win/0", *lead(0.4, 0.8, 60)),
    "a game that the first player wins from the start": together(
        line("win/0", *[1.0] * 60), line("win/1", *[0.0] * 60)
    ),
    "replies that are bare moves": line("shared_replies", *[0.85, 0.95, 0.9] * 20),
    "doubled letters": line("repeated", *[0.05, 0.12, 0.08, 0.1] * 15),
    "advantages vary": line("advantage_mean", *[0.4, -0.5, 0.2, -0.1] * 15),
}


@pytest.mark.parametrize("name", AlarmName)
def test_a_collapse_rings_its_alarm_alone(name: AlarmName) -> None:
    (rule,) = (rule for rule in RULES if rule.name == name)
    also = {"illegal/kuhn_poker"} if name == AlarmName.MUTE else set()  # it is the end of the same fall
    assert ring(COLLAPSES[name])[0] == {f"{name}/{GAME}" if rule.is_per_game else name} | also


@pytest.mark.parametrize("curve", HEALTHY_CURVES.values(), ids=HEALTHY_CURVES)
def test_a_healthy_curve_rings_nothing(curve: Curve) -> None:
    assert ring(curve, stop=[*AlarmName]) == (set(), None)


def test_replies_that_shorten_without_a_cut_one_ring_but_end_nothing() -> None:
    rang, ended = ring(line("reply_tokens", *lead(2_600, 620, 40)), stop=True)
    assert (rang, ended) == ({f"shrinking/{GAME}"}, None)


def test_another_probability_ratio_rings_at_the_first_step() -> None:
    assert ring(line("ratio", 0.85))[0] == {"mismatch"}


def test_a_model_that_never_makes_a_move_rings_after_the_warm_up() -> None:
    assert ring(line("illegal", *[1.0] * 10))[0] == set()
    assert ring(line("illegal", *[1.0] * 11))[0] == {f"illegal/{GAME}"}


def test_a_model_that_learns_its_first_move_is_not_mute() -> None:
    rang, ended = ring(line("illegal", *[1.0] * 20, 0.99, *lead(0.99, 0.1, 20)), stop=True)
    assert (rang, ended) == ({f"illegal/{GAME}"}, None)


def test_an_alarm_that_compares_is_silent_during_the_warm_up() -> None:
    curve = line("repeated", *[0.02] * 5, 0.9)
    assert ring(curve)[0] == set()
    assert ring(curve, warm_up=5)[0] == {f"repeating/{GAME}"}


def test_one_game_of_several_rings_by_its_name() -> None:
    alarms = Alarms(AlarmSettings())
    for share in (0.02,) * WARM + (0.9,) * 5:
        ringing = alarms.check(make_step({}, "openspiel/chess") | make_step({"illegal": share}, "nim"))
    assert ringing == ["illegal/nim"]


@pytest.mark.parametrize("name", AlarmName)
def test_without_being_asked_for_no_alarm_ends_a_run(name: AlarmName) -> None:
    lasting = [*COLLAPSES[name], *[COLLAPSES[name][-1]] * NUM_LASTING]
    assert ring(lasting)[1] is None


@pytest.mark.parametrize("name", [*UNAMBIGUOUS, AlarmName.FROZEN])
def test_only_an_unambiguous_state_ends_a_run_unless_others_are_named(name: AlarmName) -> None:
    lasting = [*COLLAPSES[name], *[COLLAPSES[name][-1]] * NUM_LASTING]
    (rule,) = (rule for rule in RULES if rule.name == name)
    full = f"{name}/{GAME}" if rule.is_per_game else name
    assert ring(lasting, stop=True)[1] == (full if name in UNAMBIGUOUS else None)
    assert ring(lasting, stop=[name])[1] == full


def test_an_alarm_lasts_only_without_a_pause() -> None:
    dead = line("grad_norm", *[0.0] * (NUM_LASTING - 1))
    assert ring([*dead, {}, *dead], stop=True)[1] is None
    assert ring([*dead, dead[0]], stop=True)[1] == "no_gradient"


def test_an_alarm_stops_ringing_when_the_run_recovers() -> None:
    alarms = Alarms(AlarmSettings())
    rang = [alarms.check(make_step(step)) for step in [*COLLAPSES[AlarmName.REPEATING], {}]]
    assert rang[-2:] == [[f"repeating/{GAME}"], []]


def test_a_step_without_a_reply_rings_nothing() -> None:
    assert Alarms(AlarmSettings()).check({f"return/{GAME}/0": 1.0}) == []


def test_an_unknown_alarm_is_refused_and_one_name_is_enough() -> None:
    assert AlarmSettings.model_validate({"stop": "illegal"}).stopping == (AlarmName.ILLEGAL,)
    with pytest.raises(UserError, match="stop"):
        parse_settings({"stop": ["shrinkin"]}, AlarmSettings, "test")
