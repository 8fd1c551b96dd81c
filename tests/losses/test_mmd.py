"""The maximum mean discrepancy, by hand and by its theorem."""

import pytest
import torch

from advloss.core.errors import InputError
from advloss.losses.mmd import MMD, mmd
from advloss.recipe.signatures import parameters_model


def test_two_known_samples_by_hand() -> None:
    """x = 0, 1 and y = 2, 4 with C = 2: k is 2 / (2 + d^2). Within x: 2/3, within y: 2/6; between: d = 2, 4, 1, 3, so
    (2/6 + 2/18 + 2/3 + 2/11) / 4."""
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [4.0]])
    expected = 2 / 3 + 2 / 6 - 2 * (2 / 6 + 2 / 18 + 2 / 3 + 2 / 11) / 4
    assert MMD()(x, y).item() == pytest.approx(expected)  # C = 2 F variance = 2
    assert mmd(x, y, [2.0]).item() == pytest.approx(expected)
    both = expected + 4 / 5 + 4 / 8 - 2 * (4 / 8 + 4 / 20 + 4 / 5 + 4 / 13) / 4  # and C = 4
    assert MMD(scales=[1, 2])(x, y).item() == pytest.approx(both)
    assert MMD(variance=2.0)(x, y).item() == pytest.approx(both - expected)


def test_it_is_unbiased() -> None:
    """Its mean over many samples of one distribution is 0: within four standard errors, and below 0 half of the time.
    Of two distributions it is above 0."""
    generator = torch.Generator().manual_seed(0)
    draw = torch.randn(400, 2, 10, 4, generator=generator, dtype=torch.float64)
    loss = MMD()
    same = torch.stack([loss(x, y) for x, y in draw])
    assert abs(same.mean()) < 4 * same.std() / 20
    assert 0.3 < (same < 0).double().mean() < 0.9
    moved = torch.stack([loss(x, y + 1) for x, y in draw])
    assert moved.mean() > 10 * moved.std() / 20


def test_its_gradient_moves_a_sample_to_the_other() -> None:
    torch.manual_seed(0)
    x, y = (3 + torch.randn(32, 2)).requires_grad_(), torch.randn(32, 2)
    (gradient,) = torch.autograd.grad(MMD()(x, y), x)
    assert (gradient.mean(0) > 0).all()
    assert torch.autograd.gradcheck(MMD(), (x.detach()[:4].double().requires_grad_(), y[:4].double()))


def test_what_it_refuses() -> None:
    for x, y in ((torch.zeros(1, 2), torch.zeros(1, 2)), (torch.zeros(3, 2), torch.zeros(3, 4))):
        with pytest.raises(InputError, match=r"mmd compares two samples \[B, F\] of at least 2 vectors \(data.batch\)"):
            MMD()(x, y)
    for wrong in ({"variance": 0}, {"scales": [1, -1]}):
        with pytest.raises(InputError):
            MMD(**wrong)
    assert parameters_model(MMD)(scales=["0.5", 2]).model_dump()["scales"] == [0.5, 2.0]
