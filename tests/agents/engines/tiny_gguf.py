"""A tiny Llama in Hugging Face's format and as a GGUF file, with its tokenizer and its chat template.

It has the shapes of the tiny model, whose adapters fit. (transformers reads no head dimension of Qwen3 from GGUF.)
"""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy
import torch
from tests.agents.engines.tiny_model import VOCAB_SIZE
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from mirrormatch.training.bundled import corpus
from mirrormatch.training.bundled.tokenizer import CHAT_TEMPLATE, END, PAD, START

_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", 
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.down_proj": "ffn_down", "mlp.up_proj": "ffn_up",
}  # fmt: skip


def write_gguf(folder: Path, path: Path) -> Path:
    """Converts a Llama in Hugging Face's format to a GGUF file with fp32 weights. Returns the file."""
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    config: Any = model.config
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_vocab_size(config.vocab_size)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    _write_tokenizer(writer, tokenizer)
    for name, weight in model.state_dict().items():
        if name != "lm_head.weight":  # tied to the embedding
            heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
            num_heads = next((n for part, n in heads.items() if part in name), None)
            array = weight.float().numpy().astype(numpy.float32)
            writer.add_tensor(_gguf_name(name), array if num_heads is None else _interleave(array, num_heads))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def save_llama(folder: Path, template: str | None = CHAT_TEMPLATE, added: tuple[AddedToken, ...] = ()) -> Path:
    """Saves a random Llama and a tokenizer of GPT-2's kind, the one that GGUF files name `gpt2`.

    Args:
        folder: the folder, which is returned.
        template: the chat template; None for none, and no token that begins a turn.
        added: further tokens.
    """
    tokenizer = _train_tokenizer(template, added)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=512, tie_word_embeddings=True, initializer_range=0.2,
        bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _train_tokenizer(template: str | None, added: tuple[AddedToken, ...]) -> Any:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE, special_tokens=[PAD, *([START] if template else []), END], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    tokenizer.train_from_iterator(corpus.texts(seed=0, num=300), trainer)
    fast: Any = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=END)  # type: ignore[no-untyped-call]
    fast.add_tokens(list(added))
    fast.chat_template = template
    return fast


def _interleave(array: Any, num_heads: int) -> Any:
    """Orders the rows of a query or key projection as llama.cpp's rotary embedding expects them."""
    half = array.shape[0] // num_heads // 2
    return array.reshape(num_heads, 2, half, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)


def _write_tokenizer(writer: Any, tokenizer: Any) -> None:
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    kinds = {token.content: 3 if token.special else 4 for token in tokenizer.added_tokens_decoder.values()}
    merges = [" ".join(pair) for pair in _merges(tokenizer)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([kinds.get(token, 1) for token, _ in vocabulary])  # control, user-defined or normal
    writer.add_token_merges(merges)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)


def _merges(tokenizer: Any) -> list[tuple[str, str]]:
    return [tuple(pair) for pair in json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]]


def _gguf_name(name: str) -> str:
    if name in _NAMES:
        return _NAMES[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{_NAMES[rest.removesuffix('.weight')]}.weight"
