"""The kinds of adapters that an engine can load beside others: LoRA in PEFT's format, without changes of the base.

PEFT applies some settings of an adapter to the base model itself: PiSSA subtracts from its weights, `bias="all"`
overwrites its biases. Every other user of that base would answer differently, so these adapters are refused before
PEFT reads them. Settings that are unknown here are refused too: a newer PEFT may do anything with them.
"""

from collections.abc import Mapping
from typing import Any

LORA = "LORA"

_CONVERSION = (
    "it was trained on base weights that its initialisation had changed; convert it with PEFT's "
    "save_pretrained(FOLDER, path_initial_model_for_weight_conversion=INITIAL_ADAPTER) and load that folder"
)
_BASE_CHANGING_INITS = ("pissa", "olora", "corda", "lora_ga")  # beginnings; PEFT converts these to plain LoRA
_NEUTRAL_INITS = ("gaussian", "eva", "orthogonal", "mica")  # they fill the adapter's own tensors only

# Settings that the engine follows, or that have no effect on inference.
FOLLOWED = frozenset(
    """
    peft_type task_type auto_mapping peft_version base_model_name_or_path revision inference_mode
    r lora_alpha lora_dropout use_rslora use_dora lora_bias rank_pattern alpha_pattern fan_in_fan_out
    target_modules target_parameters exclude_modules layers_to_transform layers_pattern modules_to_save
    ensure_weight_tying bias init_lora_weights eva_config corda_config lora_ga_config loftq_config
    megatron_core qalora_group_size runtime_config
    """.split()
)
_REASONS = {
    "layer_replication": "it adds layers to the base model",
    "kasa_config": "KaSA cuts the base weights",
    "alora_invocation_tokens": "an activated LoRA (aLoRA) works in a part of the text only",
    "trainable_token_indices": "PEFT can't hold embeddings of single tokens beside other adapters",
    "arrow_config": "a router (Arrow) needs other adapters",
}


def describe_unsupported(settings: Mapping[str, Any]) -> str:
    """The reason why an adapter with these settings can't be loaded; empty if it can."""
    kind = str(settings.get("peft_type"))
    if kind != LORA:
        return f"it is of the kind {kind}, and only LORA (with DoRA and rsLoRA) is supported"
    if (bias := settings.get("bias", "none")) != "none":
        return f"bias={bias!r} replaces biases of the base model; train it with bias='none'"
    if problem := _describe_init(settings.get("init_lora_weights", True)):
        return problem
    unknown = [name for name, value in settings.items() if value and name not in FOLLOWED]
    return f"{unknown[0]} is not supported{_explain(unknown[0])}" if unknown else ""


def _describe_init(init: Any) -> str:
    if isinstance(init, bool) or init is None or str(init).lower() in _NEUTRAL_INITS:
        return ""
    name = str(init).lower()
    if name.startswith(_BASE_CHANGING_INITS):
        return f"init_lora_weights={init!r}: {_CONVERSION}"
    if name == "loftq":
        return "init_lora_weights='loftq': it belongs to base weights that LoftQ has quantized"
    return f"init_lora_weights={init!r} is an unknown initialisation, which may change the base model"


def _explain(name: str) -> str:
    return f": {_REASONS[name]}" if name in _REASONS else ""
