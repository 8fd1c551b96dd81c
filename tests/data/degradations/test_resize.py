"""imresize against values worked out by hand, and against what MATLAB made of the literature's pictures."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from advloss.core.errors import InputError
from advloss.data.degradations import Bicubic
from advloss.data.degradations.resize import imresize, imresize_levels, to_levels

from ...conftest import shared

# Keys' kernel, a = -0.5, at the distances that occur when a scale is 2 or 1/2
K = {0.25: 0.8671875, 0.75: 0.2265625, 1.25: -0.0703125, 1.75: -0.0234375}


def row(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[None, None, None]


def columns(image: Tensor) -> Tensor:
    return image.transpose(2, 3)


def test_enlarging_by_two() -> None:
    # output i has its middle at (i + 0.5) / 2 - 0.5; pixel 1 is also pixel -2, behind the mirror at the left edge
    expected = [K[1.25] + K[1.75], K[0.75], K[0.25], K[0.25], K[0.75], K[1.25], K[1.75], 0]
    one = row(0, 1, 0, 0)
    torch.testing.assert_close(imresize(one, (1, 8)), row(*expected), rtol=0, atol=1e-15)
    torch.testing.assert_close(imresize(columns(one), (8, 1)), columns(row(*expected)), rtol=0, atol=1e-15)
    torch.testing.assert_close(imresize(one, scale=2)[:, :, :1], row(*expected), rtol=0, atol=1e-15)


def test_halving_is_antialiased() -> None:
    # output i has its middle at 2 i + 0.5, the kernel is twice as wide and half as high
    expected = [K[1.25] / 2, K[0.25] / 2, K[0.75] / 2, K[1.75] / 2]
    torch.testing.assert_close(imresize(row(0, 0, 0, 1, 0, 0, 0, 0), (1, 4)), row(*expected), rtol=0, atol=1e-15)


def test_sides_are_rounded_up_and_the_scale_is_kept() -> None:
    image = torch.rand(1, 2, 10, 9, dtype=torch.float64)
    assert imresize(image, scale=0.25).shape == (1, 2, 3, 3)
    assert imresize(image, scale=Fraction(1, 3)).shape == imresize(image, scale=1 / 3).shape == (1, 2, 4, 3)
    ramp = row(*range(41))
    middles = row(*[(i + 0.5) / 0.3 - 0.5 for i in range(13)])  # what the ramp is there, but for edges and rounding
    assert (imresize(ramp, scale=0.3)[:, :, :1] - middles)[..., 2:-2].abs().max() < 0.01
    assert (imresize(ramp, (1, 13)) - middles)[..., 2:-2].abs().max() > 1  # at 13 / 41


def test_a_plain_picture_stays_and_the_same_size_is_the_same_picture() -> None:
    plain = torch.full((1, 1, 7, 5), 0.3, dtype=torch.float64)
    torch.testing.assert_close(imresize(plain, (3, 17)), torch.full((1, 1, 3, 17), 0.3, dtype=torch.float64))
    image = torch.rand(2, 3, 6, 5)
    assert torch.equal(imresize(image, (6, 5)), image)
    assert imresize(torch.rand(1, 1, 1, 1), scale=4).shape == (1, 1, 4, 4)


def test_it_is_differentiable_and_keeps_float64() -> None:
    with torch.inference_mode():
        imresize(torch.rand(1, 2, 5, 6, dtype=torch.float64), (3, 9))  # whose kept weights must serve the next
    image = torch.rand(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: imresize(x, (3, 9)), image)
    half = imresize(image.detach().half(), (3, 9))
    assert half.dtype == torch.float32
    assert imresize(torch.empty(1, 3, 8, 8, device="meta"), scale=4).shape == (1, 3, 32, 32)


def test_8_bit_between_the_axes() -> None:
    """An edge's overshoot of the rows is cut off before the columns see it."""
    image = -torch.ones(1, 1, 16, 16)
    image[:, :, 8:, 8:] = 1
    rows = to_levels(imresize(image, (4, 16)))
    torch.testing.assert_close(imresize_levels(image, (4, 4)), to_levels(imresize(rows, (4, 4))))
    assert not torch.equal(imresize_levels(image, (4, 4)), to_levels(imresize(image, (4, 4))))
    levels = (imresize_levels(image, (4, 4)) + 1) * 127.5
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)


def test_levels_round_halves_up_and_cut() -> None:
    levels = torch.tensor([-3.0, 0.4, 0.5, 1.5, 254.5, 300.0], dtype=torch.float64)
    assert ((to_levels(levels / 127.5 - 1) + 1) * 127.5).round().tolist() == [0, 0, 1, 2, 255, 255]


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (torch.rand(3, 4, 4), {"scale": 2}, r"float images \[B, C, H, W\]"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), {"scale": 2}, "uint8"),
        (torch.rand(1, 3, 4, 4), {}, "either a size or a scale"),
        (torch.rand(1, 3, 4, 4), {"scale": 2, "size": (8, 8)}, "either a size or a scale"),
        (torch.rand(1, 3, 4, 4), {"size": (0, 8)}, "can't make 0 pixels of 4"),
        (torch.rand(1, 3, 0, 4), {"scale": 2}, "can't make 0 pixels of 0"),
    ],
)
def test_what_it_cannot_resize(image: Tensor, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        imresize(image, **options)


def read(file: Path) -> Tensor:
    return torch.from_numpy(np.array(Image.open(file).convert("RGB"))).permute(2, 0, 1)[None].float() / 127.5 - 1


@pytest.mark.parametrize("name", ["Set5", "Set14"])
def test_the_published_small_pictures(name: str) -> None:
    """MATLAB's imresize made them; near the border they came from larger pictures than ours."""
    folder = shared(f"data/sr/{name}")
    errors = []
    for file in sorted((folder / "LR_x4").glob("*.png")):
        small = Bicubic(4)(read(folder / "HR" / file.name), [np.random.default_rng(0)])
        errors.append(((small - read(file)) * 127.5).abs().round()[:, :, 2:-2, 2:-2].flatten())
    error = torch.cat(errors)
    assert (error <= 1).all()
    assert (error == 0).double().mean() > 0.999
