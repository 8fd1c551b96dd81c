"""Metrics by hand, one value for each pair of a batch."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import correlate1d
from torch import Tensor, tensor

from advloss.core.errors import InputError
from advloss.data.degradations.resize import imresize
from advloss.losses import structural
from advloss.losses.metrics import LPIPS, METRICS, PSNR, SSIM, Channel, luma, psnr, ssim, to_8_bit
from advloss.losses.perceptual import lpips as perceptual


def test_8_bit_levels() -> None:
    x = tensor([-1.2, -1.0, -1 + 0.9 / 255, -1 + 1.1 / 255, 0.0, 1.0, 1.4])
    assert to_8_bit(x).tolist() == [0, 0, 0, 1, 128, 255, 255]  # 127.5 iterations to the even


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


def levels(image: Tensor) -> Tensor:
    """Levels 0 to 255 -> float32 in [-1, 1]."""
    return (image / 127.5 - 1).float()


def patterns() -> tuple[Tensor, Tensor]:
    """Two pictures of levels, [1, 3, 24, 28]."""
    i, j = np.mgrid[:24, :28]
    x = np.stack([i * 9 + j * 5, i * 3 + j * 11 + 40, i * j * 2 + 17])
    y = x + np.stack([(i + j) % 7 * 3, i * j % 5 * 4, i * i % 11])
    return torch.from_numpy(x % 256)[None], torch.from_numpy(y % 256)[None]


def test_luma_by_hand() -> None:
    """Black, white, the three colours (16 + 65.481 and so on, rounded), a grey: 16 + 219 * 100 / 255 = 101.88."""
    colours = tensor([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [100, 100, 100]]).float()
    y = luma(colours[:, :, None, None])
    assert y.flatten().tolist() == [16, 235, 81, 145, 41, 102]
    assert torch.equal(luma(colours[:, :1, None, None])[[0, 1, 5]], y[[0, 1, 5]])  # grey as it is stored
    with pytest.raises(InputError, match=r"Y is made of images \[B, 3 or 1, H, W\]"):
        luma(torch.zeros(1, 4, 2, 2))


def test_psnr_and_ssim_of_luma_are_scikit_images() -> None:
    """What scikit-image 0.26 gives for the rounded Y: Gaussian weights, population covariance, whole windows."""
    x, y = (levels(image) for image in patterns())
    expected = {0: (21.289285587925644, 0.7729855230455618), 4: (20.710921130869295, 0.7232125594594111)}
    for border, (decibel, similarity) in expected.items():
        assert psnr(x, y, "y", border).item() == pytest.approx(decibel, rel=1e-6)
        assert ssim(x, y, "y", border).item() == pytest.approx(similarity, rel=1e-6)
        assert ssim(x.double(), y.double(), "y", border).item() == pytest.approx(similarity, rel=1e-12)
        assert PSNR("y", border)(x, y).item() == psnr(x, y, "y", border).item()
        assert SSIM("y", border)(x, y).item() == ssim(x, y, "y", border).item()
    off_grid = x + 0.4 / 127.5  # less than half a level
    assert torch.equal(ssim(off_grid.clamp(-1, 1), y, "y"), ssim(x, y, "y"))


@pytest.mark.parametrize("channel", ["rgb", "y"])
def test_the_border_does_not_count(channel: Channel) -> None:
    x, y = (levels(image) for image in patterns())
    changed = y.clone()
    changed[..., :3, :] = changed[..., -3:, :] = changed[..., :3] = changed[..., -3:] = 1
    for measure in (psnr, ssim):
        value = measure(x, y, channel, 3)
        assert torch.equal(measure(x, changed, channel, 3), value)
        assert torch.equal(measure(x[..., 3:-3, 3:-3], y[..., 3:-3, 3:-3], channel), value)
        assert not torch.equal(measure(x, changed, channel, 2), measure(x, y, channel, 2))
    assert PSNR(channel, 3)(x, y).item() == psnr(x, y, channel, 3).item()


def test_borders_that_leave_too_little() -> None:
    x = torch.zeros(1, 3, 24, 28)
    assert PSNR(border=11)(x, x).item() == math.inf
    with pytest.raises(InputError, match="border=12 leaves nothing of images of 24 x 28 pixels"):
        PSNR(border=12)(x, x)
    assert SSIM("y", border=6)(x, x).item() == 1
    with pytest.raises(InputError, match="at least 11 x 11 pixels; these have 10 x 14"):
        SSIM("y", border=7)(x, x)
    with pytest.raises(InputError, match="border=-1"):
        psnr(x, x, border=-1)


def open_levels(path: Path) -> Tensor:
    """A picture's levels, grey as RGB: float64 [1, 3, H, W]."""
    with Image.open(path) as picture:
        return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)[None].double()


def scipys_ssim(x: Tensor, y: Tensor) -> float:
    """SSIM of Y in [0, 255] by scipy's filters in float64, without this package's code."""
    window = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window /= window.sum()

    def mean(image: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(image, window, 0), window, 1)[5:-5, 5:-5]

    def y_of(image: Tensor) -> np.ndarray:
        thousandths = np.tensordot([65481, 128553, 24966], image[0].numpy().astype(np.int64), 1)
        return 16.0 + (2 * thousandths + 255_000) // 510_000  # halves up, in whole numbers

    a, b = y_of(x), y_of(y)
    ma, mb = mean(a), mean(b)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    covariance, variances = mean(a * b) - ma * mb, mean(a * a) - ma**2 + mean(b * b) - mb**2
    return float(((2 * ma * mb + c1) * (2 * covariance + c2) / ((ma**2 + mb**2 + c1) * (variances + c2))).mean())


@pytest.mark.parametrize(("name", "count", "published"), [("Set5", 5, (28.42, 0.8102)), ("Set14", 14, (26.09, 0.7042))])
def test_bicubic_scores_what_the_literature_says(
    name: str, count: int, published: tuple[float, float], test_sets: Path
) -> None:
    """Set5 is published with 28.42 dB and 0.8104; this copy of Set14 was measured by an independent script."""
    scores = []
    for path in sorted((test_sets / name / "LR_x4").glob("*.png")):
        small, large = open_levels(path), open_levels(test_sets / name / "HR" / path.name)
        enlarged = imresize(small, scale=4).clamp(0, 255).round()
        large = large[..., : enlarged.shape[2], : enlarged.shape[3]]
        x, y = levels(enlarged), levels(large)
        scores.append([psnr(x, y, "y", 4).item(), ssim(x, y, "y", 4).item()])
        inner = scipys_ssim(enlarged[..., 4:-4, 4:-4], large[..., 4:-4, 4:-4])
        assert scores[-1][1] == pytest.approx(inner, abs=2e-7)
    assert len(scores) == count
    decibel, similarity = np.mean(scores, 0)
    assert decibel == pytest.approx(published[0], abs=0.01)
    assert similarity == pytest.approx(published[1], abs=0.0005)
