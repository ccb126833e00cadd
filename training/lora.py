"""The adapter's settings as PEFT takes them, and their check against a base model without its weights."""

import warnings

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import AutoConfig, AutoModelForCausalLM

from mirrormatch.agents.engines._model_files import find_model_files
from mirrormatch.errors import UserError
from mirrormatch.training.config import LoraSettings, RunConfig
from mirrormatch.training.warm_start import check_start_targets


def lora_config(lora: LoraSettings) -> LoraConfig:
    """Converts the settings to PEFT's."""
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        target_modules=lora.targets if isinstance(lora.targets, str) else list(lora.targets),
        lora_dropout=0.0,  # the policy that is trained is the one that played
        task_type="CAUSAL_LM",
    )


def check_targets(config: RunConfig, path: str) -> None:
    """Checks that the target modules exist in a base model and can be trained. Reads the model's configuration alone.

    Where the run starts from an adapter, that has to have the same modules.

    Raises:
        UserError: they don't, or can't.
    """
    lora = config.lora
    files = find_model_files(path)
    shape = AutoConfig.from_pretrained(files.path, **files.tokenizer_arguments)
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AutoModelForCausalLM.from_config(shape)  # type: ignore[no-untyped-call]
        try:
            adapted = get_peft_model(model, lora_config(lora))
        except ValueError as problem:
            raise refused_targets(lora, problem) from None
    if isinstance(adapted.get_output_embeddings(), BaseTunerLayer):  # the loss reads the layer's own weights
        name = next(n for n, module in model.named_modules() if module is model.get_output_embeddings())
        raise UserError(f"lora.targets = {lora.targets!r} can't be trained: {name} is the output layer")
    check_start_targets(config, adapted)


def refused_targets(lora: LoraSettings, problem: ValueError) -> UserError:
    """The error about targets that PEFT refuses."""
    reason = " ".join(str(problem).split())
    return UserError(f"lora.targets = {lora.targets!r} can't be trained: {reason}")
