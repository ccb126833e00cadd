"""All that we use of TRL's private parts, in one file.

`GRPOTrainer` does the loss, the optimizer, accelerate and the checkpoints. It is given finished batches through the one
method that has kept its name since TRL 0.24, `_prepare_inputs`; games, groups and rewards never reach it. What the loss
reads is what `_collated` makes. A contract test compares the gradient with a plain loss and fails loudly when TRL
moves.

B rows, T completion tokens.
"""

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # TRL's trainers report their construction otherwise
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import torch
from datasets import Dataset  # type: ignore[import-untyped]
from peft import LoraConfig, PeftModel
from torch import Tensor
from transformers import PrinterCallback, TrainerCallback
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from mirrormatch.training.config import RunConfig
from mirrormatch.training.rows import Row, num_own_tokens

MAGNET = "magnet"  # the adapter that follows the policy slowly
LEARNER = "default"  # the adapter that is trained, as PEFT names it

# TRL's loss "dapo" divides the token sum by a number that we give: the number of tokens (DAPO), or trajectories times a
# constant (Dr. GRPO), exact however the rows are split. TRL's own "dr_grpo" would average over each micro-batch's rows.
_TRL_LOSS = "dapo"


class Learnable(NamedTuple):
    """What one step learns from."""

    rows: Sequence[Row]
    num_trajectories: int


class SelfPlayTrainer(GRPOTrainer):
    """Learns from rows that `experience` makes, one batch per optimizer step.

    Args:
        experience: called with the number of finished steps when a batch is needed.
        config: the run's settings.
        model: the base model, not wrapped.
        tokenizer: the base model's.
        folder: for checkpoints.
        callbacks: of transformers' trainer.
    """

    def __init__(
        self,
        experience: Callable[[int], Learnable],
        config: RunConfig,
        model: Any,
        tokenizer: Any,
        folder: Path,
        callbacks: Sequence[TrainerCallback] = (),
    ) -> None:
        self._experience = experience
        self._config = config
        self._parts: list[dict[str, Tensor]] = []  # of the step in hand
        lora = LoraConfig(
            r=config.lora.rank,
            lora_alpha=config.lora.alpha,
            target_modules=config.lora.targets if isinstance(config.lora.targets, str) else list(config.lora.targets),
            lora_dropout=0.0,  # the policy that is trained is the one that played
            task_type="CAUSAL_LM",
        )
        num_parts = config.learn.micro_batches
        unused = Dataset.from_dict({"prompt": [""] * (2 * num_parts)})  # the experience comes from play
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            super().__init__(
                model=model,
                reward_funcs=_no_reward,
                args=_arguments(config, folder),
                train_dataset=unused,
                processing_class=tokenizer,
                peft_config=lora,
                callbacks=list(callbacks),
            )
        self.remove_callback(PrinterCallback)  # whoever watches the run prints
        if self._uses_magnet:
            self._peft.add_adapter(MAGNET, lora)
            _copied(self._peft, LEARNER, MAGNET, keep=0.0)
            self._peft.set_adapter(LEARNER)

    @property
    def _peft(self) -> PeftModel:
        model = self.accelerator.unwrap_model(self.model)
        assert isinstance(model, PeftModel)
        return model

    @property
    def _uses_magnet(self) -> bool:
        return self._config.learn.kl > 0 and self._config.learn.kl_to == "magnet"

    def save_adapter(self, folder: Path) -> None:
        """Writes the trained adapter, in PEFT's format, as it is now."""
        self._peft.save_pretrained(str(folder), selected_adapters=[LEARNER])

    def move_magnet(self) -> None:
        """Lets the magnet follow the policy by one step."""
        if self._uses_magnet:
            _copied(self._peft, LEARNER, MAGNET, keep=self._config.learn.magnet_decay)

    def magnet_state(self) -> dict[str, Tensor]:
        """The magnet's weights; empty without one."""
        return {k: v.detach().clone() for k, v in _weights(self._peft, MAGNET).items()} if self._uses_magnet else {}

    def restore_magnet(self, state: dict[str, Tensor]) -> None:
        """Takes up saved weights of the magnet."""
        for name, weight in _weights(self._peft, MAGNET).items():
            weight.data.copy_(state[name])

    def _prepare_inputs(self, generation_batch: Any) -> dict[str, Tensor]:
        num_parts = self._config.learn.micro_batches
        part = self._step % num_parts
        if part == 0:
            learnable = self._experience(self.state.global_step)
            self._parts = self._collated(learnable, num_parts)
        return self._parts[part]

    def _collated(self, learnable: Learnable, num_parts: int) -> list[dict[str, Tensor]]:
        """The rows as TRL's loss reads them, in parts of similar lengths."""
        ordered = sorted(learnable.rows, key=lambda row: len(row.ids))  # stable: equal batches stay equal
        size = max(1, -(-len(ordered) // num_parts))
        if self._config.learn.loss == "dapo":
            denominator = max(1, num_own_tokens(ordered))
        else:
            denominator = learnable.num_trajectories * self._config.play.max_tokens
        parts = []
        for k in range(num_parts):
            pad_id = self._tokenizer.pad_token_id
            chunk = ordered[k * size : (k + 1) * size] or [_nothing(pad_id)]
            part = collated(chunk, pad_id, self.accelerator.device)
            part["num_items_in_batch"] = torch.tensor(float(denominator), device=self.accelerator.device)
            if self.beta != 0.0:
                part["ref_per_token_logps"] = self._reference_logps(part)
            parts.append(part)
        return parts

    @torch.no_grad()
    def _reference_logps(self, part: dict[str, Tensor]) -> Tensor:
        """The reference's log-probs of every completion token, (B, T): the base model's, or the magnet's."""
        ids_BT = torch.cat([part["prompt_ids"], part["completion_ids"]], dim=1)
        mask_BT = torch.cat([part["prompt_mask"], part["completion_mask"]], dim=1)
        if self._uses_magnet:
            self._peft.set_adapter(MAGNET)
            reference = self._logps(ids_BT, mask_BT, part["completion_ids"].size(1))
            self._peft.set_adapter(LEARNER)
            return reference
        with self._peft.disable_adapter():
            return self._logps(ids_BT, mask_BT, part["completion_ids"].size(1))

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        """TRL's, remembering the policy's log-probs for `_compute_loss`."""
        found = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        if torch.is_grad_enabled():
            self._seen_logps = found[0].detach()
        return found

    def _compute_loss(self, model: Any, inputs: dict[str, Tensor]) -> Tensor:
        """TRL's, with two figures more: how far the trainer's log-probs are from the sampler's."""
        loss: Tensor = super()._compute_loss(model, inputs)  # type: ignore[no-untyped-call]
        own_BT = (inputs["completion_mask"] * inputs["tool_mask"]).bool()
        gap_N = (self._seen_logps - inputs["old_per_token_logps"])[own_BT]
        if gap_N.numel():
            self._metrics["train"]["ratio"].append(gap_N.exp().mean().item())
            self._metrics["train"]["logp_gap"].append(gap_N.abs().max().item())
        return loss

    def _logps(self, ids_BT: Tensor, mask_BT: Tensor, num_kept: int) -> Tensor:
        logps_BT, _, _ = self._get_per_token_logps_and_entropies(self.model, ids_BT, mask_BT, num_kept)
        assert isinstance(logps_BT, Tensor)
        return logps_BT


def collated(batch: Sequence[Row], pad_id: int, device: torch.device) -> dict[str, Tensor]:
    """Prompts padded on the left and completions on the right, under the names that TRL's loss reads."""
    num_prompt = max(len(row.prompt_ids) for row in batch)
    num_completion = max(len(row.completion_ids) for row in batch)

    def left(values: Sequence[int], fill: int) -> list[int]:
        return [fill] * (num_prompt - len(values)) + list(values)

    def right(values: Sequence[float], fill: float) -> list[float]:
        return [*values, *[fill] * (num_completion - len(values))]

    integer, real = torch.long, torch.float32
    columns = {
        "prompt_ids": ([left(r.prompt_ids, pad_id) for r in batch], integer),
        "prompt_mask": ([left([1] * len(r.prompt_ids), 0) for r in batch], integer),
        "completion_ids": ([right(r.completion_ids, pad_id) for r in batch], integer),
        "completion_mask": ([right([1] * len(r.completion_ids), 0) for r in batch], integer),
        "tool_mask": ([right(r.own, 0) for r in batch], integer),
        "old_per_token_logps": ([right(r.logprobs, 0.0) for r in batch], real),
        "advantages": ([right(r.advantages, 0.0) for r in batch], real),
    }
    return {name: torch.tensor(values, dtype=dtype, device=device) for name, (values, dtype) in columns.items()}


def _arguments(config: RunConfig, folder: Path) -> GRPOConfig:
    learn = config.learn
    return GRPOConfig(
        output_dir=str(folder),
        max_steps=learn.steps,
        learning_rate=learn.learning_rate,
        lr_scheduler_type="constant",
        loss_type=_TRL_LOSS,
        beta=learn.kl,
        use_bias_correction_kl=True,  # the KL term times the ratio, which makes its gradient unbiased (DeepSeek-V3.2)
        epsilon=learn.clip,
        temperature=config.play.temperature,
        disable_dropout=True,  # the base model's: it didn't play with any
        max_grad_norm=learn.max_grad_norm,
        max_completion_length=config.play.max_tokens,
        per_device_train_batch_size=2,  # of the unused data set; the rows of a step are ours
        num_generations=2,  # likewise
        gradient_accumulation_steps=learn.micro_batches,
        steps_per_generation=learn.micro_batches,
        num_iterations=1,
        gradient_checkpointing=torch.cuda.is_available(),
        bf16=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
        seed=config.seed,
        report_to="none",
        logging_steps=1,
        save_strategy="steps",
        save_steps=config.checkpoint_every,
        save_total_limit=2,  # the newest may be torn by a kill, the one before it isn't
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def _nothing(pad_id: int) -> Row:
    """A row that teaches nothing, for a part that would be empty: all are, where every prompt filled the context."""
    return Row((pad_id,), (pad_id,), (0,), (0.0,), (0.0,))


def _weights(model: PeftModel, adapter: str) -> dict[str, Tensor]:
    """The adapter's own weights by name, without the adapter's name in it."""
    mark = f".{adapter}."
    return {n.replace(mark, "."): p for n, p in model.named_parameters() if mark in n and "lora_" in n}


@torch.no_grad()
def _copied(model: PeftModel, source: str, target: str, keep: float) -> None:
    """Sets target = keep * target + (1 - keep) * source, weight by weight."""
    sources = _weights(model, source)
    for name, weight in _weights(model, target).items():
        weight.mul_(keep).add_(sources[name].to(weight.dtype), alpha=1 - keep)


def _no_reward(completions: list[str], **_: Any) -> list[float | None]:
    raise AssertionError("TRL asked for a reward: rewards come from play")
