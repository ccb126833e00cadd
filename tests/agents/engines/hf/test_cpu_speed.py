"""The transformers engine chooses number type and threads by timing, and the user's settings come first."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.agents.engines.architectures import ARCHITECTURES, build_model
from tests.agents.engines.tiny_model import save_model

from mirrormatch.agents.engines import hf
from mirrormatch.agents.engines.hf import TransformersEngine, cpu_speed, load_base
from mirrormatch.agents.engines.hf.cpu_speed import Choice, NumberType, PartTimer, Timing, choose_fastest, choose_for
from mirrormatch.agents.models import NANO_PATH

Seconds = dict[tuple[NumberType, int], float]
FAST_BF16: Seconds = {("float32", 1): 3.0, ("float32", 2): 4.0, ("bfloat16", 1): 1.0, ("bfloat16", 2): 1.5}
SLOW_BF16: Seconds = {("float32", 1): 3.0, ("float32", 2): 4.0, ("bfloat16", 1): 9.0, ("bfloat16", 2): 9.5}
IDLE_CORES: Seconds = {("float32", 1): 4.0, ("float32", 2): 2.0, ("bfloat16", 1): 8.0}


class FakeTimer:
    """A timer with given seconds. Records the candidates that it is asked for."""

    def __init__(self, seconds: Seconds) -> None:
        self._seconds = seconds
        self.timed: list[tuple[NumberType, int]] = []

    def __call__(self, dtype: NumberType, threads: int) -> float:
        self.timed.append((dtype, threads))
        return self._seconds[dtype, threads]


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes every model large enough to be timed, on a machine with two cores and no OMP_NUM_THREADS."""
    monkeypatch.setattr(cpu_speed, "TINY_PARAMETERS", 0)
    monkeypatch.setattr(cpu_speed, "thread_candidates", lambda: [1, 2])
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def set_timer(monkeypatch: pytest.MonkeyPatch, seconds: Seconds) -> FakeTimer:
    timer = FakeTimer(seconds)
    monkeypatch.setattr(cpu_speed, "PartTimer", lambda config: timer)
    return timer


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(FAST_BF16, ("bfloat16", 1)), (SLOW_BF16, ("float32", 1)), (IDLE_CORES, ("float32", 2))],
    ids=["bf16 is faster", "bf16 is slower", "two threads are faster"],
)
def test_the_fastest_candidate_is_chosen(seconds: Seconds, expected: tuple[NumberType, int]) -> None:
    choice = choose_fastest(FakeTimer(seconds), ["float32", "bfloat16"], [1, 2])
    assert (choice.dtype, choice.threads) == expected
    assert Timing("float32", 1, seconds["float32", 1]) in choice.timings


def test_bf16_is_not_worth_a_gain_within_the_noise() -> None:
    seconds: Seconds = {("float32", 1): 1.0, ("bfloat16", 1): 0.95}
    assert choose_fastest(FakeTimer(seconds), ["float32", "bfloat16"], [1]).dtype == "float32"


def test_no_more_threads_are_timed_after_a_number_that_did_not_help() -> None:
    timer = FakeTimer({("float32", 1): 1.0, ("float32", 2): 3.0})
    assert choose_fastest(timer, ["float32"], [1, 2, 4, 8]).threads == 1
    assert timer.timed == [("float32", 1), ("float32", 2)]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(("seconds", "expected"), [(FAST_BF16, torch.bfloat16), (SLOW_BF16, torch.float32)])
def test_the_engine_computes_as_the_timer_says(
    seconds: Seconds, expected: torch.dtype, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_timer(monkeypatch, seconds)
    engine = TransformersEngine(str(tiny))
    assert {p.dtype for p in engine.model.parameters()} == {expected}
    assert (engine.choice.threads, torch.get_num_threads()) == (1, 1)


@pytest.mark.usefixtures("large")
def test_what_the_user_sets_is_not_timed(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timer = set_timer(monkeypatch, FAST_BF16)
    assert TransformersEngine(str(tiny), dtype="float32", threads=2).choice == Choice("float32", 2)
    assert timer.timed == []


@pytest.mark.usefixtures("large")
def test_a_setting_leaves_the_other_one_to_the_timer(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_timer(monkeypatch, FAST_BF16 | {("float32", 2): 2.0})
    by_dtype, by_threads = TransformersEngine(str(tiny), dtype="float32"), TransformersEngine(str(tiny), threads=2)
    assert by_dtype.choice[:2] == ("float32", 2)
    assert by_threads.choice[:2] == ("bfloat16", 2)


@pytest.mark.usefixtures("large")
def test_a_pinned_engine_computes_as_it_was_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timer, path = set_timer(monkeypatch, FAST_BF16), str(save_model(tmp_path))
    hf.pin(path, "float32", 2)
    assert TransformersEngine(path).choice == Choice("float32", 2)
    assert TransformersEngine(path, dtype="bfloat16").choice == Choice("bfloat16", 2), "the settings come first"
    assert timer.timed == []


def test_a_tiny_model_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    timer = set_timer(monkeypatch, FAST_BF16)
    assert TransformersEngine(str(NANO_PATH)).choice == Choice("float32", 1)
    assert timer.timed == []


@pytest.mark.usefixtures("large")
def test_two_engines_of_one_process_each_compute_with_their_own_threads(tiny: Path) -> None:
    first = TransformersEngine(str(tiny), dtype="float32", threads=1)
    second = TransformersEngine(str(tiny), dtype="float32", threads=2)
    for engine in (first, second, first):
        with engine._activate(None):
            assert torch.get_num_threads() == engine.choice.threads


def test_weights_are_converted_as_transformers_converts_them_when_it_loads(tiny: Path) -> None:
    converted, loaded = load_base(str(tiny))[0], load_base(str(tiny), "bfloat16")[0]
    cpu_speed.convert_weights(converted)
    for (name, found), (_, expected) in zip(
        [*converted.named_parameters(), *converted.named_buffers()],
        [*loaded.named_parameters(), *loaded.named_buffers()],
        strict=True,
    ):
        assert found.dtype == expected.dtype, name
        assert torch.equal(found, expected), name


@pytest.mark.parametrize("kind", sorted(ARCHITECTURES))
def test_every_architecture_can_be_timed(kind: str) -> None:
    assert PartTimer(build_model(kind).config)("float32", 1) > 0


def test_a_model_that_cannot_be_timed_computes_in_float32(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(config: Any) -> FakeTimer:
        raise ValueError("no such architecture")

    monkeypatch.setattr(cpu_speed, "TINY_PARAMETERS", 0)
    monkeypatch.setattr(cpu_speed, "thread_candidates", lambda: [1, 2])
    assert choose_for(load_base(str(tiny))[0], None, None, fail) == Choice("float32", torch.get_num_threads())


def test_a_choice_reads_as_a_phrase() -> None:
    assert str(Choice("bfloat16", 1, (Timing("bfloat16", 1, 1.0),))) == "bfloat16, 1 thread, measured"
    assert str(Choice("float32", 2)) == "float32, 2 threads"
