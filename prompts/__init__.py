"""The prompts: `get` returns one, `names` lists them. Each file in `prompts/formats/` is one prompt format."""

from mirrormatch.prompts import formats
from mirrormatch.prompts.prompt import Exchange, Message, Prompt, PromptSettings, Reading

__all__ = ["Exchange", "Message", "Prompt", "PromptSettings", "Reading", "formats", "get", "names"]

names = formats.names


def get(name: str, settings: PromptSettings | None = None) -> Prompt:
    """Returns the prompt of that name, with the given settings or the defaults."""
    return formats.get(name)(settings or PromptSettings())
