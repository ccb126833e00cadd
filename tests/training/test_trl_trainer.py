"""The contract with TRL: the gradient of its trainer, fed by our bridge, is that of a plain loss that one can read.

It fails loudly when a release of TRL changes what we rely on.
"""

import asyncio
import gc
import math
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest
import torch
from packaging.requirements import Requirement
from torch import Tensor
from transformers import TrainerCallback

from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.hf import TransformersEngine, load_base
from mirrormatch.config_file import parse_settings
from mirrormatch.prompts import Message
from mirrormatch.training.config import RunConfig
from mirrormatch.training.rows import Row, num_own_tokens, rows
from mirrormatch.training.trajectories import Move, Trajectory
from mirrormatch.training.trl_trainer import LEARNER, MAGNET, Learnable, SelfPlayTrainer, collated

NUM_TURNS = (3, 1, 2, 3, 1)  # of the trajectories: rows of very different lengths
ADVANTAGES = (1.5, -2.0, 0.25, -0.5, 3.0)
MAX_TOKENS = 6
Gradient = dict[str, Tensor]


@pytest.fixture(scope="module", autouse=True)
def quick_collection() -> Iterator[None]:
    """Every trainer collects garbage, which takes longer than its step when it looks through all that is imported."""
    gc.freeze()
    yield
    gc.unfreeze()


# what is learned from


async def conversation(engine: TransformersEngine, seed: int, num_turns: int, temperature: float) -> Trajectory:
    """Turns that the model itself samples, each after a question that extends what came before."""
    messages, moves = [Message("system", "You are X.")], list[Move]()
    for k in range(num_turns):
        messages.append(Message("user", f"Turn {k}. " + "Your move. " * seed))
        prompt_ids = engine.encode(messages)
        sampling = Sampling(max_tokens=MAX_TOKENS - seed % 2, temperature=temperature)
        said = await engine.generate(prompt_ids, sampling, seed=10 * seed + k)
        moves.append(Move(prompt_ids, said))
        messages.append(Message("assistant", said.text, said.token_ids))
    return Trajectory("kuhn_poker", seed % 2, 0.0, tuple(moves))


def played_at(tiny: Path, temperature: float) -> list[Trajectory]:
    engine = TransformersEngine(str(tiny))

    async def everybody() -> list[Trajectory]:
        return await asyncio.gather(*(conversation(engine, k, n, temperature) for k, n in enumerate(NUM_TURNS)))

    return asyncio.run(everybody())


@pytest.fixture(scope="module")
def played(tiny: Path) -> list[Trajectory]:
    return played_at(tiny, temperature=1.0)


def merged(trajectories: Sequence[Trajectory]) -> Learnable:
    """One row per trajectory."""
    made = [row for t, a in zip(trajectories, ADVANTAGES, strict=True) for row in rows(t, a, 1.0)]
    assert len(made) == len(trajectories)
    return Learnable(made, len(trajectories))


def turn_by_turn(trajectories: Sequence[Trajectory]) -> Learnable:
    """One row per turn."""
    pairs = [(t._replace(moves=(m,)), a) for t, a in zip(trajectories, ADVANTAGES, strict=True) for m in t.moves]
    return Learnable([row for t, a in pairs for row in rows(t, a, 1.0)], len(trajectories))


# the trainer's gradient


class Captured(TrainerCallback):
    """Keeps the gradients with which the optimizer is about to step."""

    def __init__(self) -> None:
        self.steps: list[Gradient] = []

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        self.steps.append({name.removeprefix("module."): grad for name, grad in found.items()})


def settings(tiny: Path, temperature: float = 1.0, steps: int = 1, **learn: Any) -> RunConfig:
    values = {
        "model": f"hf:{tiny}",
        "lora": {"rank": 4, "alpha": 8},
        "play": {"games": ["kuhn_poker"], "episodes": 4, "max_tokens": MAX_TOKENS, "temperature": temperature},
        "learn": {"steps": steps, "learning_rate": 1e-2, "max_grad_norm": 1e9, "kl": 0.0, **learn},
        "checkpoint_every": 100,
    }
    return parse_settings(values, RunConfig, "test")


@torch.no_grad()
def disturb(trainer: SelfPlayTrainer) -> None:
    """Moves the new adapter away from the base, so that ratios and the KL term count."""
    generator = torch.Generator().manual_seed(1)
    for name, weight in trainer._peft.named_parameters():
        if f".{LEARNER}." in name:
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.05)


def new_trainer(
    config: RunConfig, tiny: Path, folder: Path, batch: Learnable, watch: Sequence[TrainerCallback] = ()
) -> SelfPlayTrainer:
    model, tokenizer = load_base(str(tiny))
    trainer = SelfPlayTrainer(lambda step: batch, config, model, tokenizer, folder, watch)
    disturb(trainer)
    return trainer


# the plain loss


def plain_logps(model: Any, row: Row, temperature: float) -> Tensor:
    """Of every token of the completion, by one row alone: no padding, no company."""
    logits = model(torch.tensor([row.ids])).logits[0, len(row.prompt_ids) - 1 : -1]
    return torch.log_softmax(logits / temperature, -1).gather(-1, torch.tensor(row.completion_ids)[:, None])[:, 0]


def plain_loss(model: Any, batch: Learnable, config: RunConfig, reference: Callable[[Row], Tensor]) -> Tensor:
    """PPO's clipped ratio and the k3 estimate of the KL divergence (Schulman 2020), summed over own tokens.

    The KL term is weighted by the ratio, which makes its gradient that of the divergence (DeepSeek-V3.2, section 3.1).
    """
    total = torch.zeros(())
    for row in batch.rows:
        logps = plain_logps(model, row, config.play.temperature)
        towards = reference(row)
        for t, own in enumerate(row.own):
            if own:
                ratio = torch.exp(logps[t] - row.logprobs[t])
                clipped = ratio.clamp(1 - config.learn.clip, 1 + config.learn.clip)
                surrogate = torch.min(ratio * row.advantages[t], clipped * row.advantages[t])
                gap = towards[t] - logps[t]
                total = total - surrogate + config.learn.kl * ratio * (torch.exp(gap) - gap - 1)
    if config.learn.loss == "dapo":
        return total / num_own_tokens(batch.rows)
    return total / (batch.num_trajectories * config.play.max_tokens)


def towards_base(trainer: SelfPlayTrainer, temperature: float) -> Callable[[Row], Tensor]:
    @torch.no_grad()
    def reference(row: Row) -> Tensor:
        with trainer._peft.disable_adapter():
            return plain_logps(trainer._peft, row, temperature)

    return reference


def plain_gradient(trainer: SelfPlayTrainer, batch: Learnable, config: RunConfig) -> Gradient:
    loss = plain_loss(trainer._peft, batch, config, towards_base(trainer, config.play.temperature))
    named = {n: p for n, p in trainer._peft.named_parameters() if f".{LEARNER}." in n}
    return dict(zip(named, torch.autograd.grad(loss, list(named.values())), strict=True))


def assert_same(found: Gradient, expected: Gradient, atol: float = 1e-6) -> None:
    assert found.keys() == expected.keys()
    assert max(float(g.abs().max()) for g in expected.values()) > 1e-3, "the gradient is there"
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=atol, rtol=1e-4)


@pytest.fixture
def trained(tiny: Path, tmp_path: Path) -> Callable[..., tuple[Gradient, Gradient, SelfPlayTrainer]]:
    """Makes one real step and returns TRL's gradient, the plain one and the trainer."""

    def step(batch: Learnable, config: RunConfig) -> tuple[Gradient, Gradient, SelfPlayTrainer]:
        captured = Captured()
        trainer = new_trainer(config, tiny, tmp_path, batch, [captured])
        expected = plain_gradient(trainer, batch, config)
        trainer.train()
        (found,) = captured.steps
        return found, expected, trainer

    return step


# the contract


@pytest.mark.parametrize("micro_batches", [1, 3])
@pytest.mark.parametrize("loss", ["dr_grpo", "dapo"])
@pytest.mark.parametrize("kl", [0.0, 0.3])
def test_the_gradient_is_that_of_the_plain_loss(
    trained: Any, played: list[Trajectory], tiny: Path, micro_batches: int, loss: str, kl: float
) -> None:
    found, expected, _ = trained(merged(played), settings(tiny, micro_batches=micro_batches, loss=loss, kl=kl))
    assert_same(found, expected)


def test_the_gradient_is_that_at_the_temperature_of_play(trained: Any, tiny: Path) -> None:
    found, expected, _ = trained(merged(played_at(tiny, 0.7)), settings(tiny, temperature=0.7, kl=0.3))
    assert_same(found, expected)


@pytest.mark.parametrize("micro_batches", [1, 3])
def test_one_row_per_turn_gives_the_same_gradient(
    trained: Any, played: list[Trajectory], tiny: Path, micro_batches: int
) -> None:
    config = settings(tiny, micro_batches=micro_batches, kl=0.3)
    found, _, _ = trained(merged(played), config)
    expected, _, _ = trained(turn_by_turn(played), config)
    assert_same(found, expected)


def test_the_batch_of_these_tests_is_clipped_on_both_sides(trained: Any, played: list[Trajectory], tiny: Path) -> None:
    logged = trained(merged(played), settings(tiny))[2].state.log_history[0]
    assert logged["clip_ratio/low_mean"] > 0.05
    assert logged["clip_ratio/high_mean"] > 0.05


def test_more_parts_than_rows_change_nothing(trained: Any, played: list[Trajectory], tiny: Path) -> None:
    batch = Learnable(merged(played).rows[:2], 2)
    found, expected, _ = trained(batch, settings(tiny, micro_batches=3, kl=0.3))
    assert_same(found, expected)


def test_every_step_asks_for_its_own_experience(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    asked: list[int] = []

    def experience(step: int) -> Learnable:
        asked.append(step)
        return merged(played)

    model, tokenizer = load_base(str(tiny))
    SelfPlayTrainer(experience, settings(tiny, steps=3, micro_batches=3), model, tokenizer, tmp_path).train()
    assert asked == [0, 1, 2]


def test_a_token_that_was_read_has_no_part_in_the_loss(trained: Any, played: list[Trajectory], tiny: Path) -> None:
    batch = merged(played)
    config = settings(tiny, kl=0.3)

    def shouting(row: Row) -> Row:
        """Advantages and log-probs where nothing may look."""
        read = [not own for own in row.own]
        return row._replace(
            advantages=tuple(99.0 if r else a for r, a in zip(read, row.advantages, strict=True)),
            logprobs=tuple(-7.0 if r else p for r, p in zip(read, row.logprobs, strict=True)),
        )

    assert any(0 in row.own for row in batch.rows)
    found, _, _ = trained(Learnable([shouting(row) for row in batch.rows], batch.num_trajectories), config)
    expected, _, _ = trained(batch, config)
    assert_same(found, expected, atol=0.0)


def test_own_tokens_with_no_advantage_give_no_gradient(trained: Any, played: list[Trajectory], tiny: Path) -> None:
    silent = [row._replace(advantages=(0.0,) * len(row.own)) for row in merged(played).rows]
    found, _, _ = trained(Learnable(silent, len(silent)), settings(tiny))
    assert max(float(gradient.abs().max()) for gradient in found.values()) == 0.0


@pytest.mark.parametrize("micro_batches", [1, 3])
@pytest.mark.parametrize("loss", ["dr_grpo", "dapo"])
@pytest.mark.parametrize("kl", [0.0, 0.3])
def test_a_step_in_which_nobody_said_anything_teaches_nothing(
    tiny: Path, tmp_path: Path, micro_batches: int, loss: str, kl: float
) -> None:
    config = settings(tiny, micro_batches=micro_batches, loss=loss, kl=kl)
    trainer = new_trainer(config, tiny, tmp_path, Learnable([], 4))
    before = {n: p.clone() for n, p in trainer._peft.named_parameters() if f".{LEARNER}." in n}
    trainer.train()
    assert all(torch.equal(p, before[n]) for n, p in trainer._peft.named_parameters() if n in before)
    logged = trainer.state.log_history[0]
    assert (logged["loss"], logged["grad_norm"]) == (0.0, 0.0)
    assert all(math.isfinite(value) for value in logged.values())


# what the loss reads


SHORT = Row((1, 2), (3,), (1,), (-0.5,), (2.0,))
LONG = Row((4,), (5, 6, 7), (1, 0, 1), (-0.1, 0.0, -0.3), (1.0, 0.0, 1.0))


def columns() -> dict[str, list[list[float]]]:
    return {name: column.tolist() for name, column in collated([SHORT, LONG], 0, torch.device("cpu")).items()}


def test_prompts_are_padded_on_the_left() -> None:
    assert (columns()["prompt_ids"], columns()["prompt_mask"]) == ([[1, 2], [0, 4]], [[1, 1], [0, 1]])


def test_completions_are_padded_on_the_right() -> None:
    assert (columns()["completion_ids"], columns()["completion_mask"]) == (
        [[3, 0, 0], [5, 6, 7]],
        [[1, 0, 0], [1, 1, 1]],
    )


def test_padding_and_read_tokens_are_not_own() -> None:
    assert columns()["tool_mask"] == [[1, 0, 0], [1, 0, 1]]


def test_padding_has_no_advantage() -> None:
    assert columns()["advantages"] == [[2, 0, 0], [1, 0, 1]]


# what is logged


def test_the_policy_that_played_has_ratio_1(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    """A new adapter is the base, which sampled: trainer and engine agree on every token."""
    model, tokenizer = load_base(str(tiny))
    batch = merged(played)
    trainer = SelfPlayTrainer(lambda step: batch, settings(tiny, kl=0.3), model, tokenizer, tmp_path)
    trainer.train()
    logged = trainer.state.log_history[0]
    assert logged["logp_gap"] < 1e-4
    assert logged["ratio"] == pytest.approx(1.0, abs=1e-5)
    assert logged["kl"] == pytest.approx(0.0, abs=1e-8)


def test_ratio_and_gap_are_those_of_own_tokens(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    batch, config = merged(played), settings(tiny)
    trainer = new_trainer(config, tiny, tmp_path, batch)
    with torch.no_grad():
        logps = [plain_logps(trainer._peft, row, 1.0) for row in batch.rows]
    gaps = [
        float(logp) - old
        for found, row in zip(logps, batch.rows, strict=True)
        for logp, old, own in zip(found, row.logprobs, row.own, strict=True)
        if own
    ]
    trainer.train()
    logged = trainer.state.log_history[0]
    assert logged["ratio"] == pytest.approx(sum(map(math.exp, gaps)) / len(gaps), abs=1e-4)
    assert logged["logp_gap"] == pytest.approx(max(map(abs, gaps)), abs=1e-4)


# the magnet


def weights_of(trainer: SelfPlayTrainer, adapter: str) -> dict[str, Tensor]:
    named = trainer._peft.named_parameters()
    return {n.replace(f".{adapter}.", "."): p.detach().clone() for n, p in named if f".{adapter}." in n}


def magnetic(tiny: Path, **learn: Any) -> RunConfig:
    return settings(tiny, kl=0.3, kl_to="magnet", **learn)


def test_the_magnet_begins_as_the_policy(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    model, tokenizer = load_base(str(tiny))
    trainer = SelfPlayTrainer(lambda step: merged(played), magnetic(tiny), model, tokenizer, tmp_path)
    learner, magnet = weights_of(trainer, LEARNER), weights_of(trainer, MAGNET)
    assert learner.keys() == magnet.keys()
    assert all(torch.equal(learner[name], magnet[name]) for name in learner)


def test_the_magnet_moves_by_its_decay(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    trainer = new_trainer(magnetic(tiny, magnet_decay=0.75), tiny, tmp_path, merged(played))
    before, policy = weights_of(trainer, MAGNET), weights_of(trainer, LEARNER)
    trainer.move_magnet()
    for name, weight in weights_of(trainer, MAGNET).items():
        torch.testing.assert_close(weight, 0.75 * before[name] + 0.25 * policy[name])


def test_the_magnet_is_the_reference(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    config, batch, captured = magnetic(tiny), merged(played), Captured()
    trainer = new_trainer(config, tiny, tmp_path, batch, [captured])
    with torch.no_grad():
        for name, weight in trainer._peft.named_parameters():
            if f".{MAGNET}." in name:
                weight.add_(0.01)

    @torch.no_grad()
    def reference(row: Row) -> Tensor:
        trainer._peft.set_adapter(MAGNET)
        found = plain_logps(trainer._peft, row, 1.0)
        trainer._peft.set_adapter(LEARNER)
        return found

    loss = plain_loss(trainer._peft, batch, config, reference)
    named = {n: p for n, p in trainer._peft.named_parameters() if f".{LEARNER}." in n}
    expected = dict(zip(named, torch.autograd.grad(loss, list(named.values())), strict=True))
    trainer.train()
    assert_same(captured.steps[0], expected)


def test_the_optimizer_leaves_the_magnet_alone(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    trainer = new_trainer(magnetic(tiny, steps=2), tiny, tmp_path, merged(played))
    before, policy = weights_of(trainer, MAGNET), weights_of(trainer, LEARNER)
    trainer.train()
    assert all(torch.equal(before[name], weight) for name, weight in weights_of(trainer, MAGNET).items())
    assert any(not torch.equal(policy[name], weight) for name, weight in weights_of(trainer, LEARNER).items())


def test_a_saved_magnet_is_restored_exactly(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    first, second = (new_trainer(magnetic(tiny), tiny, tmp_path, merged(played)) for _ in range(2))
    first.move_magnet()
    second.restore_magnet(first.magnet_state())
    after = weights_of(second, MAGNET)
    assert all(torch.equal(weight, after[name]) for name, weight in weights_of(first, MAGNET).items())


def test_without_a_magnet_there_is_nothing_to_save(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    assert new_trainer(settings(tiny, kl=0.3), tiny, tmp_path, merged(played)).magnet_state() == {}


def test_the_saved_adapter_is_the_policy_without_the_magnet(
    tiny: Path, tmp_path: Path, played: list[Trajectory]
) -> None:
    trainer = new_trainer(magnetic(tiny), tiny, tmp_path / "run", merged(played))
    trainer.save_adapter(tmp_path / "adapter")
    engine = TransformersEngine(str(tiny))
    name = engine.load(tmp_path / "adapter")
    row = merged(played).rows[0]
    with torch.no_grad():
        expected = plain_logps(trainer._peft, row, 1.0).tolist()
    found = asyncio.run(engine.logprobs(row.prompt_ids, row.completion_ids, adapter=name))
    assert found == pytest.approx(expected, abs=1e-4)


# the pin


def test_trl_is_a_release_that_this_contract_was_tested_with() -> None:
    pinned = [Requirement(line) for line in requires("mirrormatch") or ()]
    (trl,) = (requirement for requirement in pinned if requirement.name == "trl")
    assert trl.specifier.contains(version("trl")), f"trl {version('trl')} is outside {trl.specifier}"
    assert {s.operator for s in trl.specifier} == {">=", "<"}, "pinned on both sides"
