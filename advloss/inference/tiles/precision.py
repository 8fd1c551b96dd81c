"""The floating-point type in which a network runs.

16-bit types are used through autocast; the network is not converted. So tensors that don't come from a convolution stay
float32, such as an enlarged input that the network adds. That costs no time, and the error is 10 to 15 dB smaller.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.devices import native_bf16
from advloss.inference.tiles.options import Precision
from advloss.inference.tiles.receptive_field import device_of, norm_calls, without_a_trace
from advloss.networks.layers.padding import apply_padded

LEAST = 50.0
"""PSNR in dB against float32, of images in [-1, 1], below which `auto` computes in float32."""
SHARE, GREY_LEVEL = 0.01, 1 / 127.5
"""If more than this share of the values differ from float32's by more than one of 256 levels, `auto` computes in
float32."""
CELL, CELLS = 32, 2
"""`auto` is decided on so many squares of the image, in which there is most detail; their side in pixels."""
WORTH = 4
"""An image is computed in float32 if it is not so many times as large as what it would be judged by."""
CERTAIN = 66.0
"""PSNR in dB on each of the `textures` from which on all images are computed in 16 bits, without a look at each.

Photographs may lie some dB below the textures. Measured on a CPU with bf16, the smallest PSNR of 26 photographs' most
detailed squares, and that of the textures: Real-ESRGAN x4plus 39.7 and 40.8, x4plus_anime_6B 39.3 and 36.9,
animevideov3 53.5 and 44.7, SRResNet and MSRResNet with their initial weights 76.6 and 78.5, 140.1 and 141.4."""
TEXTURE = 16
"""The side of a texture in pixels."""
HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def half_type(precision: Precision, device: torch.device) -> torch.dtype | None:
    """The 16-bit type to run pictures of 8 bits a channel in; None: float32.

    auto: the type that is fast, if it proves `accurate`: fp16 on a GPU, bf16 on a CPU that computes it natively.
    """
    if precision != "auto":
        return HALVES.get(precision)
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if device.type == "cpu" and native_bf16() else None


def half_for(
    precision: Precision, network: nn.Module, image: Tensor, certain: Callable[[torch.dtype], bool] | None = None
) -> torch.dtype | None:
    """The 16-bit type to run an image [1, C, H, W] of 8 bits a channel in; None: float32.

    auto: where the network is not `certain`, decided for each image by itself, where it has most detail, since 16 bits
    are most wrong there. So a result does not depend on the images before it. Trained networks differ: on photographs,
    Real-ESRGAN animevideov3 keeps 53 dB and more with bf16, x4plus less than 50 dB.
    """
    half = half_type(precision, device_of(network))
    if precision != "auto" or half is None or (certain is not None and certain(half)):
        return half
    squares = most_detailed(image)
    if image.shape[-2] * image.shape[-1] < WORTH * sum(square.shape[-2] * square.shape[-1] for square in squares):
        return None
    return half if accurate(network, half, squares) else None


def certainly_accurate(network: nn.Module, dtype: torch.dtype, channels: int) -> bool:
    """Whether autocast to `dtype` keeps CERTAIN dB on each of the `textures`, which are harder than photographs.

    Never for a network whose norms take statistics of the image: a flat image makes them enlarge small errors.
    """
    most = 4 * 10 ** (-CERTAIN / 10)
    for texture in textures(channels):
        if not _differences(network, dtype, texture).square().mean() <= most:  # NaN is not
            return False
    return norm_calls(network, channels) == 0


def textures(channels: int) -> Iterator[Tensor]:
    """Images [1, channels, TEXTURE, TEXTURE] with all contrast in [-1, 1]: a chequer, random squares, and noise of four
    grains. The chequer is the first, since most networks that are not accurate fail on it."""
    place = torch.arange(TEXTURE)
    yield ((place[:, None] + place) % 2 * 2.0 - 1).expand(1, channels, -1, -1)
    generator = torch.Generator().manual_seed(0)
    for grain, mode in ((4, "nearest"), (1, "nearest"), (2, "bicubic"), (4, "bicubic"), (8, "bicubic")):
        side = TEXTURE // grain
        small = torch.rand(1, channels, side, side, generator=generator) * 2 - 1
        yield F.interpolate(small, (TEXTURE, TEXTURE), mode=mode).clamp(-1, 1)


def accurate(network: nn.Module, dtype: torch.dtype, images: list[Tensor]) -> bool:
    """Whether autocast to `dtype` keeps at least LEAST dB against float32, and all values but SHARE within a grey
    level, on images [1, C, H, W] in [-1, 1]."""
    difference = torch.cat([_differences(network, dtype, image).flatten() for image in images])
    near = (difference <= GREY_LEVEL).float().mean() >= 1 - SHARE  # NaN is not near
    return bool(near & (difference.square().mean() <= 4 * 10 ** (-LEAST / 10)))


@torch.inference_mode()
def _differences(network: nn.Module, dtype: torch.dtype, image: Tensor) -> Tensor:
    """How far autocast moves each value of the network's output from float32's."""
    device = device_of(network)
    with without_a_trace(device):  # noise at inference is the same in both passes
        torch.manual_seed(0)
        exact = apply_padded(network, image.to(device, torch.float32))
        torch.manual_seed(0)
        with torch.autocast(device.type, dtype):
            rounded = apply_padded(network, image.to(device, torch.float32)).float()
    return (rounded.clamp(-1, 1) - exact.clamp(-1, 1)).abs()


def most_detailed(image: Tensor) -> list[Tensor]:
    """The CELLS squares [1, C, CELL, CELL] of an image's grid with the largest mean difference of neighbouring pixels;
    the whole image if it has no more."""
    height, width = image.shape[-2:]
    rows, columns = height // CELL, width // CELL
    if rows * columns <= CELLS:
        return [image]
    detail = torch.stack([_detail(image[..., y * CELL : (y + 1) * CELL, : columns * CELL]) for y in range(rows)])
    best = detail.flatten().topk(CELLS).indices.tolist()
    corners = [(place // columns * CELL, place % columns * CELL) for place in best]
    return [image[..., y : y + CELL, x : x + CELL] for y, x in corners]


def _detail(strip: Tensor) -> Tensor:
    """The mean difference of neighbouring pixels in each square of a strip [1, C, CELL, n CELL]: [n]."""
    squares = strip[0].unflatten(-1, (-1, CELL)).movedim(-2, 0)  # [n, C, CELL, CELL]
    return squares.diff(dim=-1).abs().mean((1, 2, 3)) + squares.diff(dim=-2).abs().mean((1, 2, 3))
