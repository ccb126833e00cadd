"""A collapsing run is detected, and the alarm names the collapse."""

from collections.abc import Sequence

import pytest

from mirrormatch.training.alarms import NUM_FIRST, NUM_LASTING, Alarms
from mirrormatch.training.config import AlarmSettings

HEALTHY = {"reply_tokens": 20.0, "illegal": 0.1, "truncated": 0.0, "repeated": 0.02, "entropy": 0.4}
RINGING = [  # limits: 0.3 of the first length, half of the replies, half of the tokens, 0.01 nats
    ({"reply_tokens": 5.9}, "shrinking"),
    ({"illegal": 0.51}, "illegal"),
    ({"illegal": 0.3, "truncated": 0.3}, "illegal"),
    ({"repeated": 0.6}, "repeating"),
    ({"entropy": 0.009}, "frozen"),
]


def after(steps: Sequence[dict[str, float]], stop: bool = False) -> tuple[list[str], str | None]:
    """The alarms that ring after the last step, and the lasting one."""
    alarms = Alarms(AlarmSettings(stop=stop))
    ringing: list[str] = []
    for step in steps:
        ringing = alarms.check(HEALTHY | step)
    return ringing, alarms.lasting_alarm()


def test_a_healthy_run_is_left_alone() -> None:
    assert after([{}] * 50, stop=True) == ([], None)


@pytest.mark.parametrize(("step", "name"), RINGING)
def test_an_alarm_rings_at_the_first_bad_step(step: dict[str, float], name: str) -> None:
    assert after([{}] * NUM_FIRST + [step])[0] == [name]


@pytest.mark.parametrize(
    "step",
    [{"reply_tokens": 6.1}, {"illegal": 0.5}, {"repeated": 0.5}, {"entropy": 0.01}],
    ids=str,
)
def test_an_alarm_is_silent_at_its_limit(step: dict[str, float]) -> None:
    assert after([{}] * NUM_FIRST + [step])[0] == []


def test_what_is_normal_is_told_by_the_first_steps_alone() -> None:
    """The mean of 10, 20, 30, 40, 50 is 30, and 0.3 of it 9."""
    first = [{"reply_tokens": float(n)} for n in (10, 20, 30, 40, 50)]
    slowly = [{"reply_tokens": float(n)} for n in range(50, 8, -1)]
    assert after(first + slowly[:-1])[0] == []
    assert after([*first, *slowly, {"reply_tokens": 8.9}])[0] == ["shrinking"]


def test_an_alarm_stops_ringing_when_the_run_recovers() -> None:
    assert after([{}] * NUM_FIRST + [{"illegal": 0.9}, {}])[0] == []


def test_a_step_without_an_entropy_is_not_frozen() -> None:
    alarms = Alarms(AlarmSettings())
    assert alarms.check({name: value for name, value in HEALTHY.items() if name != "entropy"}) == []


def test_a_step_without_a_reply_rings_nothing() -> None:
    assert Alarms(AlarmSettings()).check({"return/kuhn_poker/0": 1.0}) == []


@pytest.mark.parametrize(("step", "name"), RINGING)
def test_an_alarm_that_lasts_ends_the_run_by_name(step: dict[str, float], name: str) -> None:
    assert after([{}] * NUM_FIRST + [step] * NUM_LASTING, stop=True)[1] == name


def test_an_alarm_that_rang_once_less_ends_nothing() -> None:
    assert after([{}] * NUM_FIRST + [{"illegal": 0.9}] * (NUM_LASTING - 1), stop=True)[1] is None


def test_an_alarm_lasts_only_without_a_pause() -> None:
    bad = [{"illegal": 0.9}] * (NUM_LASTING - 1)
    assert after([*bad, {}, *bad], stop=True)[1] is None


def test_without_being_asked_for_no_alarm_ends_a_run() -> None:
    assert after([{"illegal": 0.9}] * 50, stop=False)[1] is None


def test_a_run_that_was_read_again_goes_on_as_it_was() -> None:
    """Checks the earlier steps again, as a resumed run does."""
    steps = [{"reply_tokens": float(n)} for n in (10, 20, 30, 40, 50, 8, 8, 8)]
    assert after([*steps, {"reply_tokens": 8.0}, {"reply_tokens": 8.0}], stop=True)[1] == "shrinking"
    assert after([{"reply_tokens": 8.0}] * 2, stop=True)[1] is None
