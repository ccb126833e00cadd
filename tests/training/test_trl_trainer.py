"""The contract with TRL: the gradient of our learner is that of a plain loss that one can read, and of TRL's own.

It fails loudly when a release of TRL changes what we rely on.
"""

import asyncio
import gc
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from packaging.requirements import Requirement
from tests.training.records import make_trajectory
from torch import Tensor
from trl.trainer.grpo_trainer import GRPOTrainer

from mirrormatch.agents.engines import _adapters
from mirrormatch.agents.engines._types import Sampling
from mirrormatch.agents.engines.hf import TransformersEngine
from mirrormatch.config_file import parse_settings
from mirrormatch.errors import UserError
from mirrormatch.prompts import Message
from mirrormatch.training import trl_trainer
from mirrormatch.training.builders.rows import build_rows
from mirrormatch.training.config import RunConfig
from mirrormatch.training.learner import Update
from mirrormatch.training.metrics import Metrics
from mirrormatch.training.pipeline import make_terms
from mirrormatch.training.trl_trainer import NUM_NORMS, TrlLearner
from mirrormatch.training.types import MAIN, Sample, Step, Trajectory, count_own_tokens

pytestmark = pytest.mark.slow

NUM_TURNS = (3, 1, 2, 3, 1)  # of the trajectories: rows of very different lengths
ADVANTAGES = (1.5, -2.0, 0.25, -0.5, 3.0)
MAX_TOKENS = 6
SPLIT = 128  # tokens of a part: several parts
POLICY, SOLVER, MAGNET = "default", "learner1-", "magnet0-"  # PEFT's names of the adapters
CLIPPED: dict[str, Any] = {"dual_clip": 1.5}  # the default is beyond the ratios of these tests
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
    messages, steps = [Message("system", "You are X.")], list[Step]()
    for k in range(num_turns):
        messages.append(Message("user", f"Turn {k}. " + "Your move. " * seed))
        prompt_ids = engine.encode(messages)
        sampling = Sampling(max_tokens=MAX_TOKENS - seed % 2, temperature=temperature)
        reply = await engine.generate(prompt_ids, sampling, seed=10 * seed + k)
        steps.append(Step(prompt_ids, reply.token_ids, reply.logprobs))
        messages.append(Message("assistant", reply.text, reply.token_ids))
    return make_trajectory(*steps, role=seed % 2, episode=seed)


def sample_trajectories(tiny: Path, temperature: float) -> list[Trajectory]:
    engine = TransformersEngine(str(tiny))

    async def all_of_them() -> list[Trajectory]:
        return await asyncio.gather(*(conversation(engine, k, n, temperature) for k, n in enumerate(NUM_TURNS)))

    return asyncio.run(all_of_them())


@pytest.fixture(scope="module")
def played(tiny: Path) -> list[Trajectory]:
    return sample_trajectories(tiny, temperature=1.0)


def one_row_each(trajectories: Sequence[Trajectory]) -> Update:
    """One row per trajectory."""
    pairs = enumerate(zip(trajectories, ADVANTAGES, strict=True))
    samples = [row for k, (t, a) in pairs for row in build_rows(t, (a,) * len(t.steps), k)]
    assert len(samples) == len(trajectories)
    return Update(samples, len(trajectories))


def turn_by_turn(trajectories: Sequence[Trajectory]) -> Update:
    """One row per turn."""
    triples = [(k, t, a) for k, (t, a) in enumerate(zip(trajectories, ADVANTAGES, strict=True))]
    samples = [row for k, t, a in triples for s in t.steps for row in build_rows(t._replace(steps=(s,)), (a,), k)]
    assert len(samples) == sum(NUM_TURNS)
    return Update(samples, len(trajectories))


# the trainer's gradient


def record_gradients(learner: TrlLearner) -> list[Gradient]:
    """Returns a list that receives the gradients with which the optimizer is about to step."""
    steps = list[Gradient]()

    def record(*_: Any) -> None:
        steps.append({n: p.grad.clone() for n, p in learner._peft.named_parameters() if p.grad is not None})

    optimizer: Any = learner._trainer.optimizer  # accelerate's, around torch's
    optimizer.optimizer.register_step_pre_hook(record)
    return steps


def settings(
    tiny: Path, temperature: float = 1.0, steps: int = 1, objective: Any = None, norm: str = "constant", **learn: Any
) -> RunConfig:
    terms = {kind: {"norm": norm, **given} for kind, given in (objective or {"clipped": CLIPPED}).items()}
    values = {
        "model": f"hf:{tiny}",
        "lora": {"rank": 4, "alpha": 8},
        "play": {"games": ["kuhn_poker"], "episodes": 4, "max_tokens": MAX_TOKENS, "temperature": temperature},
        "objective": terms,
        "learn": {"steps": steps, "learning_rate": 1e-2, "max_grad_norm": 1e9, **learn},
        "checkpoint_every": 100,
    }
    return parse_settings(values, RunConfig, "test")


def clipped_and_kl(weight: float = 0.3, **kl: Any) -> dict[str, dict[str, Any]]:
    return {"clipped": CLIPPED, "kl": {"weight": weight, **kl}}


def update(learner: TrlLearner, *updates: Update, name: str = MAIN) -> Metrics:
    """Makes the updates with the terms of the learner's config."""
    return learner.update(name, updates, make_terms(learner._config))


@torch.no_grad()
def disturb(learner: TrlLearner, adapter: str = POLICY) -> None:
    """Moves the new adapter away from the base, to make ratios and the KL term count."""
    generator = torch.Generator().manual_seed(1)
    for name, weight in learner._peft.named_parameters():
        if f".{adapter}." in name:
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.05)


def new_learner(config: RunConfig, tiny: Path, folder: Path, names: Sequence[str] = (MAIN,)) -> TrlLearner:
    magnets = names if any(term.magnet_decay is not None for term in make_terms(config)) else ()
    learner = TrlLearner(config, str(tiny), folder, names=names, magnets=magnets)
    disturb(learner)
    return learner


# the plain loss


def plain_distribution(model: Any, sample: Sample, temperature: float) -> Tensor:
    """The log-probs of every next token behind the sample's tokens but the last, for this sample alone."""
    return torch.log_softmax(model(torch.tensor([sample.ids])).logits[0, :-1] / temperature, -1)


def plain_logps(model: Any, sample: Sample, temperature: float) -> Tensor:
    """The log-probs of a sample's tokens behind the first."""
    return plain_distribution(model, sample, temperature).gather(-1, torch.tensor(sample.ids[1:])[:, None])[:, 0]


def plain_loss(model: Any, given: Update, config: RunConfig, reference: Callable[[Sample], Tensor]) -> Tensor:
    """All four objectives, summed over own tokens.

    PPO's clipped ratio, bounded where the advantage is negative; the k3 estimate of the KL divergence (Schulman 2020),
    weighted by the ratio, which makes its gradient that of the divergence (DeepSeek-V3.2, section 3.1); minus the
    entropy; minus the log-prob.
    """
    total, temperature = torch.zeros(()), config.play.temperature
    clipped, kl, entropy, nll = (config.objective.get(kind) for kind in ("clipped", "kl", "entropy", "nll"))
    norms = {terms["norm"] for terms in config.objective.values()}
    (norm,) = norms
    for sample in given.samples:
        logps = plain_logps(model, sample, temperature)
        rows = plain_distribution(model, sample, temperature)
        towards = reference(sample)
        loss = torch.zeros(())
        for t in range(1, len(sample.ids)):
            if not sample.own[t]:
                continue
            advantage, logp = sample.advantages[t], logps[t - 1]
            ratio = torch.exp(logp - sample.logprobs[t])
            if clipped:
                bounded = ratio.clamp(1 - clipped["clip"], 1 + clipped["clip"])
                gain = torch.min(ratio * advantage, bounded * advantage)
                if advantage < 0:
                    gain = gain.clamp(min=clipped["dual_clip"] * advantage)
                loss = loss - clipped["weight"] * gain
            if kl:
                gap = towards[t - 1] - logp
                loss = loss + kl["weight"] * ratio * (torch.exp(gap) - gap - 1)
            if entropy:
                loss = loss + entropy["weight"] * (rows[t - 1].exp() * rows[t - 1]).sum()
            if nll:
                loss = loss - nll["weight"] * logp
        total = total + (loss / sample.num_own / len(given.samples) if norm == "sequences" else loss)
    if norm == "sequences":
        return total
    if norm == "tokens":
        return total / count_own_tokens(given.samples)
    return total / (given.num_trajectories * config.play.max_tokens)


def towards_base(learner: TrlLearner, temperature: float) -> Callable[[Sample], Tensor]:
    @torch.no_grad()
    def reference(sample: Sample) -> Tensor:
        with learner._peft.disable_adapter():
            return plain_logps(learner._peft, sample, temperature)

    return reference


def policy_gradient(learner: TrlLearner, loss: Tensor) -> Gradient:
    named = {n: p for n, p in learner._peft.named_parameters() if f".{POLICY}." in n}
    return dict(zip(named, torch.autograd.grad(loss, list(named.values())), strict=True))


def plain_gradient(learner: TrlLearner, given: Update, config: RunConfig) -> Gradient:
    reference = towards_base(learner, config.play.temperature)
    return policy_gradient(learner, plain_loss(learner._peft, given, config, reference))


def assert_same(found: Gradient, expected: Gradient, atol: float = 1e-6) -> None:
    assert found.keys() == expected.keys()
    assert max(float(g.abs().max()) for g in expected.values()) > 1e-3, "the gradient is there"
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=atol, rtol=1e-4)


Trained = Callable[[Update, RunConfig], tuple[Gradient, Gradient, Metrics]]


@pytest.fixture
def trained(tiny: Path, tmp_path: Path) -> Trained:
    """Makes one real update and returns the optimizer's gradient, the plain one and the figures."""

    def step(given: Update, config: RunConfig) -> tuple[Gradient, Gradient, Metrics]:
        learner = new_learner(config, tiny, tmp_path)
        gradients = record_gradients(learner)
        expected = plain_gradient(learner, given, config)
        figures = update(learner, given)
        (found,) = gradients
        return found, expected, figures

    return step


# the contract


@pytest.mark.parametrize("part_tokens", [8_192, SPLIT])
@pytest.mark.parametrize("norm", ["constant", "tokens", "sequences"])
@pytest.mark.parametrize("objective", [{"clipped": CLIPPED}, clipped_and_kl()], ids=["clipped", "clipped and kl"])
def test_the_gradient_is_that_of_the_plain_loss(
    trained: Trained, played: list[Trajectory], tiny: Path, part_tokens: int, norm: str, objective: Any
) -> None:
    config = settings(tiny, objective=objective, norm=norm, part_tokens=part_tokens)
    found, expected, figures = trained(one_row_each(played), config)
    assert (figures["parts"] > 1) == (part_tokens == SPLIT)
    assert_same(found, expected)


@pytest.mark.parametrize("kind", ["entropy", "nll"])
def test_the_gradient_of_another_objective_is_that_of_the_plain_loss(
    trained: Trained, played: list[Trajectory], tiny: Path, kind: str
) -> None:
    config = settings(tiny, objective={kind: {"weight": 0.5}}, norm="tokens", part_tokens=SPLIT)
    found, expected, _ = trained(one_row_each(played), config)
    assert_same(found, expected)


def test_the_gradient_is_that_at_the_temperature_of_play(trained: Trained, tiny: Path) -> None:
    config = settings(tiny, temperature=0.7, objective=clipped_and_kl())
    found, expected, _ = trained(one_row_each(sample_trajectories(tiny, 0.7)), config)
    assert_same(found, expected)


@pytest.mark.parametrize("part_tokens", [8_192, SPLIT])
def test_one_row_per_turn_gives_the_same_gradient(
    trained: Trained, played: list[Trajectory], tiny: Path, part_tokens: int
) -> None:
    config = settings(tiny, objective=clipped_and_kl(), part_tokens=part_tokens)
    found, _, _ = trained(one_row_each(played), config)
    expected, _, _ = trained(turn_by_turn(played), config)
    assert_same(found, expected)


def test_the_batch_of_these_tests_is_clipped_on_both_sides(
    trained: Trained, played: list[Trajectory], tiny: Path
) -> None:
    figures = trained(one_row_each(played), settings(tiny))[2]
    assert figures["clipped_low"] > 0.05
    assert figures["clipped_high"] > 0.05
    assert figures["clipped"] == pytest.approx(figures["clipped_low"] + figures["clipped_high"])
    assert figures["ratio_max"] < 10.0, "the bound of the KL term doesn't matter"


def test_the_second_clip_counts_in_the_batch_of_these_tests(
    trained: Trained, played: list[Trajectory], tiny: Path
) -> None:
    found, _, _ = trained(one_row_each(played), settings(tiny))
    unbounded, _, _ = trained(one_row_each(played), settings(tiny, objective={"clipped": {"dual_clip": 1e6}}))
    assert norm_of(found) < norm_of(unbounded) / 1.1


def test_every_update_is_one_optimizer_step(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    learner = new_learner(settings(tiny, steps=3, part_tokens=SPLIT), tiny, tmp_path)
    gradients = record_gradients(learner)
    for k in range(3):
        assert (learner.step, len(gradients)) == (k, 2 * k)
        update(learner, one_row_each(played), one_row_each(played))
        learner.finish_step()
    assert (learner.step, len(gradients)) == (3, 6)


def test_gradient_checkpointing_changes_no_gradient(
    played: list[Trajectory], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU's setting, switched on here: the learner enables checkpointing as TRL's own loop would."""
    arguments = trl_trainer._arguments

    def with_checkpointing(config: RunConfig, folder: Path) -> Any:
        found = arguments(config, folder)
        found.gradient_checkpointing = True
        return found

    monkeypatch.setattr(trl_trainer, "_arguments", with_checkpointing)
    learner = new_learner(config := settings(tiny, objective=clipped_and_kl()), tiny, tmp_path)
    gradients = record_gradients(learner)
    expected = plain_gradient(learner, one_row_each(played), config)
    update(learner, one_row_each(played))
    assert learner._peft.is_activation_checkpointing
    assert_same(gradients[0], expected)


def test_a_token_that_was_read_has_no_part_in_the_loss(trained: Trained, played: list[Trajectory], tiny: Path) -> None:
    given = one_row_each(played)
    config = settings(tiny, objective=clipped_and_kl())

    def shouting(sample: Sample) -> Sample:
        """Sets advantages and log-probs of tokens that the loss must not read."""
        return sample._replace(
            advantages=tuple(a if own else 99.0 for own, a in zip(sample.own, sample.advantages, strict=True)),
            logprobs=tuple(p if own else -7.0 for own, p in zip(sample.own, sample.logprobs, strict=True)),
        )

    assert any(0 in sample.own[sample.own.index(1) :] for sample in given.samples), "prompts between replies"
    found, _, _ = trained(given._replace(samples=[shouting(sample) for sample in given.samples]), config)
    expected, _, _ = trained(given, config)
    assert_same(found, expected, atol=0.0)


def test_own_tokens_with_no_advantage_give_no_gradient(trained: Trained, played: list[Trajectory], tiny: Path) -> None:
    silent = [s._replace(advantages=(0.0,) * len(s.ids)) for s in one_row_each(played).samples]
    found, _, _ = trained(Update(silent, len(silent)), settings(tiny))
    assert max(float(gradient.abs().max()) for gradient in found.values()) == 0.0


def test_a_weight_is_a_factor_on_the_samples_loss(trained: Trained, played: list[Trajectory], tiny: Path) -> None:
    """Weight 2 and half the advantage are the original, weight 0 takes the sample out; the denominator stays."""
    first, second, *others = one_row_each(played).samples
    halved = first._replace(weight=2.0, advantages=tuple(a / 2 for a in first.advantages))
    silent = [s._replace(advantages=(0.0,) * len(s.ids)) for s in others]
    found, _, _ = trained(Update([halved, second, *(s._replace(weight=0.0) for s in others)], 5), settings(tiny))
    expected, _, _ = trained(Update([first, second, *silent], 5), settings(tiny))
    assert_same(found, expected)


@pytest.mark.parametrize("objective", [{"clipped": CLIPPED}, clipped_and_kl()], ids=["clipped", "clipped and kl"])
def test_an_update_without_own_tokens_changes_nothing(tiny: Path, tmp_path: Path, objective: Any) -> None:
    learner = new_learner(settings(tiny, objective=objective), tiny, tmp_path)
    gradients, before = record_gradients(learner), weights_of(learner, POLICY)
    assert update(learner, Update([], 4)) == {} and gradients == []
    assert_equal(weights_of(learner, POLICY), before)


# the contract with TRL's own loss


def collate(samples: Sequence[Sample]) -> dict[str, Tensor]:
    """The samples as TRL's loss reads them: prompts padded on the left, completions on the right."""
    starts = [sample.own.index(1) for sample in samples]
    num_prompt = max(starts)
    num_completion = max(len(sample.ids) - start for sample, start in zip(samples, starts, strict=True))

    def left(values: Sequence[Sequence[float]]) -> list[list[float]]:
        return [[0] * (num_prompt - k) + list(v[:k]) for v, k in zip(values, starts, strict=True)]

    def right(values: Sequence[Sequence[float]]) -> list[list[float]]:
        return [[*v[k:], *[0] * (num_completion - len(v) + k)] for v, k in zip(values, starts, strict=True)]

    ids, ones = [s.ids for s in samples], [[1] * len(s.ids) for s in samples]
    whole = {
        "prompt_ids": left(ids),
        "prompt_mask": left(ones),
        "completion_ids": right(ids),
        "completion_mask": right(ones),
        "tool_mask": right([s.own for s in samples]),
    }
    real = {
        "old_per_token_logps": right([s.logprobs for s in samples]),
        "advantages": right([s.advantages for s in samples]),
    }
    found = {name: torch.tensor(values, dtype=torch.long) for name, values in whole.items()}
    return found | {name: torch.tensor(values, dtype=torch.float32) for name, values in real.items()}


def trl_gradient(learner: TrlLearner, given: Update, config: RunConfig) -> Gradient:
    """The gradient of `GRPOTrainer._compute_loss` with TRL's names for our settings."""
    trainer: Any = learner._trainer
    clipped, kl = config.objective["clipped"], config.objective["kl"]
    trainer.loss_type = "grpo" if clipped["norm"] == "sequences" else "dapo"
    trainer.beta, trainer.args.use_bias_correction_kl = kl["weight"], True
    trainer.epsilon_low, trainer.epsilon_high = clipped["clip"], clipped["clip_high"] or clipped["clip"]
    trainer.args.delta = clipped["dual_clip"]
    inputs = collate(given.samples)
    by_norm = {"tokens": count_own_tokens(given.samples), "constant": given.num_trajectories * MAX_TOKENS}
    inputs["num_items_in_batch"] = torch.tensor(float(by_norm.get(clipped["norm"], 1)))
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
    with torch.no_grad(), learner._peft.disable_adapter():
        inputs["ref_per_token_logps"] = trainer._get_per_token_logps_and_entropies(
            trainer.model, ids, mask, inputs["completion_ids"].size(1)
        )[0]
    trainer.model.train()
    loss = GRPOTrainer._compute_loss(trainer, trainer.model, inputs)  # type: ignore[no-untyped-call]
    return policy_gradient(learner, loss)


@pytest.mark.parametrize("norm", ["constant", "tokens", "sequences"])
def test_the_gradient_is_that_of_trls_own_loss(tiny: Path, tmp_path: Path, played: list[Trajectory], norm: str) -> None:
    objective = {"clipped": {"clip_high": 0.28, "dual_clip": 1.5}, "kl": {"weight": 0.3}}
    config = settings(tiny, objective=objective, norm=norm, part_tokens=SPLIT)
    learner, given = new_learner(config, tiny, tmp_path), one_row_each(played)
    gradients = record_gradients(learner)
    expected = trl_gradient(learner, given, config)
    update(learner, given)
    assert_same(gradients[0], expected)


# what is logged


def test_the_policy_that_played_has_ratio_1(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    """A new adapter is the base, which sampled: trainer and engine agree on every token."""
    learner = TrlLearner(settings(tiny, objective=clipped_and_kl()), str(tiny), tmp_path)
    figures = update(learner, one_row_each(played))
    assert figures["logp_gap"] < 1e-4
    assert figures["ratio"] == pytest.approx(1.0, abs=1e-5)
    assert figures["kl"] == pytest.approx(0.0, abs=1e-8)


def test_ratio_and_gap_are_those_of_own_tokens(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    given, config = one_row_each(played), settings(tiny)
    learner = new_learner(config, tiny, tmp_path)
    with torch.no_grad():
        logps = [plain_logps(learner._peft, sample, 1.0) for sample in given.samples]
    gaps = [
        float(logp) - old
        for found, sample in zip(logps, given.samples, strict=True)
        for logp, old, own in zip(found, sample.logprobs[1:], sample.own[1:], strict=True)
        if own
    ]
    figures = update(learner, given)
    assert figures["ratio"] == pytest.approx(sum(map(math.exp, gaps)) / len(gaps), abs=1e-4)
    assert figures["ratio_max"] == pytest.approx(math.exp(max(gaps)), rel=1e-4)
    assert figures["logp_gap"] == pytest.approx(max(map(abs, gaps)), abs=1e-4)


def test_figures_are_those_of_all_tokens_however_the_update_is_split(
    tiny: Path, tmp_path: Path, played: list[Trajectory]
) -> None:
    tokens = {"learner_tokens", "read_share", "real_tokens", "parts"}  # of the packing, which is what differs
    whole, split = (
        update(
            new_learner(settings(tiny, objective=clipped_and_kl(), part_tokens=size), tiny, tmp_path),
            turn_by_turn(played),
        )
        for size in (8_192, 64)
    )
    assert whole["parts"] == 1 and split["parts"] == 3
    assert {k: v for k, v in split.items() if k not in tokens} == pytest.approx(
        {k: v for k, v in whole.items() if k not in tokens}, rel=1e-4, abs=1e-6
    )


def test_the_drift_is_the_kl_to_the_base_model_with_and_without_that_term(
    tiny: Path, tmp_path: Path, played: list[Trajectory]
) -> None:
    given = one_row_each(played)
    terms = {"clipped": CLIPPED, "kl": {"to": "base"}}
    found = update(new_learner(settings(tiny, objective=terms), tiny, tmp_path), given)
    alone = update(new_learner(settings(tiny), tiny, tmp_path), given)
    assert found["kl_base"] == alone["kl_base"] == pytest.approx(found["kl"], rel=1e-5)
    assert "kl" not in alone and 0 < alone["update_share"] < 1


def test_each_game_has_its_own_entropy(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    given = turn_by_turn(played)
    nim, chess = given.samples[:1], given.samples[1:]
    named = [*(s._replace(game="nim") for s in nim), *(s._replace(game="openspiel/chess") for s in chess)]
    found = update(new_learner(settings(tiny), tiny, tmp_path), given._replace(samples=named))
    alone = update(new_learner(settings(tiny), tiny, tmp_path), given._replace(samples=nim))
    assert found["entropy/nim"] == pytest.approx(alone["entropy"], rel=1e-4)
    num_nim, num_chess = (sum(s.num_own for s in samples) for samples in (nim, chess))
    mean = (found["entropy/nim"] * num_nim + found["entropy/openspiel/chess"] * num_chess) / (num_nim + num_chess)
    assert found["entropy"] == pytest.approx(mean, rel=1e-5)


# the magnet


def weights_of(learner: TrlLearner, adapter: str) -> Gradient:
    named = learner._peft.named_parameters()
    return {n.replace(f".{adapter}.", "."): p.detach().clone() for n, p in named if f".{adapter}." in n}


def assert_equal(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert found and found.keys() == expected.keys()
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())


def differ(found: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return any(not torch.equal(found[name], weight) for name, weight in other.items())


def magnetic(tiny: Path, decay: float = 0.98, **learn: Any) -> RunConfig:
    return settings(tiny, objective=clipped_and_kl(to="magnet", magnet_decay=decay), **learn)


def test_the_magnet_begins_as_the_policy(tiny: Path, tmp_path: Path) -> None:
    learner = TrlLearner(magnetic(tiny), str(tiny), tmp_path, magnets=(MAIN,))
    assert_equal(weights_of(learner, POLICY), weights_of(learner, MAGNET))


def test_the_magnet_is_the_reference(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    config, given = magnetic(tiny), one_row_each(played)
    learner = new_learner(config, tiny, tmp_path)
    gradients = record_gradients(learner)
    with torch.no_grad():
        for name, weight in learner._peft.named_parameters():
            if f".{MAGNET}." in name:
                weight.add_(0.01)

    @torch.no_grad()
    def reference(sample: Sample) -> Tensor:
        learner._peft.set_adapter(MAGNET)
        found = plain_logps(learner._peft, sample, 1.0)
        learner._peft.set_adapter(POLICY)
        return found

    expected = policy_gradient(learner, plain_loss(learner._peft, given, config, reference))
    update(learner, given)
    assert_same(gradients[0], expected)


def test_a_step_moves_the_magnet_by_its_decay_only(tiny: Path, tmp_path: Path, played: list[Trajectory]) -> None:
    learner = new_learner(magnetic(tiny, decay=0.75), tiny, tmp_path)
    before, policy = weights_of(learner, MAGNET), weights_of(learner, POLICY)
    update(learner, one_row_each(played), one_row_each(played))
    assert_equal(weights_of(learner, MAGNET), before)
    learner.finish_step()
    after = weights_of(learner, POLICY)
    for name, weight in weights_of(learner, MAGNET).items():
        torch.testing.assert_close(weight, 0.75 * before[name] + 0.25 * after[name])
    assert differ(after, policy)


def test_a_step_without_an_update_leaves_the_magnet_where_it_is(tiny: Path, tmp_path: Path) -> None:
    learner = new_learner(magnetic(tiny), tiny, tmp_path)
    before = weights_of(learner, MAGNET)
    learner.finish_step()
    assert_equal(weights_of(learner, MAGNET), before)


def test_without_a_magnet_there_is_one_adapter(tiny: Path, tmp_path: Path) -> None:
    learner = new_learner(settings(tiny, objective=clipped_and_kl()), tiny, tmp_path)
    assert list(learner._peft.peft_config) == [POLICY]


# several learners


def test_an_update_leaves_every_other_learner_bit_identical(
    tiny: Path, tmp_path: Path, played: list[Trajectory]
) -> None:
    """Also after the others have momentum: a group without a gradient is skipped."""
    learner = new_learner(settings(tiny), tiny, tmp_path, names=(MAIN, "solver"))
    disturb(learner, SOLVER)
    for name, adapter, other in [(MAIN, POLICY, SOLVER), ("solver", SOLVER, POLICY), (MAIN, POLICY, SOLVER)]:
        before = {a: weights_of(learner, a) for a in (adapter, other)}
        update(learner, one_row_each(played), name=name)
        assert differ(weights_of(learner, adapter), before[adapter])
        assert_equal(weights_of(learner, other), before[other])


@pytest.mark.parametrize("name", ["default", "learner1-", "mlp"])
def test_a_learner_may_have_the_name_of_an_adapter_or_of_a_module(
    tiny: Path, tmp_path: Path, played: list[Trajectory], name: str
) -> None:
    learner = new_learner(magnetic(tiny), tiny, tmp_path / "run", names=(MAIN, name))
    before = {a: weights_of(learner, a) for a in (POLICY, MAGNET)}
    update(learner, one_row_each(played), name=name)
    learner.finish_step()
    for adapter, weights in before.items():
        assert_equal(weights_of(learner, adapter), weights)
    for saved, adapter in ((MAIN, POLICY), (name, SOLVER)):
        learner.save_adapter(saved, tmp_path / saved)
        written = safetensors.torch.load_file(tmp_path / saved / _adapters.WEIGHTS)
        assert_equal(written, weights_of(learner, adapter))


def test_each_learner_has_the_update_that_it_would_have_alone(
    tiny: Path, tmp_path: Path, played: list[Trajectory]
) -> None:
    alone = new_learner(settings(tiny), tiny, tmp_path)
    both = new_learner(settings(tiny), tiny, tmp_path, names=(MAIN, "solver"))
    update(alone, one_row_each(played))
    update(both, one_row_each(played), name="solver")
    update(both, one_row_each(played))
    assert_equal(weights_of(both, POLICY), weights_of(alone, POLICY))


# what is saved


@pytest.mark.parametrize("names", [(MAIN,), (MAIN, "solver")], ids=["one learner", "two learners"])
@pytest.mark.parametrize("to", ["base", "magnet"])
def test_a_learner_continues_from_its_checkpoint_bit_for_bit(
    tiny: Path, tmp_path: Path, played: list[Trajectory], to: str, names: tuple[str, ...]
) -> None:
    config, given = settings(tiny, steps=4, objective=clipped_and_kl(to=to)), one_row_each(played)

    def two_steps(learner: TrlLearner) -> list[Metrics]:
        found = []
        for _ in range(2):
            found += [update(learner, given, name=name) for name in names]
            learner.finish_step()
        return found

    first = new_learner(config, tiny, tmp_path, names)
    two_steps(first)
    first.save_checkpoint()
    state = first.state()
    magnets = names if to == "magnet" else ()
    second = TrlLearner(config, str(tiny), tmp_path, tmp_path / "checkpoint-2", names=names, magnets=magnets)
    second.restore(state)
    assert second.step == 2
    assert two_steps(first) == two_steps(second)
    for adapter in first._peft.peft_config:
        assert_equal(weights_of(second, adapter), weights_of(first, adapter))
    assert first.state() == second.state()


@pytest.mark.parametrize("name", [MAIN, "solver"])
def test_a_saved_adapter_is_the_policy_of_its_learner(
    tiny: Path, tmp_path: Path, played: list[Trajectory], name: str
) -> None:
    learner = new_learner(magnetic(tiny), tiny, tmp_path / "run", names=(MAIN, "solver"))
    learner.save_adapter(name, tmp_path / "adapter")
    engine = TransformersEngine(str(tiny))
    adapter = engine.load(tmp_path / "adapter")
    sample = one_row_each(played).samples[0]
    learner._peft.set_adapter(POLICY if name == MAIN else SOLVER)
    with torch.no_grad():
        expected = plain_logps(learner._peft, sample, 1.0).tolist()
    start = sample.own.index(1)
    found = asyncio.run(engine.logprobs(sample.ids[:start], sample.ids[start:], adapter=adapter))
    assert found == pytest.approx(expected[start - 1 :], abs=1e-4)
    assert {path.name for path in (tmp_path / "adapter").iterdir()} >= {"adapter_config.json"}
    assert not any(path.is_dir() for path in (tmp_path / "adapter").iterdir())


# bad tokens


def replace_own(given: Update, column: str, value: float) -> Update:
    """The update with another entry of the column at the first own token of the second sample, whose A < 0."""
    first, second, *others = given.samples
    at = second.own.index(1)
    values = getattr(second, column)
    entries: Any = {column: (*values[:at], value, *values[at + 1 :])}
    changed = second._replace(**entries)
    return given._replace(samples=[first, changed, *others])


@pytest.mark.parametrize(
    ("column", "value"), [("advantages", math.nan), ("advantages", math.inf), ("logprobs", math.nan)]
)
def test_a_loss_that_is_not_finite_is_a_named_stop_and_changes_no_weight(
    tiny: Path, tmp_path: Path, played: list[Trajectory], column: str, value: float
) -> None:
    learner = new_learner(settings(tiny, objective=clipped_and_kl()), tiny, tmp_path)
    before = weights_of(learner, POLICY)
    with pytest.raises(UserError, match=r"the loss is (nan|-?inf) and its gradient's norm nan") as problem:
        update(learner, replace_own(one_row_each(played), column, value))
    assert "in step 0" in str(problem.value) and "\n" not in str(problem.value)
    assert_equal(weights_of(learner, POLICY), before)


def outlier(given: Update) -> Update:
    """A token whose sampler was 13 nats off, with a negative advantage."""
    assert given.samples[1].advantages[-1] < 0
    at = given.samples[1].own.index(1)
    return replace_own(given, "logprobs", given.samples[1].logprobs[at] - 13.0)


def test_an_outlier_with_a_negative_advantage_has_no_gradient_of_the_clipped_term(
    trained: Trained, played: list[Trajectory], tiny: Path
) -> None:
    """Its ratio is beyond the second clip, where the term is a constant."""
    given = one_row_each(played)
    found, _, figures = trained(outlier(given), settings(tiny))
    expected, _, _ = trained(replace_own(given, "advantages", 0.0), settings(tiny))
    assert figures["ratio_max"] > 1e5
    assert_same(found, expected)


def test_an_outlier_moves_the_kl_term_by_its_bound_at_most(
    trained: Trained, played: list[Trajectory], tiny: Path
) -> None:
    """The ratio e^13 = 442,413 counts as 10: the gradient grows by 10 tokens' worth, not by the spike."""
    config = settings(tiny, objective={"clipped": {"weight": 0.0}, "kl": {"weight": 1.0}})
    found, _, _ = trained(outlier(one_row_each(played)), config)
    normal, _, _ = trained(one_row_each(played), config)
    assert norm_of(found) < 10 * norm_of(normal)


def norm_of(gradient: Gradient) -> float:
    return math.sqrt(sum(float(g.square().sum()) for g in gradient.values()))


def test_a_spike_is_bounded_by_the_growth_of_earlier_norms(
    tiny: Path, tmp_path: Path, played: list[Trajectory]
) -> None:
    """Advantages of a thousand times the usual size: the applied gradient has 10 times the mean norm."""
    learner, given = new_learner(settings(tiny, learning_rate=1e-4), tiny, tmp_path), one_row_each(played)
    gradients = record_gradients(learner)
    for _ in range(NUM_NORMS):
        update(learner, given)
    spike = [s._replace(advantages=tuple(1000 * a for a in s.advantages)) for s in given.samples]
    update(learner, given._replace(samples=spike))
    norms = [norm_of(gradient) for gradient in gradients]
    assert norms[-1] == pytest.approx(10 * sum(norms[:-1]) / NUM_NORMS, rel=1e-3)


def test_updates_behind_a_spike_are_nearly_as_long_as_without_it(
    tiny: Path, tmp_path: Path, played: list[Trajectory]
) -> None:
    """Without a bound relative to earlier norms Adam's second moment would shrink them for hundreds of updates."""

    def lengths(factor: float) -> list[float]:
        learner, given = new_learner(settings(tiny, learning_rate=1e-4), tiny, tmp_path), one_row_each(played)
        spike = [s._replace(advantages=tuple(factor * a for a in s.advantages)) for s in given.samples]
        found = []
        for samples in [given.samples] * 12 + [spike] + [given.samples] * 10:
            before = weights_of(learner, POLICY)
            update(learner, given._replace(samples=samples))
            after = weights_of(learner, POLICY)
            found.append(norm_of({name: after[name] - weight for name, weight in before.items()}))
        return found

    calm, shaken = lengths(1.0), lengths(1000.0)
    assert shaken[12] < 3 * calm[12]
    assert shaken[-1] > 0.4 * calm[-1]


# the pin


def test_trl_is_a_release_that_this_contract_was_tested_with() -> None:
    pinned = [Requirement(line) for line in requires("mirrormatch") or ()]
    (trl,) = (requirement for requirement in pinned if requirement.name == "trl")
    assert trl.specifier.contains(version("trl")), f"trl {version('trl')} is outside {trl.specifier}"
    assert {s.operator for s in trl.specifier} == {">=", "<"}, "pinned on both sides"
