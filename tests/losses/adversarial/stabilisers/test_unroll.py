"""The generator against the discriminator of some steps later: worked out by hand, and against differences."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn, tensor

from advloss.core.errors import InputError
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.one_pass import both, one_pass
from advloss.losses.adversarial.penalties import R1
from advloss.losses.adversarial.stabilisers.unroll import Unroll
from tests.losses.discriminators import Featured, patches


class Factor(nn.Module):
    """D(x) = w x."""

    def __init__(self, w: float) -> None:
        super().__init__()
        self.w = nn.Parameter(tensor(w, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.w * x


def played(objective: str, w: float, unroll: Unroll | None, fake: float, real: float) -> tuple[float, float]:
    """The generator's loss, and its gradient at the fake."""
    adv = AdversarialLoss(Factor(w), objective, unroll=unroll, clip_weights=None if unroll else 1.0)
    x = tensor([[fake]], dtype=torch.float64, requires_grad=True)
    loss = adv(x, tensor([[real]], dtype=torch.float64))
    (gradient,) = torch.autograd.grad(loss, x)
    return loss.item(), gradient.item()


@pytest.mark.filterwarnings("ignore:nothing here holds the slope")
@pytest.mark.parametrize(("through", "expected"), [(True, (1.2, -1.4)), (False, (-2.4, -1.2))])
def test_two_steps_of_a_linear_critic_by_hand(through: bool, expected: tuple[float, float]) -> None:
    """L_D = w f - w r, so a step adds 0.1 (r - f) = 0.1 to w = 1, two make 1.2. The generator minimises
    w2 r - w2 f = 1.2, with the gradient -w2 + (r - f) dw2/df = -1.2 - 0.2; or, only looked at, -w2 f = -2.4, -w2."""
    assert played("wasserstein", 1.0, Unroll(2, 0.1, through), 2.0, 3.0) == pytest.approx(expected)


@pytest.mark.parametrize(("through", "expected"), [(True, (1.0, -0.88)), (False, (0.36, -0.48))])
def test_a_step_on_least_squares_by_hand(through: bool, expected: tuple[float, float]) -> None:
    """L_D = (w f)^2 + (w r - 1)^2 with w = 0.5, f = 1, r = 2 has the slope 2 w f^2 + 2 r (w r - 1) = 1, so w1 = 0.4.
    (w1 f - 1)^2 = 0.36, and the real image's half, mirrored at 0.5, (w1 r)^2 = 0.64. The gradient: 2 (w1 f - 1) w1 =
    -0.48 at once, and through w1, with dw1/df = -0.1 * 4 w f = -0.2, -0.2 * (2 (w1 f - 1) f + 2 w1 r^2) = -0.4."""
    assert played("lsgan", 0.5, Unroll(1, 0.1, through), 1.0, 2.0) == pytest.approx(expected)


@pytest.mark.parametrize("objective", ["minimax", "rpgan"])
def test_the_gradient_through_three_steps_is_that_of_differences(objective: str) -> None:
    torch.manual_seed(0)
    discriminator = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    adv = AdversarialLoss(discriminator, objective, unroll=Unroll(3, 0.5))
    fake, real = torch.randn(2, 4, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: adv(x, real), (fake.requires_grad_(),))


def test_the_steps_are_those_of_a_discriminator_that_learns_on_this_batch() -> None:
    torch.manual_seed(0)
    discriminator = patches()
    fake, real = torch.randn(2, 4, 3, 12, 12)
    unrolled = AdversarialLoss(discriminator, "minimax", unroll=Unroll(3, 0.2, through=False))
    ahead = unrolled(fake, real)
    plain = AdversarialLoss(discriminator, "minimax")
    optimizer = torch.optim.SGD(discriminator.parameters(), lr=0.2)
    for _ in range(3):
        optimizer.zero_grad()
        plain.discriminator_loss(fake, real).backward()
        optimizer.step()
    torch.testing.assert_close(ahead, plain(fake, real))


@pytest.mark.parametrize("through", [True, False])
def test_it_leaves_weights_gradients_statistics_and_the_clock_alone(through: bool) -> None:
    torch.manual_seed(0)
    first = nn.BatchNorm2d(3)  # what it sees is data alone, so the steps before the pass must not show in it
    discriminator = nn.Sequential(first, patches(norm=nn.BatchNorm2d))
    fake, real = torch.randn(2, 4, 3, 12, 12)
    adv = AdversarialLoss(discriminator, "minimax", unroll=Unroll(3, through=through))
    weights = {name: value.clone() for name, value in discriminator.named_parameters()}
    adv(fake.requires_grad_(), real).backward()
    assert all(torch.equal(value, weights[name]) for name, value in discriminator.named_parameters())
    assert all(parameter.grad is None for parameter in discriminator.parameters())
    assert adv.clock.iteration == 0
    expected = nn.BatchNorm2d(3)
    for images in (fake, real) if through else (fake,):
        expected(images)
    for name, value in first.named_buffers():
        torch.testing.assert_close(value, expected.get_buffer(name))


def test_it_works_without_gradients_in_low_precision_and_with_feature_maps() -> None:
    fake, real = torch.randn(2, 2, 3, 12, 12)
    adv = AdversarialLoss(Featured(), "minimax", unroll=Unroll(2), feature_matching=1.0)
    with torch.no_grad():
        without = adv(fake, real)
    with torch.autocast("cpu", torch.bfloat16):
        low = adv(fake.requires_grad_(), real)
    low.backward()
    assert low.dtype == torch.float32 and fake.grad is not None and fake.grad.abs().sum() > 0
    torch.testing.assert_close(without, adv(fake, real))
    assert low.item() == pytest.approx(without.item(), rel=0.05)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"pool": 5}, "a pool shows older ones; leave out pool"),
        ({"penalties": [R1()]}, "on the objective alone; leave out penalties"),
        ({"symmetric": True}, "leave out symmetric"),
        ({"clip_weights": 0.1}, "they clip nothing; leave out clip_weights"),
    ],
)
def test_what_it_does_not_go_with(other: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        AdversarialLoss(patches(), "minimax", unroll=Unroll(), **other)


def test_bad_numbers_and_calls() -> None:
    for wrong in ({"steps": 0}, {"rate": 0.0}):
        with pytest.raises(InputError):
            Unroll(**wrong)  # type: ignore[arg-type]
    adv = AdversarialLoss(patches(), "minimax", unroll=Unroll(through=False))
    with pytest.raises(InputError, match=r"unrolling compares fake with real: call adv\(fake, real\)"):
        adv(torch.zeros(1, 3, 12, 12))
    assert not one_pass(adv)
    with pytest.raises(InputError, match="unrolled game"):
        both(adv, torch.zeros(1, 3, 12, 12), torch.zeros(1, 3, 12, 12))
    frozen = AdversarialLoss(patches().requires_grad_(False), "minimax", unroll=Unroll())
    with pytest.raises(InputError, match="no parameter of the discriminator learns"):
        frozen(torch.zeros(1, 3, 12, 12), torch.zeros(1, 3, 12, 12))
