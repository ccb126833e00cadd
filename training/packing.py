"""Packs the samples of an update into parts in which every shared prefix is read once.

The sequences of an update form a prefix tree: prompts repeat from game to game, later prompts extend earlier ones, and
short replies are often equal. A row holds some of the sequences as one tree in depth-first order; a part holds rows.
A token sees its ancestors in the tree and itself, at the position of its depth. So the model computes what it would
compute for every sequence alone, for a fraction of the tokens:

    plan = likelihood.plan(samples, max_tokens=16_384)  # calls `pack` with what suits the model
    for part in plan.parts:
        logp_K, entropy_K = likelihood(part, temperature)  # mirrormatch.training.likelihood
        loss = objective(logp_K, advantages_N[part.own], sampler_logp_N[part.own])

The N own tokens of an update are numbered sample by sample, in order. Every sample is in exactly one part, whole. Equal
input gives equal parts. Nothing here knows torch, a model or an objective.

S sequences, R rows, W columns, K own tokens, E edges (an own token behind one prefix), P positions before own tokens.
"""

import bisect
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mirrormatch.training.types import Ids, Sample

Ints: TypeAlias = NDArray[np.int64]

BREAK_EVEN = 4096  # of a model with some hundred million parameters or more
MIN_REAL = 0.95  # the smallest share of real tokens for which no other packing is tried
MAX_SPREAD = 1.1  # the same for the largest part over the mean: it decides the memory
_SLACKS = (1.0, 1.01, 1.03, 1.06, 1.1)  # over the even length of rows, which no packing reaches exactly
_NARROWEST = 128  # the first width that is tried; it is doubled while that makes the parts cheaper
_FEWER = (1.0, 0.95, 0.9, 0.8, 0.65, 0.5, 0.33, 0.25)  # numbers of rows that are tried, over the cheapest
_MAX_REPEATS = 3  # attempts at one number of rows
_MAX_MORE_PARTS = 3  # beyond the fewest


class Part(NamedTuple):
    """What the model reads at once.

    Attributes:
        ids: token ids, (R, W), padded on the right with 0.
        positions: depth of each token in its tree, (R, W): its position in every sequence that contains it.
        ends: the column behind the last descendant of each token, (R, W). Column c is seen from the columns of
            [c, ends[c]). For padding that is its own column.
        lengths: number of tokens in each row, (R,).
        is_tree: whether the rows are trees. If not, each is one sequence and the usual causal mask holds.
        reads: positions whose next token is looked at, (P,), each as row * W + column.
        edge_reads: for each edge the index of its position in `reads`, (E,), ascending.
        edge_ids: for each edge its token, (E,).
        edges: for each own token of the part the index of its edge, (K,).
        own: for each own token of the part its number within the update, (K,), ascending.
        samples: numbers of the samples in the part, ascending.
    """

    ids: Ints
    positions: Ints
    ends: Ints
    lengths: Ints
    is_tree: bool
    reads: Ints
    edge_reads: Ints
    edge_ids: Ints
    edges: Ints
    own: Ints
    samples: tuple[int, ...]

    @property
    def num_tokens(self) -> int:
        """The number of tokens that the model reads, padding included."""
        return int(self.ids.size)


class Plan(NamedTuple):
    """The parts of an update.

    Attributes:
        parts: the parts; samples without an own token are in none.
        num_own: number of own tokens in the update.
    """

    parts: tuple[Part, ...]
    num_own: int

    @property
    def num_tokens(self) -> int:
        """The number of tokens that the model reads, padding included."""
        return sum(part.num_tokens for part in self.parts)

    @property
    def real_share(self) -> float:
        """The share of tokens that are no padding; 1 for an update without tokens."""
        return sum(int(part.lengths.sum()) for part in self.parts) / self.num_tokens if self.parts else 1.0

    @property
    def spread(self) -> float:
        """The tokens of the largest part over the mean of all parts; 1 for an update without tokens."""
        return _spread([part.num_tokens for part in self.parts])


def pack(
    samples: Sequence[Sample], max_tokens: int, *, break_even: float = BREAK_EVEN, max_width: int | None = None
) -> Plan:
    """Packs the samples of an update into parts of at most `max_tokens` tokens, padding included.

    Args:
        samples: sequences whose first token is a prompt's.
        max_tokens: the budget of a part. A longer sequence is a part of its own.
        break_even: the row width at which attention costs as much as the rest of the model. Attention with a dense
            mask costs the width for every token; narrower rows repeat more prefixes.
        max_width: the greatest width of a tree; None for any. If a sequence is longer, no row is a tree: each is one
            sequence. Equal sequences are read once all the same, and so is one that begins another.
    """
    tree = _Tree(samples)
    if not tree.sequences:
        return Plan((), 0)
    widest = max_tokens if max_width is None else min(max_tokens, max_width)
    has_trees = max_width is None or max(tree.lengths) <= max_width
    rows = _tree_rows(tree, max_tokens, widest, break_even) if has_trees else _plain_rows(tree)
    parts = [[rows[k] for k in group] for group in _group_rows([tree.count_tokens(row) for row in rows], max_tokens)]
    return Plan(tuple(_build_part(tree, samples, part) for part in parts), tree.num_own)


class _Tree:
    """The prefix tree of an update: its different sequences in order, and how far each agrees with the one before."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        used = [k for k, sample in enumerate(samples) if any(sample.own)]
        assert not any(samples[k].own[0] for k in used), "an own token without a prompt has no log-prob"
        self.sequences: list[Ids] = sorted({samples[k].ids for k in used})
        place = {ids: s for s, ids in enumerate(self.sequences)}
        self.samples: list[list[int]] = [[] for _ in self.sequences]  # numbers of the samples with each sequence
        for k in used:
            self.samples[place[samples[k].ids]].append(k)
        counts = np.array([sample.num_own for sample in samples], dtype=np.int64)
        self.first_own: Ints = np.cumsum(counts) - counts  # number of each sample's first own token
        self.num_own = int(counts.sum())
        self.lengths: Ints = np.array([len(ids) for ids in self.sequences], dtype=np.int64)
        pairs = zip(self.sequences, self.sequences[1:], strict=False)
        self.agreed: Ints = np.array([0, *(_count_agreed(a, b) for a, b in pairs)], dtype=np.int64)

    def agreement(self, place: int) -> Ints:
        """The length of the prefix that each sequence shares with one of them, (S,)."""
        before = np.minimum.accumulate(self.agreed[place:0:-1])[::-1]
        after = np.minimum.accumulate(self.agreed[place + 1 :])
        return np.concatenate([before, self.lengths[place : place + 1], after])

    def count_tokens(self, row: Sequence[int]) -> int:
        """Counts the tokens of a row that holds some of the sequences."""
        return sum(len(self.sequences[place]) - agreed for place, agreed in self.walk(row))

    def walk(self, row: Sequence[int]) -> Iterator[tuple[int, int]]:
        """The sequences of a row in order, each with the length of the prefix that the row contains already."""
        for k, place in enumerate(row):
            yield place, int(self.agreed[row[k - 1] + 1 : place + 1].min()) if k else 0


def _count_agreed(a: Ids, b: Ids) -> int:
    """The length of the longest common prefix, by bisection: comparing slices is fast."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


# rows


def _plain_rows(tree: _Tree) -> list[list[int]]:
    """One row per sequence that begins no other one, together with those that begin it."""
    rows: list[list[int]] = [[]]
    for place in range(len(tree.sequences)):
        if rows[-1] and tree.agreed[place] < tree.lengths[rows[-1][-1]]:
            rows.append([])
        rows[-1].append(place)
    return rows


def _tree_rows(tree: _Tree, max_tokens: int, widest: int, break_even: float) -> list[list[int]]:
    """The first rows that keep both bounds, beginning with the cheapest width; else the best of those tried."""
    tried = list[tuple[float, int, list[list[int]]]]()
    for k, rows in enumerate(_candidates(tree, widest, break_even)):
        tried.append((_excess([tree.count_tokens(row) for row in rows], max_tokens), k, rows))
        if tried[-1][0] == 0:
            break
    return min(tried)[2]


def _candidates(tree: _Tree, widest: int, break_even: float) -> Iterator[list[list[int]]]:
    """Rows of the cheapest width, then as many or fewer of even lengths."""
    longest = int(tree.lengths.max())
    rows = _cheapest_rows(tree, widest, break_even)
    yield rows
    for num_rows in dict.fromkeys(math.ceil(len(rows) * share) for share in _FEWER):
        for _ in range(_MAX_REPEATS):  # narrower rows repeat more prefixes, which makes the next ones longer
            even = -(-sum(map(tree.count_tokens, rows)) // num_rows)
            for slack in _SLACKS:
                rows = _fill_rows(tree, max(longest, min(widest, int(even * slack))))
                if len(rows) <= num_rows:
                    break
            if len(rows) <= num_rows:
                yield rows
                break


def _cheapest_rows(tree: _Tree, widest: int, break_even: float) -> list[list[int]]:
    """Rows of the width, up to the widest, at which the model's work is least."""

    def cost(rows: list[list[int]]) -> float:
        return sum(n * (1 + n / break_even) for n in map(tree.count_tokens, rows))

    width = max(int(tree.lengths.max()), min(_NARROWEST, widest))
    rows = _fill_rows(tree, width)
    while len(rows) > 1 and 2 * width <= widest:
        width *= 2
        wider = _fill_rows(tree, width)
        if cost(wider) >= cost(rows):
            break
        rows = wider
    return rows


def _fill_rows(tree: _Tree, width: int) -> list[list[int]]:
    """Fills one row after the other up to the width, which no sequence exceeds.

    A row starts with the longest sequence that is left. Then it takes, again and again, the one that shares the longest
    prefix with it (of equals the longest) and still fits.
    """
    rows = list[list[int]]()
    left = np.ones(len(tree.sequences), dtype=bool)
    by_length = np.argsort(-tree.lengths, kind="stable")
    for first in by_length:
        if not left[first]:
            continue
        row, num_tokens, next_one = list[int](), 0, int(first)
        agreed: Ints = np.zeros_like(tree.lengths)
        while next_one >= 0:
            row.append(next_one)
            left[next_one] = False
            num_tokens += int(tree.lengths[next_one] - agreed[next_one])
            agreed = np.maximum(agreed, tree.agreement(next_one))
            fits = left & (tree.lengths - agreed <= width - num_tokens)
            worth = np.where(fits, agreed * (tree.lengths[first] + 1) + tree.lengths, -1)
            next_one = int(worth.argmax()) if fits.any() else -1
        rows.append(sorted(row))
    return rows


# parts


def _group_rows(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Groups rows of similar lengths into parts of similar sizes, as few as the budget allows."""
    order = sorted(range(len(lengths)), key=lambda k: -lengths[k])  # stable
    budget = max(max_tokens, max(lengths))
    fewest = len(_cut(lengths, order, budget))
    best = list[list[int]]()
    for num_parts in range(fewest, min(len(lengths), fewest + _MAX_MORE_PARTS) + 1):
        budgets = range(max(lengths), budget + 1)
        smallest = bisect.bisect_left(budgets, True, key=lambda b: len(_cut(lengths, order, b)) <= num_parts)
        groups = _cut(lengths, order, budgets[smallest])
        if not best or _spread_of(lengths, groups) < _spread_of(lengths, best):
            best = groups
        if _spread_of(lengths, best) <= MAX_SPREAD:
            break
    return best


def _cut(lengths: Sequence[int], order: Sequence[int], budget: int) -> list[list[int]]:
    """Cuts rows, the longest first, into groups whose padded sizes are within the budget."""
    groups = list[list[int]]()
    for k in order:
        if groups and lengths[groups[-1][0]] * (len(groups[-1]) + 1) <= budget:
            groups[-1].append(k)
        else:
            groups.append([k])
    return groups


def _excess(lengths: Sequence[int], max_tokens: int) -> float:
    """How far rows miss the two bounds when they are grouped; 0 if they keep both."""
    groups = _group_rows(lengths, max_tokens)
    real = sum(lengths) / sum(_padded_size(lengths, group) for group in groups)
    return max(0.0, MIN_REAL - real) + max(0.0, _spread_of(lengths, groups) - MAX_SPREAD)


def _padded_size(lengths: Sequence[int], group: Sequence[int]) -> int:
    return max(lengths[k] for k in group) * len(group)


def _spread_of(lengths: Sequence[int], groups: Sequence[Sequence[int]]) -> float:
    return _spread([_padded_size(lengths, group) for group in groups])


def _spread(sizes: Sequence[int]) -> float:
    """The largest over the mean."""
    return max(sizes) * len(sizes) / sum(sizes) if sizes else 1.0


class _Own(NamedTuple):
    """The own tokens of one sample: their numbers in the update and, in the part, their places and their parents'."""

    sample: int
    numbers: Ints
    places: Ints
    parents: Ints


def _build_part(tree: _Tree, samples: Sequence[Sample], rows: Sequence[Sequence[int]]) -> Part:
    lengths: Ints = np.array([tree.count_tokens(row) for row in rows], dtype=np.int64)
    shape = (len(rows), int(lengths.max()))
    ids: Ints = np.zeros(shape, dtype=np.int64)
    positions: Ints = np.zeros(shape, dtype=np.int64)
    ends: Ints = np.tile(np.arange(1, shape[1] + 1), (shape[0], 1))
    own = list[_Own]()
    for r, row in enumerate(rows):
        path: Ints = np.zeros(0, dtype=np.int64)  # the columns of the sequence that was placed last
        column = 0
        for place, agreed in tree.walk(row):
            num_new = len(tree.sequences[place]) - agreed
            ends[r, path[agreed:]] = column
            path = np.concatenate([path[:agreed], np.arange(column, column + num_new)])
            ids[r, column : column + num_new] = tree.sequences[place][agreed:]
            positions[r, column : column + num_new] = np.arange(agreed, agreed + num_new)
            column += num_new
            for k in tree.samples[place]:
                depths = np.flatnonzero(np.array(samples[k].own))
                numbers = tree.first_own[k] + np.arange(len(depths))
                own.append(_Own(k, numbers, r * shape[1] + path[depths], r * shape[1] + path[depths - 1]))
        ends[r, path] = column
    own.sort(key=lambda tokens: tokens.sample)
    places, first, edges = np.unique(
        np.concatenate([tokens.places for tokens in own]), return_index=True, return_inverse=True
    )
    parents = np.concatenate([tokens.parents for tokens in own])[first]
    by_parent = np.argsort(parents, kind="stable")
    reads, edge_reads = np.unique(parents[by_parent], return_inverse=True)
    return Part(
        ids=ids,
        positions=positions,
        ends=ends,
        lengths=lengths,
        is_tree=any((ends[r, :n] < n).any() for r, n in enumerate(lengths)),
        reads=reads,
        edge_reads=edge_reads,
        edge_ids=ids.reshape(-1)[places[by_parent]],
        edges=np.argsort(by_parent)[edges],
        own=np.concatenate([tokens.numbers for tokens in own]),
        samples=tuple(tokens.sample for tokens in own),
    )
