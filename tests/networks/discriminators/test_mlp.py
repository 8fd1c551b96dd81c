import pytest
import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.networks.discriminators.mlp import MLPDiscriminator


def test_layers_and_shapes() -> None:
    network = MLPDiscriminator(5, width=4, layers=2, dropout=0.5)
    assert [tuple(layer.weight.shape) for layer in network.modules() if isinstance(layer, nn.Linear)] == [
        (4, 5), (4, 4), (1, 4)
    ]  # fmt: skip
    logits, features = network(torch.randn(3, 5), features=True)
    assert logits.shape == (3, 1) and [tuple(feature.shape) for feature in features] == [(3, 4), (3, 4)]


def test_dropout_in_train_mode_only() -> None:
    network, x = MLPDiscriminator(5, width=64, dropout=0.5), torch.randn(3, 5)
    assert not torch.equal(network(x), network(x))
    assert torch.equal(network.eval()(x), network(x))


def test_wrong_parameters_and_shapes_are_named() -> None:
    with pytest.raises(InputError, match="layers=0 must be at least 1"):
        MLPDiscriminator(5, layers=0)
    with pytest.raises(InputError, match=r"dropout=1\.0"):
        MLPDiscriminator(5, dropout=1.0)
    for shape in ((3, 4), (3, 5, 1), (5,)):
        with pytest.raises(InputError, match=r"MLPDiscriminator got a tensor of shape .* takes vectors \[B, 5\]"):
            MLPDiscriminator(5)(torch.zeros(shape))
