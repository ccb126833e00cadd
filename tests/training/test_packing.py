"""The packing of an update: a prefix tree against its sequences one by one, and the bounds on its parts."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrormatch.training.packing import MAX_SPREAD, MIN_REAL, Part, Plan, pack
from mirrormatch.training.types import Sample


def sample(prompt: Sequence[int], reply: Sequence[int], *more: Sequence[int]) -> Sample:
    """A prompt and a reply, then a later prompt's tokens and a reply, and so on."""
    ids, own = list[int](), list[int]()
    for k, tokens in enumerate((prompt, reply, *more)):
        ids.extend(tokens)
        own.extend([k % 2] * len(tokens))
    return Sample(tuple(ids), tuple(own), (0.0,) * len(ids), (0.0,) * len(ids))


def path(part: Part, row: int, column: int) -> list[int]:
    """The tokens that a token sees, by the definition of `ends`."""
    seen = [c for c in range(column + 1) if column < part.ends[row, c]]
    assert [int(part.positions[row, c]) for c in seen] == list(range(len(seen)))
    return [int(part.ids[row, c]) for c in seen]


def read_back(plan: Plan) -> dict[int, tuple[list[int], int]]:
    """For each own token's number the tokens that the model sees before it, and the token."""
    found = dict[int, tuple[list[int], int]]()
    for part in plan.parts:
        for number, edge in zip(part.own, part.edges, strict=True):
            row, column = divmod(int(part.reads[part.edge_reads[edge]]), part.ids.shape[1])
            assert column < part.lengths[row]
            found[int(number)] = (path(part, row, column), int(part.edge_ids[edge]))
    return found


def one_by_one(samples: Sequence[Sample]) -> dict[int, tuple[list[int], int]]:
    """The same, from the samples themselves."""
    pairs = [(list(s.ids[:t]), s.ids[t]) for s in samples for t in range(len(s.ids)) if s.own[t]]
    return dict(enumerate(pairs))


def count_prefixes(samples: Sequence[Sample]) -> int:
    return len({s.ids[:t] for s in samples for t in range(1, len(s.ids) + 1)})


# trees by hand


def test_a_shared_prompt_is_read_once() -> None:
    (part,) = pack([sample([1, 2], [3, 4]), sample([1, 2], [5])], 100).parts
    assert part.ids.tolist() == [[1, 2, 3, 4, 5]]
    assert part.positions.tolist() == [[0, 1, 2, 3, 2]]
    assert part.ends.tolist() == [[5, 5, 4, 4, 5]]
    assert part.reads.tolist() == [1, 2]  # both replies begin behind token 2
    assert part.edge_ids.tolist() == [3, 5, 4]
    assert part.edges.tolist() == [0, 2, 1]


def test_equal_samples_are_read_once_and_have_own_tokens_each() -> None:
    (part,) = pack([sample([1], [2, 3])] * 3, 100).parts
    assert part.ids.tolist() == [[1, 2, 3]]
    assert part.edges.tolist() == [0, 1] * 3
    assert part.own.tolist() == list(range(6))


def test_a_token_that_is_own_in_one_sample_and_a_prompts_in_another_has_one_edge() -> None:
    (part,) = pack([sample([1], [2, 3]), sample([1, 2, 3, 4], [5])], 100).parts
    assert part.ids.tolist() == [[1, 2, 3, 4, 5]]
    assert part.edge_ids.tolist() == [2, 3, 5]


def test_samples_without_an_own_token_are_in_no_part() -> None:
    plan = pack([sample([1, 2], []), sample([1, 2], [3])], 100)
    assert [part.samples for part in plan.parts] == [(1,)]


def test_an_update_without_own_tokens_has_no_part() -> None:
    plan = pack([sample([1, 2], [])], 100)
    assert (plan.parts, plan.num_own, plan.num_tokens, plan.real_share, plan.spread) == ((), 0, 0, 1.0, 1.0)


def test_an_own_token_without_a_prompt_is_a_fault_of_ours() -> None:
    with pytest.raises(AssertionError, match="without a prompt"):
        pack([sample([], [1])], 100)


def test_a_sequence_longer_than_the_budget_raises_it() -> None:
    plan = pack([sample(range(1, 40), [1]), sample([7], [8])], 20)
    assert [part.num_tokens for part in plan.parts] == [40, 2]


# any samples

TOKENS = st.lists(st.integers(1, 3), min_size=1, max_size=6)
SAMPLES = st.lists(
    st.builds(lambda a, b, c, d: sample(a, b, c, d), TOKENS, TOKENS, st.lists(st.integers(1, 2), max_size=3), TOKENS),
    min_size=1,
    max_size=12,
)


@given(SAMPLES, st.integers(1, 200), st.sampled_from([None, 0, 16]))
def test_every_own_token_sees_exactly_what_precedes_it_in_its_sample(
    samples: list[Sample], max_tokens: int, max_depth: int | None
) -> None:
    plan = pack(samples, max_tokens, max_depth=max_depth)
    assert read_back(plan) == one_by_one(samples)
    assert plan.num_own == sum(s.num_own for s in samples)


@given(SAMPLES, st.integers(1, 200), st.sampled_from([None, 0]))
def test_every_sample_is_in_exactly_one_part(samples: list[Sample], max_tokens: int, max_depth: int | None) -> None:
    parts = pack(samples, max_tokens, max_depth=max_depth).parts
    assert sorted(k for part in parts for k in part.samples) == list(range(len(samples)))
    assert all(list(part.own) == sorted(part.own) for part in parts)


@given(SAMPLES)
def test_within_the_budget_each_prefix_is_read_once(samples: list[Sample]) -> None:
    plan = pack(samples, 10_000)
    assert plan.num_tokens == count_prefixes(samples)


@given(SAMPLES, st.integers(1, 200), st.sampled_from([None, 0, 16]))
def test_the_budget_is_kept_and_trees_are_no_deeper_than_allowed(
    samples: list[Sample], max_tokens: int, max_depth: int | None
) -> None:
    longest = max(len(s.ids) for s in samples)
    for part in pack(samples, max_tokens, max_depth=max_depth).parts:
        assert part.num_tokens <= max(max_tokens, longest)
        assert not part.is_tree or len(part.ids) == 1
        assert not part.is_tree or max_depth is None or part.positions.max() < max_depth


@given(SAMPLES, st.integers(1, 200), st.randoms(use_true_random=False))
def test_the_order_of_the_samples_changes_no_part(samples: list[Sample], max_tokens: int, rng: random.Random) -> None:
    shuffled = rng.sample(samples, len(samples))
    plans = [pack(order, max_tokens) for order in (samples, shuffled)]
    assert [part.ids.tolist() for part in plans[0].parts] == [part.ids.tolist() for part in plans[1].parts]


@given(SAMPLES, st.integers(1, 200))
def test_without_trees_no_row_has_two_branches(samples: list[Sample], max_tokens: int) -> None:
    parts = pack(samples, max_tokens, max_depth=0).parts
    assert not any(part.is_tree for part in parts)
    leaves = {s.ids for s in samples if not any(o.ids[: len(s.ids)] == s.ids != o.ids for o in samples)}
    rows = [tuple(row[:n].tolist()) for part in parts for row, n in zip(part.ids, part.lengths, strict=True)]
    assert sorted(rows) == sorted(leaves)


# the bounds


def games(seed: int, num: int, num_turns: int, prompt: int, reply: int) -> list[Sample]:
    """Turns of games: rules that all share, a position that some share, and a reply of very varied length."""
    rng = random.Random(seed)
    rules = [rng.randrange(1, 1000) for _ in range(prompt)]
    positions = [[rng.randrange(1, 1000) for _ in range(rng.randrange(5, 30))] for _ in range(num // 3 + 1)]

    def some_reply() -> list[int]:
        return [rng.randrange(1, 1000) for _ in range(rng.randrange(1, reply) if rng.random() < 0.8 else reply)]

    turns = range(num * num_turns)
    return [sample([*rules, *rng.choice(positions)], some_reply()) for _ in turns]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("num", "prompt", "reply"), [(30, 60, 20), (60, 100, 200), (20, 300, 900), (100, 40, 40)])
@pytest.mark.parametrize("max_tokens", [2_048, 8_192, 32_768])
def test_parts_are_full_and_even(seed: int, num: int, prompt: int, reply: int, max_tokens: int) -> None:
    plan = pack(games(seed, num, 3, prompt, reply), max_tokens)
    assert plan.real_share >= MIN_REAL
    assert plan.spread <= MAX_SPREAD


def test_rows_of_other_lengths_are_padded_on_the_right_where_that_is_little() -> None:
    (part,) = pack([sample([1], range(2, 41)), sample([9], range(2, 40))], 100, max_depth=0).parts
    assert part.lengths.tolist() == [40, 39]
    assert part.ids[1].tolist() == [9, *range(2, 40), 0]


def test_equal_input_gives_equal_parts() -> None:
    plans = [pack(games(0, 40, 2, 50, 60), 2_048) for _ in range(2)]
    assert repr(plans[0]) == repr(plans[1])
    for a, b in zip(plans[0].parts, plans[1].parts, strict=True):
        assert np.array_equal(a.ids, b.ids) and np.array_equal(a.edges, b.edges)
