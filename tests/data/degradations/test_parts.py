"""The parts of the second-order degradation: sharpening, kernels, noise, JPEG, each against an independent one."""

import io
import math

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from advloss.data.degradations.filters import filtered
from advloss.data.degradations.jpeg import compressed, tables
from advloss.data.degradations.kernels import KINDS, drawn_beta, shaped, sinc
from advloss.data.degradations.noise import with_gaussian, with_poisson
from advloss.data.degradations.sharpen import SIGMA, unsharp

from ...conftest import shared


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.mark.parametrize("size", [(60, 83), (9, 30)])  # the second is mirrored more than once
def test_unsharp_is_opencvs(size: tuple[int, int]) -> None:
    assert math.isclose(SIGMA, 8)
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.random((*size, 3), dtype=np.float32), (0, 0), 2)
    picture = ((picture - picture.min()) / np.ptp(picture)).astype(np.float32)
    blur = _opencv_blur(picture)
    residual = picture - blur
    mask = _opencv_blur((np.abs(residual) * 255 > 10).astype(np.float32))
    expected = mask * np.clip(picture + 0.5 * residual, 0, 1) + (1 - mask) * picture
    done = unsharp(torch.from_numpy(picture).permute(2, 0, 1)[None] * 2 - 1)[0].permute(1, 2, 0)
    np.testing.assert_allclose((done.numpy() + 1) / 2, expected, rtol=0, atol=2e-5)
    assert np.abs(expected - picture).max() > 0.05


def test_unsharp_keeps_its_precision() -> None:
    x = torch.rand(1, 3, 30, 40, generator=generator()) * 2 - 1
    with torch.autocast("cpu", torch.bfloat16):
        within = unsharp(x)
    assert torch.equal(within, unsharp(x)) and within.dtype == torch.float32
    assert unsharp(x.bfloat16()).dtype == torch.float32
    torch.testing.assert_close(unsharp(x.double()).float(), within)
    assert unsharp(torch.empty(2, 3, 16, 16, device="meta")).shape == (2, 3, 16, 16)


def _opencv_blur(picture: np.ndarray) -> np.ndarray:
    padded = np.pad(picture, ((25, 25), (25, 25), (0, 0)), mode="reflect")
    return cv2.GaussianBlur(padded, (51, 51), 0)[25:-25, 25:-25]


def test_filtering_correlates() -> None:
    image = torch.zeros(1, 1, 5, 5)
    image[0, 0, 2, 2] = 1
    kernel = torch.zeros(3, 3)
    kernel[0, 1] = 1  # each pixel becomes the one above it
    assert filtered(image, kernel)[0, 0, 3, 2] == 1
    assert filtered(torch.ones(1, 3, 1, 1), torch.full((21, 21), 1 / 441)).shape == (1, 3, 1, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_kernels(kind: str) -> None:
    sigmas, angle, beta = (2.5, 1.1), 0.6, 1.4
    kernel = shaped(kind, 13, sigmas, angle, beta)  # type: ignore[arg-type]
    assert kernel.shape == (21, 21) and math.isclose(kernel.sum(), 1)
    assert (kernel[:4] == 0).all() and (kernel[:, -4:] == 0).all() and kernel[10, 4] > 0
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    squares = np.diag([2.5**2, 2.5**2 if kind == "iso" or "_iso" in kind else 1.1**2])
    x = np.array([1.0, 2.0])  # to the right, and down
    q = x @ np.linalg.inv(rotation @ squares @ rotation.T) @ x
    power = q if kind in ("iso", "aniso") else q**beta
    expected = 1 / (1 + power) if kind.startswith("plateau") else math.exp(-power / 2)
    assert math.isclose(kernel[12, 11] / kernel[10, 10], expected)


def test_sinc() -> None:
    kernel = sinc(21, math.pi)
    bessel = 0.2846153431797528  # J1(pi)
    assert math.isclose(kernel.sum(), 1)
    assert math.isclose(kernel[10, 11] / kernel[10, 10], 2 * bessel / math.pi, rel_tol=1e-9)
    response = np.abs(np.fft.fft2(sinc(21, math.pi / 3), (60, 60)))
    assert abs(response[0, 3] - 1) < 0.1 and response[0, 25] < 0.05  # pi / 10 passes, 5 pi / 6 doesn't
    assert np.count_nonzero(sinc(7, 2.0)) == 49


def test_exponents_are_below_one_every_other_time() -> None:
    rng = np.random.default_rng(0)
    betas = np.array([drawn_beta(rng, (0.5, 4.0)) for _ in range(2000)])
    assert abs((betas < 1).mean() - 0.5) < 0.04
    assert betas.min() >= 0.5 and 3.9 < betas.max() <= 4


def test_gaussian_noise() -> None:
    grey = torch.full((1, 3, 100, 100), 0.5)
    noise = (with_gaussian(grey, 20, False, generator()) - grey) * 255
    assert abs(noise.std() - 20) < 0.3 and abs(noise.mean()) < 0.3
    assert not torch.equal(noise[:, 0], noise[:, 1])
    noise = with_gaussian(grey, 20, True, generator()) - grey
    assert torch.equal(noise[:, 0], noise[:, 1]) and torch.equal(noise[:, 0], noise[:, 2])
    assert with_gaussian(torch.ones(1, 3, 8, 8), 50, False, generator()).max() == 1


def test_poisson_noise_counts_the_levels() -> None:
    image = torch.full((1, 3, 100, 100), 0.2)
    image[:, :, :50] = 0.4
    image[:, :, :10] = 0.6  # three levels: four photons
    noisy = with_poisson(image, 1, False, generator())
    torch.testing.assert_close(noisy * 4, (noisy * 4).round(), rtol=0, atol=1e-5)  # photons / 4
    assert abs(noisy[:, :, 50:].mean() - 0.2) < 0.01
    photons = with_poisson(image, 1, True, generator()) - image
    torch.testing.assert_close(photons[:, 0], photons[:, 2])
    torch.testing.assert_close(with_poisson(image, 0, False, generator()), image)
    variance = ((with_poisson(image, 0.5, False, generator()) - image)[:, :, 50:] * 2).var()
    assert abs(variance - 0.2 / 4) < 0.01  # that of a Poisson number of mean v y, over v^2
    assert with_poisson(torch.zeros(1, 3, 4, 4), 3, False, generator()).count_nonzero() == 0


def test_jpeg_tables_are_pillows() -> None:
    for quality in range(1, 101):
        read = _saved(Image.new("RGB", (8, 8)), quality).quantization  # type: ignore[attr-defined]
        assert tables(quality).reshape(2, 64).tolist() == [list(map(float, read[0])), list(map(float, read[1]))]


@pytest.mark.parametrize("size", [(320, 320), (245, 233), (7, 3)])
def test_jpeg_is_a_files(size: tuple[int, int]) -> None:
    file = shared("data/sr/Set14") / "HR/img_002.png"
    picture = Image.open(file).convert("RGB").crop((120, 60, 120 + size[0], 60 + size[1]))
    for quality in (30, 50, 75, 95):
        done = compressed(_tensor(picture), torch.from_numpy(tables(quality)).float())
        error = (done - _tensor(_saved(picture, quality))).abs() * 255
        assert error.mean() < 0.7  # kornia's: 1.1 to 1.8
        assert (error <= 2).float().mean() > 0.95


def test_jpeg_keeps_a_plain_picture() -> None:
    for colour in ((128, 128, 128), (255, 255, 255), (0, 0, 0), (200, 30, 60)):
        plain = Image.new("RGB", (24, 40), colour)
        for quality in (30, 95):
            done = compressed(_tensor(plain), torch.from_numpy(tables(quality)).float())
            torch.testing.assert_close(done, _tensor(_saved(plain, quality)), rtol=0, atol=1.01 / 255)


def _saved(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return Image.open(file)


def _tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
