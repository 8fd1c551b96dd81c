from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.layers.basic import (
    BatchNorm,
    Conv,
    Dropout,
    InstanceNorm,
    init_weights,
    norm_layer,
    upsampling_layer,
)


def instance_norm_by_hand(x: Tensor, gradient: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """y = (x - mean) / s; dx = (g - mean(g) - y mean(g y)) / s, all means over an image's channel."""
    mean = x.mean((2, 3), keepdim=True)
    scale = (x.var((2, 3), keepdim=True, unbiased=False) + eps).sqrt()
    y = (x - mean) / scale
    centred = gradient - gradient.mean((2, 3), keepdim=True)
    return y, (centred - y * (gradient * y).mean((2, 3), keepdim=True)) / scale


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("x_layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("gradient_layout", [torch.contiguous_format, torch.channels_last])
def test_instance_norm_and_its_gradient_by_hand_in_every_layout(
    batch: int, x_layout: torch.memory_format, gradient_layout: torch.memory_format
) -> None:
    x = torch.randn(batch, 5, 6, 7, dtype=torch.float64).to(memory_format=x_layout).requires_grad_()
    gradient = torch.randn(batch, 5, 6, 7, dtype=torch.float64).to(memory_format=gradient_layout)
    y = InstanceNorm(5)(x)
    (dx,) = torch.autograd.grad(y, x, gradient)
    want_y, want_dx = instance_norm_by_hand(x.detach(), gradient, 1e-5)
    torch.testing.assert_close(y, want_y, rtol=0, atol=1e-12)
    torch.testing.assert_close(dx, want_dx, rtol=0, atol=1e-12)


def test_instance_norm_differentiates_twice_for_penalties() -> None:
    norm = InstanceNorm(2, affine=True).double()
    assert torch.autograd.gradgradcheck(norm, torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True))


def test_instance_norm_affine() -> None:
    norm, x = InstanceNorm(3, affine=True), torch.randn(2, 3, 4, 4)
    assert norm.weight is not None and norm.bias is not None
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2, 3]))
        norm.bias.copy_(torch.tensor([0.0, -1, 5]))
    want = InstanceNorm(3)(x) * torch.tensor([1.0, 2, 3]).view(3, 1, 1) + torch.tensor([0.0, -1, 5]).view(3, 1, 1)
    torch.testing.assert_close(norm(x), want)
    assert not InstanceNorm(3).state_dict()


@pytest.mark.parametrize("batch", [1, 2])
def test_instance_norm_of_one_value_is_an_error(batch: int) -> None:
    with pytest.raises(InputError, match="1x1"):
        InstanceNorm(3)(torch.randn(batch, 3, 1, 1))


def test_batch_norm_in_eval_by_the_batch_leaves_the_running_statistics_alone() -> None:
    norm, x = BatchNorm(3, statistics_at_inference="batch").eval(), 4 * torch.randn(2, 3, 5, 5) + 7
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.uniform_(-1, 1)
    before = {key: value.clone() for key, value in norm.state_dict().items()}
    y = norm(x)
    for key, value in norm.state_dict().items():
        assert torch.equal(value, before[key]), key
    trained = norm.train()(x)
    assert torch.equal(y, trained)
    assert norm.num_batches_tracked == 1 and not torch.equal(norm.running_mean, before["running_mean"])


def test_batch_norm_running_is_torch_s() -> None:
    ours, theirs, x = BatchNorm(3), nn.BatchNorm2d(3), torch.randn(2, 3, 5, 5)
    for _ in range(2):
        assert torch.equal(ours(x), theirs(x))
    assert torch.equal(ours.eval()(x), theirs.eval()(x))


@pytest.mark.parametrize(
    ("training", "at_inference", "active"), [(True, False, 1), (False, False, 0), (False, True, 1)]
)
def test_dropout_is_active(training: bool, at_inference: bool, active: int) -> None:
    y = Dropout(0.5, at_inference).train(training)(torch.ones(10_000))
    assert set(y.unique().tolist()) == ({0.0, 2.0} if active else {1.0})


def test_wrong_choices_and_ranges_are_named() -> None:
    with pytest.raises(InputError, match="unknown norm 'instanc'; did you mean 'instance'"):
        norm_layer("instanc", 3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown upsample 'resise'; did you mean 'resize'"):
        upsampling_layer("resise", 3, 3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown statistics_at_inference 'bach'; did you mean 'batch'"):
        BatchNorm(3, "bach")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"dropout=1\.0 must be at least 0 and less than 1"):
        Dropout(1.0)


@pytest.mark.parametrize("kernel", [3, 4])
@pytest.mark.parametrize("padding", ["reflect", "zeros"])
def test_upsampling_layers_double_the_size(kernel: int, padding: str) -> None:
    x = torch.randn(1, 4, 5, 8)
    for name in ("transposed", "resize"):
        layer = upsampling_layer(name, 4, 2, kernel, padding=padding)  # type: ignore[arg-type]
        assert layer(x).shape == (1, 2, 10, 16)


@pytest.mark.parametrize(("name", "checkerboard"), [("resize", False), ("transposed", True)])
def test_resize_leaves_no_checkerboard_on_a_constant(name: str, checkerboard: bool) -> None:
    y = upsampling_layer(name, 4, 2).double()(torch.ones(1, 4, 6, 6, dtype=torch.float64))  # type: ignore[arg-type]
    inside = y[:, :, 2:-2, 2:-2]
    assert ((inside - inside[:, :, :1, :1]).abs().max() > 1e-3).item() == checkerboard
    if name == "resize":
        y = upsampling_layer("resize", 4, 2, padding="reflect").double()(torch.ones(1, 4, 6, 6, dtype=torch.float64))
        torch.testing.assert_close(y, y[:, :, :1, :1].expand_as(y), rtol=0, atol=1e-12)


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(("kernel", "size"), [(3, (2, 5)), (7, (4, 9))])
def test_deterministic_reflect_padding_is_torch_s(deterministic: None, kernel: int, size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    conv = Conv(3, 2, kernel, padding=kernel // 2, padding_mode="reflect").double()
    y = conv(x)
    want = F.conv2d(F.pad(x, (kernel // 2,) * 4, mode="reflect"), conv.weight, conv.bias)
    torch.testing.assert_close(y, want, rtol=0, atol=1e-12)
    gradient = torch.randn_like(y)
    got, reference = (torch.autograd.grad(out, x, gradient)[0] for out in (y, want))
    torch.testing.assert_close(got, reference, rtol=0, atol=1e-12)
    with pytest.raises(InputError, match="reflect padding"):
        conv(x[:, :, :1])


def test_weights_begin_gaussian() -> None:
    module = nn.Sequential(nn.Conv2d(64, 64, 4), nn.ConvTranspose2d(64, 64, 4), BatchNorm(4096), nn.Linear(256, 256))
    init_weights(module)
    for layer, mean in zip(module, (0, 0, 1, 0), strict=True):
        n = layer.weight.numel()
        assert abs(layer.weight.mean() - mean) < 5 * 0.02 / n**0.5
        assert abs(layer.weight.std() - 0.02) < 5 * 0.02 / (2 * n) ** 0.5
        assert not layer.bias.any()
    init_weights(module, std=0.5)
    assert abs(module[0].weight.std() - 0.5) < 0.01
