"""Prompt formats: each file here is one."""

from mirrormatch.prompts.prompt import Prompt
from mirrormatch.registry import Registry

__all__ = ["DEFAULT", "WITHOUT_TEMPLATE", "get", "names", "registry"]

DEFAULT = "boxed"
WITHOUT_TEMPLATE = "base"  # for models without a chat template
registry: Registry[type[Prompt]] = Registry("prompt", "PROMPT", __name__)
get = registry.get
names = registry.names
