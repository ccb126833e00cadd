"""Tiny random models of many architectures, each built by transformers from a small configuration.

The tests play and score with each of them, and `docs/generate/engines_tried.py` lists them in docs/engines.md.
"""

from pathlib import Path
from typing import Any

import torch
from tests.agents.engines.tiny_model import CONTEXT, VOCAB_SIZE
from transformers import AutoConfig, AutoModelForCausalLM

from mirrormatch.training.bundled import corpus
from mirrormatch.training.bundled.tokenizer import END, PAD, save_tokenizer, train_tokenizer

_COMMON = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": CONTEXT,
    "initializer_range": 0.2,
}
_HEADS = {"head_dim": 32}
_LATENT = {  # multi-head latent attention: keys of 24 numbers, values of 16
    "num_key_value_heads": 2,
    "q_lora_rank": 32,
    "kv_lora_rank": 32,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 16,
    "v_head_dim": 16,
}
_EXPERTS = {"moe_intermediate_size": 32, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1}

# By model type, as in config.json: the display name, and the configuration.
ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", _COMMON),
    "mistral": ("Mistral (sliding window)", {**_COMMON, "sliding_window": 32}),
    "qwen2": ("Qwen2", _COMMON),
    "qwen3": ("Qwen3", {**_COMMON, **_HEADS}),
    "qwen2_moe": (
        "Qwen2-MoE",
        {**_COMMON, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
         "shared_expert_intermediate_size": 32},
    ),
    "mixtral": ("Mixtral", {**_COMMON, "num_local_experts": 4}),
    "gemma": ("Gemma", {**_COMMON, **_HEADS}),
    "gemma2": ("Gemma 2 (sliding window, soft caps)", {**_COMMON, **_HEADS, "sliding_window": 32}),
    "gemma3_text": ("Gemma 3 (sliding window)", {**_COMMON, **_HEADS, "sliding_window": 32}),
    "phi": ("Phi", {**_COMMON, "num_key_value_heads": 2}),
    "phi3": ("Phi-3", {**_COMMON, "num_key_value_heads": 2}),
    "glm4": ("GLM-4", {**_COMMON, **_HEADS}),
    "olmo2": ("OLMo 2", _COMMON),
    "gpt2": ("GPT-2 (absolute positions)", {"n_embd": 64, "n_layer": 2, "n_head": 2, "n_positions": CONTEXT,
                                            "initializer_range": 0.2}),
    "gpt_neox": ("GPT-NeoX", {**_COMMON}),
    "gptj": ("GPT-J", {"n_embd": 64, "n_layer": 2, "n_head": 2, "rotary_dim": 16, "n_positions": CONTEXT,
                       "initializer_range": 0.2}),
    "opt": ("OPT (learned positions)", {"hidden_size": 64, "ffn_dim": 96, "num_hidden_layers": 2,
                                        "num_attention_heads": 2, "word_embed_proj_dim": 64,
                                        "max_position_embeddings": CONTEXT, "init_std": 0.2}),
    "falcon": ("Falcon", {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
                          "initializer_range": 0.2, "max_position_embeddings": CONTEXT}),
    "bloom": ("Bloom (ALiBi, no context length)", {"hidden_size": 64, "n_layer": 2, "n_head": 2,
                                                   "initializer_range": 0.2}),
    "mpt": ("MPT (ALiBi, max_seq_len)", {"d_model": 64, "n_layers": 2, "n_heads": 2, "max_seq_len": CONTEXT,
                                         "initializer_range": 0.2}),
    "stablelm": ("StableLM", _COMMON),
    "cohere": ("Cohere", _COMMON),
    "granite": ("Granite", _COMMON),
    "starcoder2": ("StarCoder2", {**_COMMON, "sliding_window": None}),
    "deepseek_v3": ("DeepSeek-V3 (latent attention)", {**_COMMON, **_LATENT, **_EXPERTS, "first_k_dense_replace": 1}),
    "deepseek_v2": ("DeepSeek-V2 (latent attention)", {**_COMMON, **_LATENT, **_EXPERTS, "first_k_dense_replace": 1}),
    "gpt_oss": (
        "gpt-oss (attention sinks)",
        {**_COMMON, **_HEADS, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 32},
    ),
    "mamba": ("Mamba (state space)", {"hidden_size": 64, "state_size": 8, "num_hidden_layers": 2,
                                      "initializer_range": 0.2}),
    "falcon_mamba": ("Falcon Mamba (state space)", {"hidden_size": 64, "state_size": 8, "num_hidden_layers": 2,
                                                    "initializer_range": 0.2}),
    "mamba2": ("Mamba 2 (state space)", {"hidden_size": 64, "state_size": 8, "num_hidden_layers": 2, "num_heads": 4,
                                         "head_dim": 32, "n_groups": 1, "initializer_range": 0.2, "chunk_size": 16}),
    "jamba": ("Jamba (hybrid)", {**_COMMON, "num_experts": 2, "num_experts_per_tok": 1, "attn_layer_period": 2,
                                 "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1,
                                 "mamba_d_state": 8, "use_mamba_kernels": False}),
    "qwen3_next": ("Qwen3-Next (linear attention)", {**_COMMON, **_HEADS, "num_experts": 4, "num_experts_per_tok": 2,
                   "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32, "linear_num_key_heads": 2,
                   "linear_num_value_heads": 2, "linear_key_head_dim": 16, "linear_value_head_dim": 16,
                   "layer_types": ["linear_attention", "full_attention"]}),
    "recurrent_gemma": ("RecurrentGemma (recurrent)", {**_COMMON, "lru_width": 64, "attention_window_size": 32,
                        "block_types": ["recurrent", "attention"]}),
}  # fmt: skip

# Architectures that the engine refuses in one line.
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "rwkv": ("RWKV (recurrent)", {"hidden_size": 64, "attention_hidden_size": 64, "num_hidden_layers": 2,
                                  "intermediate_size": 96, "context_length": CONTEXT}),
}  # fmt: skip


def build_model(kind: str) -> Any:
    """A random model of an architecture.

    Args:
        kind: the model type, a key of `ARCHITECTURES` or `REFUSED`.
    """
    config = AutoConfig.for_model(kind, vocab_size=VOCAB_SIZE, pad_token_id=0, **{**ARCHITECTURES, **REFUSED}[kind][1])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]


def save_architecture(folder: Path, kind: str) -> Path:
    """Saves a random model of an architecture, with a real tokenizer. Returns the folder."""
    tokenizer = train_tokenizer(corpus.texts(seed=0, num=300), VOCAB_SIZE)
    model = build_model(kind)
    pad_id, end_id = (tokenizer.convert_tokens_to_ids(t) for t in (PAD, END))
    for settings in (model.config, model.generation_config):
        settings.pad_token_id, settings.eos_token_id, settings.bos_token_id = pad_id, end_id, None
    save_tokenizer(tokenizer, folder)
    model.save_pretrained(folder)
    return folder
