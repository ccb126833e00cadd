"""Derives every seed of a run from the run's own seed.

Python's `hash()` is unsuitable: it differs from process to process.
"""

import hashlib

SEED_BITS = 63  # fits the signed 64-bit integers of torch's generators and of JSON readers
MAX_SEED = (1 << SEED_BITS) - 1


def derive(seed: int, *purpose: str | int) -> int:
    """Derives a seed for one purpose: equal arguments give equal seeds on every machine, others unrelated ones.

    Args:
        seed: the run's or the episode's own seed.
        *purpose: the purpose of the seed, outermost first: `derive(7, "train", step, index)`.
    """
    key = repr((seed, *purpose)).encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") >> (64 - SEED_BITS)
