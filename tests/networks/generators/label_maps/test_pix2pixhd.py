"""pix2pixHD's generator; its values are compared with the authors' in tests/tools/test_against_networks.py."""

import re

import pytest
import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.networks.generators.label_maps.pix2pixhd import Pix2PixHDGenerator

SMALL = {"width": 8, "downs": 2, "blocks": 1, "enhancer_blocks": 1}


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_papers_sizes() -> None:
    with torch.device("meta"):
        first, second = Pix2PixHDGenerator(36), Pix2PixHDGenerator(36, enhancers=1)
    assert (parameters(first), parameters(second)) == (182_546_755, 182_857_059)  # as the authors' code has


@pytest.mark.parametrize("enhancers", [0, 1, 2])
@pytest.mark.parametrize("upsample", ["transposed", "resize"])
@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_keeps_the_size_down_to_the_smallest(enhancers: int, upsample: str, norm: str) -> None:
    network = Pix2PixHDGenerator(5, 2, enhancers=enhancers, upsample=upsample, norm=norm, **SMALL)  # type: ignore[arg-type]
    side = 8 * 2**enhancers
    assert (network.multiple, network.smallest) == (side // 2, side)
    y = network(torch.randn(2, 5, side, side + side // 2))
    assert y.shape == (2, 2, side, side + side // 2) and y.abs().max() <= 1
    with pytest.raises(InputError, match=f"multiples of {side // 2} and at least {side}$"):
        network(torch.randn(1, 5, side // 2, side))


def test_runs_on_the_meta_device_and_is_one_graph() -> None:
    with torch.device("meta"):
        assert Pix2PixHDGenerator(enhancers=1, **SMALL)(torch.empty(2, 3, 64, 32)).shape == (2, 3, 64, 32)
    network, x = Pix2PixHDGenerator(enhancers=1, **SMALL), torch.randn(1, 3, 16, 16)
    torch.testing.assert_close(torch.compile(network, fullgraph=True, backend="eager")(x), network(x))


def test_the_second_stage_has_the_first_ones_tensors_but_the_last_convolutions() -> None:
    first, second = (Pix2PixHDGenerator(enhancers=count, **SMALL).state_dict() for count in (0, 1))
    for key, tensor in first.items():
        assert key.startswith("last.") or tensor.shape == second[key].shape
    assert first["last.weight"].shape == (3, 8, 7, 7) and second["last.weight"].shape == (3, 4, 7, 7)
    assert {key.split(".")[0] for key in second} == {"coarse", "enhancers", "last"}


def test_an_enhancer_sees_the_whole_picture_and_the_rest_its_half() -> None:
    """With an enhancer whose maps are 0 the output is a function of the halved picture alone."""
    network = Pix2PixHDGenerator(enhancers=1, norm="none", **SMALL)
    fine = torch.zeros(1, 3, 32, 32)
    fine[..., 2::4, 2::4], fine[..., 3::4, 3::4] = 1, -1  # each 3x3 mean at an even pixel changes
    halved = nn.functional.avg_pool2d(fine, 3, 2, 1, count_include_pad=False)
    x = torch.rand(1, 3, 32, 32)
    assert not torch.equal(network(x), network(x + fine))
    seen = []
    network.coarse.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network(fine)
    torch.testing.assert_close(seen[0], halved)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"width": 6, "enhancers": 2}, "width=6 must be a multiple of 4: each enhancer halves the channels"),
        ({"enhancers": 9}, "Pix2PixHDGenerator: enhancers=9 must be at least 0 and at most 8"),
        ({"downs": 0}, "Pix2PixHDGenerator: downs=0 must be at least 1 and at most 8"),
        ({"norm": "layer"}, "norm"),
    ],
)
def test_wrong_parameters(parameters: dict, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Pix2PixHDGenerator(**{"width": 8, **parameters})
