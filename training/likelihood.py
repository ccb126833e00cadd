"""The model's log-probs and entropies of the own tokens of a part, with gradients.

    likelihood = Likelihood(model)  # once
    plan = likelihood.plan(samples, max_tokens)
    for part in plan.parts:
        logp_K, entropy_K = likelihood(part, temperature)

The trunk reads the tokens of a part. Only positions in front of own tokens pass through the output head, which is the
model's own, with any scale or soft cap of the logits. A large vocabulary passes in chunks that the backward pass
computes again.

Whether a model can read trees is tried on the model itself: a tree and its sequences alone must give the same. Models
that fail (state-space models, ALiBi, an attention of their own) read one sequence per row.

R rows, W columns, P positions in front of own tokens, E edges, K own tokens, H the model's width, V its vocabulary.
"""

import contextlib
import copy
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from peft import PeftModel
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mirrormatch.training import tree_attention
from mirrormatch.training.packing import Ints, Part, Plan, pack
from mirrormatch.training.types import Ids, Sample

MAX_LOGITS = 2**26  # of a chunk: 256 MB in fp32
_TOLERANCES = {torch.float64: 1e-6, torch.float32: 1e-4}  # relative, of hidden states
_HALF_TOLERANCE = 0.05  # kernels round differently for other shapes
_WINDOWS = ("sliding_window", "attention_chunk_size", "attention_window_size", "window_size")  # in models' configs
_REFUSALS = (ValueError, TypeError, RuntimeError, AttributeError, IndexError, KeyError, NotImplementedError)


class OwnTokens(NamedTuple):
    """What the model gives the own tokens of a part, in the order of `part.own`.

    Attributes:
        logps: log-probs, (K,), fp32, with a gradient.
        entropies: entropies of the distributions that the tokens were drawn from, in nats, (K,).
    """

    logps: Tensor
    entropies: Tensor


class Likelihood:
    """The distribution of a causal language model over the own tokens of parts.

    Every call uses the weights and the adapter that are active then. Mixed precision is the caller's `torch.autocast`.

    Args:
        model: a model of transformers, or PEFT's around one. No dropout is expected to be left in it.
    """

    def __init__(self, model: Any) -> None:
        peft: Any = model
        self._model: Any = peft.get_base_model() if isinstance(model, PeftModel) else model
        self._trunk: Any = self._model.get_decoder()
        self._has_trunk = self._trunk is not self._model
        with _evaluation(self._model):
            if self._has_trunk:
                self._has_trunk = self._head_is_separate()
            self._max_depth = self._find_max_depth()

    @property
    def reads_trees(self) -> bool:
        """Whether shared prefixes are read once, rather than in every sequence."""
        return self._max_depth > 0

    def plan(self, samples: Sequence[Sample], max_tokens: int) -> Plan:
        """Packs an update's samples into parts of at most that many tokens, as suits the model."""
        return pack(samples, max_tokens, max_depth=self._max_depth)

    def __call__(self, part: Part, temperature: float, *, entropy_gradient: bool = False) -> OwnTokens:
        """The log-probs and entropies of the part's own tokens.

        Args:
            part: a part of this object's `plan`.
            temperature: the divisor of the logits, as at sampling.
            entropy_gradient: whether the entropies have a gradient.
        """
        hidden_PH, output = self._read(part)
        size = max(1, MAX_LOGITS // self._model.config.get_text_config().vocab_size)
        starts = range(0, len(part.reads), size)
        logps, entropies = list[Tensor](), list[Tensor]()
        for start in starts:
            chunk = slice(start, start + size)
            first, last = np.searchsorted(part.edge_reads, (start, start + size))
            reads_E = self._tensor(part.edge_reads[first:last] - start)
            ids_E = self._tensor(part.edge_ids[first:last])

            def score(hidden_PH: Tensor, reads_E: Tensor = reads_E, ids_E: Tensor = ids_E) -> tuple[Tensor, Tensor]:
                logits_PV = self._apply_head(hidden_PH, output).float() / temperature
                return _score(logits_PV, reads_E, ids_E, entropy_gradient)

            again = len(starts) > 1 and torch.is_grad_enabled()
            found = checkpoint(score, hidden_PH[chunk], use_reentrant=False) if again else score(hidden_PH[chunk])
            logps.append(found[0])
            entropies.append(found[1])
        edges_K, edge_reads_E = self._tensor(part.edges), self._tensor(part.edge_reads)
        return OwnTokens(torch.cat(logps)[edges_K], torch.cat(entropies)[edge_reads_E][edges_K])

    @property
    def _device(self) -> torch.device:
        device: torch.device = self._model.get_input_embeddings().weight.device
        return device

    def _tensor(self, values: Ints) -> Tensor:
        return torch.from_numpy(values).to(self._device)

    def _read(self, part: Part) -> tuple[Tensor, Any]:
        """What the head needs of the part's positions, (P, H), and the output; logits without a trunk."""
        reader = self._trunk if self._has_trunk else self._model
        output = reader(**self._inputs(part))
        states = output.last_hidden_state if self._has_trunk else output.logits
        return states.flatten(0, 1)[self._tensor(part.reads)], output

    def _inputs(self, part: Part) -> dict[str, Any]:
        ids_RW = self._tensor(part.ids)
        if not part.is_tree:
            column_W = torch.arange(ids_RW.size(1), device=self._device)
            mask_RW = column_W < self._tensor(part.lengths)[:, None]
            return {"input_ids": ids_RW, "attention_mask": mask_RW.long(), "use_cache": False}
        return {
            "input_ids": ids_RW,
            "position_ids": self._tensor(part.positions),
            "attention_mask": torch.zeros((1, 1, 1, 1), device=self._device),  # ready-made, so that none is made
            "tree": tree_attention.build_mask(part, self._device),
            "use_cache": False,
        }

    def _apply_head(self, states_PH: Tensor, output: Any) -> Tensor:
        """The logits behind hidden states, (P, V): the model's own forward pass, whose trunk returns these states."""
        if not self._has_trunk:
            return states_PH
        given = copy.copy(output)
        given.last_hidden_state = states_PH[None]
        with _replaced_forward(self._trunk, given):
            ids = torch.zeros((1, len(states_PH)), dtype=torch.long, device=states_PH.device)
            logits: Tensor = self._model(input_ids=ids, use_cache=False).logits
        return logits[0]

    # what the model can do

    def _head_is_separate(self) -> bool:
        """Whether the head's logits behind the trunk's states are those of the whole model."""
        part = self._probe(max_depth=0).parts[0]
        try:
            states, output = self._read(part)
            found = self._apply_head(states, output)
        except _REFUSALS:
            return False
        whole = self._model(**self._inputs(part)).logits.flatten(0, 1)[self._tensor(part.reads)]
        return self._are_close(found, whole)

    def _find_max_depth(self) -> int:
        """The length of the longest sequence that may be in a tree; 0 if none may. Switches attention over trees on."""
        if not tree_attention.switch_on(self._model):
            return 0
        if not self._reads_probe():
            tree_attention.switch_off(self._model)
            return 0
        config = self._model.config.get_text_config()
        windows = (getattr(config, name, None) for name in _WINDOWS)
        return min((window for window in windows if isinstance(window, int)), default=sys.maxsize)

    def _reads_probe(self) -> bool:
        """Whether a tree and its sequences alone give the same hidden states."""
        expected = self._states(self._probe(max_depth=0))
        try:
            found = self._states(self._probe(max_depth=None))
        except _REFUSALS:
            return False
        return self._are_close(found, expected)

    def _states(self, plan: Plan) -> Tensor:
        """The hidden states before every own token of a plan, (N, H)."""
        states_KH = [self._read(part)[0][self._tensor(part.edge_reads[part.edges])] for part in plan.parts]
        return torch.cat(states_KH)[self._tensor(np.concatenate([part.own for part in plan.parts]).argsort())]

    def _probe(self, max_depth: int | None) -> Plan:
        vocab_size = self._model.config.get_text_config().vocab_size
        return pack(_probe_samples(vocab_size), _PROBE_TOKENS, max_depth=max_depth)

    def _are_close(self, found: Tensor, expected: Tensor) -> bool:
        tolerance = _TOLERANCES.get(expected.dtype, _HALF_TOLERANCE)
        distance = (found.double() - expected.double()).norm() / expected.double().norm()
        return bool(distance <= tolerance)  # False for NaN


_PROBE_TOKENS = 2**16  # more than the probe has: it is one part


def _score(logits_PV: Tensor, reads_E: Tensor, ids_E: Tensor, entropy_gradient: bool) -> tuple[Tensor, Tensor]:
    """Log-probs of the edges, (E,), and entropies of the positions, (P,)."""
    log_sum_P = logits_PV.logsumexp(-1)
    logps_E = logits_PV[reads_E, ids_E] - log_sum_P[reads_E]
    with torch.set_grad_enabled(entropy_gradient and torch.is_grad_enabled()):
        entropies_P = log_sum_P - (logits_PV.softmax(-1) * logits_PV).sum(-1)
    return logps_E, entropies_P


def _probe_samples(vocab_size: int) -> list[Sample]:
    """A tree with branches at several depths, and a second tree that begins far behind the first."""
    draw = np.random.default_rng(0)

    def some(num: int) -> Ids:
        return tuple(draw.integers(vocab_size, size=num).tolist())

    start = some(24)
    branch = start + some(16)
    sequences = [start + some(40), branch + some(8), branch + some(32), some(12) + some(20)]
    return [Sample(ids, (0, *(1,) * (len(ids) - 1)), (0.0,) * len(ids), (0.0,) * len(ids)) for ids in sequences]


@contextlib.contextmanager
def _replaced_forward(module: torch.nn.Module, output: Any) -> Iterator[None]:
    """Makes a module return an output that is known already."""
    had = vars(module).get("forward")
    module.forward = lambda *_, **__: output
    try:
        yield
    finally:
        if had is None:
            del module.forward
        else:
            module.forward = had


@contextlib.contextmanager
def _evaluation(model: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)
