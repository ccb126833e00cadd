"""One function from which every seed in a run derives.

It never uses `hash()`, which changes from process to process.
"""

import hashlib

SEED_BITS = 63  # fits a signed 64-bit integer, which is what torch's generators and JSON readers take


def derive(seed: int, *purpose: str | int) -> int:
    """A seed for one purpose: equal arguments give equal seeds on every machine, different ones unrelated seeds.

    Args:
        seed: the run's or the episode's own seed.
        *purpose: what the seed is for, outermost first: `derive(7, "train", step, index)`.
    """
    key = repr((seed, *purpose)).encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") >> (64 - SEED_BITS)
