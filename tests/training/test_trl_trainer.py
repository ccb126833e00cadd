"""The contract with TRL: the gradient of our learner is that of a plain loss that one can read.

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

from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.config_file import parse_settings
from mirrormatch.prompts import Message
from mirrormatch.training import trl_trainer
from mirrormatch.training.config import RunConfig
from mirrormatch.training.rows import Batch, Row, build_batch, count_own_tokens
from mirrormatch.training.trajectories import Move, Trajectory
from mirrormatch.training.trl_trainer import LEARNER, MAGNET, TrlLearner, collate

pytestmark = pytest.mark.slow

NUM_TURNS = (3, 1, 2, 3, 1)  # of the trajectories: rows of very different lengths
ADVANTAGES = (1.5, -2.0, 0.25, -0.5, 3.0)
MAX_TOKENS = 6
Gradient = dict[str, Tensor]


@pytest.fixture(scope="module", autouse=True)
def quick_collection() -> Iterator[None]:
    """Excludes imported objects from garbage collection, which otherwise takes longer than a step."""
    gc.freeze()
    yield
    gc.unfreeze()


# what is learned from


async def conversation(engine: TransformersEngine, seed: int, num_turns: int, temperature: float) -> Trajectory:
    """Samples turns from the model, each after a question that extends the earlier conversation."""
    messages, moves = [Message("system", "You are X.")], list[Move]()
    for k in range(num_turns):
        messages.append(Message("user", f"Turn {k}. " + "Your move. " * seed))
        prompt_ids = engine.encode(messages)
        sampling = Sampling(max_tokens=MAX_TOKENS - seed % 2, temperature=temperature)
        reply = await engine.generate(prompt_ids, sampling, seed=10 * seed + k)
        moves.append(Move(prompt_ids, reply))
        messages.append(Message("assistant", reply.text, reply.token_ids))
    return Trajectory("kuhn_poker", seed % 2, 0.0, tuple(moves))


def sample_trajectories(tiny: Path, temperature: float) -> list[Trajectory]:
    engine = TransformersEngine(str(tiny))

    async def all_of_them() -> list[Trajectory]:
        return await asyncio.gather(*(conversation(engine, k, n, temperature) for k, n in enumerate(NUM_TURNS)))

    return asyncio.run(all_of_them())


@pytest.fixture(scope="module")
def played(tiny: Path) -> list[Trajectory]:
    return sample_trajectories(tiny, temperature=1.0)


def one_row_each(trajectories: Sequence[Trajectory]) -> Batch:
    """One row per trajectory."""
    batch = build_batch(trajectories, ADVANTAGES, 1.0)
    assert len(batch.rows) == len(trajectories)
    return batch


def turn_by_turn(trajectories: Sequence[Trajectory]) -> Batch:
    """One row per turn."""
    pairs = [(t._replace(moves=(m,)), a) for t, a in zip(trajectories, ADVANTAGES, strict=True) for m in t.moves]
    batch = build_batch([t for t, _ in pairs], [a for _, a in pairs], 1.0)
    return batch._replace(num_trajectories=len(trajectories))


# the trainer's gradient


def record_gradients(learner: TrlLearner) -> list[Gradient]:
    """Returns a list that receives the gradients with which the optimizer is about to step."""
    steps = list[Gradient]()

    def record(*_: Any) -> None:
        steps.append({n: p.grad.clone() for n, p in learner._peft.named_parameters() if p.grad is not None})

    optimizer: Any = learner._trainer.optimizer  # accelerate's, around torch's
    optimizer.optimizer.register_step_pre_hook(record)
    return steps


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
def disturb(learner: TrlLearner) -> None:
    """Moves the new adapter away from the base, to make ratios and the KL term count."""
    generator = torch.Generator().manual_seed(1)
    for name, weight in learner._peft.named_parameters():
        if f".{LEARNER}." in name:
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.05)


def new_learner(config: RunConfig, tiny: Path, folder: Path) -> TrlLearner:
    learner = TrlLearner(config, str(tiny), folder)
    disturb(learner)
    return learner


# the plain loss


def plain_logps(model: Any, row: Row, temperature: float) -> Tensor:
    """The log-probs of a row's completion tokens, computed for this row alone, without padding."""
    logits = model(torch.tensor([row.ids])).logits[0, len(row.prompt_ids) - 1 : -1]
    return torch.log_softmax(logits / temperature, -1).gather(-1, torch.tensor(row.completion_ids)[:, None])[:, 0]


def plain_loss(model: Any, batch: Batch, config: RunConfig, reference: Callable[[Row], Tensor]) -> Tensor:
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
        return total / count_own_tokens(batch.rows)
    return total / (batch.num_trajectories * config.play.max_tokens)


def towards_base(learner: TrlLearner, temperature: float) -> Callable[[Row], Tensor]:
    @torch.no_grad()
    def reference(row: Row) -> Tensor:
        with learner._peft.disable_adapter():
            return plain_logps(learner._peft, row, temperature)

    return reference


def plain_gradient(learner: TrlLearner, batch: Batch, config: RunConfig) -> Gradient:
    loss = plain_loss(learner._peft, batch, config, towards_base(learner, config.play.temperature))
    named = {n: p for n, p in learner._peft.named_parameters() if f".{LEARNER}." in n}
    return dict(zip(named, torch.autograd.grad(loss, list(named.values())), strict=True))


def assert_same(found: Gradient, expected: Gradient, atol: float = 1e-6) -> None:
    assert found.keys() == expected.keys()
    assert max(float(g.abs().max()) for g in expected.values()) > 1e-3, "the gradient is there"
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=atol, rtol=1e-4)


@pytest.fixture
def trained(tiny: Path, tmp_path: Path) -> Callable[..., tuple[Gradient, Gradient, dict[str, float]]]:
    """Makes one real update and returns TRL's gradient, the plain one and TRL's log."""

    def step(batch: Batch, config: RunConfig) -> tuple[Gradient, Gradient, dict[str, float]]:
        learner = new_learner(config, tiny, tmp_path)
        gradients = record_gradients(learner)
        expected = plain_gradient(learner, batch, config)
        learner.update(batch)
        (found,) = gradients
        return found, expected, learner._trainer.state.log_history[-1]

    return step


# the contract


@pytest.mark.parametrize("micro_batches", [1, 3])
@pytest.mark.parametrize("loss", ["dr_grpo", "dapo"])
@pytest.mark.parametrize("kl", [0.0, 0.3])
def test_the_gradient_is_that_of_the_plain_loss(
    trained: Any, played: list[Trajectory], tiny: Path, micro_batches: int, loss: str, kl: float
) -> None:
    found, expected, _ = trained(one_row_each(played), settings(tiny, micro_batches=micro_batches, loss=loss, kl=kl))
    assert_same(found, expected)


def test_the_gradient_is_that_at_the_temperature_of_play(trained: Any, tiny: Path) -> None:
    found, expected, _ = trained(one_row_each(sample_trajectories(tiny, 0.7)), settings(tiny, temperature=0.7, kl=0.3))
    assert_same(found, expected)


@pytest.mark.parametrize("micro_batches", [1, 3])
def test_one_row_per_turn_gives_the_same_gradient(
    trained: Any, played: list[Trajectory], tiny: Path, micro_batches: int
) -> None:
    config = settings(tiny, micro_batches=micro_batches, kl=0.3)
    found, _, _ = trained(one_row_each(played), config)
    expected, _, _ = trained(turn_by_turn(played), config)
    assert_same(found, expected)


def test_the_batch_of_these_tests_is_clipped_on_both_sides(trained: Any, played: list[Trajectory], tiny: Path) -> None:
    logged = trained(one_row_each(played), settings(tiny))[2]
    assert logged["clip_ratio/low_mean"] > 0.05
    assert logged["clip_ratio/high_mean"] > 0.05


def test_more_parts_than_rows_change_nothing(trained: Any, played: list[Trajectory], tiny: Path) -> None:
    batch = Batch(one_row_each(played).rows[:2], 2)
    found, expected, _ = trained(batch, settings(tiny, micro_batches=3, kl=0.3))
    assert_same(found, expected)


def test_every_update_is_one_optimizer_step(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    learner = new_learner(settings(tiny, steps=3, micro_batches=3), tiny, tmp_path)
    gradients = record_gradients(learner)
    for k in range(3):
        assert (learner.step, len(gradients)) == (k, k)
        learner.update(one_row_each(played))
    assert (learner.step, len(gradients)) == (3, 3)


def test_gradient_checkpointing_changes_no_gradient(
    trained: Any, played: list[Trajectory], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU's setting, switched on here: the learner enables checkpointing as TRL's own loop would."""
    arguments = trl_trainer._arguments

    def with_checkpointing(config: RunConfig, folder: Path) -> Any:
        found = arguments(config, folder)
        found.gradient_checkpointing = True
        return found

    monkeypatch.setattr(trl_trainer, "_arguments", with_checkpointing)
    learner = new_learner(config := settings(tiny, kl=0.3), tiny, tmp_path)
    gradients = record_gradients(learner)
    expected = plain_gradient(learner, one_row_each(played), config)
    learner.update(one_row_each(played))
    assert learner._peft.is_activation_checkpointing
    assert_same(gradients[0], expected)


def test_a_token_that_was_read_has_no_part_in_the_loss(trained: Any, played: list[Trajectory], tiny: Path) -> None:
    batch = one_row_each(played)
    config = settings(tiny, kl=0.3)

    def shouting(row: Row) -> Row:
        """Sets advantages and log-probs of tokens that the loss must not read."""
        read = [not own for own in row.own]
        return row._replace(
            advantages=tuple(99.0 if r else a for r, a in zip(read, row.advantages, strict=True)),
            logprobs=tuple(-7.0 if r else p for r, p in zip(read, row.logprobs, strict=True)),
        )

    assert any(0 in row.own for row in batch.rows)
    found, _, _ = trained(Batch([shouting(row) for row in batch.rows], batch.num_trajectories), config)
    expected, _, _ = trained(batch, config)
    assert_same(found, expected, atol=0.0)


def test_own_tokens_with_no_advantage_give_no_gradient(trained: Any, played: list[Trajectory], tiny: Path) -> None:
    silent = [row._replace(advantages=(0.0,) * len(row.own)) for row in one_row_each(played).rows]
    found, _, _ = trained(Batch(silent, len(silent)), settings(tiny))
    assert max(float(gradient.abs().max()) for gradient in found.values()) == 0.0


@pytest.mark.parametrize("micro_batches", [1, 3])
@pytest.mark.parametrize("loss", ["dr_grpo", "dapo"])
@pytest.mark.parametrize("kl", [0.0, 0.3])
def test_an_update_without_own_tokens_changes_nothing(
    tiny: Path, tmp_path: Path, micro_batches: int, loss: str, kl: float
) -> None:
    config = settings(tiny, micro_batches=micro_batches, loss=loss, kl=kl)
    learner = new_learner(config, tiny, tmp_path)
    before = {n: p.clone() for n, p in learner._peft.named_parameters() if f".{LEARNER}." in n}
    measured = learner.update(Batch([], 4))
    assert all(torch.equal(p, before[n]) for n, p in learner._peft.named_parameters() if n in before)
    assert (measured["loss"], measured["grad_norm"]) == (0.0, 0.0)
    assert all(math.isfinite(value) for value in measured.values())


# what the loss reads


SHORT = Row((1, 2), (3,), (1,), (-0.5,), (2.0,))
LONG = Row((4,), (5, 6, 7), (1, 0, 1), (-0.1, 0.0, -0.3), (1.0, 0.0, 1.0))


def columns() -> dict[str, list[list[float]]]:
    return {name: column.tolist() for name, column in collate([SHORT, LONG], 0, torch.device("cpu")).items()}


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
    logged = TrlLearner(settings(tiny, kl=0.3), str(tiny), tmp_path).update(one_row_each(played))
    assert logged["logp_gap"] < 1e-4
    assert logged["ratio"] == pytest.approx(1.0, abs=1e-5)
    assert logged["kl"] == pytest.approx(0.0, abs=1e-8)


def test_ratio_and_gap_are_those_of_own_tokens(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    batch, config = one_row_each(played), settings(tiny)
    learner = new_learner(config, tiny, tmp_path)
    with torch.no_grad():
        logps = [plain_logps(learner._peft, row, 1.0) for row in batch.rows]
    gaps = [
        float(logp) - old
        for found, row in zip(logps, batch.rows, strict=True)
        for logp, old, own in zip(found, row.logprobs, row.own, strict=True)
        if own
    ]
    logged = learner.update(batch)
    assert logged["ratio"] == pytest.approx(sum(map(math.exp, gaps)) / len(gaps), abs=1e-4)
    assert logged["logp_gap"] == pytest.approx(max(map(abs, gaps)), abs=1e-4)


# the magnet


def weights_of(learner: TrlLearner, adapter: str) -> dict[str, Tensor]:
    named = learner._peft.named_parameters()
    return {n.replace(f".{adapter}.", "."): p.detach().clone() for n, p in named if f".{adapter}." in n}


def magnetic(tiny: Path, **learn: Any) -> RunConfig:
    return settings(tiny, kl=0.3, kl_to="magnet", **learn)


def test_the_magnet_begins_as_the_policy(tiny: Path, tmp_path: Path) -> None:
    learner = TrlLearner(magnetic(tiny), str(tiny), tmp_path)
    policy, magnet = weights_of(learner, LEARNER), weights_of(learner, MAGNET)
    assert policy.keys() == magnet.keys()
    assert all(torch.equal(policy[name], magnet[name]) for name in policy)


def test_the_magnet_moves_by_its_decay(tiny: Path, tmp_path: Path) -> None:
    learner = new_learner(magnetic(tiny, magnet_decay=0.75), tiny, tmp_path)
    before, policy = weights_of(learner, MAGNET), weights_of(learner, LEARNER)
    learner.move_magnet()
    for name, weight in weights_of(learner, MAGNET).items():
        torch.testing.assert_close(weight, 0.75 * before[name] + 0.25 * policy[name])


def test_the_magnet_is_the_reference(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    config, batch = magnetic(tiny), one_row_each(played)
    learner = new_learner(config, tiny, tmp_path)
    gradients = record_gradients(learner)
    with torch.no_grad():
        for name, weight in learner._peft.named_parameters():
            if f".{MAGNET}." in name:
                weight.add_(0.01)

    @torch.no_grad()
    def reference(row: Row) -> Tensor:
        learner._peft.set_adapter(MAGNET)
        found = plain_logps(learner._peft, row, 1.0)
        learner._peft.set_adapter(LEARNER)
        return found

    loss = plain_loss(learner._peft, batch, config, reference)
    named = {n: p for n, p in learner._peft.named_parameters() if f".{LEARNER}." in n}
    expected = dict(zip(named, torch.autograd.grad(loss, list(named.values())), strict=True))
    learner.update(batch)
    assert_same(gradients[0], expected)


def test_an_update_moves_the_magnet_by_its_decay_only(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    learner = new_learner(magnetic(tiny, magnet_decay=0.75), tiny, tmp_path)
    before, policy = weights_of(learner, MAGNET), weights_of(learner, LEARNER)
    learner.update(one_row_each(played))
    after = weights_of(learner, LEARNER)
    for name, weight in weights_of(learner, MAGNET).items():
        torch.testing.assert_close(weight, 0.75 * before[name] + 0.25 * after[name])
    assert any(not torch.equal(policy[name], weight) for name, weight in after.items())


@pytest.mark.parametrize("kl_to", ["base", "magnet"])
def test_a_learner_continues_from_its_checkpoint_bit_for_bit(
    tiny: Path, tmp_path: Path, played: list[Trajectory], kl_to: str
) -> None:
    config, batch = settings(tiny, steps=4, kl=0.3, kl_to=kl_to), one_row_each(played)
    first = new_learner(config, tiny, tmp_path)
    for _ in range(2):
        first.update(batch)
    first.save_checkpoint()
    second = TrlLearner(config, str(tiny), tmp_path, tmp_path / "checkpoint-2")
    assert second.step == 2
    for _ in range(2):
        assert first.update(batch) == second.update(batch)
    for adapter in (LEARNER, MAGNET):
        again = weights_of(second, adapter)
        assert all(torch.equal(weight, again[name]) for name, weight in weights_of(first, adapter).items())


def test_a_checkpoint_has_no_pickled_file(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    learner = new_learner(settings(tiny, steps=1), tiny, tmp_path)
    learner.update(one_row_each(played))
    learner.save_checkpoint()
    assert {path.suffix for path in (tmp_path / "checkpoint-1").iterdir()} == {".json", ".safetensors"}


def test_the_saved_adapter_is_the_policy_without_the_magnet(
    tiny: Path, tmp_path: Path, played: list[Trajectory]
) -> None:
    learner = new_learner(magnetic(tiny), tiny, tmp_path / "run")
    learner.save_adapter(tmp_path / "adapter")
    engine = TransformersEngine(str(tiny))
    name = engine.load(tmp_path / "adapter")
    row = one_row_each(played).rows[0]
    with torch.no_grad():
        expected = plain_logps(learner._peft, row, 1.0).tolist()
    found = asyncio.run(engine.logprobs(row.prompt_ids, row.completion_ids, adapter=name))
    assert found == pytest.approx(expected, abs=1e-4)


# the pin


def test_trl_is_a_release_that_this_contract_was_tested_with() -> None:
    pinned = [Requirement(line) for line in requires("mirrormatch") or ()]
    (trl,) = (requirement for requirement in pinned if requirement.name == "trl")
    assert trl.specifier.contains(version("trl")), f"trl {version('trl')} is outside {trl.specifier}"
    assert {s.operator for s in trl.specifier} == {">=", "<"}, "pinned on both sides"
