"""Batched generation with a transformers causal language model and its KV cache.

Equal prompts are read once, and what prompts share with each other or with earlier ones isn't read again
(prefix_cache.py). Finished rows leave the batch. Nothing here depends on adapters or text. B rows, T tokens of prompt,
P tokens read before, V tokens of vocabulary.
"""

import functools
import inspect
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.hf.drawing import Drawn, Rules, draw, uniforms
from mirrormatch.agents.engines.hf.prefix_cache import BLOCK, Found, PrefixCache, join_blocks

KEYS_AND_VALUES, STATES = "past_key_values", "cache_params"  # transformers' names for a model's cache
COMPACT_BELOW = 0.75  # share of unfinished rows below which the finished ones leave the batch


Allow: TypeAlias = Callable[[list[int], str], "np.ndarray[Any, np.dtype[np.bool_]]"]


class Request(NamedTuple):
    """One prompt to continue."""

    prompt_ids: tuple[int, ...]
    sampling: Sampling
    seed: int


class Vocabulary(NamedTuple):
    """The tokenizer's part in generation.

    Attributes:
        end_ids: tokens that end a row.
        pad_id: any token; it is masked.
        has_stop: whether the ids, as text, contain one of the stop strings.
        allow: whether each token may follow the ids under a constraint; needed if a request has one.
    """

    end_ids: frozenset[int]
    pad_id: int
    has_stop: Callable[[list[int], tuple[str, ...]], bool]
    allow: Allow | None = None


class ReadCounts(NamedTuple):
    """Number of tokens in all prompts, and number of them whose keys and values were computed."""

    num_tokens: int
    num_computed: int


@dataclass(slots=True)
class GeneratedRow:
    """A request's generated tokens so far; `finish` is None until the row ends."""

    request: Request
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish: str | None = None

    def append(self, token: int, logprob: float, vocabulary: Vocabulary) -> None:
        """Appends a token, and ends the row at an end token, a stop string or its token budget."""
        sampling = self.request.sampling
        self.ids.append(token)
        self.logprobs.append(logprob)
        if token in vocabulary.end_ids or (sampling.stop and vocabulary.has_stop(self.ids, sampling.stop)):
            self.finish = "stop"
        elif len(self.ids) >= sampling.max_tokens:
            self.finish = "length"


@torch.inference_mode()
def generate(
    model: Any,
    requests: Sequence[Request],
    vocabulary: Vocabulary,
    prefixes: PrefixCache | None = None,
    owner: Hashable = None,
) -> tuple[list[GeneratedRow], ReadCounts]:
    """Continues every prompt until an end token, a stop string or its token budget.

    Args:
        model: a causal language model in eval mode.
        requests: the prompts.
        vocabulary: the tokenizer's part.
        prefixes: keys and values to reuse and to add to; None reuses none.
        owner: the adapter, whose keys and values no other shares.
    """
    if prefixes is None or not (_caches_every_token(model) and _takes_positions(model)):
        prefixes = PrefixCache(0)
    prompts, counts = _prefill(model, requests, vocabulary.pad_id, prefixes, owner)
    rows = [GeneratedRow(request) for request in requests]
    batch = _Batch(model, rows, prompts)
    for step in range(max(r.sampling.max_tokens for r in requests)):
        drawn = batch.draw(step, vocabulary.allow)
        batch.append(drawn, vocabulary)
        unfinished = batch.unfinished()
        next_B = drawn.ids_B
        if len(unfinished) < COMPACT_BELOW * len(batch.rows):
            _cache_rows(prefixes, owner, batch.cache, batch.mask_BT, batch.finished_ids())
            if not unfinished:
                break
            next_B = next_B[batch.compact(unfinished)]
        batch.advance(next_B)
    return rows, counts


@torch.inference_mode()
def continuation_logprobs(
    model: Any, pairs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]], *, pad_id: int
) -> list[tuple[float, ...]]:
    """The log-probabilities, at temperature 1, of each continuation after its prompt, one per continuation id."""
    longest, most = (max(map(len, column)) for column in zip(*pairs, strict=True))
    device = next(model.parameters()).device
    padding = [(longest - len(p), most - len(c)) for p, c in pairs]  # left of the prompt, right of the continuation
    ids = [[pad_id] * left + [*p, *c] + [pad_id] * right for (left, right), (p, c) in zip(padding, pairs, strict=True)]
    mask = [[0] * left + [1] * (longest + most - left - right) + [0] * right for left, right in padding]
    ids_BT, mask_BT = torch.tensor(ids, device=device), torch.tensor(mask, device=device)
    logits_BCV = _logits(model, ids_BT, mask_BT, kept=most + 1)[:, :-1]
    logp_BCV = torch.log_softmax(logits_BCV.float(), dim=-1)
    logp_BC = logp_BCV.gather(-1, ids_BT[:, longest:, None])[..., 0].tolist()
    return [tuple(row[: len(c)]) for row, (_, c) in zip(logp_BC, pairs, strict=True)]


class _ReadPrompts(NamedTuple):
    """Prompts that the model has read, one row each: the next token's logits, the KV cache and its mask."""

    logits_BV: Tensor
    cache: Any
    mask_BT: Tensor


class _Batch:
    """The rows that the model continues together. Finished ones stay until the next `compact`."""

    def __init__(self, model: Any, rows: Sequence[GeneratedRow], prompts: _ReadPrompts) -> None:
        self._model = model
        self._logits_BV, self.cache, self.mask_BT = prompts
        self.rows = list(rows)
        self._rules = _rules([row.request for row in rows], self._logits_BV.device)
        self._seeds_B = np.array([row.request.seed for row in rows], dtype=np.uint64)

    def draw(self, step: int, allow: Allow | None) -> Drawn:
        """Draws the next token of every row."""
        for k, row in enumerate(self.rows):
            if (constraint := row.request.sampling.constraint) is not None:
                assert allow is not None, "a constrained request needs a vocabulary with `allow`"
                allowed_V = torch.from_numpy(allow(row.ids, constraint)).to(self._logits_BV.device)
                self._logits_BV[k].masked_fill_(~allowed_V, float("-inf"))
        uniform_B = torch.from_numpy(uniforms(self._seeds_B, step)).to(self._logits_BV.device)
        return draw(self._logits_BV, self._rules, uniform_B)

    def append(self, drawn: Drawn, vocabulary: Vocabulary) -> None:
        """Appends the drawn tokens to the unfinished rows."""
        for row, token, logprob in zip(self.rows, drawn.ids_B.tolist(), drawn.logp_B.tolist(), strict=True):
            if row.finish is None:
                row.append(token, logprob, vocabulary)

    def unfinished(self) -> list[int]:
        """The positions of the unfinished rows."""
        return [k for k, row in enumerate(self.rows) if row.finish is None]

    def finished_ids(self) -> dict[int, tuple[int, ...]]:
        """The ids, prompt and reply, of the finished rows, by position."""
        return {k: (*row.request.prompt_ids, *row.ids) for k, row in enumerate(self.rows) if row.finish is not None}

    def compact(self, kept: list[int]) -> Tensor:
        """Drops all other rows. Returns the kept positions as a tensor, to index the batch's other tensors with."""
        kept_B = torch.tensor(kept, device=self.mask_BT.device)
        self.cache.reorder_cache(kept_B)
        self.mask_BT, self._rules = self.mask_BT[kept_B], self._rules.select_rows(kept_B)
        self._seeds_B, self.rows = self._seeds_B[kept], [self.rows[k] for k in kept]
        return kept_B

    def advance(self, ids_B: Tensor) -> None:
        """Feeds one token per row to the model."""
        self.mask_BT = torch.cat([self.mask_BT, self.mask_BT.new_ones(len(self.rows), 1)], dim=1)
        self._logits_BV = _next_logits(self._model, ids_B, self.mask_BT, self.cache)


def _prefill(
    model: Any, requests: Sequence[Request], pad_id: int, prefixes: PrefixCache, owner: Hashable
) -> tuple[_ReadPrompts, ReadCounts]:
    """Reads every different prompt once. The result has one row per request."""
    order = {ids: k for k, ids in enumerate(dict.fromkeys(r.prompt_ids for r in requests))}
    prompts = list(order)
    num_shared = _read_shared(model, prompts, pad_id, prefixes, owner)
    found = [prefixes.find(owner, ids) for ids in prompts]
    logits_BV, cache, mask_BT = _read(model, prompts, found, pad_id, prefixes.key_size)
    _cache_rows(prefixes, owner, cache, mask_BT, dict(enumerate(prompts)))
    row_B = torch.tensor([order[r.prompt_ids] for r in requests], device=logits_BV.device)
    cache.reorder_cache(row_B)  # takes any rows, and unlike `batch_select_indices` exists for every cache
    num_new = sum(len(ids) - f.num for ids, f in zip(prompts, found, strict=True))
    counts = ReadCounts(sum(len(r.prompt_ids) for r in requests), num_shared + num_new)
    return _ReadPrompts(logits_BV[row_B], cache, mask_BT[row_B]), counts


def _read_shared(
    model: Any, prompts: Sequence[tuple[int, ...]], pad_id: int, prefixes: PrefixCache, owner: Hashable
) -> int:
    """Reads the beginning that all prompts share, if it is new and long enough. Returns the number of tokens read."""
    first, last = min(prompts), max(prompts)  # all prompts between these two share what these two share
    num_shared = next((k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    whole = first[: min(num_shared, len(first) - 1) // BLOCK * BLOCK]
    known = prefixes.num_known(owner, whole)
    if len(prompts) < 2 or not prefixes.is_enabled or known == len(whole):
        return 0
    found = prefixes.find(owner, whole)
    _, cache, mask_BT = _read(model, [whole], [found], pad_id, prefixes.key_size)
    _cache_rows(prefixes, owner, cache, mask_BT, {0: whole})
    return len(whole) - found.num


def _read(
    model: Any, prompts: Sequence[tuple[int, ...]], found: Sequence[Found], pad_id: int, key_size: int
) -> _ReadPrompts:
    """Reads the tokens that weren't found: one row per prompt, found and new tokens each padded on the left."""
    device = next(model.parameters()).device
    longest = max(f.num for f in found)
    rest = [ids[f.num :] for ids, f in zip(prompts, found, strict=True)]
    length = max(map(len, rest))
    ids_BT = torch.tensor([[pad_id] * (length - len(ids)) + list(ids) for ids in rest], device=device)
    mask_BP = torch.tensor([[0] * (longest - f.num) + [1] * f.num for f in found], device=device, dtype=torch.long)
    mask_BT = torch.tensor([[0] * (length - len(ids)) + [1] * len(ids) for ids in rest], device=device)
    cache = DynamicCache(config=model.config)
    if longest:
        kv = join_blocks(found, next(f.blocks[0] for f in found if f.num))
        for layer, both in enumerate(kv.unbind(1)):
            cache.update(both[..., :key_size], both[..., key_size:], layer)
    mask_BT = torch.cat([mask_BP.reshape(len(prompts), longest), mask_BT], dim=1)
    return _ReadPrompts(_logits(model, ids_BT, mask_BT, kept=1, cache=cache)[:, -1], cache, mask_BT)


def _cache_rows(
    prefixes: PrefixCache, owner: Hashable, cache: Any, mask_BT: Tensor, rows: dict[int, tuple[int, ...]]
) -> None:
    """Stores keys and values of rows, given by position with their ids, the last of which may not have been read."""
    new = {k: ids for k, ids in rows.items() if len(ids) // BLOCK * BLOCK > prefixes.num_known(owner, ids)}
    if not (prefixes.is_enabled and new):
        return
    key_size = cache.layers[0].keys.shape[-1]
    for k, ids in new.items():
        columns = mask_BT[k].nonzero()[: len(ids), 0]  # a finished row is still fed tokens, which are cut off here
        columns = columns[: len(columns) // BLOCK * BLOCK]
        kv = [torch.cat((layer.keys[k], layer.values[k]), dim=-1).index_select(1, columns) for layer in cache.layers]
        prefixes.keep(owner, ids, torch.stack(kv), key_size)


def _caches_every_token(model: Any) -> bool:
    """Whether the cache has keys and values of all tokens: not with a sliding window or linear attention."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


def _takes_positions(model: Any) -> bool:
    """Whether the model takes positions; others count columns (MPT's ALiBi) and can't have padding between tokens."""
    return "position_ids" in _parameters(type(model).forward)


def _logits(model: Any, ids_BT: Tensor, mask_BT: Tensor, kept: int, cache: Any = None) -> Tensor:
    """The logits at the last `kept` positions of rows that are padded on the left, on the right or both."""
    logits: Tensor = model(
        input_ids=ids_BT,
        attention_mask=mask_BT,
        position_ids=(mask_BT.cumsum(-1) - 1).clamp(min=0)[:, -ids_BT.shape[1] :],
        use_cache=cache is not None,
        logits_to_keep=kept,
        **{cache_argument(model): cache},
    ).logits
    return logits[:, -kept:]  # some architectures ignore `logits_to_keep`


def _next_logits(model: Any, ids_B: Tensor, mask_BT: Tensor, cache: Any) -> Tensor:
    argument = cache_argument(model)
    out = model(
        input_ids=ids_B[:, None],
        attention_mask=None if argument == STATES else mask_BT,  # Mamba multiplies the new token by the whole mask
        position_ids=(mask_BT.sum(-1) - 1)[:, None],
        use_cache=True,
        **{argument: cache},
    )
    logits: Tensor = out.logits[:, -1]
    return logits


def cache_argument(model: Any) -> str:
    """The name under which the model takes a cache of keys and values, or of states; empty if it takes none."""
    taken = _parameters(type(model).forward)
    return next((name for name in (KEYS_AND_VALUES, STATES) if name in taken), "")


@functools.cache
def _parameters(forward: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(forward).parameters)


def _rules(requests: Sequence[Request], device: torch.device) -> Rules:
    sampling = [r.sampling for r in requests]
    return Rules(
        torch.tensor([s.temperature for s in sampling], dtype=torch.float32, device=device),
        torch.tensor([s.top_k for s in sampling], device=device),
        torch.tensor([s.top_p for s in sampling], dtype=torch.float32, device=device),
        any(s.top_k > 0 or s.top_p < 1 for s in sampling),
    )
