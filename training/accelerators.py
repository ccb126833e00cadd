"""Published figures of GPUs, and the rates of play and learning that they allow: for plans, not for results.

Decoding reads all weights and all keys and values once per token of every sequence: memory bandwidth limits it.
Learning multiplies: arithmetic limits it. Both reach a share of the published peak.
"""

from typing import NamedTuple

from mirrormatch.training.model_shape import ModelShape

BYTES = 2  # of a number in bfloat16
BANDWIDTH_SHARE = 0.5  # of the peak, reached in decoding
ARITHMETIC_SHARE = 0.35  # of the peak, reached in learning and in reading prompts
EAGER_S = 0.035  # shortest time of a decoding step of the transformers engine, which launches every kernel by itself
EAGER_SHARE = 0.5  # of the engine's sequences that still generate: its batches wait for their longest reply
READ_FLOPS = 2  # per weight and token read
LEARN_FLOPS = 8  # per weight and token learned: forward, again in the backward pass, gradients of activations
_GB = 1e9


class Accelerator(NamedTuple):
    """A GPU by its data sheet.

    Attributes:
        name: part of the name that its driver gives.
        memory_gb: memory.
        bandwidth: bytes per second from memory.
        arithmetic: operations per second in bfloat16, dense.
    """

    name: str
    memory_gb: float
    bandwidth: float
    arithmetic: float

    def reply_rate(self, shape: ModelShape, num_sequences: float, context: float, is_eager: bool) -> float:
        """Generated tokens per second over all sequences.

        Args:
            shape: the base model's shape.
            num_sequences: number of sequences that are generated together.
            context: mean number of tokens that each of them holds.
            is_eager: whether the transformers engine generates, rather than vLLM.
        """
        num_read = shape.num_weights + num_sequences * context * shape.kv_numbers
        step_s = BYTES * num_read / (BANDWIDTH_SHARE * self.bandwidth)
        return EAGER_SHARE * num_sequences / max(step_s, EAGER_S) if is_eager else num_sequences / step_s

    def read_rate(self, shape: ModelShape) -> float:
        """Tokens of prompts read per second."""
        return ARITHMETIC_SHARE * self.arithmetic / (READ_FLOPS * shape.num_weights)

    def learn_rate(self, shape: ModelShape) -> float:
        """Tokens learned per second."""
        return ARITHMETIC_SHARE * self.arithmetic / (LEARN_FLOPS * shape.num_weights)

    def num_sequences(self, shape: ModelShape, context: float, share: float) -> float:
        """The number of sequences whose keys and values fit beside the weights into a share of the memory."""
        room = share * self.memory_gb * _GB - BYTES * shape.num_weights
        return max(1.0, room / (BYTES * shape.kv_numbers * context))


ACCELERATORS = (
    Accelerator("H200", 141, 4.8e12, 989e12),
    Accelerator("H100", 80, 3.35e12, 989e12),
    Accelerator("A100", 80, 2.0e12, 312e12),
    Accelerator("L40S", 48, 0.86e12, 362e12),
    Accelerator("RTX 4090", 24, 1.0e12, 165e12),
)
ASSUMED = ACCELERATORS[1]  # on a machine without a GPU, or with one of another name
