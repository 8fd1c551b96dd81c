import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from advloss.core.errors import InputError
from advloss.networks.discriminators.base import logits_of
from advloss.networks.layers.basic import chain
from advloss.networks.layers.virtual_norm import VirtualBatchNorm, WithReference


class Small(nn.Module):
    """A discriminator of two layers with virtual batch norm."""

    def __init__(self, reference: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            chain(conv=nn.Conv2d(3, 4, 3), norm=VirtualBatchNorm(4, reference), activation=nn.LeakyReLU(0.2)),
            chain(conv=nn.Conv2d(4, 5, 3), norm=VirtualBatchNorm(5, reference), activation=nn.LeakyReLU(0.2)),
        )
        self.last = nn.Conv2d(5, 1, 1)

    def forward(self, x: torch.Tensor, features: bool = False) -> torch.Tensor | tuple:
        return logits_of(self.body, self.last, x, features)


@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 7), (3,), (3, 2, 3, 4)])
def test_the_reference_batch_is_normalised_by_itself(shape: tuple[int, ...]) -> None:
    x = 5 * torch.randn(9, *shape, dtype=torch.float64) + 2
    y = VirtualBatchNorm(3, reference=8).double()(x)
    assert y.shape == x.shape
    axes = (0, *range(2, x.ndim))
    torch.testing.assert_close(y[:8].mean(axes), torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(y[:8].var(axes, correction=0), torch.ones(3, dtype=torch.float64), rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 4, 5), (3,)])
def test_a_sample_is_normalised_as_batch_norm_would_with_the_reference_batch(shape: tuple[int, ...]) -> None:
    norm = VirtualBatchNorm(3, reference=4).double()
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.uniform_(-1, 1)
    x = 3 * torch.randn(6, *shape, dtype=torch.float64) - 1
    y = norm(x)
    for i in (4, 5):
        virtual = torch.cat([x[:4], x[i : i + 1]])
        want = F.batch_norm(virtual, None, None, norm.weight, norm.bias, training=True, eps=norm.eps)
        torch.testing.assert_close(y[i], want[4])


def test_a_sample_s_logits_don_t_depend_on_the_others_and_batch_norm_s_do() -> None:
    network, x = WithReference(Small(4), torch.randn(4, 3, 8, 8)), torch.randn(3, 3, 8, 8)
    other = x.clone()
    other[1:] = 9 * torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(network(x)[0], network(other)[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(network(x)[:1], network(x[:1]), rtol=0, atol=1e-6)
    assert network(x).shape == (3, 1, 4, 4)
    assert not torch.allclose(network(x)[1], network(other)[1])


def test_features_and_lists_lose_the_reference_s_part() -> None:
    network, x = WithReference(Small(4), torch.randn(4, 3, 8, 8)), torch.randn(2, 3, 8, 8)
    logits, features = network(x, features=True)
    assert torch.equal(logits, network(x))
    assert [tuple(feature.shape) for feature in features] == [(2, 4, 6, 6), (2, 5, 4, 4)]


def test_the_reference_batch_stays_and_is_in_the_state_dict() -> None:
    reference = torch.randn(4, 3, 8, 8)
    network = WithReference(Small(4), reference)
    kept = reference.clone()
    reference.zero_()
    assert torch.equal(network.state_dict()["reference"], kept) and not network.reference.requires_grad
    x = torch.randn(2, 3, 8, 8)
    before, in_eval = network(x), copy.deepcopy(network).eval()(x)
    assert torch.equal(before, in_eval) and torch.equal(network(x), before)  # no mode, no running statistics


def test_works_in_the_generator_s_step_and_as_one_graph() -> None:
    network, x = WithReference(Small(2), torch.randn(2, 3, 8, 8)), torch.randn(2, 3, 8, 8, requires_grad=True)

    def step(x: torch.Tensor) -> torch.Tensor:
        detached = {name: parameter.detach() for name, parameter in network.named_parameters()}
        return torch.func.functional_call(network, detached, (x,))

    step(x).sum().backward()
    assert x.grad is not None and all(parameter.grad is None for parameter in network.parameters())
    torch.testing.assert_close(torch.compile(step, fullgraph=True, backend="eager")(x), step(x))
    assert copy.deepcopy(network).to("meta")(x.to("meta")).shape == (2, 1, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert network(x).isfinite().all()


def test_gradients() -> None:
    norm = VirtualBatchNorm(2, reference=2).double()
    x = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(norm, x) and torch.autograd.gradgradcheck(norm, x)


def test_wrong_shapes_and_numbers_are_named() -> None:
    with pytest.raises(
        InputError, match=r"takes \[4 \+ B, 3, \.\.\.\], the reference batch of 4 first: .*WithReference"
    ):
        VirtualBatchNorm(3, reference=4)(torch.randn(3, 3, 5))
    with pytest.raises(InputError, match=r"takes \[4 \+ B, 3"):
        VirtualBatchNorm(3, reference=4)(torch.randn(8, 2, 5))
    with pytest.raises(InputError, match="reference=0 must be at least 1"):
        VirtualBatchNorm(3, reference=0)
    with pytest.raises(InputError, match=r"has 3 samples, and body\.0\.norm expects reference=4"):
        WithReference(Small(4), torch.randn(3, 3, 8, 8))
    with pytest.raises(InputError, match=r"images are \[3, 9, 8\] and those of the reference batch \[3, 8, 8\]"):
        WithReference(Small(4), torch.randn(4, 3, 8, 8))(torch.randn(1, 3, 9, 8))
