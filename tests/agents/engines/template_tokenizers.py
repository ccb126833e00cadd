"""Small tokenizers for the chat templates that TRL ships, and for templates of other kinds of models."""

import importlib.util
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from mirrormatch.agents.models import NANO_PATH
from mirrormatch.training.bundled.tokenizer import CHAT_TEMPLATE

EOS, BOS, PAD = "<eos>", "<bos>", "<pad>"
_SPECIAL = re.compile(
    r"<[|\uff5c][^|\uff5c<>'\"{}]+[|\uff5c]>|</?s>|<(?:start|end)_of_\w+>|<\|turn>|<turn\|>|<\|channel>|<channel\|>"
    r"|<sop>|\[gMASK\]|<bos>"
)
_TEXTS = ["You are X. The board:\n1 2 3\n4 5 6\n7 8 9\nLegal moves: 1, 2. system user assistant model [INST]"] * 5

# Templates as models publish them, in short
LLAMA_2 = (
    "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set rules = messages[0]['content'] %}"
    "{% else %}{% set rest = messages %}{% set rules = false %}{% endif %}"
    "{% for m in rest %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "{% if loop.index0 == 0 and rules != false %}"
    "{% set content = '<<SYS>>\\n' + rules + '\\n<</SYS>>\\n\\n' + m['content'] %}"
    "{% else %}{% set content = m['content'] %}{% endif %}"
    "{% if m['role'] == 'user' %}{{ '<s>[INST] ' + content + ' [/INST]' }}"
    "{% else %}{{ ' ' + content + ' </s>' }}{% endif %}{% endfor %}"
)
MISTRAL_1 = (
    "{{ '<s>' }}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% else %}{{ m['content'] + '</s> ' }}{% endif %}{% endfor %}"
)
MISTRAL_3 = (  # the rules move into the last user turn
    "{% if messages[0]['role'] == 'system' %}{% set rules = messages[0]['content'] %}{% set rest = messages[1:] %}"
    "{% else %}{% set rest = messages %}{% endif %}{{ '<s>' }}{% for m in rest %}{% if m['role'] == 'user' %}"
    "{% if loop.last and rules is defined %}{{ '[INST] ' + rules + '\\n\\n' + m['content'] + '[/INST]' }}"
    "{% else %}{{ '[INST] ' + m['content'] + '[/INST]' }}{% endif %}"
    "{% else %}{{ ' ' + m['content'] + '</s>' }}{% endif %}{% endfor %}"
)
VICUNA = (
    "{{ '<s>' }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] + ' ' }}"
    "{% elif m['role'] == 'user' %}{{ 'USER: ' + m['content'] + ' ' }}"
    "{% else %}{{ 'ASSISTANT: ' + m['content'] + '</s>' }}{% endif %}{% endfor %}ASSISTANT:"
)
ZEPHYR = (  # <|assistant|> is no special token of its model
    "{% for m in messages %}{{ '<|' + m['role'] + '|>\\n' + m['content'] + '</s>\\n' }}{% endfor %}"
    "{{ '<|assistant|>\\n' }}"
)
ALPACA = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] + '\\n\\n' }}"
    "{% elif m['role'] == 'user' %}{{ '### Instruction:\\n' + m['content'] + '\\n\\n' }}"
    "{% else %}{{ '### Response:\\n' + m['content'] + '</s>\\n\\n' }}{% endif %}{% endfor %}{{ '### Response:\\n' }}"
)
SENTENCEPIECE = {"llama_2": LLAMA_2, "mistral_1": MISTRAL_1, "mistral_3": MISTRAL_3, "vicuna": VICUNA,
                 "zephyr": ZEPHYR, "alpaca": ALPACA}  # fmt: skip


def trl_templates() -> dict[str, str]:
    """The chat templates of the installed TRL, by name, without their variants for training."""
    found = importlib.util.find_spec("trl")
    assert found is not None and found.submodule_search_locations is not None
    files = (Path(found.submodule_search_locations[0]) / "chat_templates").glob("*.jinja")
    return {f.stem: f.read_text(encoding="utf-8") for f in sorted(files) if "_training" not in f.stem}


def byte_level_tokenizer(template: Any, added: tuple[AddedToken, ...] = ()) -> Any:
    """A byte-level tokenizer whose special tokens are those that the template spells.

    Args:
        template: a chat template, or several with their names.
        added: further tokens.
    """
    special = sorted(set(_SPECIAL.findall(str(template))) - {EOS, BOS, PAD})
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[PAD, BOS, EOS, *special],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_TEXTS, trainer)
    tokenizer.add_tokens(list(added))
    fast: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token=PAD, bos_token=BOS, eos_token=EOS
    )
    fast.chat_template = template
    return fast


def _add_bytes(tokenizer: Tokenizer) -> models.BPE:
    """The tokenizer's model with a token for each byte, which characters outside of its vocabulary become."""
    model = json.loads(tokenizer.to_str())["model"]
    vocab, merges = model["vocab"], [tuple(m) for m in model["merges"]]
    vocab |= {f"<0x{k:02X}>": len(vocab) + k for k in range(256)}
    return models.BPE(vocab=vocab, merges=merges, byte_fallback=True, fuse_unk=True, unk_token="<unk>")


def sentencepiece_tokenizer(template: Any, scheme: str = "normalizer") -> Any:
    """A tokenizer of Llama 2's kind, without pre-tokenization and with bytes for unknown characters.

    Args:
        template: a chat template.
        scheme: "normalizer" puts a blank before every text, as in Llama 2; "first" only before a whole prompt.
    """
    tokenizer = Tokenizer(models.BPE())
    replace, fuse = decoders.Replace("▁", " "), decoders.Fuse()
    tokenizer.decoder = decoders.Sequence([replace, decoders.ByteFallback(), fuse, decoders.Strip(" ", 1, 0)])
    if scheme == "normalizer":
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False)
    words = "You are X. The board: 1 2 3 4 5 6 7 8 9 Legal moves: system user assistant [INST] [/INST] <|user|> Rules"
    tokenizer.train_from_iterator([word for word in words.split() for _ in range(5)] + [f" {words}"] * 3, trainer)
    tokenizer.model = _add_bytes(tokenizer)
    fast: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    fast.chat_template = template
    return fast


def copy_nano(folder: Path, template: str = CHAT_TEMPLATE, edit: Callable[[str, str], str] | None = None) -> Path:
    """Copies the bundled model with another chat template; `edit` changes its text files, given name and text."""
    shutil.copytree(NANO_PATH, folder)
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    for file in sorted([*folder.glob("*.json"), *folder.glob("*.jinja")]) if edit else []:
        assert edit is not None
        file.write_text(edit(file.name, file.read_text(encoding="utf-8")), encoding="utf-8")
    return folder
