"""Attention over a prefix tree in depth-first order: each token sees its ancestors and itself.

The tokens are cut into blocks of consecutive ones. What a block can see is its own tokens and the ancestors of its
first one, no more than the tree is deep; these keys are gathered, and the model's usual attention runs over the blocks
as over the rows of a batch. So the cost of a token follows the length of its sequence, not the size of the tree.

It is an attention of transformers' registry: `switch_on` selects it in a model, whose ordinary calls stay as they are;
the keyword argument `tree` of a call brings it into play. Models that drop the argument or have an attention of their
own can't read trees.

W tokens, B blocks, Q queries in a block, C keys that a block sees, D a head's size.
"""

import functools
import sys
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from mirrormatch.training.packing import Part

MIN_BLOCK = 64  # queries; larger blocks see more keys that are masked, smaller ones gather ancestors more often
_MAX_REPEATS = 4  # a key is gathered for its own block and, for this many at most on average, as an ancestor
_PREFIX = "tree_"


class TreeMask(NamedTuple):
    """What every block of a tree sees.

    Attributes:
        keys: the columns of the keys, (B, C), padded with column 0.
        mask: whether a query sees a key, (B, 1, Q, C).
    """

    keys: Tensor
    mask: Tensor


def build_mask(part: Part, device: torch.device) -> TreeMask:
    """Builds the mask of a part that is a tree."""
    ends = part.ends[0]
    depth = int(part.positions.max()) + 1
    size = max(MIN_BLOCK, -(-depth // (_MAX_REPEATS * MIN_BLOCK)) * MIN_BLOCK)
    starts = range(0, len(ends), size)
    seen = [np.append(np.flatnonzero(ends[:s] > s), np.arange(s, min(s + size, len(ends)))) for s in starts]
    keys_BC = np.zeros((len(seen), max(map(len, seen))), dtype=np.int64)
    is_key_BC = np.zeros(keys_BC.shape, dtype=bool)
    for b, columns in enumerate(seen):
        keys_BC[b, : len(columns)] = columns
        is_key_BC[b, : len(columns)] = True
    queries_BQ1 = torch.arange(len(seen) * size, device=device).view(len(seen), size, 1)
    keys, is_key = torch.from_numpy(keys_BC).to(device), torch.from_numpy(is_key_BC).to(device)
    ends_BC = torch.from_numpy(ends).to(device)[keys]
    mask_BQC = is_key[:, None] & (keys[:, None] <= queries_BQ1) & (queries_BQ1 < ends_BC[:, None])
    mask_BQC |= queries_BQ1 >= len(ends)  # padding of the last block sees anything, but not nothing
    return TreeMask(keys, mask_BQC[:, None])


def switch_on(model: Any) -> bool:
    """Selects this attention in a model; False for an attention that it can't be built on."""
    name = f"{_PREFIX}{_usual_name(model)}"
    if name not in ALL_ATTENTION_FUNCTIONS:
        return False
    model.set_attn_implementation(name)
    return bool(model.config._attn_implementation == name)


def switch_off(model: Any) -> None:
    """Selects the attention that the model had before."""
    model.set_attn_implementation(_usual_name(model))


def _usual_name(model: Any) -> str:
    """The name of the model's attention beside trees."""
    return str(model.config._attn_implementation).removeprefix(_PREFIX)


def _attend(
    usual: str,
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    tree: TreeMask | None = None,
    **settings: Any,
) -> tuple[Tensor, Tensor | None]:
    """The usual attention, over the blocks of a tree if there is one.

    Args:
        usual: "sdpa" or "eager", which is the function in the model's own file.
        module: the attention module, as for every other argument below as in transformers.
        query: (1, heads, W, D) with a tree.
        key: (1, heads of keys, W, D) with a tree.
        value: like the keys.
        attention_mask: ignored with a tree.
        tree: the tree's mask.
        settings: what a model gives its attention: scale, soft cap, sinks.
    """
    attend: Any = ALL_ATTENTION_FUNCTIONS.get(usual) or sys.modules[type(module).__module__].eager_attention_forward
    if tree is None:
        usual_output: tuple[Tensor, Tensor | None] = attend(module, query, key, value, attention_mask, **settings)
        return usual_output
    num_blocks, _, size, _ = tree.mask.shape
    _, num_heads, width, _ = query.shape
    padded = torch.nn.functional.pad(query[0], (0, 0, 0, num_blocks * size - width))
    query = padded.view(num_heads, num_blocks, size, -1).transpose(0, 1)
    key, value = (states[0].transpose(0, 1)[tree.keys].transpose(1, 2) for states in (key, value))
    mask = tree.mask if usual == "sdpa" else _additive(tree.mask, query.dtype)
    output, _ = attend(module, query, key, value, mask, **settings)  # (B, Q, heads, D)
    return output.reshape(1, num_blocks * size, num_heads, -1)[:, :width], None


def _additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(~mask, torch.finfo(dtype).min)


for _usual, _mask in (("sdpa", sdpa_mask), ("eager", eager_mask)):
    AttentionInterface.register(f"{_PREFIX}{_usual}", functools.partial(_attend, _usual))
    AttentionMaskInterface.register(f"{_PREFIX}{_usual}", _mask)
