"""Packs the samples of an update into parts in which every shared prefix is read once.

The sequences of an update form a prefix tree: prompts repeat from game to game, later prompts extend earlier ones, and
short replies are often equal. A part holds some of the sequences as one row, the tree's tokens in depth-first order. A
token sees its ancestors in the tree and itself, at the position of its depth. So the model computes what it would
compute for every sequence alone, from a fraction of the tokens and without padding:

    plan = likelihood.plan(samples, max_tokens=16_384)  # mirrormatch.training.likelihood; calls `pack`
    for part in plan.parts:
        logp_K, entropy_K = likelihood(part, temperature)
        loss = objective(logp_K, advantages_N[part.own], sampler_logp_N[part.own])

The N own tokens of an update are numbered sample by sample, in order. Every sample is in exactly one part, whole. Equal
input gives equal parts. Nothing here knows torch, a model or an objective.

R rows, W columns, K own tokens, E edges (an own token behind one prefix), P positions before own tokens, S sequences.
"""

import bisect
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mirrormatch.training.types import Ids, Sample

Ints: TypeAlias = NDArray[np.int64]

MIN_REAL = 0.95  # the smallest share of real tokens for which no other parts are tried
MAX_SPREAD = 1.1  # the same for the largest part over the mean: it decides the memory
_SLACKS = (1.0, 1.01, 1.02, 1.04, 1.07, 1.1)  # over the even size of parts, which no packing reaches exactly
_MAX_MORE_PARTS = 8  # beyond the fewest


class Part(NamedTuple):
    """What the model reads at once: one tree, or rows of one sequence each.

    Attributes:
        ids: token ids, (R, W), padded on the right with 0. A tree is one row.
        positions: depth of each token in its tree, (R, W): its position in every sequence that contains it.
        ends: the column behind the last descendant of each token, (R, W). Column c is seen from the columns of
            [c, ends[c]).
        lengths: number of tokens in each row, (R,).
        is_tree: whether the row has branches. If not, the usual causal mask holds.
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


def pack(samples: Sequence[Sample], max_tokens: int, *, max_depth: int | None = None) -> Plan:
    """Packs the samples of an update into parts of at most `max_tokens` tokens, padding included.

    Args:
        samples: sequences whose first token is a prompt's.
        max_tokens: the budget of a part, raised to the length of the longest sequence.
        max_depth: the greatest length of a sequence in a tree; None for any. If a sequence is longer, there are no
            trees: each row is one sequence. Equal sequences are read once all the same, and so is one that begins
            another.
    """
    tree = _Tree(samples)
    if not tree.sequences:
        return Plan((), 0)
    longest = int(tree.lengths.max())
    has_trees = max_depth is None or longest <= max_depth
    divide = _divide_tree if has_trees else _divide_rows
    return Plan(
        tuple(_build_part(tree, samples, rows) for rows in divide(tree, max(max_tokens, longest))), tree.num_own
    )


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
        """Counts the tokens of the tree of some of the sequences."""
        return sum(len(self.sequences[place]) - agreed for place, agreed in self.walk(row))

    def walk(self, row: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Some of the sequences in order, each with the length of the prefix that it shares with the one before."""
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


# parts of one tree each


def _divide_tree(tree: _Tree, budget: int) -> list[list[list[int]]]:
    """Divides the sequences into parts of even sizes, as few as the budget allows or a few more."""
    fewest = len(_fill_trees(tree, budget))
    tried = list[list[list[int]]]()
    for num_parts in range(fewest, fewest + _MAX_MORE_PARTS + 1):
        tried.append(_even_trees(tree, num_parts, budget))
        if _spread([tree.count_tokens(row) for row in tried[-1]]) <= MAX_SPREAD:
            break
    best = min(tried, key=lambda rows: _spread([tree.count_tokens(row) for row in rows]))
    return [[row] for row in best]


def _even_trees(tree: _Tree, num_trees: int, budget: int) -> list[list[int]]:
    """At most that many trees of about equal sizes."""
    even = -(-tree.count_tokens(range(len(tree.sequences))) // num_trees)
    for slack in _SLACKS:
        rows = _fill_trees(tree, min(budget, max(int(tree.lengths.max()), int(even * slack))))
        if len(rows) <= num_trees:
            return rows
    return _fill_trees(tree, budget)


def _fill_trees(tree: _Tree, budget: int) -> list[list[int]]:
    """Fills one tree after the other up to the budget, which no sequence exceeds.

    A tree starts with the longest sequence that is left. Then it takes, again and again, the one that shares the
    longest prefix with it (of equals the longest) and still fits.
    """
    if tree.count_tokens(everything := range(len(tree.sequences))) <= budget:
        return [list(everything)]
    rows = list[list[int]]()
    left = np.ones(len(tree.sequences), dtype=bool)
    for first in np.argsort(-tree.lengths, kind="stable"):
        if left[first]:
            rows.append(_fill_tree(tree, int(first), left, budget))
            left[rows[-1]] = False
    return rows


def _fill_tree(tree: _Tree, first: int, left: NDArray[np.bool_], budget: int) -> list[int]:
    left = left.copy()
    row, num_tokens, place = list[int](), 0, first
    agreed: Ints = np.zeros_like(tree.lengths)
    while place >= 0:
        row.append(place)
        left[place] = False
        num_tokens += int(tree.lengths[place] - agreed[place])
        agreed = np.maximum(agreed, tree.agreement(place))
        fits = left & (tree.lengths - agreed <= budget - num_tokens)
        rank = np.where(fits, agreed * (tree.lengths[first] + 1) + tree.lengths, -1)
        place = int(rank.argmax()) if fits.any() else -1
    return sorted(row)


# parts of one sequence a row


def _divide_rows(tree: _Tree, budget: int) -> list[list[list[int]]]:
    """Divides rows of one sequence each into parts of similar lengths and even sizes."""
    rows = _plain_rows(tree)
    lengths = [tree.count_tokens(row) for row in rows]
    order = sorted(range(len(rows)), key=lambda k: -lengths[k])  # stable
    budgets = range(max(lengths), budget + 1)
    fewest = len(_cut(lengths, order, budget))
    tried = list[list[list[int]]]()
    for num_parts in range(fewest, min(len(rows), fewest + _MAX_MORE_PARTS) + 1):
        smallest = bisect.bisect_left(budgets, True, key=lambda b: len(_cut(lengths, order, b)) <= num_parts)
        tried.append(_cut(lengths, order, budgets[smallest]))
        if _excess(lengths, tried[-1]) == 0:
            break
    return [[rows[k] for k in group] for group in min(tried, key=lambda groups: _excess(lengths, groups))]


def _plain_rows(tree: _Tree) -> list[list[int]]:
    """One row per sequence that begins no other one, together with those that begin it."""
    rows: list[list[int]] = [[]]
    for place in range(len(tree.sequences)):
        if rows[-1] and tree.agreed[place] < tree.lengths[rows[-1][-1]]:
            rows.append([])
        rows[-1].append(place)
    return rows


def _cut(lengths: Sequence[int], order: Sequence[int], budget: int) -> list[list[int]]:
    """Cuts rows, the longest first, into groups whose padded sizes are within the budget."""
    groups = list[list[int]]()
    for k in order:
        if groups and lengths[groups[-1][0]] * (len(groups[-1]) + 1) <= budget:
            groups[-1].append(k)
        else:
            groups.append([k])
    return groups


def _excess(lengths: Sequence[int], groups: Sequence[Sequence[int]]) -> float:
    """How far groups of rows miss the two bounds; 0 if they keep both."""
    sizes = [max(lengths[k] for k in group) * len(group) for group in groups]
    return max(0.0, MIN_REAL - sum(lengths) / sum(sizes)) + max(0.0, _spread(sizes) - MAX_SPREAD)


def _spread(sizes: Sequence[int]) -> float:
    """The largest over the mean."""
    return max(sizes) * len(sizes) / sum(sizes) if sizes else 1.0


# a part's arrays


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
            ends[r, path[agreed:]] = column
            new = np.arange(column, column + len(tree.sequences[place]) - agreed)
            path = np.concatenate([path[:agreed], new])
            ids[r, new] = tree.sequences[place][agreed:]
            positions[r, new] = np.arange(agreed, len(path))
            column += len(new)
            own.extend(_find_own(tree, samples, k, r * shape[1] + path) for k in tree.samples[place])
        ends[r, path] = column
    own.sort(key=lambda tokens: tokens.sample)
    edges = _find_edges(ids, own)
    return Part(
        ids=ids,
        positions=positions,
        ends=ends,
        lengths=lengths,
        is_tree=any(bool((ends[r, :n] < n).any()) for r, n in enumerate(lengths)),
        reads=edges.reads,
        edge_reads=edges.edge_reads,
        edge_ids=edges.edge_ids,
        edges=edges.edges,
        own=np.concatenate([tokens.numbers for tokens in own]),
        samples=tuple(tokens.sample for tokens in own),
    )


def _find_own(tree: _Tree, samples: Sequence[Sample], k: int, path: Ints) -> _Own:
    depths = np.flatnonzero(np.array(samples[k].own))
    return _Own(k, tree.first_own[k] + np.arange(len(depths)), path[depths], path[depths - 1])


class _Edges(NamedTuple):
    """The fields of a part with the same names."""

    reads: Ints
    edge_reads: Ints
    edge_ids: Ints
    edges: Ints


def _find_edges(ids: Ints, own: Sequence[_Own]) -> _Edges:
    """Finds each own token's edge, which is known by the token's place, and each edge's position."""
    places, first, edges = np.unique(
        np.concatenate([tokens.places for tokens in own]), return_index=True, return_inverse=True
    )
    parents = np.concatenate([tokens.parents for tokens in own])[first]
    by_parent = np.argsort(parents, kind="stable")
    reads, edge_reads = np.unique(parents[by_parent], return_inverse=True)
    return _Edges(reads, edge_reads, ids.reshape(-1)[places[by_parent]], np.argsort(by_parent)[edges])
