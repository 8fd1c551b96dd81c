"""Relativistic objectives over each function, by hand; what makes them relativistic."""

from math import exp, log, log1p

import pytest
import torch
from torch import tensor

from advloss.core.errors import InputError
from advloss.losses.adversarial.objectives import RaGAN, RpGAN
from advloss.losses.adversarial.objectives.relativistic import FUNCTIONS, Over

FAKE = tensor([1.0, -1.0, 0.5, -2.5], dtype=torch.float64)  # mean -0.5
REAL = tensor([0.0, 2.0, 3.0, -1.0], dtype=torch.float64)  # mean 1
# real - fake: -1, 3, 2.5, 1.5; real - E fake: 0.5, 2.5, 3.5, -0.5; E real - fake: 0, 2, 0.5, 3.5


def log_loss(*differences: float) -> float:
    return sum(log1p(exp(-t)) for t in differences) / 4


PAIRED: dict[Over, tuple[float, float]] = {
    "logistic": (log_loss(-1, 3, 2.5, 1.5), log_loss(1, -3, -2.5, -1.5)),
    "lsgan": ((4 + 4 + 2.25 + 0.25) / 4, (0 + 16 + 12.25 + 6.25) / 4),
    "hinge": ((2 + 0 + 0 + 0) / 4, (0 + 4 + 3.5 + 2.5) / 4),
}
AVERAGE: dict[Over, tuple[float, float]] = {
    "logistic": (
        log_loss(0.5, 2.5, 3.5, -0.5) + log_loss(0, 2, 0.5, 3.5),
        log_loss(-0.5, -2.5, -3.5, 0.5) + log_loss(0, -2, -0.5, -3.5),
    ),
    "lsgan": (
        (0.25 + 2.25 + 6.25 + 2.25) / 4 + (1 + 1 + 0.25 + 6.25) / 4,
        (2.25 + 12.25 + 20.25 + 0.25) / 4 + (1 + 9 + 2.25 + 20.25) / 4,
    ),
    "hinge": ((0.5 + 0 + 0 + 1.5) / 4 + (1 + 0 + 0.5 + 0) / 4, (1.5 + 3.5 + 4.5 + 0.5) / 4 + (1 + 3 + 1.5 + 4.5) / 4),
}


@pytest.mark.parametrize("over", PAIRED)
def test_by_hand(over: Over) -> None:
    for objective, golden in ((RpGAN(over), PAIRED[over]), (RaGAN(over), AVERAGE[over])):
        assert objective.discriminator(FAKE, REAL).item() == pytest.approx(golden[0], abs=1e-12)
        assert objective.generator(FAKE, REAL).item() == pytest.approx(golden[1], abs=1e-12)


def test_the_jacobians_of_a_paired_pair_are_opposite() -> None:
    """D learns from the difference alone: what it gains on the real image it gains on the fake."""
    fake, real = FAKE.clone().requires_grad_(), REAL.clone().requires_grad_()
    RpGAN().discriminator(fake, real).backward()
    assert fake.grad is not None and real.grad is not None
    torch.testing.assert_close(fake.grad, -real.grad)
    assert fake.grad[0].item() == pytest.approx(1 / (1 + exp(-1)) / 4)  # sigmoid(-(real - fake)) / 4


@pytest.mark.parametrize("over", PAIRED)
def test_gradients_and_a_common_shift(over: Over) -> None:
    fake, real = (FAKE[:2] + 0.1).requires_grad_(), REAL[:2].clone().requires_grad_()
    for objective in (RpGAN(over), RaGAN(over)):
        for half in (objective.discriminator, objective.generator):
            assert torch.autograd.gradcheck(half, (fake, real))
            assert half(FAKE + 7, REAL + 7).item() == pytest.approx(half(FAKE, REAL).item(), abs=1e-12)


def test_indistinguishable_images_cost_log_2() -> None:
    assert RpGAN().discriminator(FAKE, FAKE).item() == pytest.approx(log(2))


def test_errors() -> None:
    for objective in (RpGAN(), RaGAN()):
        with pytest.raises(InputError, match="compares fake with real"):
            objective.generator(FAKE)
        with pytest.raises(InputError, match=r"fake logits have shape \(4,\) and real ones \(4, 1\)"):
            objective.discriminator(FAKE, REAL[:, None])  # would broadcast to 4 x 4


@pytest.mark.parametrize("over", PAIRED)
def test_a_detached_mean_changes_the_discriminators_gradient_and_no_value(over: Over) -> None:
    """As by hand: each logit's gradient is that of its own term alone. The generator's half is the same."""
    fake, real = FAKE.clone().requires_grad_(), REAL.clone().requires_grad_()
    plain, detached = RaGAN(over), RaGAN(over, detached_mean=True)
    assert detached.discriminator(fake, real) == plain.discriminator(fake, real)
    assert detached.generator(fake, real) == plain.generator(fake, real)
    by_hand = FUNCTIONS[over](real - FAKE.mean()).mean() + FUNCTIONS[over](REAL.mean() - fake).mean()
    expected = torch.autograd.grad(by_hand, [fake, real])
    torch.testing.assert_close(torch.autograd.grad(detached.discriminator(fake, real), [fake, real]), expected)
    through = torch.autograd.grad(plain.discriminator(fake, real), [fake, real])
    assert not torch.allclose(through[0], expected[0])
    for one, other in zip(
        torch.autograd.grad(plain.generator(fake, real), [fake, real]),
        torch.autograd.grad(detached.generator(fake, real), [fake, real]),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
