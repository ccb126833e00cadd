"""Batched generation with a transformers causal language model and its KV cache.

Equal prompts are read once, and what prompts share with each other or with earlier ones isn't read again (prefixes.py).
Rows that have finished leave the batch. Nothing here knows adapters, text or requests' owners. B rows, T tokens of
prompt, P tokens that were read before, V tokens of vocabulary.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from mirrormatch.agents.engines._types import Constraint, Sampling
from mirrormatch.agents.engines.hf.constraints import Permit
from mirrormatch.agents.engines.hf.drawing import Rules, draw, uniforms
from mirrormatch.agents.engines.hf.prefix_cache import BLOCK, Found, PrefixCache, join_blocks

COMPACT_BELOW = 0.75  # a batch is made smaller when fewer of its rows are still writing


class ReadCounts(NamedTuple):
    """How many tokens of the prompts there were, and how many of them had to be read."""

    num_tokens: int
    num_computed: int


class Request(NamedTuple):
    """One prompt to continue."""

    prompt_ids: tuple[int, ...]
    sampling: Sampling
    seed: int


@dataclass(slots=True)
class GeneratedRow:
    """What one row has written so far."""

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish: str | None = None


@torch.inference_mode()
def generate(
    model: Any,
    requests: Sequence[Request],
    *,
    end_ids: frozenset[int],
    pad_id: int,
    has_stop: Callable[[list[int], tuple[str, ...]], bool],
    permit: Callable[[list[int], Constraint], Permit] | None = None,
    prefixes: PrefixCache | None = None,
    owner: Hashable = None,
) -> tuple[list[GeneratedRow], ReadCounts]:
    """Continues every prompt until an end token, a stop string or its token budget.

    Args:
        model: a causal language model in eval mode.
        requests: the prompts.
        end_ids: tokens that end a row.
        pad_id: any token; it is masked.
        has_stop: whether the ids, as text, hold one of the stop strings.
        permit: which tokens may follow the ids under a constraint; needed where a request has one.
        prefixes: keys and values to begin with, and to add to; none keeps none.
        owner: under which they are kept: the adapter.
    """
    if prefixes is None or not _caches_every_token(model):
        prefixes = PrefixCache(0)
    written = [GeneratedRow() for _ in requests]
    logits_BV, cache, mask_BT, read = _prefill(model, requests, pad_id, prefixes, owner)
    device = logits_BV.device
    rows = list(range(len(requests)))  # batch row -> request
    rules = _rules(requests, device)
    seeds_B = np.array([r.seed for r in requests], dtype=np.uint64)
    for step in range(max(r.sampling.max_tokens for r in requests)):
        _constrain(logits_BV, [(written[row].ids, requests[row].sampling.constraint) for row in rows], permit)
        drawn = draw(logits_BV, rules, torch.from_numpy(uniforms(seeds_B, step)).to(device))
        ids_B, logp_B = drawn.ids_B.tolist(), drawn.logp_B.tolist()
        for row, token, logp in zip(rows, ids_B, logp_B, strict=True):
            if written[row].finish is None:
                _append_token(written[row], token, logp, requests[row].sampling, end_ids, has_stop)
        writing = [k for k, row in enumerate(rows) if written[row].finish is None]
        if not writing or len(writing) < COMPACT_BELOW * len(rows):
            ended = [k for k, row in enumerate(rows) if written[row].finish is not None]
            _cache_rows(prefixes, owner, cache, mask_BT, {k: _row_ids(requests, written, rows[k]) for k in ended})
        if not writing:
            break
        next_B = drawn.ids_B
        if len(writing) < COMPACT_BELOW * len(rows):
            kept_B = torch.tensor(writing, device=device)
            cache.reorder_cache(kept_B)
            mask_BT, next_B, rules = mask_BT[kept_B], next_B[kept_B], rules.select_rows(kept_B)
            seeds_B, rows = seeds_B[writing], [rows[k] for k in writing]
        mask_BT = torch.cat([mask_BT, mask_BT.new_ones(len(rows), 1)], dim=1)
        logits_BV = _next_logits(model, next_B, mask_BT, cache)
    return written, read


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


def _prefill(
    model: Any, requests: Sequence[Request], pad_id: int, prefixes: PrefixCache, owner: Hashable
) -> tuple[Tensor, Any, Tensor, ReadCounts]:
    """Reads every different prompt once: next-token logits, cache and mask, with one row per request."""
    order = {ids: k for k, ids in enumerate(dict.fromkeys(r.prompt_ids for r in requests))}
    prompts = list(order)
    num_shared = _read_shared(model, prompts, pad_id, prefixes, owner)
    found = [prefixes.find(owner, ids) for ids in prompts]
    logits_BV, cache, mask_BT = _read(model, prompts, found, pad_id)
    _cache_rows(prefixes, owner, cache, mask_BT, dict(enumerate(prompts)))
    row_B = torch.tensor([order[r.prompt_ids] for r in requests], device=logits_BV.device)
    cache.reorder_cache(row_B)  # which takes any rows, and unlike `batch_select_indices` is there for every cache
    num_new = sum(len(ids) - f.num for ids, f in zip(prompts, found, strict=True))
    read = ReadCounts(sum(len(r.prompt_ids) for r in requests), num_shared + num_new)
    return logits_BV[row_B], cache, mask_BT[row_B], read


def _read_shared(
    model: Any, prompts: Sequence[tuple[int, ...]], pad_id: int, prefixes: PrefixCache, owner: Hashable
) -> int:
    """Reads what all prompts begin with once, where it is new and long enough; how many tokens that were."""
    first, last = min(prompts), max(prompts)  # what these two share, all between them share
    num_shared = next((k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    whole = first[: min(num_shared, len(first) - 1) // BLOCK * BLOCK]
    known = prefixes.num_known(owner, whole)
    if len(prompts) < 2 or not prefixes.is_enabled or known == len(whole):
        return 0
    found = prefixes.find(owner, whole)
    _, cache, mask_BT = _read(model, [whole], [found], pad_id)
    _cache_rows(prefixes, owner, cache, mask_BT, {0: whole})
    return len(whole) - found.num


def _read(
    model: Any, prompts: Sequence[tuple[int, ...]], found: Sequence[Found], pad_id: int
) -> tuple[Tensor, Any, Tensor]:
    """Reads what wasn't found: one row per prompt, its beginning and the rest each padded on the left."""
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
        for layer in range(kv.shape[1] // 2):
            cache.update(kv[:, 2 * layer], kv[:, 2 * layer + 1], layer)
    mask_BT = torch.cat([mask_BP.reshape(len(prompts), longest), mask_BT], dim=1)
    return _logits(model, ids_BT, mask_BT, kept=1, cache=cache)[:, -1], cache, mask_BT


def _cache_rows(
    prefixes: PrefixCache, owner: Hashable, cache: Any, mask_BT: Tensor, rows: dict[int, tuple[int, ...]]
) -> None:
    """Keeps keys and values of the rows, given with their ids, of which the last may not have been read."""
    new = {k: ids for k, ids in rows.items() if len(ids) // BLOCK * BLOCK > prefixes.num_known(owner, ids)}
    if not (prefixes.is_enabled and new):
        return
    for k, ids in new.items():
        columns = mask_BT[k].nonzero()[: len(ids), 0]  # a row that ended goes on being fed, with what doesn't count
        columns = columns[: len(columns) // BLOCK * BLOCK]
        kv = [t[k].index_select(1, columns) for layer in cache.layers for t in (layer.keys, layer.values)]
        prefixes.keep(owner, ids, torch.stack(kv))


def _caches_every_token(model: Any) -> bool:
    """Whether the cache holds keys and values of all tokens: not with a sliding window or linear attention."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


def _row_ids(requests: Sequence[Request], written: Sequence[GeneratedRow], row: int) -> tuple[int, ...]:
    """Everything that the row's cache may hold: its prompt and what was written."""
    return (*requests[row].prompt_ids, *written[row].ids)


def _logits(model: Any, ids_BT: Tensor, mask_BT: Tensor, kept: int, cache: Any = None) -> Tensor:
    """The last `kept` places' logits of rows that are padded on the left, on the right or both."""
    logits: Tensor = model(
        input_ids=ids_BT,
        attention_mask=mask_BT,
        position_ids=(mask_BT.cumsum(-1) - 1).clamp(min=0)[:, -ids_BT.shape[1] :],
        past_key_values=cache,
        use_cache=cache is not None,
        logits_to_keep=kept,
    ).logits
    return logits


def _next_logits(model: Any, ids_B: Tensor, mask_BT: Tensor, cache: Any) -> Tensor:
    out = model(
        input_ids=ids_B[:, None],
        attention_mask=mask_BT,
        position_ids=(mask_BT.sum(-1) - 1)[:, None],
        past_key_values=cache,
        use_cache=True,
    )
    logits: Tensor = out.logits[:, -1]
    return logits


def _constrain(
    logits_BV: Tensor,
    rows: Sequence[tuple[list[int], Constraint | None]],
    permit: Callable[[list[int], Constraint], Permit] | None,
) -> None:
    """Takes what may not come next out of the running."""
    for k, (ids, constraint) in enumerate(rows):
        if constraint is None:
            continue
        assert permit is not None, "a constrained request needs to be told what is permitted"
        permitted = permit(ids, constraint)
        named = torch.tensor(permitted.ids, device=logits_BV.device, dtype=torch.long)
        if permitted.only:
            kept = logits_BV[k, named]
            logits_BV[k] = float("-inf")
            logits_BV[k, named] = kept
        else:
            logits_BV[k, named] = float("-inf")


def _rules(requests: Sequence[Request], device: torch.device) -> Rules:
    sampled = [r.sampling for r in requests]
    return Rules(
        torch.tensor([s.temperature for s in sampled], dtype=torch.float32, device=device),
        torch.tensor([s.top_k for s in sampled], device=device),
        torch.tensor([s.top_p for s in sampled], dtype=torch.float32, device=device),
        any(s.top_k > 0 or s.top_p < 1 for s in sampled),
    )


def _append_token(
    row: GeneratedRow,
    token: int,
    logp: float,
    sampling: Sampling,
    end_ids: frozenset[int],
    has_stop: Callable[[list[int], tuple[str, ...]], bool],
) -> None:
    row.ids.append(token)
    row.logprobs.append(logp)
    if token in end_ids or (sampling.stop and has_stop(row.ids, sampling.stop)):
        row.finish = "stop"
    elif len(row.ids) >= sampling.max_tokens:
        row.finish = "length"
