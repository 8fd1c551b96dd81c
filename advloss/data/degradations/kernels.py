"""The blur kernels of Real-ESRGAN's degradation (Wang et al. 2021, arXiv:2107.10833, sections 3.1 and 3.3).

A kernel is float64 [SIDE, SIDE] of sum 1, on the host; smaller ones stand in the middle, among zeros.
"""

from typing import Literal, get_args

import numpy as np
import torch

Kind = Literal["iso", "aniso", "generalized_iso", "generalized_aniso", "plateau_iso", "plateau_aniso"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SIDE = 21
SIDES = range(7, SIDE + 1, 2)
"""Sides of a drawn kernel, in pixels, all equally likely."""


def shaped(kind: Kind, side: int, sigmas: tuple[float, float], angle: float, beta: float) -> np.ndarray:
    """A kernel of one of the six kinds. With q the squared distance from its middle in units of the sigmas,
        iso, aniso: exp(-q / 2);  generalized: exp(-q^beta / 2);  plateau: 1 / (1 + q^beta).

    sigmas: in pixels, along the axes turned by `angle` (in radians); the iso kinds have the first in all directions.
    """
    across, along = (sigmas[0], sigmas[0]) if kind.endswith("_iso") or kind == "iso" else sigmas
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    turned = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    q = (turned[0] / across) ** 2 + (turned[1] / along) ** 2  # [side, side]
    if kind.startswith("plateau"):
        return _padded(1 / (1 + q**beta))
    return _padded(np.exp(-0.5 * (q**beta if kind.startswith("generalized") else q)))


def sinc(side: int, cutoff: float) -> np.ndarray:
    """The circular low-pass filter c J1(c r) / (2 pi r): it rings as oversharpened and recompressed pictures do.

    cutoff: c, in radians a pixel; with pi, all frequencies along the axes pass. Paper, section 3.3.
    """
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    r = np.hypot(x, y)
    r[side // 2, side // 2] = 1  # where the limit stands instead
    kernel = cutoff * torch.special.bessel_j1(torch.from_numpy(cutoff * r)).numpy() / (2 * np.pi * r)
    kernel[side // 2, side // 2] = cutoff**2 / (4 * np.pi)
    return _padded(kernel)


def drawn_sinc(rng: np.random.Generator, side: int, least: float) -> np.ndarray:
    """A sinc kernel whose cutoff is drawn from [least, pi]."""
    return sinc(side, rng.uniform(least, np.pi))


def drawn_side(rng: np.random.Generator) -> int:
    """A kernel's side in pixels, drawn from `SIDES`."""
    return int(rng.choice(SIDES))


def drawn_beta(rng: np.random.Generator, around_one: tuple[float, float]) -> float:
    """Uniform in [low, 1] with probability 1/2, else uniform in [1, high]."""
    low, high = around_one
    return rng.uniform(low, 1) if rng.random() < 0.5 else rng.uniform(1, high)


def _padded(kernel: np.ndarray) -> np.ndarray:
    return np.pad(kernel / kernel.sum(), (SIDE - kernel.shape[0]) // 2)
