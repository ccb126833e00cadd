"""Everything that we use of TRL's private parts, in one file.

`GRPOTrainer` provides the optimizer, accelerate and the adapter; its loop, its data and its loss are never entered.
`prepare` does what `Trainer.train` does before its first step, and `update` makes one optimizer step through the
overridden `training_step`: any number of parts, whose losses are sums, so the gradient is exact however they are split.
A contract test compares the gradient with a plain loss and with TRL's own `_compute_loss`; it fails when TRL changes
what we rely on.

N own tokens of an update, K own tokens of a part.
"""

import json
import math
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from mirrormatch.errors import UserError
from mirrormatch.training.config import RunConfig
from mirrormatch.training.figure_sums import FigureSums, sum_k3
from mirrormatch.training.learner import Term, Update
from mirrormatch.training.learner_state import TorchState, load_learner, save_learner
from mirrormatch.training.likelihood import Likelihood
from mirrormatch.training.lora import lora_config, refused_targets
from mirrormatch.training.metrics import Metrics
from mirrormatch.training.objective import Denominators, Seen
from mirrormatch.training.packing import Part
from mirrormatch.training.types import MAIN, Sample, State, count_own_tokens
from mirrormatch.training.warm_start import load_start

NUM_DRIFT = 32  # samples whose distance from the base model is measured: the games take turns in them
NUM_NORMS = 10  # updates before the running mean of gradient norms bounds the next one
_TRL_SEEDS = 1 << 32  # it refuses larger seeds
_NORM_DECAY = 0.95  # of that mean
_PEFT_MAIN = "default"  # PEFT's name of the first adapter; it writes that one to the folder itself
# The other adapters are numbered: a learner may be called `default`, or as a module of the model is.
_SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}


class TrlLearner:
    """LoRA adapters on a base model: one for each learner, and one for the magnet of each that has one.

    Args:
        config: the run's settings.
        path: the base model's folder or id.
        checkpoints: the folder that holds a run's checkpoints.
        checkpoint: one of them, to continue from.
        dtype: the type of the base model's weights; the adapters' are fp32.
        names: the learners.
        magnets: the learners with a magnet.
    """

    def __init__(
        self,
        config: RunConfig,
        path: str,
        checkpoints: Path,
        checkpoint: Path | None = None,
        dtype: Dtype = "auto",
        names: Sequence[str] = (MAIN,),
        magnets: Sequence[str] = (),
    ) -> None:
        self._config = config
        self._checkpoints = checkpoints
        self._drift_every = config.measure.drift_every
        others = {name: f"learner{k}-" for k, name in enumerate(names) if name != MAIN}
        self._peft_names = {MAIN: _PEFT_MAIN, **others}
        self._magnets = {name: f"magnet{k}-" for k, name in enumerate(names) if name in magnets}
        self._decays: dict[str, float] = {}  # of the magnets of learners that were updated in this step
        self._trainer = _Trainer(config, path, checkpoints, dtype)
        if checkpoint is None:
            load_start(config, _weights(self._peft, _PEFT_MAIN))
        for adapter in others.values():
            self._peft.add_adapter(adapter, lora_config(config.lora))
        for name, magnet in self._magnets.items():
            self._peft.add_adapter(magnet, lora_config(config.lora))
            _blend(self._peft, self._peft_names[name], magnet, keep=0.0)
        self._peft.set_adapter(_PEFT_MAIN)
        self._trainer.prepare([self._peft_names[name] for name in names], checkpoint)

    @property
    def step(self) -> int:
        """The number of finished steps, those before a resume included."""
        return int(self._trainer.state.global_step)

    def update(self, name: str, updates: Sequence[Update], terms: Sequence[Term]) -> Metrics:
        """Makes one optimizer step for each update and returns the figures of all.

        Raises:
            UserError: a loss or a gradient is not finite.
        """
        self._peft.set_adapter(self._peft_names[name])
        if decays := [term.magnet_decay for term in terms if term.magnet_decay is not None]:
            self._decays[name] = decays[0]
        references = {r for term in terms if (r := term.objective.reference) is not None}
        figures = FigureSums(self._trainer.accelerator.device.type == "cuda")
        measures_drift = bool(self._drift_every) and self.step % self._drift_every == 0
        for update in updates:
            if not (num_own := count_own_tokens(update.samples)):
                continue
            plan = self._trainer.likelihood.plan(update.samples, self._config.learn.part_tokens)
            figures.add_plan(plan, update.samples)
            lengths = tuple(sample.num_own for sample in update.samples)
            denominators = Denominators(num_own, update.num_trajectories, self._config.play.max_tokens, lengths)
            columns = _flat_columns(update.samples, self._trainer.accelerator.device)
            parts = [(part, self._see(part, columns, name, references)) for part in plan.parts]
            if measures_drift:
                self._measure_drift(update.samples[:NUM_DRIFT], name, figures)
                measures_drift = False
            games = [sample.game for sample in update.samples]
            self._trainer.update(parts, terms, denominators, figures, games)
        return figures.means()

    def finish_step(self) -> None:
        """Counts a step, moves the learning rate along its schedule and the magnets towards their policies."""
        self._trainer.finish_step()
        for name, decay in self._decays.items():
            _blend(self._peft, self._peft_names[name], self._magnets[name], keep=decay)
        self._decays = {}

    def save_adapter(self, name: str, folder: Path) -> None:
        """Writes a learner's adapter, in PEFT's format, as it is now."""
        chosen = self._peft_names[name]
        self._peft.save_pretrained(str(folder), selected_adapters=[chosen], save_embedding_layers=False)
        if chosen != _PEFT_MAIN:  # PEFT writes every other adapter to a folder inside
            for path in (inner := folder / chosen).iterdir():
                path.replace(folder / path.name)
            inner.rmdir()
        _sort_targets(folder / _adapters.CONFIG)

    def save_checkpoint(self) -> None:
        """Writes the adapters, the optimizer and the magnets to `checkpoint-STEP`."""
        folder = self._checkpoints / f"checkpoint-{self.step}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._trainer.save(folder)

    def state(self) -> State:
        """The running mean of the gradient's norm."""
        return self._trainer.norms.state()

    def restore(self, state: State) -> None:
        """Loads a saved state."""
        self._trainer.norms.restore(state)

    @property
    def _peft(self) -> PeftModel:
        return self._trainer.peft

    def _see(self, part: Part, columns: "_Columns", name: str, references: set[str]) -> Mapping[str, Tensor]:
        """The part's entries of the columns, and the log-probs of the reference policies."""
        own_K = torch.from_numpy(part.own).to(self._trainer.accelerator.device)
        found = {column: values_N[own_K] for column, values_N in columns.items()}
        for reference in sorted(references):
            with torch.no_grad(), self._policy(name, reference):
                found[f"reference/{reference}"] = self._trainer.read(part)[0]
        return found

    @torch.no_grad()
    def _measure_drift(self, samples: Sequence[Sample], name: str, figures: FigureSums) -> None:
        """Adds the KL divergence of the policy from the base model on some samples, which both read."""
        for part in self._trainer.likelihood.plan(samples, self._config.learn.part_tokens).parts:
            logp_K = self._trainer.read(part)[0]
            with self._policy(name, "base"):
                reference_K = self._trainer.read(part)[0]
            figures.add("kl_base", sum_k3(logp_K, reference_K), float(logp_K.numel()))

    @contextmanager
    def _policy(self, name: str, reference: str) -> Iterator[None]:
        """Makes the model compute as a reference policy."""
        if reference == "base":
            with self._peft.disable_adapter():
                yield
            return
        self._peft.set_adapter(self._magnets[name])
        try:
            yield
        finally:
            self._peft.set_adapter(self._peft_names[name])


_Columns = dict[str, Tensor]


class _Norms:
    """The running mean of the gradient's norm, which bounds the next one."""

    def __init__(self) -> None:
        self._mean, self._count = 0.0, 0

    def limit(self, growth: float) -> float:
        """The greatest norm of the next gradient; infinite before there is a mean."""
        return self._mean * growth if self._count >= NUM_NORMS and self._mean else math.inf

    def add(self, norm: float) -> None:
        """Adds the norm of a gradient as it was applied."""
        self._count += 1
        keep = min(_NORM_DECAY, 1 - 1 / self._count)
        self._mean = keep * self._mean + (1 - keep) * norm

    def state(self) -> State:
        return {"mean": self._mean, "count": self._count}

    def restore(self, state: State) -> None:
        self._mean, self._count = state["mean"], state["count"]


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
        self.likelihood = Likelihood(model)
        self.norms = _Norms()
        self._temperature = config.play.temperature
        self._max_growth = config.learn.max_grad_growth

    @property
    def peft(self) -> PeftModel:
        """The model with its adapters."""
        model = self.accelerator.unwrap_model(self.model)
        assert isinstance(model, PeftModel)
        return model

    def prepare(self, adapters: Sequence[str], checkpoint: Path | None) -> None:
        """Does what `Trainer.train` does before its first step: optimizer, accelerate, schedule, saved state."""
        if self.args.gradient_checkpointing:
            model: Any = self.peft  # transformers renamed the method in 5.23
            enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
            enable(self.args.gradient_checkpointing_kwargs)
        kind, options = self.get_optimizer_cls_and_kwargs(self.args)
        groups = [{"params": list(_weights(self.peft, adapter).values())} for adapter in adapters]
        self.optimizer = kind(groups, weight_decay=self.args.weight_decay, **options)
        self.model_wrapped, self.optimizer = self.accelerator.prepare(self.model, self.optimizer)
        self.create_scheduler(num_training_steps=self.args.max_steps)
        if checkpoint is not None:
            self.state.global_step = load_learner(checkpoint, self._adapters(), *self._schedule())

    def update(
        self,
        parts: Sequence[tuple[Part, Mapping[str, Tensor]]],
        terms: Sequence[Term],
        denominators: Denominators,
        figures: FigureSums,
        games: Sequence[str],
    ) -> None:
        """Makes one optimizer step and adds what it measured to the figures, with the game of each sample."""
        assert self.optimizer is not None, "prepare() comes first"
        self.model_wrapped.zero_grad()
        loss = self.training_step(self.model_wrapped, (parts, terms, denominators, figures, games)).item()
        limit = min(self.args.max_grad_norm, self.norms.limit(self._max_growth))
        norm = float(self.accelerator.clip_grad_norm_(self.model_wrapped.parameters(), limit))
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise UserError(
                f"the loss is {loss} and its gradient's norm {norm} in step {self.state.global_step}: the run can't go "
                "on; start another one with a lower learn.learning_rate from its newest adapter: model = 'MODEL+RUN'"
            )
        self.norms.add(min(norm, limit))
        before = [(weight, weight.detach().clone()) for weight in self.peft.parameters() if weight.grad is not None]
        self.optimizer.step()
        figures.add("update_share", _change_share(before), 1)
        figures.add("loss", loss, 1)
        figures.add("grad_norm", norm, 1)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        """Adds up the gradients of an update's parts and returns the sum of their losses."""
        model.train()
        parts, terms, denominators, figures, games = inputs
        total = torch.zeros((), device=self.accelerator.device)
        for part, columns in parts:
            seen = self._read_seen(part, columns, any(term.objective.needs_entropy for term in terms))
            loss = torch.zeros((), device=self.accelerator.device)
            for term in terms:
                sums = term.objective(seen, denominators)
                loss = loss + term.weight * sums.loss
                for name, (value, count) in sums.figures.items():
                    figures.add(name, value, count)
            self.accelerator.backward(loss)
            total += loss.detach()
            figures.add_seen(seen, games)
        return total

    def finish_step(self) -> None:
        """Counts a step and moves the learning rate along its schedule."""
        assert self.lr_scheduler is not None, "prepare() comes first"
        with warnings.catch_warnings():
            # a step may have nothing to learn from
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step")
            self.lr_scheduler.step()
        self.state.global_step += 1

    def read(self, part: Part, entropy_gradient: bool = False) -> tuple[Tensor, Tensor]:
        """The log-probs and entropies of a part's own tokens under the active adapter, (K,) each."""
        with self.accelerator.autocast():
            found = self.likelihood(part, self._temperature, entropy_gradient=entropy_gradient)
        return found.logps, found.entropies

    def _read_seen(self, part: Part, columns: Mapping[str, Tensor], entropy_gradient: bool) -> Seen:
        logp_K, entropy_K = self.read(part, entropy_gradient)
        return Seen(
            logp_N=logp_K,
            entropy_N=entropy_K,
            sampler_logp_N=columns["logprobs"],
            advantage_N=columns["advantages"],
            weight_N=columns["weights"],
            sample_N=columns["samples"],
            references={k.removeprefix("reference/"): v for k, v in columns.items() if k.startswith("reference/")},
        )

    def save(self, folder: Path) -> None:
        """Writes the adapters, the optimizer, the schedule and the generators' states."""
        save_learner(folder, self.state.global_step, self._adapters(), *self._schedule())

    def _adapters(self) -> dict[str, Tensor]:
        """The weights of all adapters, by their names in the model."""
        return {name: weight for name, weight in self.peft.named_parameters() if "lora_" in name}

    def _schedule(self) -> tuple[TorchState, TorchState]:
        assert self.optimizer is not None and self.lr_scheduler is not None, "prepare() makes them"
        return self.optimizer, self.lr_scheduler


def _flat_columns(samples: Sequence[Sample], device: torch.device) -> _Columns:
    """The samples' entries of own tokens, sample by sample, (N,) each."""
    own = [(sample, k) for sample in samples for k, is_own in enumerate(sample.own) if is_own]
    numbers = [number for number, sample in enumerate(samples) for _ in range(sample.num_own)]
    real = {
        "logprobs": [sample.logprobs[k] for sample, k in own],
        "advantages": [sample.advantages[k] for sample, k in own],
        "weights": [sample.weight for sample, _ in own],
    }
    found = {name: torch.tensor(values, dtype=torch.float32, device=device) for name, values in real.items()}
    return found | {"samples": torch.tensor(numbers, dtype=torch.long, device=device)}


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
        lr_scheduler_type=_SCHEDULES[learn.schedule],
        warmup_steps=learn.warm_up,
        adam_beta1=learn.betas[0],
        adam_beta2=learn.betas[1],
        weight_decay=learn.weight_decay,
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


@torch.no_grad()
def _change_share(before: Sequence[tuple[Tensor, Tensor]]) -> float:
    """The norm of the change of some weights over their norm before it; 0 for weights that were all 0."""
    changes = [weight - old for weight, old in before]
    moved, norm = (float(torch.stack(torch._foreach_norm(w)).norm()) for w in (changes, [old for _, old in before]))
    return moved / norm if norm else 0.0


def _no_reward(completions: list[str], **_: Any) -> list[float | None]:
    raise AssertionError("TRL asked for a reward: rewards come from play")
