"""Adapters on disk and in an engine: their content hash, their base model's name, and which ones are loaded.

An adapter is a folder in PEFT's format. Ours contain one more file, the card `mirrormatch.json`: the base's
fingerprint, and the prompt and sampling of the run that made the adapter.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Generic, TypeVar

from mirrormatch.agents.engines._request import RequestSettings, parse_request
from mirrormatch.errors import UserError
from mirrormatch.files import read_object

Handle = TypeVar("Handle")

WEIGHTS, CONFIG, CARD = "adapter_model.safetensors", "adapter_config.json", "mirrormatch.json"
HASH_CHARS = 16
_ORIGIN = "converted_from"  # in the card of a converted model
_NUM_READS, _READ_BYTES = 3, 1 << 20  # per weight file, evenly spread: fine-tuning may leave the first tensors alone
_VOLATILE = ("_name_or_path", "dtype", "torch_dtype", "transformers_version")
_NAME_LISTS = ("target_modules", "exclude_modules", "modules_to_save", "target_parameters")  # sets in PEFT


class LoadedAdapters(Generic[Handle]):
    """The adapters that an engine has loaded, by content hash, in the order of their last use.

    It also records the folder of every adapter ever loaded, from which an evicted one can be loaded again.

    Args:
        capacity: number of adapters loaded at once.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._handles: dict[str, Handle] = {}  # the most recently used last
        self._folders: dict[str, Path] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._handles

    def names(self) -> list[str]:
        """The hashes of the loaded adapters, the least recently used first."""
        return list(self._handles)

    @property
    def is_full(self) -> bool:
        return len(self._handles) >= self._capacity

    def record_folder(self, name: str, folder: Path) -> None:
        """Records the folder of an adapter, which need not be loaded yet."""
        self._folders[name] = folder

    def folder(self, name: str) -> Path:
        """The folder that the adapter was loaded from."""
        assert name in self._folders, f"adapter {name} was never loaded"
        return self._folders[name]

    def unchanged_folder(self, name: str) -> Path:
        """The folder to load an evicted adapter from again.

        Raises:
            UserError: the folder's content has changed, or is gone.
        """
        folder = self.folder(name)
        if (found := content_hash(find_adapter(folder))) != name:
            raise UserError(
                f"the adapter at {str(folder)!r} has changed: {name} was loaded from there, now it is {found}"
            )
        return folder

    def put(self, name: str, handle: Handle) -> None:
        """Adds a loaded adapter as the most recently used one."""
        self._handles[name] = handle

    def use(self, name: str) -> Handle:
        """The adapter's handle; marks the adapter as the most recently used."""
        handle = self._handles.pop(name)
        self._handles[name] = handle
        return handle

    def remove(self, name: str) -> Handle:
        """Removes an adapter and returns its handle. Its folder stays recorded."""
        return self._handles.pop(name)


def find_adapter(path: Path) -> Path:
    """The adapter's folder: the path itself, or the newest adapter of a run folder.

    Raises:
        UserError: the path is neither.
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
    """The hash that names an adapter: of its weights and of the settings that change their effect."""
    settings = read_config(folder)
    kept = {k: settings.get(k) for k in ("peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "alpha_pattern")}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
    with (folder / WEIGHTS).open("rb") as file:
        hashlib.file_digest(file, lambda: digest)  # in blocks: weights may be larger than the memory
    return digest.hexdigest()[:HASH_CHARS]


def read_config(folder: Path) -> dict[str, Any]:
    """The settings in an adapter's folder, as they are: `_adapter_settings` checks them.

    Raises:
        UserError: the file is missing, too long or no JSON object.
    """
    try:
        return read_object(folder / CONFIG)
    except (OSError, ValueError) as problem:
        raise UserError(f"the adapter at {str(folder)!r} has no readable {CONFIG}: {problem}") from None


def fingerprint(model_folder: Path) -> str:
    """A base model's name by content: a hash of its configuration and parts of its weights, fast for any size.

    A folder that was converted from a GGUF file has that file's name.
    """
    if origin := _read_origin(model_folder / CARD):
        return origin
    settings = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))
    kept = {k: v for k, v in settings.items() if k not in _VOLATILE}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
    for weights in sorted(model_folder.glob("*.safetensors")):
        digest.update(f"{weights.name}:".encode())
        _hash_parts(digest, weights)
    return digest.hexdigest()[:HASH_CHARS]


def file_fingerprint(weights: Path) -> str:
    """The name by content of a base model in one file, such as a GGUF file; its first part is its configuration."""
    digest = hashlib.sha256()
    _hash_parts(digest, weights)
    return digest.hexdigest()[:HASH_CHARS]


def write_origin(model_folder: Path, file_name: str) -> None:
    """Records in a converted model's folder the name by content of the file that it was converted from."""
    (model_folder / CARD).write_text(json.dumps({"schema": 1, _ORIGIN: file_name}, indent=1) + "\n", encoding="utf-8")


def _read_origin(card_path: Path) -> str:
    """The name by content of the file that a model was converted from; empty for any other model."""
    if not card_path.is_file():
        return ""
    try:
        return str(read_object(card_path).get(_ORIGIN, ""))
    except (OSError, ValueError) as problem:
        raise UserError(f"{str(card_path)!r} is broken: {problem!r}") from None


def _hash_parts(digest: "hashlib._Hash", weights: Path) -> None:
    size = weights.stat().st_size
    digest.update(str(size).encode())
    with weights.open("rb") as file:
        for k in range(_NUM_READS):
            file.seek(k * size // _NUM_READS)
            digest.update(file.read(_READ_BYTES))


def tidy_files(folder: Path) -> None:
    """Puts the names of modules that PEFT has saved into a fixed order and removes the path of the base model."""
    settings = read_config(folder)
    base = str(settings.get("base_model_name_or_path") or "")
    if is_local := Path(base).is_dir():
        settings["base_model_name_or_path"] = Path(base).name
    ordered = {k: sorted(v) if k in _NAME_LISTS and isinstance(v, list) else v for k, v in settings.items()}
    (folder / CONFIG).write_text(json.dumps(ordered, indent=2) + "\n", encoding="utf-8")
    if is_local:
        (folder / "README.md").unlink(missing_ok=True)  # an empty form, filled in with the path alone


def write_card(folder: Path, base: str, base_fingerprint: str, request: RequestSettings | None = None) -> None:
    """Records an adapter's base model in its folder, and the prompt and sampling that it was trained with."""
    card: dict[str, Any] = {"schema": 1, "base": base, "base_fingerprint": base_fingerprint}
    if request is not None:
        card["request"] = request.model_dump(mode="json")
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def read_request(folder: Path) -> RequestSettings | None:
    """The prompt and the sampling in an adapter's card; None without a card, or in one of an earlier version.

    Raises:
        UserError: the card is broken.
    """
    card_path = folder / CARD
    if not card_path.is_file():
        return None
    try:
        request = read_object(card_path).get("request")
        return None if request is None else parse_request(request)
    except (OSError, ValueError) as problem:
        raise UserError(f"{str(card_path)!r} is broken: {problem}") from None


def check_base(folder: Path, base: str, base_fingerprint: str) -> None:
    """Refuses an adapter whose card names another base model. An adapter without a card passes.

    Raises:
        UserError: the base models differ; the message names both.
    """
    card_path = folder / CARD
    if not card_path.is_file():
        return
    try:
        card = read_object(card_path)
        recorded, recorded_fingerprint = str(card["base"]), str(card["base_fingerprint"])
    except (OSError, ValueError, KeyError) as problem:
        raise UserError(f"{str(card_path)!r} is broken: {problem!r}") from None
    if recorded_fingerprint != base_fingerprint:
        raise UserError(
            f"the adapter at {str(folder)!r} was made for {recorded!r} ({recorded_fingerprint}), "
            f"not for {base!r} ({base_fingerprint})"
        )
