"""LP, R1, R2 and DRAGAN against their closed forms on a linear and a quadratic critic."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.losses.adversarial.penalties import DRAGAN, PENALTIES, R1, R2, LipschitzPenalty, Penalty
from advloss.losses.adversarial.penalties.gradient import gradients

WEIGHT = torch.arange(1.0, 13.0, dtype=torch.float64).reshape(3, 2, 2) / 10  # |w|^2 = 6.5
SLOPES = {"wgan_gp": 10, "wgan_lp": 10, "dragan": 10}
GRADIENT = ("wgan_gp", "wgan_lp", "r1", "r2", "dragan")


def linear(x: Tensor) -> Tensor:
    return x.flatten(1) @ WEIGHT.to(x.dtype).flatten()  # [B]


def quadratic(x: Tensor) -> Tensor:
    """|x|^2 / 2, whose gradient is x."""
    return x.square().flatten(1).sum(1) / 2


def images(batch: int = 4) -> tuple[Tensor, Tensor]:
    fake, real = torch.randn(2, batch, 3, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return fake, real


def make(name: str, **parameters: float) -> Penalty:
    penalty = PENALTIES[name](**parameters)
    assert isinstance(penalty, Penalty)
    return penalty


@pytest.mark.parametrize("name", GRADIENT)
def test_a_linear_critic(name: str) -> None:
    """The gradient is w everywhere: 10 (|w| - 1)^2, and 10 / 2 |w|^2 for r1 and r2."""
    expected = SLOPES[name] * (6.5**0.5 - 1) ** 2 if name in SLOPES else 5 * 6.5
    for batch in (1, 4):
        assert make(name)(linear, *images(batch)).item() == pytest.approx(expected, abs=1e-12)


def test_below_a_slope_of_one_only_the_one_sided_is_zero() -> None:
    def gentle(x: Tensor) -> Tensor:
        return linear(x) * 0.5 / 6.5**0.5

    values = {name: make(name, weight=1.0)(gentle, *images()).item() for name in GRADIENT}
    assert values == pytest.approx({"wgan_gp": 0.25, "wgan_lp": 0, "r1": 0.125, "r2": 0.125, "dragan": 0.25})


def test_r1_and_r2_on_a_quadratic_critic() -> None:
    """gamma / 2 E |x|^2, at the real images or at the fakes."""
    fake, real = images()
    for penalty, x in ((R1(weight=3.0), real), (R2(weight=3.0), fake)):
        assert penalty(quadratic, fake, real).item() == pytest.approx(1.5 * x.square().sum().item() / 4, abs=1e-12)


def test_the_one_sided_on_a_quadratic_critic() -> None:
    fake, real = images()
    fake[0], real[0] = 0.01 * fake[0], 0.01 * real[0]  # |x| < 1: free
    torch.manual_seed(3)
    value = LipschitzPenalty(weight=2.0)(quadratic, fake, real).item()
    torch.manual_seed(3)
    eps = torch.rand(4, dtype=torch.float64)
    norms = [(e * r + (1 - e) * f).norm().item() for e, r, f in zip(eps, real, fake, strict=True)]
    assert norms[0] < 1 < max(norms)
    assert value == pytest.approx(2 * sum(max(0, n - 1) ** 2 for n in norms) / 4, abs=1e-12)


def test_dragan_on_a_quadratic_critic() -> None:
    fake, real = images()
    torch.manual_seed(3)
    value = DRAGAN(weight=2.0, std=0.5)(quadratic, fake, real).item()
    torch.manual_seed(3)
    near = real + 0.5 * torch.randn_like(real)
    norms = near.flatten(1).norm(dim=1)
    assert value == pytest.approx(2 * (norms - 1).square().mean().item(), abs=1e-12)
    still = DRAGAN(weight=1.0, std=0.0)(quadratic, fake, real).item()
    assert still == pytest.approx((real.flatten(1).norm(dim=1) - 1).square().mean().item())


@pytest.mark.parametrize("name", GRADIENT)
def test_a_sample_does_not_feel_the_others(name: str) -> None:
    """A batch's penalty is the mean of its samples' own, whichever others there are. (fake = real, so that no random
    number has a part in it.)"""
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    with torch.no_grad():
        critic[3].weight *= 20
    x, _ = images(3)
    penalty = make(name, std=0.0) if name == "dragan" else make(name)
    alone = [penalty(critic, x[i : i + 1], x[i : i + 1]).item() for i in range(3)]
    assert len(set(alone)) == 3 and min(alone) > 0
    for others in ((0, 1), (0, 2), (0, 1, 2)):
        batch = x[list(others)]
        assert penalty(critic, batch, batch).item() == pytest.approx(
            sum(alone[i] for i in others) / len(others), rel=1e-12
        )
    other = torch.cat([x[:1], 5 * x[1:] + 1])
    torch.testing.assert_close(gradients(critic, other)[0], gradients(critic, x)[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", GRADIENT)
@pytest.mark.parametrize("shape", [(3, 5), (2, 2, 6), (2, 1, 2, 2, 2)])
def test_vectors_and_volumes_patches_and_lists(name: str, shape: tuple[int, ...]) -> None:
    def critic(x: Tensor) -> list[Tensor]:
        logits = 3 * x.flatten(1)[:, 0]  # slope 3 in all: 0.5 from two patches, 0.5 from the second scale
        return [0.25 * logits[:, None, None].expand(-1, 1, 2), 0.5 * logits]

    x = torch.randn(shape)
    expected = 4.0 if name in SLOPES else 4.5
    assert make(name, weight=1.0)(critic, x, x).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", GRADIENT)
def test_gradients_are_right(name: str) -> None:
    fake, real = images(2)
    first = torch.randn(4, 12, dtype=torch.float64, requires_grad=True)
    second = torch.randn(4, dtype=torch.float64, requires_grad=True)

    def penalise(a: Tensor, b: Tensor) -> Tensor:
        torch.manual_seed(0)
        return make(name)(lambda x: torch.tanh(x.flatten(1) @ a.T) @ b, fake, real)

    assert torch.autograd.gradcheck(penalise, (first, second))


def test_no_slope_no_nan() -> None:
    """Where the gradient is zero, the norm's own is not defined: the penalties' must be finite all the same."""
    weight = torch.zeros(12, requires_grad=True)
    for name in GRADIENT:
        loss = make(name)(lambda x: x.flatten(1) @ weight, *(x.float() for x in images()))
        (gradient,) = torch.autograd.grad(loss, weight)
        assert torch.isfinite(gradient).all(), name


@pytest.mark.parametrize("name", GRADIENT)
def test_the_lazy_form_and_precision(name: str) -> None:
    fake, real = images()
    full = make(name)(linear, fake, real).item()
    lazy = make(name, interval=4)
    assert [lazy(linear, fake, real).item() for _ in range(5)] == pytest.approx([4 * full, 0, 0, 0, 4 * full])
    with torch.autocast("cpu", torch.bfloat16):
        half = make(name)(linear, fake.bfloat16(), real.bfloat16())
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(full, rel=1e-5)


@pytest.mark.parametrize("make_it", [lambda: DRAGAN(std=-1.0), lambda: R1(interval=0)])
def test_errors(make_it: Callable[[], Penalty]) -> None:
    with pytest.raises(InputError):
        make_it()
