import math

import pytest
import torch

from advloss.core.errors import InputError
from advloss.networks.layers.minibatch import MinibatchDiscrimination, MinibatchStdDev


def test_deviation_of_four_samples_by_hand() -> None:
    """Two places: 0, 0, 4, 4 deviates by 2 and 1, 1, 1, 1 by 0: 1 on average."""
    x = torch.tensor([[0.0, 1], [0, 1], [4, 1], [4, 1]]).view(4, 1, 1, 2)
    y = MinibatchStdDev(4)(x)
    assert y.shape == (4, 2, 1, 2) and torch.equal(y[:, :1], x)
    torch.testing.assert_close(y[:, 1], torch.full((4, 1, 2), 1.0), rtol=0, atol=1e-4)


def test_groups_of_two_are_strided_as_in_the_authors_code() -> None:
    x = torch.tensor([0.0, 10, 6, 10]).view(4, 1)  # groups 0, 6 and 10, 10
    torch.testing.assert_close(MinibatchStdDev(2)(x)[:, 1], torch.tensor([3.0, 0, 3, 0]), rtol=0, atol=1.1e-4)


@pytest.mark.parametrize(("batch", "group"), [(1, 4), (3, 4), (5, 4), (6, 4), (7, 3), (8, 4), (4, 1)])
def test_any_batch_size_by_torch_s_own_deviation(batch: int, group: int) -> None:
    x = torch.randn(batch, 3, 2, 5, dtype=torch.float64)
    y = MinibatchStdDev(group)(x)[:, 3]
    groups = math.ceil(batch / group)
    assert max(len(x[m::groups]) for m in range(groups)) <= group
    for i in range(batch):
        want = (x[i % groups :: groups].var(0, correction=0) + 1e-8).sqrt().mean()
        torch.testing.assert_close(y[i], want.expand(2, 5))


def test_deviation_in_half_precision_does_not_overflow() -> None:
    x = torch.tensor([[-30000.0], [30000.0]], dtype=torch.float16)
    y = MinibatchStdDev()(x)
    assert y.dtype == torch.float16 and y[0, 1] == 30000


@pytest.mark.parametrize("batch", [4, 5])
def test_deviation_s_gradients(batch: int) -> None:
    x = torch.randn(batch, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(MinibatchStdDev(3), x) and torch.autograd.gradgradcheck(MinibatchStdDev(3), x)


def test_discrimination_of_three_samples_by_hand() -> None:
    """A = 1, B = 2, C = 1, T = (1, 2): samples 0, 1, 3 are 1, 2 and 3 apart in one measure, twice that in the other."""
    layer = MinibatchDiscrimination(1, 2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[1.0], [2.0]]]))
    y = layer(torch.tensor([[0.0], [1.0], [3.0]]))

    def e(*distances: float) -> float:
        return sum(math.exp(-distance) for distance in distances)

    want = [[0, e(0, 1, 3), e(0, 2, 6)], [1, e(1, 0, 2), e(2, 0, 4)], [3, e(3, 2, 0), e(6, 4, 0)]]
    torch.testing.assert_close(y, torch.tensor(want))


def test_discrimination_by_the_formula_in_loops() -> None:
    layer, x = MinibatchDiscrimination(3, 2, 4).double(), torch.randn(5, 3, dtype=torch.float64)
    y = layer(x)
    assert y.shape == (5, 5) and torch.equal(y[:, :3], x)
    m = torch.einsum("na,abc->nbc", x, layer.weight)
    for i in range(5):
        for b in range(2):
            want = sum(torch.exp(-(m[i, b] - m[j, b]).abs().sum()) for j in range(5))
            torch.testing.assert_close(y[i, 3 + b], want)


def test_discrimination_s_gradients_and_its_graph() -> None:
    layer = MinibatchDiscrimination(2, 2, 2).double()
    with torch.no_grad():
        layer.weight.normal_()
    x = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, x) and torch.autograd.gradgradcheck(layer, x)
    torch.testing.assert_close(torch.compile(layer, fullgraph=True, backend="eager")(x), layer(x))
    with torch.autocast("cpu", torch.bfloat16):
        assert layer.float()(x.float()).isfinite().all()


def test_equal_samples_are_as_close_as_there_are_samples() -> None:
    y = MinibatchDiscrimination(3, 4, 2)(torch.ones(6, 3))
    assert torch.equal(y[:, 3:], torch.full((6, 4), 6.0))


def test_wrong_parameters_and_shapes_are_named() -> None:
    with pytest.raises(InputError, match="group=0 must be at least 1"):
        MinibatchStdDev(0)
    with pytest.raises(InputError, match="kernel_dims=0 must be at least 1"):
        MinibatchDiscrimination(2, 2, 0)
    for shape in ((4, 3), (4, 2, 1)):
        with pytest.raises(InputError, match=r"MinibatchDiscrimination got .* takes vectors \[B, 2\]"):
            MinibatchDiscrimination(2, 2, 2)(torch.zeros(shape))
