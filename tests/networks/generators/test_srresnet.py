import pytest
import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.networks.generators.srresnet import SRResNet


def test_the_paper_s_size() -> None:
    """From fig. 4 by hand: 9x9 ends with biases, batch norm's two and PReLU's one parameter a channel."""
    with torch.device("meta"):
        network = SRResNet()
    first = 81 * 3 * 64 + 64 + 64
    block = 2 * (9 * 64 * 64 + 2 * 64) + 64
    trunk = 9 * 64 * 64 + 2 * 64
    up = 9 * 64 * 256 + 256 + 64
    last = 81 * 64 * 3 + 3
    assert sum(p.numel() for p in network.parameters()) == first + 16 * block + trunk + 2 * up + last == 1_548_547


@torch.no_grad()
def test_the_layers_see_the_unit_range_and_make_the_package_s() -> None:
    """With all but one path of identities put to zero, worked out by hand: 3 x's unit value, PReLU at its 0.25."""
    network = SRResNet(1, 1, scale=1, width=1, blocks=1, norm="none").eval()
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.zero_()
            parameter[..., parameter.shape[-1] // 2, parameter.shape[-1] // 2] = 1
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            layer.bias.zero_()
    x = torch.tensor([-3.0, -1.0, 0.0, 1.0]).view(1, 1, 2, 2)
    unit = torch.tensor([-0.25, 0.0, 0.5, 1.0])  # (x + 1) / 2 is -1, 0, 0.5, 1; PReLU makes the first -0.25
    block = torch.tensor([-0.3125, 0.0, 1.0, 2.0])  # u + prelu(u)
    torch.testing.assert_close(network(x).flatten(), unit + block)


def test_x4_is_twice_x2_and_x3_is_one_stage() -> None:
    def factors(scale: int) -> list[int]:
        return [m.upscale_factor for m in SRResNet(width=2, scale=scale).modules() if isinstance(m, nn.PixelShuffle)]  # type: ignore[arg-type]

    assert [factors(scale) for scale in (1, 2, 3, 4)] == [[], [2], [3], [2, 2]]


@pytest.mark.parametrize(("norm", "norms"), [("batch", 5), ("none", 0)])
def test_norms_stand_in_the_blocks_and_after_them(norm: str, norms: int) -> None:
    network = SRResNet(width=2, blocks=2, norm=norm)  # type: ignore[arg-type]
    assert sum(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in network.modules()) == norms
    assert ("blocks.0.conv1.bias" in network.state_dict()) == ("trunk.conv.bias" in network.state_dict()) == (not norms)


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(InputError, match="unknown norm 'instance'"):
        SRResNet(norm="instance")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="blocks=0 must be at least 1"):
        SRResNet(blocks=0)
