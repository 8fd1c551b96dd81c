import pytest
import torch
import torch.nn.functional as F

from advloss.core.errors import InputError
from advloss.networks.discriminators.multi_scale import MultiScale


def test_each_scale_sees_an_image_of_half_the_size() -> None:
    network, x = MultiScale(scales=3, width=2, layers=1), torch.randn(2, 3, 33, 40)
    half = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
    quarter = F.avg_pool2d(half, 3, 2, 1, count_include_pad=False)
    logits, features = network(x, features=True)
    for scale, image, made in zip(network.scales, (x, half, quarter), logits, strict=True):
        torch.testing.assert_close(made, scale(image))
    assert [len(logits), len(features)] == [3, 6]
    assert half.shape[2:] == (17, 20) and features[2].shape[2:] == (8, 10)


def test_a_constant_image_stays_constant_at_every_scale() -> None:
    """The border's means are over the pixels that are there, not over padding."""
    network = MultiScale(scales=2, width=2, layers=1, norm="none")
    network.scales[1].load_state_dict(network.scales[0].state_dict())
    large, small = network(torch.ones(1, 3, 24, 24))
    assert torch.equal(small, network.scales[0](torch.ones(1, 3, 12, 12))) and large.shape[2:] == (10, 10)


@pytest.mark.parametrize(("scales", "layers", "smallest"), [(1, 3, 24), (3, 3, 93), (2, 1, 11)])
def test_the_smallest_image_passes_and_a_smaller_one_is_an_error(scales: int, layers: int, smallest: int) -> None:
    network = MultiScale(1, scales=scales, width=1, layers=layers)
    assert network.smallest == smallest
    assert network(torch.randn(1, 1, smallest, smallest))[-1].shape[2:] == (1, 1)
    with pytest.raises(InputError, match=rf"MultiScale\(scales={scales}\) .* at least {smallest}"):
        network(torch.randn(1, 1, smallest, smallest - 1))


def test_the_authors_size() -> None:
    with torch.device("meta"):
        network = MultiScale(6)
    one = sum(p.numel() for p in network.scales[0].parameters())
    assert sum(p.numel() for p in network.parameters()) == 3 * one


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(InputError, match="scales=0 must be at least 1"):
        MultiScale(scales=0)
    with pytest.raises(InputError, match="unknown norm 'spectral'"):
        MultiScale(norm="spectral")  # type: ignore[arg-type]
