"""Pixel losses by hand, at every precision."""

from math import sqrt

import pytest
import torch
from torch import nn, tensor

from advloss.core.errors import InputError
from advloss.losses.pixel import L1, L2, Charbonnier

X = tensor([0.5, -0.5, 0.25, 0.0]).reshape(1, 1, 2, 2)
Y = tensor([0.5, 0.5, 0.0, -0.5]).reshape(1, 1, 2, 2)  # differences 0, 1, 1/4, 1/2
GOLDEN = [
    (L1(), 1.75 / 4),
    (L2(), (1 + 1 / 16 + 1 / 4) / 4),
    (Charbonnier(), (1e-3 + sqrt(1 + 1e-6) + sqrt(1 / 16 + 1e-6) + sqrt(1 / 4 + 1e-6)) / 4),
    (Charbonnier(eps=0.75), (0.75 + 1.25 + sqrt(1 / 16 + 9 / 16) + sqrt(1 / 4 + 9 / 16)) / 4),
]


@pytest.mark.parametrize(("loss", "value"), GOLDEN)
def test_by_hand(loss: nn.Module, value: float) -> None:
    assert loss(X.double(), Y.double()).item() == pytest.approx(value, abs=1e-12)
    assert loss(X, Y).dtype == torch.float32
    assert loss(X.double(), Y.double()).dtype == torch.float64
    half = loss(X.bfloat16(), Y.bfloat16())  # these pixels are exact in bfloat16
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(value, rel=1e-6)
    assert loss(X.to("meta"), Y.to("meta")).shape == ()


@pytest.mark.parametrize("loss", [L1(), L2(), Charbonnier()])
def test_gradients_and_state(loss: nn.Module) -> None:
    x = X.double().requires_grad_()
    assert torch.autograd.gradcheck(loss, (x, Y.double() + 0.01))
    assert loss.state_dict() == {}
    equal = X.clone().requires_grad_()
    loss(equal, X).backward()
    assert equal.grad is not None
    assert torch.equal(equal.grad, torch.zeros_like(X))  # a maximum of closeness, not NaN


@pytest.mark.parametrize("make", [L1, L2, Charbonnier])
def test_errors(make: type[nn.Module]) -> None:
    with pytest.raises(InputError, match="they must be the same"):
        make()(X, Y[..., :1])  # would broadcast
    with pytest.raises(InputError, match=r"y has values from 0 to 255"):
        make()(X, (Y + 0.5) * 255)


def test_weights_of_places_by_hand() -> None:
    """Image 1: errors 1, 2, 3, 4 with weights 1, 10, 0, 0: (1 + 10 * 4) / 2. Image 2 has no weight and counts 0."""
    x, weights = torch.zeros(2, 1, 2, 2), torch.zeros(2, 1, 2, 2)
    y = torch.tensor([0.1, 0.2, 0.3, 0.4]).view(1, 1, 2, 2).expand(2, -1, -1, -1)
    weights[0, 0, 0] = torch.tensor([1.0, 10.0])
    assert L2()(x, y, weights=weights).item() == pytest.approx(0.01 * (1 + 40) / 2 / 2)
    assert L2()(x, y, weights=torch.ones(2, 1, 2, 2)).item() == pytest.approx(L2()(x, y).item())
    colours = L2()(x.expand(-1, 3, -1, -1), y.expand(-1, 3, -1, -1), weights=weights)
    assert colours.item() == pytest.approx(0.01 * 41 / 4)  # one weight for all channels of a place
