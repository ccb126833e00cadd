"""A model made for each run of the tests: random weights, a real tokenizer, and adapters for it.

Its logits are spread widely: rounding never decides the most probable token.
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from mirrormatch.training.bundled import corpus
from mirrormatch.training.bundled.tokenizer import END, PAD, save_tokenizer, train_tokenizer

VOCAB_SIZE = 512
CONTEXT = 512
HIDDEN, LAYERS = 64, 2


def new_model(hidden: int = HIDDEN, layers: int = LAYERS, seed: int = 0) -> Qwen3ForCausalLM:
    """A model with fixed random weights."""
    config = Qwen3Config(
        vocab_size=VOCAB_SIZE,
        hidden_size=hidden,
        intermediate_size=96,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        initializer_range=0.2,
        bos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Qwen3ForCausalLM(config)


def save_model(folder: Path, hidden: int = HIDDEN, layers: int = LAYERS, seed: int = 0) -> Path:
    """Saves the model and its tokenizer in Hugging Face format. Returns the folder."""
    tokenizer = train_tokenizer(corpus.texts(seed=0, num=300), VOCAB_SIZE)
    model = new_model(hidden, layers, seed)
    pad_id, end_id = (tokenizer.convert_tokens_to_ids(t) for t in (PAD, END))
    for settings in (model.config, model.generation_config):
        settings.pad_token_id, settings.eos_token_id = pad_id, end_id
    save_tokenizer(tokenizer, folder)
    model.save_pretrained(folder)
    return folder


def save_adapter(folder: Path, seed: int, hidden: int = HIDDEN, layers: int = LAYERS, rank: int = 4) -> Path:
    """Saves a LoRA adapter that changes every answer of the tiny model of that shape. Returns the folder."""
    targets = ["q_proj", "v_proj", "down_proj"]
    settings = LoraConfig(r=rank, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM")
    with warnings.catch_warnings(), torch.random.fork_rng(), torch.no_grad():
        warnings.simplefilter("ignore")  # PEFT uses a name of transformers' that will change
        torch.manual_seed(seed)
        model = get_peft_model(new_model(hidden, layers), settings)
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.normal_(std=0.1)
        model.save_pretrained(str(folder))
    return folder


def spaced_tokenizer(scheme: str) -> Any:
    """A tokenizer like SentencePiece's, in which spaces begin words and may be added before a text.

    Args:
        scheme: "always", "first" or "never", for the pre-tokenizer Metaspace; "normalizer" is Llama 2's way.
    """
    tokenizer = Tokenizer(models.BPE())
    if scheme == "normalizer":
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
        tokenizer.decoder = decoders.Metaspace(prepend_scheme=scheme)
    trainer = trainers.BpeTrainer(vocab_size=200, special_tokens=["<s>", END], show_progress=False)
    tokenizer.train_from_iterator(
        ["system user assistant hello a b\n\n You are X. Legal: 1 2 {} <|im_end|>"] * 3, trainer
    )
    fast: Any = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)  # type: ignore[no-untyped-call]
    turn = "{{ '<s>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}"
    fast.chat_template = f"{{% for m in messages %}}{turn}{{% endfor %}}<s>assistant\n"
    return fast
