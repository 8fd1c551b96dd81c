import math

import pytest
import torch
import torch.nn.functional as F

from advloss.core.errors import InputError
from advloss.networks.discriminators.stylegan2 import ResidualDown, StyleGAN2Discriminator
from advloss.networks.layers.equalized import EqualizedConv, EqualizedLinear
from advloss.networks.layers.resampling import Blur


def test_the_paper_s_size_at_256_and_1024_pixels() -> None:
    """28.9 M and 29.0 M parameters: the discriminators of config F."""
    with torch.device("meta"):
        at_256, at_1024 = StyleGAN2Discriminator(width=128), StyleGAN2Discriminator(width=32, levels=8)
        logits, features = at_1024(torch.empty(4, 3, 1024, 1024), features=True)
    assert (at_256.native, at_1024.native) == (256, 1024)
    assert sum(p.numel() for p in at_256.parameters()) == 28_864_129
    assert sum(p.numel() for p in at_1024.parameters()) == 29_012_513
    assert logits.shape == (4, 1)
    assert [tuple(f.shape[1:]) for f in features] == [
        (32, 1024, 1024), (64, 512, 512), (128, 256, 256), (256, 128, 128), (512, 64, 64), (512, 32, 32),
        (512, 16, 16), (512, 8, 8), (512, 4, 4), (512, 4, 4), (512,),
    ]  # fmt: skip


def test_the_blur_by_hand() -> None:
    x = torch.zeros(1, 2, 8, 8)
    x[0, 1, 4, 4] = 64
    y = Blur(padding=2)(x)
    row = torch.tensor([1.0, 3, 3, 1])
    assert y.shape == (1, 2, 9, 9) and not y[0, 0].any()
    assert torch.equal(y[0, 1, 3:7, 3:7], torch.outer(row, row)) and y.sum() == 64
    assert torch.equal(Blur(padding=1, stride=2)(x), Blur(padding=1)(x)[..., ::2, ::2])


def test_a_residual_block_by_its_formula() -> None:
    block, x = ResidualDown(2, 3).double(), torch.randn(2, 2, 8, 6, dtype=torch.float64)
    row = torch.tensor([1.0, 3, 3, 1], dtype=torch.float64) / 8
    kernel = torch.outer(row, row)[None, None]

    def blur(x: torch.Tensor, padding: int) -> torch.Tensor:
        return F.conv2d(x.flatten(0, 1)[:, None], kernel, padding=padding).unflatten(0, x.shape[:2]).squeeze(2)

    def activated(x: torch.Tensor) -> torch.Tensor:
        return math.sqrt(2) * F.leaky_relu(x, 0.2)

    y = activated(F.conv2d(x, block.conv1.weight / math.sqrt(18), block.conv1.bias, padding=1))
    y = activated(F.conv2d(blur(y, 2), block.conv2.weight / math.sqrt(18), block.conv2.bias, stride=2))
    skip = F.conv2d(blur(x, 1)[..., ::2, ::2], block.skip.weight / math.sqrt(2))
    torch.testing.assert_close(block(x), (y + skip) / math.sqrt(2))


def test_equalised_layers_keep_the_variance_and_their_weights_begin_normal() -> None:
    conv, dense = EqualizedConv(64, 256, 3, padding=1), EqualizedLinear(512, 256)
    for layer, x in ((conv, torch.randn(2, 64, 12, 12)), (dense, torch.randn(200, 512))):
        assert abs(layer.weight.std() - 1) < 0.02 and not layer.bias.any()
        inner = layer(x)[..., 1:-1, 1:-1] if x.ndim == 4 else layer(x)
        assert abs(inner.std() - 1) < 0.1
    assert conv.scale == 1 / math.sqrt(64 * 9) and dense.scale == 1 / math.sqrt(512)


def test_a_deep_network_keeps_its_signal() -> None:
    _, features = StyleGAN2Discriminator(width=16, max_width=64)(torch.randn(2, 3, 256, 256), features=True)
    assert all(0.1 < feature.std() < 3 for feature in features)


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (16, 16), (23, 64)])
def test_any_size(size: tuple[int, int]) -> None:
    network = StyleGAN2Discriminator(1, width=2, levels=2)
    assert network(torch.randn(2, 1, *size)).shape == (2, 1)


def test_samples_of_a_group_influence_each_other_and_those_of_another_don_t() -> None:
    network, x = StyleGAN2Discriminator(width=2, levels=1, group=2).eval(), torch.randn(4, 3, 8, 8)
    other = x.clone()
    other[2] += 1  # groups: samples 0 and 2, 1 and 3
    moved = (network(x) - network(other)).abs().flatten() > 1e-6
    assert moved.tolist() == [True, False, True, False]
    alone = StyleGAN2Discriminator(width=2, levels=1, group=1).eval()
    assert torch.equal((alone(x) != alone(other)).flatten().nonzero().flatten(), torch.tensor([2]))


def test_wrong_parameters_are_named() -> None:
    for name in ("width", "levels", "max_width", "group", "in_channels"):
        with pytest.raises(InputError, match=f"{name}=0 must be at least 1"):
            StyleGAN2Discriminator(**{name: 0})
