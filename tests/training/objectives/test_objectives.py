"""Terms of the loss, against numbers computed by hand, and what every one of them promises."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mirrormatch.training import objectives
from mirrormatch.training.objective import Denominators, Objective, Seen, Sums

EVERY = objectives.names()
NORMS = ("constant", "tokens", "sequences")
LOGPS = st.floats(-120, 0)
TOKENS = st.lists(st.tuples(LOGPS, LOGPS, LOGPS, st.floats(-1e4, 1e4), st.floats(0, 10)), min_size=1, max_size=8)


def new(kind: str, **settings: Any) -> Objective:
    made = objectives.get(kind)
    return made(made.Settings(**settings))


def make_seen(
    logps: Sequence[float],
    sampler: Sequence[float] | None = None,
    *,
    advantages: Sequence[float] | None = None,
    reference: Sequence[float] | None = None,
    weights: Sequence[float] | None = None,
    samples: Sequence[int] | None = None,
    entropies: Sequence[float] | None = None,
    dtype: torch.dtype = torch.float64,
) -> Seen:
    """Tokens with these figures: ratio 1, advantage 1, weight 1 and one sample unless given."""
    n = len(logps)

    def column(values: Sequence[float] | None, default: float) -> Tensor:
        return torch.tensor(list(values) if values is not None else [default] * n, dtype=dtype)

    towards = column(reference, 0.0) if reference is not None else column(logps, 0.0)
    return Seen(
        logp_N=column(logps, 0.0).requires_grad_(),
        entropy_N=column(entropies, 0.5).requires_grad_(),
        sampler_logp_N=column(sampler, 0.0) if sampler is not None else column(logps, 0.0),
        advantage_N=column(advantages, 1.0),
        weight_N=column(weights, 1.0),
        sample_N=torch.tensor(list(samples) if samples is not None else [0] * n),
        references={"base": towards, "magnet": towards},
    )


def plain(num_tokens: int = 1) -> Denominators:
    """Denominators with which every norm is a plain sum, for one sample of one token."""
    return Denominators(1, 1, 1, (num_tokens,))


def gradient(seen: Seen, sums: Sums, column: str = "logp_N") -> list[float]:
    (found,) = torch.autograd.grad(sums.loss, [getattr(seen, column)], retain_graph=True)
    return [float(value) for value in found]


# what every objective promises


@pytest.mark.parametrize("kind", EVERY)
@given(tokens=TOKENS)
def test_the_loss_and_its_gradient_are_finite_on_any_finite_input(
    kind: str, tokens: Sequence[tuple[float, float, float, float, float]]
) -> None:
    logps, sampler, reference, advantages, entropies = zip(*tokens, strict=True)
    seen = make_seen(
        logps, sampler, advantages=advantages, reference=reference, entropies=entropies, dtype=torch.float32
    )
    sums = new(kind)(seen, plain(len(tokens)))
    column = "entropy_N" if objectives.get(kind).needs_entropy else "logp_N"
    assert math.isfinite(sums.loss.item()) and all(map(math.isfinite, gradient(seen, sums, column)))
    assert all(math.isfinite(v) for pair in sums.figures.values() for v in pair)


def part_of(seen: Seen, places: list[int]) -> Seen:
    references = {name: values[places] for name, values in seen.references.items()}
    columns = {name: column[places] for name, column in seen._asdict().items() if name != "references"}
    return Seen(**columns, references=references)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", EVERY)
@given(parts=st.lists(st.integers(0, 3), min_size=7, max_size=7))
def test_the_sums_are_equal_under_any_split_of_the_tokens(kind: str, norm: str, parts: list[int]) -> None:
    seen = make_seen(
        [-0.1, -2.0, -0.5, -1.0, -3.0, -0.2, -0.7],
        [-0.4, -1.0, -0.5, -2.5, -0.1, -0.3, -0.7],
        advantages=[1, -1, 2, -2, 0.5, -3, 0],
        reference=[-1, -1, -2, -0.5, -0.1, -3, -0.7],
        weights=[1, 1, 2, 2, 2, 0.5, 0.5],
        samples=[0, 0, 1, 1, 1, 2, 2],
        entropies=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
    )
    objective, denominators = new(kind, norm=norm), Denominators(7, 4, 5, (2, 3, 2))
    whole = objective(seen, denominators)
    groups = [[k for k, part in enumerate(parts) if part == p] for p in sorted(set(parts))]
    pieces = [objective(part_of(seen, group), denominators) for group in groups]
    assert sum(piece.loss.item() for piece in pieces) == pytest.approx(whole.loss.item(), rel=1e-9)
    for name, (total, count) in whole.figures.items():
        assert sum(piece.figures[name][0] for piece in pieces) == pytest.approx(total, rel=1e-9)
        assert sum(piece.figures[name][1] for piece in pieces) == count == 7


@pytest.mark.parametrize("kind", EVERY)
def test_a_sample_of_weight_0_has_no_gradient(kind: str) -> None:
    settings = {} if kind != "kl" else {"weight": 1.0}
    seen = make_seen([-1.0, -2.0], [-1.5, -1.5], reference=[-3.0, -0.1], weights=[0.0, 1.0], samples=[0, 1])
    column = "entropy_N" if objectives.get(kind).needs_entropy else "logp_N"
    first, second = gradient(seen, new(kind, **settings)(seen, Denominators(2, 2, 1, (1, 1))), column)
    assert first == 0.0 and second != 0.0


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize(
    ("norm", "expected"),
    [("constant", [1 / 20] * 5), ("tokens", [1 / 5] * 5), ("sequences", [1 / 4, 1 / 4, 1 / 6, 1 / 6, 1 / 6])],
)
def test_a_norm_divides_by_its_denominator(kind: str, norm: str, expected: list[float]) -> None:
    """Two samples of 2 and 3 tokens, from 2 trajectories with a budget of 10 tokens a reply."""
    seen = make_seen([-1.0] * 5, [-1.0] * 5, reference=[-2.0] * 5, samples=[0, 0, 1, 1, 1])
    column = "entropy_N" if objectives.get(kind).needs_entropy else "logp_N"
    found = gradient(seen, new(kind, norm=norm)(seen, Denominators(5, 2, 10, (2, 3))), column)
    alone = gradient(one := make_seen([-1.0], [-1.0], reference=[-2.0]), new(kind, norm="tokens")(one, plain()), column)
    assert found == pytest.approx([alone[0] * factor for factor in expected])


@pytest.mark.parametrize("kind", EVERY)
def test_a_part_without_tokens_is_worth_nothing(kind: str) -> None:
    sums = new(kind)(make_seen([]), Denominators(0, 0, 1, ()))
    assert sums.loss.item() == 0.0 and all(pair == (0.0, 0.0) for pair in sums.figures.values())


# clipped


@pytest.mark.parametrize(
    ("ratio", "advantage", "settings", "gain", "slope"),
    [
        (1.0, 2.0, {}, 2.0, 2.0),
        (1.1, 2.0, {}, 2.2, 2.2),  # inside the range: r A, and so its derivative by log p
        (1.5, 2.0, {}, 2.4, 0.0),  # 1.2 x 2
        (1.5, 2.0, {"clip_high": 0.28}, 2.56, 0.0),  # 1.28 x 2
        (1.5, 2.0, {"clip": 0.6}, 3.0, 3.0),
        (0.5, 2.0, {}, 1.0, 1.0),  # the clip never hides a loss of probability of a good token
        (0.5, -2.0, {}, -1.6, 0.0),  # 0.8 x -2
        (0.5, -2.0, {"clip_high": 0.28}, -1.6, 0.0),
        (1.5, -2.0, {}, -3.0, -3.0),  # nor a gain of probability of a bad one
        (5.0, -2.0, {}, -6.0, 0.0),  # until its ratio is beyond the second clip: 3 x -2
        (5.0, -2.0, {"dual_clip": 10.0}, -10.0, -10.0),
        (1.5, 0.0, {}, 0.0, 0.0),
    ],
)
def test_the_clipped_gain_and_its_derivative_by_hand(
    ratio: float, advantage: float, settings: dict[str, float], gain: float, slope: float
) -> None:
    seen = make_seen([math.log(ratio) - 2.0], [-2.0], advantages=[advantage])
    sums = new("clipped", **settings)(seen, plain())
    assert -sums.loss.item() == pytest.approx(gain)
    assert -gradient(seen, sums)[0] == pytest.approx(slope, abs=1e-12)


def test_the_share_of_clipped_tokens_is_counted_on_both_sides() -> None:
    """Ratios 0.5 and 1.5: clipped are the falling one with A < 0 and the rising one with A > 0."""
    ratios = [0.5, 0.5, 1.5, 1.5, 1.0]
    seen = make_seen([math.log(r) - 1 for r in ratios], [-1.0] * 5, advantages=[-1, 1, -1, 1, 1])
    assert new("clipped")(seen, plain(5)).figures == {
        "clipped": (2.0, 5.0),
        "clipped_low": (1.0, 5.0),
        "clipped_high": (1.0, 5.0),
    }


# kl


def exact_kl(logits_V: Tensor, reference_V: Tensor) -> Tensor:
    policy_V = logits_V.log_softmax(-1)
    return (policy_V.exp() * (policy_V - reference_V)).sum()


@pytest.mark.parametrize("is_on_policy", [True, False], ids=["on policy", "off policy"])
def test_the_expected_gradient_is_that_of_the_reverse_kl(is_on_policy: bool) -> None:
    """The expectation over a sampler's distribution of five tokens is a sum with its probabilities as weights."""
    generator = torch.Generator().manual_seed(3)
    logits_V, reference_V, other_V = (torch.randn(5, generator=generator, dtype=torch.float64) for _ in range(3))
    logits_V.requires_grad_()
    reference_V = reference_V.log_softmax(-1)
    policy_V = logits_V.log_softmax(-1)
    sampler_V = policy_V.detach() if is_on_policy else other_V.log_softmax(-1)
    empty = torch.zeros(5, dtype=torch.float64)
    zeros = torch.zeros(5, dtype=torch.long)
    seen = Seen(policy_V, empty, sampler_V, empty, sampler_V.exp(), zeros, {"base": reference_V})
    sums = new("kl", norm="tokens")(seen, plain())
    expected = exact_kl(logits_V, reference_V)
    assert sums.loss.item() == pytest.approx(expected.item(), abs=1e-12)
    (found,), (wanted,) = (torch.autograd.grad(v, [logits_V], retain_graph=True) for v in (sums.loss, expected))
    torch.testing.assert_close(found, wanted, atol=1e-12, rtol=0)


@pytest.mark.parametrize("to", ["base", "magnet"])
def test_the_kl_is_that_to_the_chosen_reference(to: str) -> None:
    seen = make_seen([-1.0])._replace(references={to: torch.tensor([-2.0], dtype=torch.float64)})
    objective = new("kl", to=to)
    assert objective.reference == to
    assert objective(seen, plain()).loss.item() == pytest.approx(math.exp(-1) + 1 - 1)


def test_beyond_its_bound_the_ratio_is_a_constant() -> None:
    """e^5 counts as 10, and the derivative is 10 times that of k3 alone: 1 - e^d with d = -1."""
    seen = make_seen([-1.0], [-6.0], reference=[-2.0])
    sums = new("kl")(seen, plain())
    assert sums.loss.item() == pytest.approx(10 * math.exp(-1))
    assert gradient(seen, sums) == [pytest.approx(10 * (1 - math.exp(-1)))]


def test_the_figure_of_the_kl_is_the_mean_of_k3() -> None:
    seen = make_seen([-1.0, -1.0], [-2.0, -1.0], reference=[-2.0, -1.0])
    total, count = new("kl")(seen, plain(2)).figures["kl"]
    assert (total / count) == pytest.approx((math.exp(-1) + 0) / 2)


# nll and entropy


def test_the_likelihood_of_tokens_is_torchs_cross_entropy() -> None:
    logits_NV = torch.randn((4, 6), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    targets_N = torch.tensor([0, 5, 2, 2])
    logps = logits_NV.log_softmax(-1)[range(4), targets_N].tolist()
    sums = new("nll")(make_seen(logps, samples=[0, 0, 0, 1]), Denominators(4, 2, 9, (3, 1)))
    assert sums.loss.item() == pytest.approx(torch.nn.functional.cross_entropy(logits_NV, targets_N).item())
    assert list(sums.figures) == ["nll"]
    assert sums.figures["nll"] == pytest.approx((-sum(logps), 4.0))


@pytest.mark.parametrize("column", ["sampler", "advantages"])
def test_the_likelihood_knows_no_advantage_and_no_sampler(column: str) -> None:
    inputs: list[Any] = [{}, {column: [-5.0, 3.0]}]
    losses = [new("nll")(make_seen([-1.0, -2.0], **given), plain(2)).loss.item() for given in inputs]
    assert losses[0] == losses[1] == 3.0


def test_the_entropy_term_is_minus_the_sum_of_entropies() -> None:
    seen = make_seen([-1.0, -2.0], entropies=[math.log(4), 0.5], weights=[1.0, 2.0])
    sums = new("entropy")(seen, plain(2))
    assert sums.loss.item() == pytest.approx(-(math.log(4) + 2 * 0.5))
    assert gradient(seen, sums, "entropy_N") == [-1.0, -2.0]


@pytest.mark.parametrize(("kind", "teaches"), [("clipped", True), ("nll", True), ("kl", False), ("entropy", False)])
def test_terms_that_hold_a_policy_back_teach_nothing(kind: str, teaches: bool) -> None:
    assert objectives.get(kind).teaches is teaches
