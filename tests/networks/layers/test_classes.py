"""Layers and networks that know an item's class."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.discriminators.dcgan import DCGANDiscriminator
from advloss.networks.discriminators.mlp import MLPDiscriminator
from advloss.networks.discriminators.residual import ResidualDiscriminator
from advloss.networks.generators.dcgan import DCGAN
from advloss.networks.generators.mlp import MLPGenerator
from advloss.networks.generators.residual import ResidualGenerator
from advloss.networks.layers.classes import ConditionalBatchNorm, WithClass, of_label

LABEL = torch.tensor([2, 0, 2, 1])


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_each_class_has_its_own_scale_and_shift() -> None:
    norm = ConditionalBatchNorm(2, 3).double()
    nn.init.normal_(norm.scale.weight)
    nn.init.normal_(norm.shift.weight)
    x = torch.randn(4, 2, 3, 3, dtype=torch.float64)
    plain = F.batch_norm(x, None, None, training=True)
    for n, label in enumerate(LABEL):
        scale, shift = (table.weight[label].view(2, 1, 1) for table in (norm.scale, norm.shift))
        torch.testing.assert_close(norm(x, LABEL)[n], plain[n] * scale + shift)
    assert norm.norm.num_batches_tracked == 4 and [n for n, _ in norm.named_parameters()] == [
        "scale.weight",
        "shift.weight",
    ]


def test_it_begins_as_batch_norm() -> None:
    x = torch.randn(4, 2, dtype=torch.float64)
    new = ConditionalBatchNorm(2, 3).double()
    torch.testing.assert_close(new(x, LABEL), F.batch_norm(x, None, None, training=True))


def test_a_vector_is_followed_by_its_class() -> None:
    layer = WithClass(3)
    z = torch.randn(4, 5)
    assert torch.equal(layer(z, LABEL), torch.cat([z, layer.embedding.weight[LABEL]], 1))


def test_of_label() -> None:
    logits = torch.randn(4, 3, 2, 2)
    assert torch.equal(of_label(logits, LABEL)[:, 0], torch.stack([logits[n, y] for n, y in enumerate(LABEL)]))


GENERATORS = {
    "dcgan": lambda **more: DCGAN(5, 1, 8, 2, **more),
    "virtual": lambda **more: DCGAN(5, 1, 8, 2, norm="virtual", **more),
    "residual": lambda **more: ResidualGenerator(5, 1, 8, 2, **more),
    "mlp": lambda **more: MLPGenerator(5, 1, 8, 4, norm="batch", **more),
}
DISCRIMINATORS = {
    "dcgan": lambda **more: DCGANDiscriminator(1, 2, 1, norm="none", **more),
    "residual": lambda **more: ResidualDiscriminator(1, 2, 1, 1, **more),
    "mlp": lambda **more: MLPDiscriminator(64, 4, 2, **more),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_make_another_image_of_another_class(name: str) -> None:
    network = GENERATORS[name](classes=3).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    z = torch.randn(1, 5).expand(4, 5)
    made: Tensor = network(z, LABEL)
    assert made.shape == (4, 1, 8, 8)
    torch.testing.assert_close(made[0], made[2])
    assert not torch.allclose(made[0], made[1]) and not torch.allclose(made[1], made[3])
    with pytest.raises(InputError, match="is of 3 classes"):
        network(z)
    with pytest.raises(InputError, match="built without classes"):
        GENERATORS[name]()(z, LABEL)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_a_discriminator_adds_the_projection_on_the_class(name: str) -> None:
    """y^T V phi(x) + psi(phi(x)): phi written out from the last features, V from the weights."""
    network = DISCRIMINATORS[name](classes=3).double()
    x = torch.randn(4, 1, 8, 8, dtype=torch.float64)
    logits, maps = network(x, LABEL, features=True)
    phi = maps[-1].relu().mean((2, 3)) if name == "residual" else maps[-1].flatten(1)
    last = network.last.dense if name == "residual" else network.last
    v = (network.projection.dense if name == "residual" else network.projection).weight.flatten(1)  # [K, F]
    psi = phi @ last.weight.flatten(1).T + last.bias
    torch.testing.assert_close(logits.flatten(), psi[:, 0] + (v[LABEL] * phi).sum(1), rtol=0, atol=1e-12)
    torch.testing.assert_close(network(x, LABEL), logits)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_a_classifier_has_a_logit_for_each_class(name: str) -> None:
    made = DISCRIMINATORS[name](out_features=7)(torch.randn(4, 1, 8, 8))
    assert made.shape == (4, 7)


def test_virtual_batch_norm_makes_samples_independent() -> None:
    network = GENERATORS["virtual"]().double().train()
    z = torch.randn(4, 5, dtype=torch.float64)
    torch.testing.assert_close(network(z)[:1], network(z[:1]), rtol=0, atol=1e-12)
    assert not torch.allclose(GENERATORS["dcgan"]().double().train()(z)[:1], GENERATORS["dcgan"]().double()(z[:1]))
    drawn = DCGAN(5, 1, 8, 2, norm="virtual", distribution="uniform").body.reference
    assert drawn.shape == (64, 5, 1, 1) and drawn.abs().max() <= 1 and "body.reference" in network.state_dict()


def test_minibatch_discrimination_in_the_last_layer() -> None:
    network = DCGANDiscriminator(1, 2, 1, norm="none", minibatch=3)
    x = torch.randn(4, 1, 8, 8)
    alone, together = network(x[:1]), network(torch.cat([x[:1], x[:1]]))
    assert network(x).shape == (4, 1) and not torch.allclose(alone, together[:1], atol=1e-6)
    assert DCGANDiscriminator(1, 2, 1, norm="none")(x).shape == (4, 1, 1, 1)
    with pytest.raises(InputError, match="compares images of 8 pixels; these are 16x16"):
        network(torch.randn(2, 1, 16, 16))


def test_noise_in_training_alone() -> None:
    network = MLPDiscriminator(64, 4, 2, input_noise=0.3, noise=0.5)
    x = torch.randn(4, 64)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))
    assert [m.sigma for m in network.modules() if hasattr(m, "sigma")] == [0.3, 0.5, 0.5]
