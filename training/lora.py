"""The adapter's settings as PEFT takes them, and their check against a base model without its weights."""

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from mirrormatch.agents.engines._model_files import find_model_files
from mirrormatch.errors import UserError
from mirrormatch.training.config import LoraSettings


def lora_config(lora: LoraSettings) -> LoraConfig:
    """Converts the settings to PEFT's."""
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        target_modules=lora.targets if isinstance(lora.targets, str) else list(lora.targets),
        lora_dropout=0.0,  # the policy that is trained is the one that played
        task_type="CAUSAL_LM",
    )


def check_targets(lora: LoraSettings, path: str) -> None:
    """Checks that the target modules exist in a base model and can be trained. Reads the model's configuration alone.

    Raises:
        UserError: they don't, or can't.
    """
    files = find_model_files(path)
    config = AutoConfig.from_pretrained(files.path, **files.tokenizer_arguments)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
        try:
            get_peft_model(model, lora_config(lora))
        except ValueError as problem:
            raise refused_targets(lora, problem) from None


def refused_targets(lora: LoraSettings, problem: ValueError) -> UserError:
    """The error about targets that PEFT refuses."""
    reason = " ".join(str(problem).split())
    return UserError(f"lora.targets = {lora.targets!r} can't be trained: {reason}")
