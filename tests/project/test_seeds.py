"""Seeds derive from other seeds, identically on every machine."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrormatch.seeds import SEED_BITS, derive

PURPOSES = st.lists(st.integers() | st.text(max_size=5), max_size=3).map(tuple)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((0,), 7210762507766007076), ((7, "train", 3, 12), 5139989390659259102), ((7, "chance"), 7906457603444534796)],
)
def test_a_seed_is_the_same_for_ever(arguments: tuple[int, ...], expected: int) -> None:
    """The first 63 bits of the 8-byte BLAKE2b digest of the arguments' `repr` as a tuple."""
    assert derive(*arguments) == expected


def test_a_seed_does_not_depend_on_the_process() -> None:
    """Unlike `hash` of a text."""
    code = "from mirrormatch.seeds import derive; print(derive(7, 'train', 3))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": salt}, check=True, capture_output=True, text=True
        ).stdout
        for salt in ("1", "2")
    }
    assert found == {f"{derive(7, 'train', 3)}\n"}


@given(st.integers(), PURPOSES)
def test_a_seed_fits_a_signed_64_bit_integer(seed: int, purpose: tuple[str | int, ...]) -> None:
    assert 0 <= derive(seed, *purpose) < 2**SEED_BITS


@given(st.lists(st.tuples(st.integers(0, 3), PURPOSES), unique_by=repr, max_size=30))
def test_different_purposes_have_different_seeds(arguments: list[tuple[int, tuple[str | int, ...]]]) -> None:
    assert len({derive(seed, *purpose) for seed, purpose in arguments}) == len(arguments)


@pytest.mark.parametrize(
    ("one", "other"),
    [((1, "a", "b"), (1, "ab")), ((1, 23), (12, 3)), ((1, 2), (1, "2")), ((1,), (1, "")), ((1, "a", 2), (1, 2, "a"))],
)
def test_the_boundaries_and_types_of_the_parts_matter(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    assert derive(*one) != derive(*other)


def test_neighbouring_indices_share_no_pattern() -> None:
    """Each of the 63 bits is set in about half of 4,000 seeds: within five standard errors."""
    seeds = [derive(0, "train", 0, k) for k in range(4_000)]
    for bit in range(SEED_BITS):
        assert abs(sum(seed >> bit & 1 for seed in seeds) - 2_000) < 5 * (4_000 * 0.25) ** 0.5
