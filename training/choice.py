"""A plug-in that a run's config chooses by its kind, with the settings that the plug-in itself declares.

Nothing here depends on a kind of plug-in: each has its registry, and each plug-in a pydantic class `Settings`.
"""

from typing import Annotated, Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from mirrormatch.config_file import parse_section
from mirrormatch.errors import UnknownName
from mirrormatch.registry import Registry


class PluginSettings(BaseModel):
    """The base of every plug-in's settings; itself the settings of a plug-in without any."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Plugin(Protocol):
    """What every plug-in of training declares.

    Attributes:
        Settings: its settings.
        needs: conditions of the run, by name, without which it can't work; they are checked with the config.
    """

    Settings: ClassVar[type[PluginSettings]]
    needs: ClassVar[frozenset[str]]


class Choice(BaseModel):
    """The kind of a plug-in and its settings, in one section of a config."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: Annotated[str, Field(description="name of the plug-in; its settings follow in the same section")]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by name, without the kind."""
        return dict(self.model_extra or {})


AnyPlugin = TypeVar("AnyPlugin", bound=Plugin)


def complete_settings(registry: Registry[type[AnyPlugin]], kind: str, given: dict[str, Any], place: str) -> Any:
    """Checks a plug-in's settings and fills in its defaults; returns what JSON can hold.

    Args:
        registry: the plug-ins.
        kind: the plug-in's name.
        given: its settings as they were written.
        place: the dotted key of its section in the config, which opens an error message.

    Raises:
        ValueError: no such plug-in, an unknown key or an invalid value.
    """
    try:
        settings = registry.get(kind).Settings
    except UnknownName as problem:
        raise ValueError(f"{place}: {problem}") from None
    return parse_section(given, settings, place).model_dump(mode="json")


def make_plugin(registry: Registry[Any], kind: str, settings: dict[str, Any], *others: Any) -> Any:
    """Makes a plug-in from complete settings and what else its kind takes."""
    plugin = registry.get(kind)
    return plugin(plugin.Settings.model_validate(settings), *others)
