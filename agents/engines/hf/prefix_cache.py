"""A cache of keys and values by token ids, which saves reading a prompt's known beginning again.

Prompts of one game begin with the same rules, and the prompt of a next turn may extend the earlier one: what they share
is kept in blocks of tokens, in a tree, one for each adapter. Only whole blocks are kept. L layers, H heads of keys and
values, T tokens, D numbers of a key and a value; a block's tensor is (L, H, T, D), each key before its value. The two
may differ in size, as in DeepSeek's latent attention.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

BLOCK = 16  # tokens


class Found(NamedTuple):
    """The longest known beginning of some ids: its number of tokens, and their keys and values."""

    num: int
    blocks: list[Tensor]


class _Node:
    __slots__ = ("children", "kv")

    def __init__(self, kv: Tensor | None) -> None:
        self.kv = kv
        self.children: dict[tuple[int, ...], _Node] = {}


class PrefixCache:
    """Keys and values by owner and token ids, up to a bound in memory.

    At the bound, the least recently used owners are forgotten whole, in the end also the current one. So the keys and
    values that an owner finds don't depend on the requests of others before it.

    Attributes:
        num_bytes: size of all stored keys and values.
        key_size: number of numbers of a key; the value's follow it. Set with the first `keep`.

    Args:
        max_bytes: bound on their size; 0 stores nothing.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.num_bytes = 0
        self.key_size = 0
        self._roots: dict[Hashable, _Node] = {}  # by owner, the most recently used last

    def find(self, owner: Hashable, ids: Sequence[int]) -> Found:
        """The longest known beginning. It excludes the last token, which is read for its logits."""
        if owner in self._roots:
            self._roots[owner] = self._roots.pop(owner)
        node, blocks = self._roots.get(owner), list[Tensor]()
        while node is not None and (len(blocks) + 1) * BLOCK < len(ids):
            start = len(blocks) * BLOCK
            node = node.children.get(tuple(ids[start : start + BLOCK]))
            if node is not None and node.kv is not None:
                blocks.append(node.kv)
        return Found(len(blocks) * BLOCK, blocks)

    def keep(self, owner: Hashable, ids: Sequence[int], kv_LHTD: Tensor, key_size: int) -> None:
        """Stores the whole blocks of a prompt or reply.

        Args:
            owner: the adapter, whose keys and values no other shares.
            ids: its token ids, as many as the tensor has tokens, or more.
            kv_LHTD: keys and values of all layers; they are copied.
            key_size: number of numbers of a key, the same in every call.
        """
        self.key_size = key_size
        self._roots[owner] = node = self._roots.pop(owner, _Node(None))
        for start in range(0, kv_LHTD.shape[2] - BLOCK + 1, BLOCK):
            block = tuple(ids[start : start + BLOCK])
            if block not in node.children:
                kv = kv_LHTD[:, :, start : start + BLOCK].clone()
                self.num_bytes += kv.numel() * kv.element_size()
                node.children[block] = _Node(kv)
            node = node.children[block]
        while self.num_bytes > self._max_bytes:
            self.forget(next(iter(self._roots)))

    def num_known(self, owner: Hashable, ids: Sequence[int]) -> int:
        """Number of the ids whose keys and values are stored."""
        return self.find(owner, (*ids, -1)).num

    def forget(self, owner: Hashable) -> None:
        """Drops one owner's keys and values."""
        root = self._roots.pop(owner, None)
        self.num_bytes -= _count_bytes(root) if root is not None else 0

    @property
    def is_enabled(self) -> bool:
        """Whether the cache can store anything."""
        return self._max_bytes > 0


def _count_bytes(root: _Node) -> int:
    """The size of all nodes below, without recursion: a long prompt is a long branch."""
    num, nodes = 0, [root]
    while nodes:
        node = nodes.pop()
        num += node.kv.numel() * node.kv.element_size() if node.kv is not None else 0
        nodes += node.children.values()
    return num


def join_blocks(found: Sequence[Found], like: Tensor) -> Tensor:
    """The beginnings of all rows as one tensor, padded on the left to the longest: (B, L, H, T, D)."""
    longest = max(f.num for f in found)
    num, heads, _, size = like.shape
    out = like.new_zeros((len(found), num, heads, longest, size))
    for k, row in enumerate(found):
        if row.num:
            out[k, :, :, longest - row.num :] = torch.cat(row.blocks, dim=2)
    return out
