"""Filtered halving and doubling of maps, by hand."""

import pytest
import torch

from advloss.core.errors import InputError
from advloss.networks.layers.resampling import BlurredDoubling, BlurredHalving


def test_halving_by_hand() -> None:
    """A row 0 4 8 20: at column 0, mirrored, (4 + 0 + 4) / 4; at column 2, (4 + 16 + 20) / 4. All rows are the same."""
    x = torch.tensor([0.0, 4.0, 8.0, 20.0]).expand(1, 2, 4, 4)
    assert torch.equal(BlurredHalving()(x), torch.tensor([2.0, 10.0]).expand(1, 2, 2, 2))
    assert torch.equal(BlurredHalving()(x.mT), torch.tensor([2.0, 10.0]).expand(1, 2, 2, 2).mT)
    assert BlurredHalving()(x[..., :3]).shape == (1, 2, 2, 2)


def test_doubling_by_hand() -> None:
    """A row 0 4: bilinear between pixels, (3 a + b) / 4 and (a + 3 b) / 4, and the last pixels again at the edges."""
    x = torch.tensor([0.0, 4.0]).expand(1, 3, 2, 2)
    found = BlurredDoubling("replicate")(x)
    assert torch.equal(found, torch.tensor([0.0, 1.0, 3.0, 4.0]).expand(1, 3, 4, 4))
    zeros = BlurredDoubling()(x)
    assert torch.equal(zeros[:, :, 1:3, 1:3], found[:, :, 1:3, 1:3]) and zeros[0, 0, 0, 3] < found[0, 0, 0, 3]


def test_a_deterministic_gradient_is_the_same() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    for layer in (BlurredHalving().double(), BlurredDoubling("replicate").double()):
        found = []
        for deterministic in (False, True):
            torch.use_deterministic_algorithms(deterministic)
            try:
                y = layer(x)
                found.append((y, *torch.autograd.grad(y.square().sum(), x)))
            finally:
                torch.use_deterministic_algorithms(False)
        for one, other in zip(*found, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_other_edges_are_refused() -> None:
    with pytest.raises(InputError, match="unknown edges 'repeat'; did you mean 'replicate'"):
        BlurredDoubling("repeat")  # type: ignore[arg-type]
