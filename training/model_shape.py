"""A base model's shape: what its weights, its keys and values and an adapter on it take, without its weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mirrormatch.agents.engines._model_files import find_model_files
from mirrormatch.errors import UserError
from mirrormatch.training.config import LoraSettings


class ModelShape(NamedTuple):
    """The widths of a transformer with a gated MLP.

    Attributes:
        layers: number of layers.
        hidden: width between the layers.
        heads: number of attention heads.
        kv_heads: number of heads of keys and values.
        head_dim: width of a head.
        intermediate: width of the MLP.
        vocabulary: number of tokens.
        is_tied: whether the output layer shares the embedding's weights.
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    is_tied: bool

    @property
    def matrices(self) -> dict[str, tuple[int, int]]:
        """The inputs and outputs of a layer's matrices, by the usual names of their modules."""
        q, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return {
            "q_proj": (self.hidden, q),
            "k_proj": (self.hidden, kv),
            "v_proj": (self.hidden, kv),
            "o_proj": (q, self.hidden),
            "gate_proj": (self.hidden, self.intermediate),
            "up_proj": (self.hidden, self.intermediate),
            "down_proj": (self.intermediate, self.hidden),
        }

    @property
    def num_weights(self) -> int:
        """The number of weights, norms left out."""
        layer = sum(a * b for a, b in self.matrices.values())
        return self.layers * layer + self.vocabulary * self.hidden * (1 if self.is_tied else 2)

    @property
    def kv_numbers(self) -> int:
        """The numbers of keys and values that one token holds."""
        return 2 * self.layers * self.kv_heads * self.head_dim

    def adapter_weights(self, lora: LoraSettings) -> int:
        """The number of weights of the run's adapter; a target of an unusual name counts as all of them."""
        targets = [lora.targets] if isinstance(lora.targets, str) else list(lora.targets)
        chosen = [self.matrices[t] for t in targets if t in self.matrices] or list(self.matrices.values())
        return self.layers * lora.rank * sum(a + b for a, b in chosen)


# Published shapes of models that recipes name, for a plan on a machine without their files.
_QWEN3 = {"kv_heads": 8, "head_dim": 128, "vocabulary": 151_936}
KNOWN: Mapping[str, ModelShape] = {
    "Qwen3-0.6B": ModelShape(layers=28, hidden=1024, heads=16, intermediate=3072, is_tied=True, **_QWEN3),
    "Qwen3-1.7B": ModelShape(layers=28, hidden=2048, heads=16, intermediate=6144, is_tied=True, **_QWEN3),
    "Qwen3-4B": ModelShape(layers=36, hidden=2560, heads=32, intermediate=9728, is_tied=True, **_QWEN3),
    "Qwen3-8B": ModelShape(layers=36, hidden=4096, heads=32, intermediate=12288, is_tied=False, **_QWEN3),
}


def find_shape(path: str) -> ModelShape:
    """The shape of the model at a path or id: from its files, or of a published one of that name.

    Raises:
        UserError: neither is there.
    """
    place = Path(find_model_files(path).path).expanduser() / "config.json"
    if place.is_file():
        return _read_shape(json.loads(place.read_text(encoding="utf-8")))
    name = path.rpartition("/")[2]
    if (known := KNOWN.get(name.removesuffix("-Base"))) is not None:
        return known
    raise UserError(f"no plan for {path!r}: its config.json isn't here, and of the models known by name it is none")


def _read_shape(config: dict[str, Any]) -> ModelShape:
    values = config.get("text_config", config)
    heads, hidden = int(values.get("num_attention_heads", 1)), int(values["hidden_size"])
    return ModelShape(
        layers=int(values["num_hidden_layers"]),
        hidden=hidden,
        heads=heads,
        kv_heads=int(values.get("num_key_value_heads") or heads),
        head_dim=int(values.get("head_dim") or hidden // heads),
        intermediate=int(values.get("intermediate_size") or 4 * hidden),
        vocabulary=int(values["vocab_size"]),
        is_tied=bool(values.get("tie_word_embeddings", True)),
    )
