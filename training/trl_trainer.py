"""Everything that we use of TRL's private parts, in one file.

`GRPOTrainer` provides the loss, the optimizer, accelerate and the checkpoints. Its own loop is never entered:
`prepare` does what `Trainer.train` does before its first step, and `update` makes one optimizer step on a finished
batch through the overridden `training_step`. Games, groups and rewards never reach TRL. The loss reads what `collate`
returns. A contract test compares the gradient with a plain loss; it fails when TRL changes what we rely on.

B rows, T completion tokens.
"""

import json
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # TRL's trainers report their construction otherwise
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import torch
from datasets import Dataset  # type: ignore[import-untyped]
from peft import PeftModel
from torch import Tensor
from transformers import PrinterCallback
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._settings import Dtype
from mirrormatch.agents.engines.hf import load_base
from mirrormatch.training import metrics
from mirrormatch.training.config import RunConfig
from mirrormatch.training.learner_state import TorchState, load_learner, save_learner
from mirrormatch.training.lora import lora_config, refused_targets
from mirrormatch.training.rows import Batch, Row, count_own_tokens
from mirrormatch.training.warm_start import load_start

MAGNET = "magnet"  # the adapter that follows the policy slowly
LEARNER = "default"  # the adapter that is trained, as PEFT names it
_TRL_SEEDS = 1 << 32  # it refuses larger seeds

# TRL's loss "dapo" divides the token sum by a number that we give: the number of tokens (DAPO), or trajectories times a
# constant (Dr. GRPO), exact however the rows are split. TRL's own "dr_grpo" would average over each micro-batch's rows.
_TRL_LOSS = "dapo"


class TrlLearner:
    """A LoRA adapter on a base model, trained by TRL's loss.

    Args:
        config: the run's settings.
        path: the base model's folder or id.
        checkpoints: the folder that holds a run's checkpoints.
        checkpoint: one of them, to continue from.
        dtype: the type of the base model's weights; the adapter's are fp32.
    """

    def __init__(
        self,
        config: RunConfig,
        path: str,
        checkpoints: Path,
        checkpoint: Path | None = None,
        dtype: Dtype = "auto",
    ) -> None:
        self._config = config
        self._checkpoints = checkpoints
        self._trainer = _Trainer(config, path, checkpoints, dtype)
        if checkpoint is None:
            load_start(config, _weights(self._peft, LEARNER))
        if self._uses_magnet:
            self._peft.add_adapter(MAGNET, lora_config(config.lora))
            _blend(self._peft, LEARNER, MAGNET, keep=0.0)
            self._peft.set_adapter(LEARNER)
        self._trainer.prepare(checkpoint)

    @property
    def step(self) -> int:
        """The number of updates made so far, those before a resume included."""
        return int(self._trainer.state.global_step)

    def update(self, batch: Batch) -> metrics.Metrics:
        """Makes one optimizer step and returns the loss's figures."""
        logs = self._trainer.update(self._split(batch))
        if self._uses_magnet:
            self.move_magnet()
        return metrics.from_trl_logs(logs)

    def save_adapter(self, folder: Path) -> None:
        """Writes the trained adapter, in PEFT's format, as it is now."""
        self._peft.save_pretrained(str(folder), selected_adapters=[LEARNER], save_embedding_layers=False)
        _sort_targets(folder / _adapters.CONFIG)

    def save_checkpoint(self) -> None:
        """Writes the adapter, the optimizer and the magnet to `checkpoint-STEP`."""
        folder = self._checkpoints / f"checkpoint-{self.step}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._trainer.save(folder)

    def move_magnet(self) -> None:
        """Moves the magnet one step towards the policy."""
        _blend(self._peft, LEARNER, MAGNET, keep=self._config.learn.magnet_decay)

    @property
    def _peft(self) -> PeftModel:
        return self._trainer.peft

    @property
    def _uses_magnet(self) -> bool:
        return self._config.learn.kl > 0 and self._config.learn.kl_to == "magnet"

    def _split(self, batch: Batch) -> list[dict[str, Tensor]]:
        """The rows as TRL's loss reads them, in parts of similar lengths."""
        num_parts = self._config.learn.micro_batches
        pad_id, device = self._trainer.pad_id, self._trainer.accelerator.device
        ordered = sorted(batch.rows, key=lambda row: len(row.ids))  # stable: equal batches stay equal
        size = max(1, -(-len(ordered) // num_parts))
        if self._config.learn.loss == "dapo":
            denominator = max(1, count_own_tokens(ordered))
        else:
            denominator = batch.num_trajectories * self._config.play.max_tokens
        parts = []
        for k in range(num_parts):
            chunk = ordered[k * size : (k + 1) * size] or [_empty_row(pad_id)]
            part = collate(chunk, pad_id, device)
            part["num_items_in_batch"] = torch.tensor(float(denominator), device=device)
            if self._config.learn.kl:
                part["ref_per_token_logps"] = self._reference_logps(part)
            parts.append(part)
        return parts

    @torch.no_grad()
    def _reference_logps(self, part: dict[str, Tensor]) -> Tensor:
        """The reference's log-probs of every completion token, (B, T): the base model's, or the magnet's."""
        if self._uses_magnet:
            self._peft.set_adapter(MAGNET)
            reference = self._trainer.logps(part)
            self._peft.set_adapter(LEARNER)
            return reference
        with self._peft.disable_adapter():
            return self._trainer.logps(part)


class _Trainer(GRPOTrainer):
    """TRL's trainer without its loop: the step of the optimizer is taken from outside."""

    def __init__(self, config: RunConfig, path: str, folder: Path, dtype: Dtype) -> None:
        model, tokenizer = load_base(path, dtype)  # a copy of its own: TRL changes the model that it trains
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                super().__init__(
                    model=model,
                    reward_funcs=_no_reward,
                    args=_arguments(config, folder),
                    train_dataset=Dataset.from_dict({"prompt": ["", ""]}),  # unused, but required
                    processing_class=tokenizer,
                    peft_config=lora_config(config.lora),
                )
            except ValueError as problem:  # also PEFT's, about targets that the model doesn't have
                raise refused_targets(config.lora, problem) from None
        _silence_noise(model)
        self.remove_callback(PrinterCallback)  # the command line prints
        self.current_gradient_accumulation_steps = 1  # an update's parts are ours, all within one training step

    @property
    def peft(self) -> PeftModel:
        """The model with its adapters."""
        model = self.accelerator.unwrap_model(self.model)
        assert isinstance(model, PeftModel)
        return model

    @property
    def pad_id(self) -> int:
        """The token that fills rows up to equal length."""
        return int(self._tokenizer.pad_token_id)

    def prepare(self, checkpoint: Path | None) -> None:
        """Does what `Trainer.train` does before its first step: optimizer, accelerate, schedule, saved state."""
        if self.args.gradient_checkpointing:
            model: Any = self.peft  # transformers renamed the method in 5.23
            enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
            enable(self.args.gradient_checkpointing_kwargs)
        self.create_optimizer()
        self.model_wrapped, self.optimizer = self.accelerator.prepare(self.model, self.optimizer)
        self.create_scheduler(num_training_steps=self.args.max_steps)
        if checkpoint is not None:
            self.state.global_step = load_learner(checkpoint, self._adapters(), *self._schedule())

    def update(self, parts: Sequence[dict[str, Tensor]]) -> dict[str, float]:
        """Makes one optimizer step and returns what TRL logs of it."""
        assert self.optimizer is not None and self.lr_scheduler is not None, "prepare() comes first"
        self.model_wrapped.zero_grad()
        loss = self.training_step(self.model_wrapped, parts)
        grad_norm = self.accelerator.clip_grad_norm_(self.model_wrapped.parameters(), self.args.max_grad_norm)
        self.optimizer.step()
        self.lr_scheduler.step()
        self.state.global_step += 1
        self.log({"loss": loss.item(), "grad_norm": float(grad_norm)})
        return dict(self.state.log_history[-1])

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        """Adds up the gradients of an update's parts and returns the sum of their losses."""
        model.train()
        total = torch.zeros((), device=self.accelerator.device)
        for part in inputs:
            with self.compute_loss_context_manager():
                loss = self.compute_loss(model, part)
            self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def save(self, folder: Path) -> None:
        """Writes the adapters, the optimizer, the schedule and the generators' states."""
        save_learner(folder, self.state.global_step, self._adapters(), *self._schedule())

    def _adapters(self) -> dict[str, Tensor]:
        """The weights of all adapters, by their names in the model."""
        return {name: weight for name, weight in self.peft.named_parameters() if "lora_" in name}

    def _schedule(self) -> tuple[TorchState, TorchState]:
        assert self.optimizer is not None and self.lr_scheduler is not None, "prepare() makes them"
        return self.optimizer, self.lr_scheduler

    @torch.no_grad()
    def logps(self, part: dict[str, Tensor]) -> Tensor:
        """The log-probs of every completion token under the active adapter, (B, T)."""
        ids_BT = torch.cat([part["prompt_ids"], part["completion_ids"]], dim=1)
        mask_BT = torch.cat([part["prompt_mask"], part["completion_mask"]], dim=1)
        num_kept = part["completion_ids"].size(1)
        logps_BT, _, _ = self._get_per_token_logps_and_entropies(self.model, ids_BT, mask_BT, num_kept)
        assert isinstance(logps_BT, Tensor)
        return logps_BT

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        """TRL's; keeps the policy's log-probs for `_compute_loss`."""
        found = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        if torch.is_grad_enabled():
            self._policy_logps = found[0].detach()
        return found

    def _compute_loss(self, model: Any, inputs: dict[str, Tensor]) -> Tensor:
        """TRL's, with two more figures: how far the trainer's log-probs are from the sampler's."""
        loss: Tensor = super()._compute_loss(model, inputs)  # type: ignore[no-untyped-call]
        own_BT = (inputs["completion_mask"] * inputs["tool_mask"]).bool()
        gap_N = (self._policy_logps - inputs["old_per_token_logps"])[own_BT]
        if gap_N.numel():
            self._metrics["train"]["ratio"].append(gap_N.exp().mean().item())
            self._metrics["train"]["logp_gap"].append(gap_N.abs().max().item())
        return loss


def collate(batch: Sequence[Row], pad_id: int, device: torch.device) -> dict[str, Tensor]:
    """Pads prompts on the left and completions on the right, under the names that TRL's loss reads."""
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


def _sort_targets(path: Path) -> None:
    """Sorts the target modules in an adapter's settings: PEFT writes a set, in another order in every process."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(settings["target_modules"], list):
        path.write_text(json.dumps(settings | {"target_modules": sorted(settings["target_modules"])}, indent=2) + "\n")


def _silence_noise(model: torch.nn.Module) -> None:
    """Sets rates of dropout, skipped layers and router noise to 0 that modules keep as numbers (OPT, Mixtral).

    The policy played without them, and TRL's `disable_dropout` reaches modules of dropout only.
    """
    for module in model.modules():
        for name, value in vars(module).items():
            if isinstance(value, float) and any(part in name for part in ("drop", "jitter")):
                setattr(module, name, 0.0)


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
        gradient_accumulation_steps=1,
        steps_per_generation=1,
        num_iterations=1,
        gradient_checkpointing=torch.cuda.is_available(),
        bf16=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
        seed=config.seed % _TRL_SEEDS,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def _empty_row(pad_id: int) -> Row:
    """A row without own tokens, for a part that would be empty: all are, where every prompt filled the context."""
    return Row((pad_id,), (pad_id,), (0,), (0.0,), (0.0,))


def _weights(model: PeftModel, adapter: str) -> dict[str, Tensor]:
    """The adapter's own weights by name, without the adapter's name in it."""
    mark = f".{adapter}."
    return {n.replace(mark, "."): p for n, p in model.named_parameters() if mark in n and "lora_" in n}


@torch.no_grad()
def _blend(model: PeftModel, source: str, target: str, keep: float) -> None:
    """Sets target = keep * target + (1 - keep) * source, weight by weight."""
    sources = _weights(model, source)
    for name, weight in _weights(model, target).items():
        weight.mul_(keep).add_(sources[name].to(weight.dtype), alpha=1 - keep)


def _no_reward(completions: list[str], **_: Any) -> list[float | None]:
    raise AssertionError("TRL asked for a reward: rewards come from play")
