"""SSIM and MS-SSIM against kornia's map and against windows summed one by one; total variation by hand."""

import math

import pytest
import torch
from kornia.metrics import ssim as kornia_ssim
from torch import Tensor, nn, tensor

from advloss.core.errors import InputError
from advloss.losses.structural import MSSSIM, SCALE_WEIGHTS, SSIM, TotalVariation, ms_ssim, ssim, total_variation


def pair(size: int, batch: int = 2) -> tuple[Tensor, Tensor]:
    """Smooth images in [-1, 1] and noisy copies of them."""
    generator = torch.Generator().manual_seed(0)
    rough = torch.rand(batch, 3, size // 4 + 1, size // 4, generator=generator, dtype=torch.float64)
    x = nn.functional.interpolate(rough, (size + 1, size), mode="bilinear") * 2 - 1
    return x, (x + 0.2 * torch.randn(x.shape, generator=generator, dtype=torch.float64)).clamp(-1, 1)


def test_ssim_is_kornias_with_valid_windows() -> None:
    x, y = pair(24)
    for window in (11, 7):
        expected = kornia_ssim((x + 1) / 2, (y + 1) / 2, window, padding="valid").mean((1, 2, 3))
        torch.testing.assert_close(ssim(x, y, window), expected, rtol=1e-8, atol=0)
    assert SSIM()(x, y).item() == pytest.approx(1 - ssim(x, y).mean().item())


def test_ssim_of_one_window_by_hand() -> None:
    x, y = pair(12, 1)
    x, y = x[:, :1, :11, :11], y[:, :1, :11, :11]
    line = [math.exp(-((i - 5) ** 2) / (2 * 1.5**2)) for i in range(11)]
    window = tensor([[a * b for a in line] for b in line], dtype=torch.float64) / sum(line) ** 2

    def mean(image: Tensor) -> float:
        return (window * image[0, 0]).sum().item()

    u, v = (x + 1) / 2, (y + 1) / 2
    mu, mv = mean(u), mean(v)
    uu, vv, uv = mean(u * u) - mu**2, mean(v * v) - mv**2, mean(u * v) - mu * mv
    c1, c2 = 1e-4, 9e-4
    expected = (2 * mu * mv + c1) * (2 * uv + c2) / ((mu**2 + mv**2 + c1) * (uu + vv + c2))
    assert ssim(x, y).item() == pytest.approx(expected, rel=1e-10)


def test_ms_ssim_against_its_formula() -> None:
    """Each scale's maps from kornia: SSIM of images whose luminance term is 1 is the term of contrast and structure."""
    x, y = pair(161)
    u, v, product = (x + 1) / 2, (y + 1) / 2, torch.ones(2, 3, dtype=torch.float64)
    kernel = tensor([math.exp(-((i - 5) ** 2) / 4.5) for i in range(11)], dtype=torch.float64)
    window = (kernel[:, None] * kernel / kernel.sum() ** 2).expand(3, 1, 11, 11)

    def mean(image: Tensor) -> Tensor:
        return nn.functional.conv2d(image, window, groups=3)

    for scale, weight in enumerate(SCALE_WEIGHTS):
        variances = mean(u * u) - mean(u) ** 2 + mean(v * v) - mean(v) ** 2
        values = (2 * (mean(u * v) - mean(u) * mean(v)) + 9e-4) / (variances + 9e-4)
        if scale == 4:
            values = values * (2 * mean(u) * mean(v) + 1e-4) / (mean(u) ** 2 + mean(v) ** 2 + 1e-4)
        product *= values.mean((2, 3)) ** weight
        u, v = halve(u), halve(v)
    torch.testing.assert_close(ms_ssim(x, y), product.mean(1), rtol=1e-9, atol=0)


def halve(image: Tensor) -> Tensor:
    """The mean of each 2 x 2 pixels, the last row and column repeated where their number is odd (Wang's MATLAB)."""
    height, width = image.shape[-2:]
    image = nn.functional.pad(image, (0, width % 2, 0, height % 2), mode="replicate")
    return (image[..., ::2, ::2] + image[..., 1::2, ::2] + image[..., ::2, 1::2] + image[..., 1::2, 1::2]) / 4


@pytest.mark.parametrize(("loss", "size"), [(SSIM(), 16), (MSSSIM(window_size=3), 33)])
def test_equal_different_and_opposite_images(loss: nn.Module, size: int) -> None:
    x, y = pair(size)
    assert loss(x, x).item() == pytest.approx(0, abs=1e-12)
    assert loss(x.float(), x.float()).item() == pytest.approx(0, abs=1e-5)
    assert 0.01 < loss(x, y).item() < loss(x, -x).item()
    opposite = (-x).requires_grad_()
    loss(x, opposite).backward()
    assert torch.isfinite(opposite.grad).all()


@pytest.mark.parametrize(("loss", "size"), [(SSIM(), 16), (MSSSIM(window_size=3), 33), (TotalVariation(), 16)])
def test_precisions_devices_and_compile(loss: nn.Module, size: int) -> None:
    images = pair(size)[: 1 if isinstance(loss, TotalVariation) else 2]
    value = loss(*images)
    assert value.dtype == torch.float64
    single = [image.float() for image in images]
    with torch.autocast("cpu", torch.bfloat16):
        assert loss(*single).item() == pytest.approx(value.item(), rel=1e-4)
    assert loss(*(image.bfloat16() for image in images)).dtype == torch.float32
    assert loss(*(image.to("meta") for image in images)).shape == ()
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    assert compiled(*single).item() == pytest.approx(value.item(), rel=1e-4)
    assert loss.state_dict() == {}


def test_gradients() -> None:
    x, y = (image[:1, :1, :13, :12] for image in pair(12))
    assert torch.autograd.gradcheck(SSIM(), (x.requires_grad_(), y))


def test_total_variation_by_hand() -> None:
    """Down: 0.5, 0, 0.25; across: 0.25, 0, 0, 0.25 of [[0, .25, .25], [.5, .25, 0]], in two images, one flat."""
    image = tensor([[0.0, 0.25, 0.25], [0.5, 0.25, 0.0]], dtype=torch.float64).reshape(1, 1, 2, 3)
    across, down = (0.25 + 0 + 0.25 + 0.25) / 4, (0.5 + 0 + 0.25) / 3
    assert total_variation(image).item() == pytest.approx(across + down)
    both = torch.cat([image, torch.zeros_like(image)])
    assert TotalVariation()(both).item() == pytest.approx((across + down) / 2)


def test_errors() -> None:
    image = torch.zeros(1, 3, 160, 200)
    for loss, x, y, message in [
        (SSIM(), image[..., :10], image[..., :10], "SSIM needs images of at least 11 x 11 pixels; these have 160 x 10"),
        (MSSSIM(), image, image, "MS-SSIM needs images of at least 161 x 161 pixels; these have 160 x 200"),
        (SSIM(), image[0], image[0], r"SSIM compares images \[B, C, H, W\]"),
        (SSIM(), image, image[:, :1], "they must be the same"),
        (SSIM(), image, image + 3, "y has values from 3 to 3"),
    ]:
        with pytest.raises(InputError, match=message):
            loss(x, y)
    with pytest.raises(InputError, match="x has values from 9 to 9"):
        TotalVariation()(image + 9)
    for make in (SSIM, MSSSIM):
        with pytest.raises(InputError, match="window_size=8; it is an odd number of pixels"):
            make(window_size=8)
