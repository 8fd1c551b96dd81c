"""One of the two stages of Real-ESRGAN's degradation: its settings, and what is drawn from them for an image."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass

from advloss.data.degradations.kernels import KINDS, Kind, drawn_beta, drawn_side, drawn_sinc, shaped

Mode = Literal["area", "bilinear", "bicubic"]


def _ordered(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError(f"{list(ends)} is no range: its first number is above its second")
    return ends


def _around_one(ends: tuple[float, float]) -> tuple[float, float]:
    if not ends[0] <= 1 <= ends[1]:
        raise ValueError(f"{list(ends)} must go from 1 or less to 1 or more")
    return ends


def _some(probabilities: "KernelProbabilities | ResizeProbabilities") -> "KernelProbabilities | ResizeProbabilities":
    if not sum(probabilities.values() if isinstance(probabilities, dict) else probabilities) > 0:
        raise ValueError("at least one must be above 0")
    return probabilities


Probability = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Quality = Annotated[int, Field(ge=1, le=100)]

KernelProbabilities = dict[Kind, NonNegative]
ResizeProbabilities = tuple[NonNegative, NonNegative, NonNegative]

KernelProb = Annotated[KernelProbabilities, AfterValidator(_some)]
ResizeProb = Annotated[ResizeProbabilities, AfterValidator(_some)]
Range = Annotated[tuple[NonNegative, NonNegative], AfterValidator(_ordered)]
PositiveRange = Annotated[tuple[Positive, Positive], AfterValidator(_ordered)]
RangeAroundOne = Annotated[tuple[Positive, Positive], AfterValidator(_around_one)]
QualityRange = Annotated[tuple[Quality, Quality], AfterValidator(_ordered)]

KERNEL_PROB: KernelProbabilities = dict(zip(KINDS, (0.45, 0.25, 0.12, 0.03, 0.12, 0.03), strict=True))


@dataclass(frozen=True)
class Drawn:
    """What was drawn for one image in one stage. kernel: [21, 21], or None for no blur; factor: of the resize;
    strength: of the noise, in grey levels if it is Gaussian; quality: of the JPEG."""

    kernel: np.ndarray | None
    factor: float
    mode: Mode
    gaussian: bool
    strength: float
    grey: bool
    quality: int


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Stage:
    """The settings of one stage, see `SecondOrder`. blur_prob: the probability of a blur."""

    blur_prob: Probability
    kernel_prob: KernelProb
    sinc_prob: Probability
    blur_sigma: PositiveRange
    betag_range: RangeAroundOne
    betap_range: RangeAroundOne
    resize_prob: ResizeProb
    resize_range: RangeAroundOne
    gaussian_noise_prob: Probability
    noise_range: Range
    poisson_scale_range: Range
    gray_noise_prob: Probability
    jpeg_range: QualityRange

    def draw(self, rng: np.random.Generator) -> Drawn:
        """What happens to one image. Draws the same numbers whether or not the image is blurred."""
        kernel = self._kernel(rng)
        blurs = rng.random() < self.blur_prob
        gaussian = rng.random() < self.gaussian_noise_prob
        return Drawn(
            kernel=kernel if blurs else None,
            factor=self._factor(rng),
            mode=drawn_mode(rng),
            gaussian=gaussian,
            strength=rng.uniform(*(self.noise_range if gaussian else self.poisson_scale_range)),
            grey=rng.random() < self.gray_noise_prob,
            quality=int(rng.integers(self.jpeg_range[0], self.jpeg_range[1], endpoint=True)),
        )

    def _kernel(self, rng: np.random.Generator) -> np.ndarray:
        side = drawn_side(rng)
        if rng.random() < self.sinc_prob:
            return drawn_sinc(rng, side, math.pi / 3 if side < 13 else math.pi / 5)
        kind = KINDS[_choice(rng, [self.kernel_prob.get(kind, 0.0) for kind in KINDS])]
        sigmas = rng.uniform(*self.blur_sigma), rng.uniform(*self.blur_sigma)
        angle = rng.uniform(-math.pi, math.pi)
        beta = drawn_beta(rng, self.betap_range if kind.startswith("plateau") else self.betag_range)
        return shaped(kind, side, sigmas, angle, beta)

    def _factor(self, rng: np.random.Generator) -> float:
        low, high = self.resize_range
        return (rng.uniform(1, high), rng.uniform(low, 1), 1.0)[_choice(rng, self.resize_prob)]


def drawn_mode(rng: np.random.Generator) -> Mode:
    """How a resize interpolates; each of the three ways is equally likely."""
    modes: tuple[Mode, ...] = get_args(Mode)
    return modes[int(rng.integers(len(modes)))]


def _choice(rng: np.random.Generator, probabilities: "list[float] | tuple[float, ...]") -> int:
    return int(rng.choice(len(probabilities), p=np.array(probabilities) / sum(probabilities)))
