"""Metrics by hand, one value for each pair of a batch."""

import math

import pytest
import torch
from torch import tensor

from advloss.errors import InputError
from advloss.losses import perceptual, structural
from advloss.losses.metrics import LPIPS, METRICS, PSNR, SSIM, to_8_bit


def test_8_bit_levels() -> None:
    x = tensor([-1.2, -1.0, -1 + 0.9 / 255, -1 + 1.1 / 255, 0.0, 1.0, 1.4])
    assert to_8_bit(x).tolist() == [0, 0, 0, 1, 128, 255, 255]  # 127.5 rounds to the even


def test_psnr_by_hand() -> None:
    """Off by 2 levels everywhere, by 255 in a quarter of the pixels, by less than half a level."""
    x = torch.full((3, 1, 2, 2), -1.0)
    y = x.clone()
    y[0] += 4 / 255
    y[1, 0, 0, 0] = 1
    y[2] += 0.9 / 255
    values = PSNR()(x, y).tolist()
    assert values == pytest.approx([20 * math.log10(255 / 2), 10 * math.log10(4), math.inf])
    assert PSNR()(x.double(), y.double()).dtype == torch.float64


def test_all_give_one_value_a_pair() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(3, 3, 32, 40, generator=generator) * 2 - 1
    y = (x + torch.tensor([0.0, 0.05, 0.5]).reshape(3, 1, 1, 1) * torch.randn(x.shape, generator=generator)).clamp(
        -1, 1
    )
    for name, make in METRICS.items():
        metric = LPIPS("squeeze", pretrained=False) if name == "lpips" else make()
        values = metric(x.clone().requires_grad_(), y)
        assert values.shape == (3,)
        assert not values.requires_grad
        assert metric.state_dict() == {}
        better = values[:-1] > values[1:] if metric.higher_is_better else values[:-1] < values[1:]
        assert better.all(), name
        for index in range(3):  # each pair by itself
            assert metric(x[[index]], y[[index]]).item() == pytest.approx(values[index].item(), rel=1e-5)
        assert metric(x.to("meta"), y.to("meta")).shape == (3,)
        with pytest.raises(InputError, match="they must be the same"):
            metric(x, y[:2])
    torch.testing.assert_close(SSIM()(x, y), structural.ssim(x, y))
    torch.testing.assert_close(METRICS["l1"]()(x, y), (x - y).abs().mean((1, 2, 3)))


def test_the_range_is_checked() -> None:
    x = torch.zeros(1, 3, 32, 32)
    for make in (*METRICS.values(), perceptual.LPIPS):
        metric = make(pretrained=False) if make in (LPIPS, perceptual.LPIPS) else make()
        with pytest.raises(InputError, match="y has values from 255 to 255"):
            metric(x, x + 255)
