"""Any image size through networks that need multiples."""

import numpy as np
import pytest
import torch
from torch import nn

from advloss.core.reflection import mirrored_indices
from advloss.networks.generators.resnet import ResNetGenerator
from advloss.networks.generators.unet import UNetGenerator
from advloss.networks.layers.padding import apply_padded, padded_side


@pytest.mark.parametrize("length", range(1, 14))
def test_mirrored_is_numpys_reflection(length: int):
    for padded in range(length, 40):
        expected = np.pad(np.arange(length), (0, padded - length), mode="reflect")
        assert mirrored_indices(length, 0, padded - length, torch.device("cpu")).tolist() == expected.tolist()


@pytest.fixture(scope="module")
def networks() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {
        "unet": UNetGenerator(width=2, levels=3).eval(),
        "resnet": ResNetGenerator(width=2, blocks=1).eval(),
    }


@pytest.mark.parametrize("name", ["unet", "resnet"])
@torch.no_grad()
def test_every_size_comes_back_as_it_was(networks: dict[str, nn.Module], name: str):
    for height, width in [(n, n) for n in range(1, 41)] + [(1, 40), (40, 1), (3, 17), (8, 21), (32, 5)]:
        image = torch.rand(1, 3, height, width) * 2 - 1
        made = apply_padded(networks[name], image)
        assert made.shape == image.shape and made.isfinite().all()


@pytest.mark.parametrize("name", ["unet", "resnet"])
@torch.no_grad()
def test_an_image_that_fits_is_left_alone(networks: dict[str, nn.Module], name: str):
    for size in ((16, 16), (8, 24), (40, 32)):
        image = torch.rand(2, 3, *size) * 2 - 1
        assert torch.equal(apply_padded(networks[name], image), networks[name](image))


@pytest.mark.parametrize(("name", "size"), [("unet", (16, 24)), ("resnet", (12, 20))])
@torch.no_grad()
def test_an_odd_image_is_mirrored_at_the_right_and_bottom(networks: dict[str, nn.Module], name: str, size: tuple):
    image = torch.rand(1, 3, 11, 18) * 2 - 1
    padded = np.pad(image.numpy(), ((0, 0), (0, 0), (0, size[0] - 11), (0, size[1] - 18)), mode="reflect")
    expected = networks[name](torch.from_numpy(padded))[..., :11, :18]
    assert torch.equal(apply_padded(networks[name], image), expected)


def test_a_network_that_asks_for_nothing_gets_the_image():
    image = torch.rand(1, 3, 5, 7)
    assert torch.equal(apply_padded(nn.Identity(), image), image)


class Enlarging(nn.Module):
    """Every pixel three times, for images whose sides are multiples of 4 and at least 8."""

    scale, multiple, smallest = 3, 4, 8

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert all(side % 4 == 0 and side >= 8 for side in x.shape[-2:])
        return x.repeat_interleave(3, -1).repeat_interleave(3, -2)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (9, 21), (3, 16)])
def test_a_network_that_enlarges_is_cropped_to_the_enlarged_size(size: tuple):
    image = torch.rand(1, 3, *size)
    expected = image.numpy().repeat(3, -1).repeat(3, -2)
    assert np.array_equal(apply_padded(Enlarging(), image).numpy(), expected)


def test_the_side_that_a_network_takes():
    assert [padded_side(Enlarging(), side) for side in (1, 8, 9, 12)] == [8, 8, 12, 12]
    assert padded_side(nn.Identity(), 7) == 7
