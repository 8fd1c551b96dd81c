"""Results against truths, picture by picture: the measures of the literature, and all that they depend on."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from advloss.evaluation.inception import FID
from advloss.losses.metrics import luma, psnr, ssim, to_8_bit
from advloss.losses.perceptual import LPIPS

PROTOCOL = {
    "pictures": "8-bit RGB: grey repeated, alpha laid over white, 16 bits scaled to 8",
    "y": "ITU-R BT.601 in studio range, 16 + (65.481 R + 128.553 G + 24.966 B) / 255, rounded to 8 bits",
    "psnr": "10 log10(255^2 / mean squared error) of the 8-bit levels",
    "ssim": "Wang et al. 2004: Gaussian window 11x11 of sigma 1.5, whole windows only, K1 0.01, K2 0.03, peak 255",
    "sharpness": "total variation of the result's Y over that of the truth's: 1 is as sharp, noise counts as sharp",
    "mean": "over the pictures, of each picture's value",
}
"""What the figures mean, for whoever compares them with others."""


@dataclass(frozen=True)
class Pair:
    """A result and its truth, float [1, 3, H, W] in [-1, 1] of one size."""

    name: str
    result: Tensor
    truth: Tensor


@dataclass
class Comparison:
    """Every measure of every pair, and those of all pairs together."""

    protocol: dict[str, Any]
    rows: dict[str, dict[str, float]] = field(default_factory=dict)
    """A pair's name, and its measures."""
    together: dict[str, float] = field(default_factory=dict)
    """Measures that only a set of pictures has: FID, a codebook's usage."""

    @property
    def means(self) -> dict[str, float]:
        """Each measure's mean over the pairs."""
        names = next(iter(self.rows.values()), {})
        return {name: statistics.fmean(row[name] for row in self.rows.values()) for name in names}

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        content = {"protocol": self.protocol, "count": len(self.rows), "mean": self.means}
        return {**content, "together": self.together, "pictures": self.rows}


def compare(
    pairs: Iterable[Pair], border: int, lpips: LPIPS | None, protocol: dict[str, Any], fid: FID | None = None
) -> Comparison:
    """Measures each pair.

    border: pixels that are cut off each side first; protocol: where the results come from; fid: is given each pair.
    """
    comparison = Comparison({**protocol, **PROTOCOL, "border": border, "lpips": _lpips_words(lpips)})
    measures = measures_of(border, lpips)
    for pair in pairs:
        with torch.no_grad():
            row = {name: float(measure(pair.result, pair.truth)) for name, measure in measures.items()}
        if fid is not None:
            fid.add(cut(pair.result, border), cut(pair.truth, border))
        comparison.rows[pair.name] = row
    return comparison


def measures_of(border: int, lpips: LPIPS | None) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """The measures by name, each of (result, truth)."""
    found: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "psnr_y": lambda x, y: psnr(x, y, "y", border),
        "ssim_y": lambda x, y: ssim(x, y, "y", border),
        "psnr_rgb": lambda x, y: psnr(x, y, "rgb", border),
        "ssim_rgb": lambda x, y: ssim(x, y, "rgb", border),
        "sharpness": lambda x, y: variation(cut(x, border)) / variation(cut(y, border)),
    }
    if lpips is not None:
        found["lpips"] = lambda x, y: lpips.distances(cut(x, border), cut(y, border))
    return found


def variation(x: Tensor) -> Tensor:
    """The mean difference of neighbouring pixels' Y, along both axes: [1, 3, H, W] -> scalar, in 8-bit levels."""
    y = luma(to_8_bit(x))  # [1, 1, H, W]
    return y.diff(dim=-1).abs().mean() + y.diff(dim=-2).abs().mean()


def cut(x: Tensor, border: int) -> Tensor:
    """[..., H, W] without `border` pixels at each side."""
    return x[..., border : x.shape[-2] - border, border : x.shape[-1] - border]


def _lpips_words(lpips: LPIPS | None) -> str:
    if lpips is None:
        return "not measured: its backbone's weights are not at hand"
    return f"version 0.1, {lpips.net}, of the pictures without their border"
