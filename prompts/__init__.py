"""The prompts: `get` one, list their `names`. Each file directly in the folder `prompts/` is one prompt."""

from mirrormatch.prompts.core.prompt import Exchange, Message, Prompt, PromptSettings, Reading
from mirrormatch.registry import Registry

__all__ = ["Exchange", "Message", "Prompt", "PromptSettings", "Reading", "get", "names", "registry"]

registry: Registry[type[Prompt]] = Registry("prompt", "mirrormatch.prompts", "PROMPT")
names = registry.names


def get(name: str, settings: PromptSettings | None = None) -> Prompt:
    """The prompt of that name, with the given settings or the defaults."""
    return registry.get(name)(settings or PromptSettings())
