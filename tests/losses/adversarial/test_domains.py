"""Losses that make two domains' features alike: degenerate solutions, gradient reversal, shared and specific parts."""

from math import exp, log, log1p

import pytest
import torch
from torch import Tensor, nn

from advloss.core.clock import Clock, Schedule, follow
from advloss.core.errors import InputError
from advloss.losses.adversarial.gradient_reversal import GradientReversal, reversed_gradient
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.shared_specific import SharedSpecific
from advloss.networks.discriminators.mlp import MLPDiscriminator

DESIGNS = ("entropy", "minimax", "hybrid_entropy", "wasserstein")
pytestmark = pytest.mark.filterwarnings("ignore:nothing here holds the slope")


def critic(weight: list[float], bias: float) -> nn.Linear:
    made = nn.Linear(2, 1).double()
    with torch.no_grad():
        made.weight.copy_(torch.tensor([weight]))
        made.bias.fill_(bias)
    return made


def slopes(objective: str, discriminator: nn.Module, a: Tensor, b: Tensor) -> tuple[float, float]:
    """The largest gradients of the features' loss in the features, and of the discriminator's in its weights."""
    adv = AdversarialLoss(discriminator, objective, symmetric=True)
    a, b = (x.clone().requires_grad_() for x in (a, b))
    of_features = torch.autograd.grad(adv(a, b), [a, b])
    of_discriminator = torch.autograd.grad(adv.discriminator_loss(a, b), [*discriminator.parameters()])
    return tuple(max(g.abs().max().item() for g in each) for each in (of_features, of_discriminator))  # type: ignore


def test_a_constant_discriminator_satisfies_the_entropy_design_alone() -> None:
    """Features that a line parts perfectly, and a discriminator that always says 1/2. In the entropy design both
    players are at the least value that their losses have, -2 log 2; in each other design the discriminator moves."""
    a = torch.tensor([[3.0, 0.0], [4.0, 1.0], [3.0, -1.0]], dtype=torch.float64)
    adv = AdversarialLoss(critic([0.0, 0.0], 0.0), "entropy", symmetric=True)
    assert adv(a, -a).item() == adv.discriminator_loss(a, -a).item() == pytest.approx(-2 * log(2), abs=1e-12)
    moves = {name: slopes(name, critic([0.0, 0.0], 0.0), a, -a)[1] for name in DESIGNS}
    assert moves.pop("entropy") == 0
    assert min(moves.values()) > 1, moves


def test_constant_features_are_at_rest_where_the_features_maximise_the_entropy() -> None:
    """All features are one point, at which a sloping discriminator says 1/2. The entropy design, and of the hybrid the
    features' half, are at their least value, and nothing moves. In minimax and Wasserstein the features move: only a
    discriminator without a slope there leaves them at rest."""
    point = torch.tensor([[1.0, 2.0]] * 3, dtype=torch.float64)
    moves = {name: slopes(name, critic([2.0, -1.0], 0.0), point, point) for name in DESIGNS}
    assert moves["entropy"] == (0, 0)
    assert moves["hybrid_entropy"] == pytest.approx((0, 0), abs=1e-12)
    for name in ("minimax", "wasserstein"):
        of_features, of_discriminator = moves[name]
        assert of_features > 0.3 and of_discriminator < 1e-12
    flat = {name: slopes(name, critic([0.0, 0.0], 0.0), point, point)[0] for name in DESIGNS}
    assert max(flat.values()) == 0


def test_the_entropy_design_can_be_content_with_features_that_a_hybrid_still_parts() -> None:
    """The entropy's discriminator learns to know less: its step makes the logits smaller."""
    a = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    for objective, smaller in (("entropy", True), ("hybrid_entropy", False)):
        discriminator = critic([-0.5, 0.0], 0.0)
        adv = AdversarialLoss(discriminator, objective, symmetric=True)
        before = discriminator(a).abs().mean()
        adv.discriminator_loss(a, -a).backward()
        with torch.no_grad():
            for parameter in discriminator.parameters():
                assert parameter.grad is not None
                parameter -= 0.1 * parameter.grad
        assert (discriminator(a).abs().mean() < before).item() is smaller


def test_reversal_negates_and_scales_the_gradient() -> None:
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    y = reversed_gradient(x, 0.5)
    assert torch.equal(y, x)
    (gradient,) = torch.autograd.grad((y * torch.tensor([3.0, 5.0])).sum(), x)
    assert gradient.tolist() == [-1.5, -2.5]


def test_reversal_has_the_gradients_of_the_two_players() -> None:
    """The features' are those of the symmetric minimax game times the scale, the discriminator's its own."""
    torch.manual_seed(0)
    discriminator = MLPDiscriminator(5, width=7, layers=2).double()
    a, b = torch.randn(2, 6, 5, dtype=torch.float64).requires_grad_().unbind()
    parameters = [*discriminator.parameters()]
    one = GradientReversal(discriminator, scale=0.3)(a, b)
    gradients = torch.autograd.grad(one, [a, b, *parameters])
    adv = AdversarialLoss(discriminator, "minimax", symmetric=True)
    two = [0.3 * each for each in torch.autograd.grad(adv(a, b), [a, b])]
    two += torch.autograd.grad(adv.discriminator_loss(a, b), parameters)
    assert one.item() == pytest.approx(adv.discriminator_loss(a, b).item(), rel=1e-12)
    for mine, theirs in zip(gradients, two, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-12)


def test_the_scale_follows_the_clock() -> None:
    x = torch.ones(2, 1, requires_grad=True)
    discriminator = nn.Linear(1, 1)
    nn.init.ones_(discriminator.weight)
    loss, clock = GradientReversal(discriminator, Schedule(0, 1, over=10)), Clock()
    follow(loss, clock)
    found = []
    for iteration in (0, 5, 10):
        clock.iteration = iteration
        found.append(torch.autograd.grad(loss(x, x.detach()), x)[0].abs().max().item())
    assert found[0] == 0 and found[1] == pytest.approx(found[2] / 2) and found[2] > 0
    with pytest.raises(InputError, match="scale=-1 must be at least 0"):
        GradientReversal(nn.Linear(1, 1), scale=-1)


def test_shared_and_specific_features_by_hand() -> None:
    """The discriminator is x -> x; with p = sigmoid(x), -H(p) = p x - softplus(x)."""
    loss = SharedSpecific(nn.Identity())
    shared, specific = torch.tensor([[2.0], [-1.0]]).unbind(), torch.tensor([[-3.0], [0.5]]).unbind()
    of_specific = log1p(exp(-3.0)) + log1p(exp(-0.5))
    entropy = sum(x / (1 + exp(-x)) - log1p(exp(x)) for x in (2.0, -1.0))
    named = {"specific_fake": specific[0][None], "specific_real": specific[1][None]}
    value = loss(shared[0][None], shared[1][None], **named)
    assert value.item() == pytest.approx(entropy + of_specific, rel=1e-6)
    value = loss.discriminator_loss(shared[0][None], shared[1][None], **named)
    assert value.item() == pytest.approx(log1p(exp(2.0)) + log1p(exp(1.0)) + of_specific, rel=1e-6)


def test_specific_features_forbid_a_constant_discriminator() -> None:
    """With the objective entropy too, the discriminator that always says 1/2 moves, where specific features differ."""
    shared = torch.randn(4, 2, dtype=torch.float64)
    specific = torch.tensor([[3.0, 0.0]] * 4, dtype=torch.float64)
    discriminator = critic([0.0, 0.0], 0.0)
    loss = SharedSpecific(discriminator, "entropy")
    loss.discriminator_loss(shared, shared, specific_fake=specific, specific_real=-specific).backward()
    assert discriminator.weight.grad is not None and discriminator.weight.grad[0, 0].item() == pytest.approx(3.0)


def test_each_half_of_shared_and_specific_leaves_the_other_alone() -> None:
    features = [torch.randn(3, 2, requires_grad=True) for _ in range(4)]
    loss = SharedSpecific(nn.Linear(2, 1))
    named = {"specific_fake": features[2], "specific_real": features[3]}
    loss(features[0], features[1], **named).backward()
    assert all(x.grad is not None and x.grad.abs().sum() > 0 for x in features)
    assert all(parameter.grad is None for parameter in loss.parameters())
    for x in features:
        x.grad = None
    loss.discriminator_loss(features[0], features[1], **named).backward()
    assert all(x.grad is None for x in features)
    assert all(parameter.grad is not None for parameter in loss.parameters())
