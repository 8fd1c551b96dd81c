"""Real-ESRGAN's degradation: blur, resize, noise and JPEG, twice, with sinc filters for ringing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional as F

from advloss.core.errors import InputError
from advloss.core.precision import full_precision
from advloss.data.degradations.base import Degradation, Scale
from advloss.data.degradations.filters import filtered, on_device
from advloss.data.degradations.jpeg import compressed, tables
from advloss.data.degradations.kernels import drawn_side, drawn_sinc
from advloss.data.degradations.noise import with_gaussian, with_poisson
from advloss.data.degradations.resize import to_levels
from advloss.data.degradations.sharpen import unsharp
from advloss.data.degradations.stage import (
    KERNEL_PROB,
    Drawn,
    KernelProb,
    Mode,
    PositiveRange,
    Probability,
    QualityRange,
    Range,
    RangeAroundOne,
    ResizeProb,
    Stage,
    drawn_mode,
)


class SecondOrder(Degradation):
    """Wang et al. 2021, arXiv:2107.10833, section 3 and figure 2, with the names and numbers of its published options.

    Each of two stages: blur, resize, Gaussian or Poisson noise, JPEG. After the noise of the second stage come a resize
    to the wanted size with a last sinc filter, and the JPEG, in either order with probability 1/2. The names of the
    second stage's settings end in 2. A name in `_prob` is a probability.

    sharpen: whether the large picture is sharpened by `unsharp` first.
    kernel_prob: of each of the six kinds of blur kernel (`kernels.shaped`), relative to their sum. sinc_prob: of a sinc
        kernel instead. blur_sigma: of the kernels, in pixels. betag_range, betap_range: exponents of the generalized
        and plateau kernels.
    resize_prob: of enlarging, reducing and keeping, relative to their sum. resize_range: factors of the large picture's
        sides in the first stage, of the wanted sides in the second.
    gaussian_noise_prob: of Gaussian noise, instead of Poisson noise. noise_range: the Gaussian's standard deviation, in
        grey levels. poisson_scale_range: factors of Poisson noise. gray_noise_prob: of the same noise in all three
        colours. jpeg_range: quality, 1 to 100.
    second_blur_prob: of a blur in the second stage. final_sinc_prob: of the last sinc filter.

    Two differences from the published code: it draws the resizes, the kind of noise, the blur of the second stage and
    the order at the end once for a batch, and mixes batches in a queue of 180 pairs; here they are drawn for each
    image. And the JPEG here is that of a file: 8-bit levels before and after, a whole quality (see `jpeg`).
    """

    def __init__(
        self,
        scale: Scale,
        sharpen: bool = True,
        kernel_prob: KernelProb = KERNEL_PROB,
        sinc_prob: Probability = 0.1,
        blur_sigma: PositiveRange = (0.2, 3.0),
        betag_range: RangeAroundOne = (0.5, 4.0),
        betap_range: RangeAroundOne = (1.0, 2.0),
        resize_prob: ResizeProb = (0.2, 0.7, 0.1),
        resize_range: RangeAroundOne = (0.15, 1.5),
        gaussian_noise_prob: Probability = 0.5,
        noise_range: Range = (1.0, 30.0),
        poisson_scale_range: Range = (0.05, 3.0),
        gray_noise_prob: Probability = 0.4,
        jpeg_range: QualityRange = (30, 95),
        second_blur_prob: Probability = 0.8,
        kernel_prob2: KernelProb = KERNEL_PROB,
        sinc_prob2: Probability = 0.1,
        blur_sigma2: PositiveRange = (0.2, 1.5),
        betag_range2: RangeAroundOne = (0.5, 4.0),
        betap_range2: RangeAroundOne = (1.0, 2.0),
        resize_prob2: ResizeProb = (0.3, 0.4, 0.3),
        resize_range2: RangeAroundOne = (0.3, 1.2),
        gaussian_noise_prob2: Probability = 0.5,
        noise_range2: Range = (1.0, 25.0),
        poisson_scale_range2: Range = (0.05, 2.5),
        gray_noise_prob2: Probability = 0.4,
        jpeg_range2: QualityRange = (30, 95),
        final_sinc_prob: Probability = 0.8,
    ) -> None:
        super().__init__(scale)
        settings = locals()
        self.first = _stage(settings, "", blur_prob=1.0)
        self.second = _stage(settings, "2", blur_prob=second_blur_prob)
        if not 0 <= final_sinc_prob <= 1:
            raise InputError(f"second_order: final_sinc_prob={final_sinc_prob}; it is a probability")
        self.sharpen, self.final_sinc_prob = sharpen, final_sinc_prob

    @torch.no_grad()
    def __call__(self, large: Tensor, rngs: Sequence[np.random.Generator]) -> Tensor:
        self.check(large, rngs)
        if not len(rngs):
            return large[:, :, :: self.scale, :: self.scale].float()
        with full_precision(large):
            return torch.cat([self._one(image[None].float(), rng) for image, rng in zip(large, rngs, strict=True)])

    def _one(self, large: Tensor, rng: np.random.Generator) -> Tensor:
        """[1, 3, H, W] -> [1, 3, H / scale, W / scale]. All decisions are drawn on the host, before the first is
        carried out; the noise on the image's device, from a generator of its own."""
        rows, columns = large.shape[2:]
        height, width = rows // self.scale, columns // self.scale
        first, second = self.first.draw(rng), self.second.draw(rng)
        last_sinc = drawn_sinc(rng, drawn_side(rng), math.pi / 3) if rng.random() < self.final_sinc_prob else None
        last_mode, jpeg_last = drawn_mode(rng), rng.random() < 0.5
        generator = torch.Generator(large.device).manual_seed(int(rng.integers(2**63)))

        x = ((unsharp(large) if self.sharpen else large) + 1) / 2  # in [0, 1]
        x = _resized(_blurred(x, first.kernel), rows * first.factor, columns * first.factor, first.mode)
        x = _jpeg(_noisy(x, first, generator), first.quality)
        x = _resized(_blurred(x, second.kernel), height * second.factor, width * second.factor, second.mode)
        x = _noisy(x, second, generator)
        if not jpeg_last:
            x = _jpeg(x, second.quality)
        x = _blurred(_resized(x, height, width, last_mode), last_sinc)
        if jpeg_last:
            x = _jpeg(x, second.quality)
        return to_levels(2 * x - 1)


def _stage(settings: Mapping[str, Any], ending: str, blur_prob: float) -> Stage:
    """The stage whose settings have names with this ending, such as `noise_range2` for its `noise_range`."""
    own = {field.name: settings[field.name + ending] for field in fields(Stage) if field.name != "blur_prob"}
    try:
        return Stage(blur_prob=blur_prob, **own)
    except ValidationError as error:
        wrong = error.errors()[0]
        name, *inside = (str(part) for part in wrong["loc"])
        name = "second_blur_prob" if name == "blur_prob" else name + ending
        why = wrong["msg"].removeprefix("Value error, ")
        raise InputError(f"second_order: {'.'.join([name, *inside])}: {why} (got {wrong['input']})") from None


def _blurred(x: Tensor, kernel: np.ndarray | None) -> Tensor:
    return x if kernel is None else filtered(x, on_device(kernel, x.device))


def _resized(x: Tensor, height: float, width: float, mode: Mode) -> Tensor:
    """Resizes to that size, rounded down, at least one pixel; without antialias, as in the published code."""
    size = (max(1, int(height)), max(1, int(width)))
    return x if size == x.shape[2:] else F.interpolate(x, size, mode=mode)


def _noisy(x: Tensor, drawn: Drawn, generator: torch.Generator) -> Tensor:
    add = with_gaussian if drawn.gaussian else with_poisson
    return add(x, drawn.strength, drawn.grey, generator)


def _jpeg(x: Tensor, quality: int) -> Tensor:
    return compressed(x, on_device(tables(quality), x.device))
