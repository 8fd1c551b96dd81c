"""Networks between images, vectors and classes: shapes, layers of the papers, what is refused."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.networks.encoders.convolutional import ConvolutionalFeatures
from advloss.networks.encoders.dcgan import DCGANEncoder
from advloss.networks.encoders.mlp import DenseClassifier, MLPEncoder
from advloss.networks.generators.context_encoder import ChannelwiseLinear, ContextEncoderGenerator


def test_features_are_those_of_the_paper() -> None:
    """28 - 4 = 24, pooled 12; 12 - 4 = 8, pooled 4: 48 channels of 4 x 4 pixels."""
    features = ConvolutionalFeatures(in_channels=1)
    assert features.out_features == 768 and features(torch.zeros(2, 1, 28, 28)).shape == (2, 768)
    shapes = [(m.in_channels, m.out_channels, m.kernel_size) for m in features.modules() if isinstance(m, nn.Conv2d)]
    assert shapes == [(1, 32, (5, 5)), (32, 48, (5, 5))]
    dense = ConvolutionalFeatures(3, 32, (4,), 3, (7, 6))
    assert dense.out_features == 6 and dense(torch.zeros(2, 3, 32, 32)).min() >= 0
    with pytest.raises(InputError, match="leave nothing of 16 pixels"):
        ConvolutionalFeatures(size=16, channels=(2, 2, 2))


@pytest.mark.parametrize("make", [DCGANEncoder, MLPEncoder])
def test_images_become_codes(make: type) -> None:
    encoder = make(in_channels=1, out_channels=5, size=16, width=4)
    assert encoder(torch.zeros(3, 1, 16, 16)).shape == (3, 5)
    for shape in ((3, 1, 16, 20), (3, 3, 16, 16)):
        with pytest.raises(InputError, match=r"16x20|3 channels"):
            encoder(torch.zeros(shape))


def test_a_classifier_with_and_without_hidden_layers() -> None:
    assert DenseClassifier(6, 4, width=3)(torch.zeros(2, 6)).shape == (2, 4)
    linear = DenseClassifier(6, 4, layers=0)
    assert sum(parameter.numel() for parameter in linear.parameters()) == 6 * 4 + 4
    with pytest.raises(InputError, match=r"vectors \[B, 6\]"):
        linear(torch.zeros(2, 5))
    with pytest.raises(InputError, match="the labels are all of one class"):
        DenseClassifier(6, 1)


def test_a_channelwise_layer_by_hand() -> None:
    """Each channel has a matrix of its own between its places."""
    layer = ChannelwiseLinear(2, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [1.0, 0.0]]]))
        layer.bias.copy_(torch.tensor([[0.0, 0.5], [0.0, 0.0]]))
    x = torch.tensor([[[[1.0, 10.0]], [[5.0, 7.0]]]])  # [1, 2, 1, 2]
    assert layer(x).tolist() == [[[[31.0, 42.5]], [[7.0, 5.0]]]]
    with pytest.raises(InputError, match=r"takes \[2, 2\] channels and places, not \[1, 2, 2, 2\]"):
        layer(torch.zeros(1, 2, 2, 2))


def layers(network: nn.Module) -> list[tuple[int, int]]:
    """(channels in, channels out) of each convolution, in order."""
    found = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    return [(m.in_channels, m.out_channels) for m in found]


def test_the_context_encoder_is_the_authors() -> None:
    """Their encoder for 128 pixels, nef = 64 and nBottleneck = 4000, and the decoder that gives 128 pixels."""
    with torch.device("meta"):
        network = ContextEncoderGenerator(middle="dense")
    down, up = [3, 64, 64, 128, 256, 512, 4000], [4000, 512, 256, 128, 64, 64, 3]
    pairs = [*pairwise(down), *pairwise(up)]
    assert layers(network) == pairs
    assert network(torch.zeros(2, 3, 128, 128, device="meta")).shape == (2, 3, 128, 128)


@pytest.mark.parametrize("middle", ["channelwise", "dense"])
def test_every_pixel_of_the_context_reaches_every_pixel_of_the_filling(middle: str) -> None:
    torch.manual_seed(0)
    network = ContextEncoderGenerator(1, 1, 16, 4, middle, 8).double().eval()  # type: ignore[arg-type]
    x = torch.randn(1, 1, 16, 16, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(network(x)[0, 0, 15, 15], x)
    assert (gradient[0, 0, :4, :4] != 0).any() and (gradient[0, 0, 8:, 8:] != 0).any()
    with pytest.raises(InputError, match="makes images of 8, 16, 32"):
        ContextEncoderGenerator(size=20)
