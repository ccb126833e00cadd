"""What may change when a run is resumed: every setting belongs to one of three kinds.

- *identity*: what the run's numbers follow from: games, seed, estimator, loss. It never changes.
- *schedule*: how far the run goes, and what is measured and kept on the way. It may be extended.
- *machine*: how the numbers are computed. It is free.

A setting that is in no list below is identity: a new one is safe before it is thought about.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from mirrormatch.agents.engines._chat_template import TemplateSettings
from mirrormatch.agents.spec import engine_target, parse_spec


class SettingKind(StrEnum):
    """The kinds of settings."""

    IDENTITY = "identity"
    SCHEDULE = "schedule"
    MACHINE = "machine"


# Keys, or whole sections.
SCHEDULE = ("learn.steps", "checkpoint_every", "keep_adapters", "measure.every", "measure.drift_every", "alarms")
MACHINE = ("threads", "learn.part_tokens", "machine")
_MODEL = "model"


class ChangedSetting(NamedTuple):
    """A setting with two values, those of a run's beginning and of now."""

    key: str
    before: Any
    after: Any


def setting_kind(key: str) -> SettingKind:
    """The kind of a setting, named as in `section.key`."""
    for kind, keys in ((SettingKind.SCHEDULE, SCHEDULE), (SettingKind.MACHINE, MACHINE)):
        if any(key == k or key.startswith(f"{k}.") for k in keys):
            return kind
    return SettingKind.IDENTITY


def compare_settings(before: dict[str, Any], after: dict[str, Any]) -> list[ChangedSetting]:
    """The settings that differ, in the order of their names."""
    return list(_compare(before, after, ""))


def is_refused(changed: ChangedSetting, has_same_base: bool) -> bool:
    """Whether a resumed run may not have this change.

    Args:
        changed: the changed setting.
        has_same_base: whether the base model's weights are the run's, wherever they are.
    """
    if changed.key == _MODEL:
        return not _is_same_model(str(changed.before), str(changed.after), has_same_base)
    return setting_kind(changed.key) is SettingKind.IDENTITY


def _compare(before: Any, after: Any, key: str) -> Iterator[ChangedSetting]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from _compare(before.get(name), after.get(name), f"{key}.{name}" if key else name)
    elif before != after:
        yield ChangedSetting(key, before, after)


def _is_same_model(before: str, after: str, has_same_base: bool) -> bool:
    """Whether two specs have the same weights and prompts: engines and their settings for speed may differ."""
    then, now = parse_spec(before), parse_spec(after)
    prompts = [
        {k: v for k, v in spec.settings if k.partition(".")[0] in TemplateSettings.model_fields} for spec in (then, now)
    ]
    same_weights = has_same_base or engine_target(then) == engine_target(now)
    return same_weights and then.adapter == now.adapter and prompts[0] == prompts[1]
