"""Adapters on disk: their content hash, and which base model they belong to.

An adapter is a folder in PEFT's format. Ours carry one more file, `mirrormatch.json`, with the fingerprint of the base.
"""

import hashlib
import json
from pathlib import Path

from mirrormatch.errors import UserError

WEIGHTS, CONFIG, CARD = "adapter_model.safetensors", "adapter_config.json", "mirrormatch.json"
HASH_CHARS = 16
_NUM_READS, _READ_BYTES = 3, 1 << 20  # per weight file, evenly spread: fine-tuning may leave the first tensors alone
_VOLATILE = ("_name_or_path", "dtype", "torch_dtype", "transformers_version")


def find_adapter(path: Path) -> Path:
    """The adapter folder that a path means: itself, or the newest one of a run folder.

    Raises:
        UserError: neither.
    """
    if (path / WEIGHTS).is_file():
        return path
    newest = sorted(path.glob(f"adapters/step-*/{WEIGHTS}"))
    if newest:
        return newest[-1].parent
    if not path.exists():
        raise UserError(f"no adapter at {str(path)!r}: there is no such folder")
    raise UserError(f"no adapter at {str(path)!r}: it holds neither {WEIGHTS} nor adapters/step-*/{WEIGHTS}")


def content_hash(folder: Path) -> str:
    """The hash that names an adapter: of its weights and of the settings that change what they do."""
    try:
        settings = dict(json.loads((folder / CONFIG).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as problem:
        raise UserError(f"the adapter at {str(folder)!r} has no readable {CONFIG}: {problem}") from None
    kept = {k: settings.get(k) for k in ("peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "alpha_pattern")}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
    digest.update((folder / WEIGHTS).read_bytes())
    return digest.hexdigest()[:HASH_CHARS]


def fingerprint(model_folder: Path) -> str:
    """Names a base model by its configuration and parts of its weight files: quick for any size."""
    settings = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))
    kept = {k: v for k, v in settings.items() if k not in _VOLATILE}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
    for weights in sorted(model_folder.glob("*.safetensors")):
        size = weights.stat().st_size
        digest.update(f"{weights.name}:{size}".encode())
        with weights.open("rb") as file:
            for k in range(_NUM_READS):
                file.seek(k * size // _NUM_READS)
                digest.update(file.read(_READ_BYTES))
    return digest.hexdigest()[:HASH_CHARS]


def write_card(folder: Path, base: str, base_fingerprint: str) -> None:
    """Notes in an adapter's folder which base model it was made for."""
    card = {"schema": 1, "base": base, "base_fingerprint": base_fingerprint}
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def check_base(folder: Path, base: str, base_fingerprint: str) -> None:
    """Refuses an adapter that says it was made for another base model. One that says nothing passes.

    Raises:
        UserError: naming both models.
    """
    card_path = folder / CARD
    if not card_path.is_file():
        return
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        made_for, made_on = str(card["base"]), str(card["base_fingerprint"])
    except (ValueError, KeyError, TypeError) as problem:
        raise UserError(f"{str(card_path)!r} is broken: {problem!r}") from None
    if made_on != base_fingerprint:
        raise UserError(
            f"the adapter at {str(folder)!r} was made for {made_for!r} ({made_on}), "
            f"not for {base!r} ({base_fingerprint})"
        )
