"""Compares results with their truths, picture by picture, by the measures of the literature."""

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.evaluation.sets import Sets
from advloss.evaluation.skipped import FAILURES, Skipped
from advloss.losses.metrics import luma, psnr, ssim, to_8_bit
from advloss.losses.perceptual.lpips import LPIPS

PROTOCOL = {
    "pictures": "8-bit RGB: grey repeated, alpha laid over white, 16 bits scaled to 8",
    "y": "ITU-R BT.601 in studio range, 16 + (65.481 R + 128.553 G + 24.966 B) / 255, rounded to 8 bits",
    "psnr": "10 log10(255^2 / mean squared error) of the 8-bit levels",
    "ssim": "Wang et al. 2004: Gaussian window 11x11 of sigma 1.5, whole windows only, K1 0.01, K2 0.03, peak 255",
    "sharpness": "total variation of the result's Y over that of the truth's: 1 is as sharp, noise counts as sharp; "
    "1 where both are flat",
    "mean": "over the pictures, of each picture's value; over an infinite one it is infinite",
    "null": "not finite: the PSNR of equal pictures, the sharpness compared with a flat truth, means over these",
    "cut": "[rows, columns] that a truth lost at its bottom and right to fit its result, for each that lost some: a "
    "result that was cut elsewhere is measured out of place",
}
"""The definitions of the figures. The report contains them, so that figures can be compared with those of others."""


@dataclass(frozen=True)
class Pair:
    """A result and its truth, float [1, 3, H, W] in [-1, 1] of one size.

    cut: rows and columns that the truth lost at its bottom and right to fit the result.
    """

    name: str
    result: Tensor
    truth: Tensor
    cut: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Candidate:
    """A pair that is not made yet. truth: its file. make: makes the pair, or raises one of FAILURES."""

    truth: Path
    make: Callable[[], Pair]


@dataclass
class Comparison:
    """The measures of each pair, and those of all pairs together."""

    protocol: dict[str, Any]
    rows: dict[str, dict[str, float]] = field(default_factory=dict)
    """The measures of each pair, by its name."""
    together: dict[str, float] = field(default_factory=dict)
    """Measures that only a set of pictures has: FID, a codebook's usage."""
    intervals: dict[str, dict[str, float]] = field(default_factory=dict)
    """Of these measures: the standard error, and the ends of an interval (`low`, `high`)."""
    cut: dict[str, tuple[int, int]] = field(default_factory=dict)
    """`Pair.cut` of the pairs whose truth was cut."""

    @property
    def means(self) -> dict[str, float]:
        """Each measure's mean over the pairs; infinite if one value is."""
        names = next(iter(self.rows.values()), {})
        return {name: statistics.fmean(row[name] for row in self.rows.values()) for name in names}

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        content = {"protocol": self.protocol, "count": len(self.rows), "mean": self.means}
        sets = {"together": self.together, "intervals": self.intervals}
        return {**content, **sets, "pictures": self.rows, "cut": self.cut}


def compare(
    candidates: Iterable[Candidate],
    border: int,
    lpips: LPIPS | None,
    protocol: dict[str, Any],
    skipped: Skipped,
    *,
    sets: Sets | None = None,
    counted: Callable[[], None] = lambda: None,
) -> Comparison:
    """Makes and measures each pair. A pair for which that fails is reported to `skipped`.

    border: pixels that are cut off each side first; protocol: where the results come from; sets: gets each pair;
    counted: called after each pair that is measured.
    """
    comparison = Comparison({**protocol, **PROTOCOL, "border": border})
    measures = measures_of(border, lpips)
    for candidate in candidates:
        try:
            pair = candidate.make()
            row = _measured(pair, measures)
            if sets is not None:
                sets.add(cut(pair.result, border), cut(pair.truth, border))
        except FAILURES as error:
            skipped.failed(candidate.truth, error)
            continue
        skipped.one_measured()
        counted()
        comparison.rows[pair.name] = row
        if any(pair.cut):
            comparison.cut[pair.name] = pair.cut
    return comparison


@torch.no_grad()
def _measured(pair: Pair, measures: dict[str, Callable[[Tensor, Tensor], Tensor]]) -> dict[str, float]:
    row = {name: float(measure(pair.result, pair.truth)) for name, measure in measures.items()}
    for name, value in row.items():
        if math.isnan(value):
            raise InputError(f"its {name} is not a number")
    return row


def measures_of(border: int, lpips: LPIPS | None) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """The measures by name, each of (result, truth)."""
    found: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "psnr_y": lambda x, y: psnr(x, y, "y", border),
        "ssim_y": lambda x, y: ssim(x, y, "y", border),
        "psnr_rgb": lambda x, y: psnr(x, y, "rgb", border),
        "ssim_rgb": lambda x, y: ssim(x, y, "rgb", border),
        "sharpness": lambda x, y: _ratio(variation(cut(x, border)), variation(cut(y, border))),
    }
    if lpips is not None:
        found["lpips"] = lambda x, y: lpips.distances(cut(x, border), cut(y, border))
    return found


def variation(x: Tensor) -> Tensor:
    """The mean difference of neighbouring pixels' Y, along both axes: [1, 3, H, W] -> scalar, in 8-bit levels."""
    y = luma(to_8_bit(x))  # [1, 1, H, W]
    return y.diff(dim=-1).abs().mean() + y.diff(dim=-2).abs().mean()


def _ratio(x: Tensor, y: Tensor) -> Tensor:
    """x / y, 1 for 0 / 0."""
    return torch.where((x == 0) & (y == 0), 1, x / y)


def cut(x: Tensor, border: int) -> Tensor:
    """[..., H, W] without `border` pixels at each side."""
    return x[..., border : x.shape[-2] - border, border : x.shape[-1] - border]
