"""A picture of two-dimensional points, each named set in its own colour."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

SIDE = 480  # pixels of the square that the points lie in
HEADER = 22  # pixels for the names
DETAIL = 4  # times as large is it drawn, and then made smaller, for smooth dots
RADIUS = 2.2  # of a dot, in pixels
COLOURS = ("#2a6fdb", "#d9480f", "#2b8a3e", "#862e9c")
SHARE = 0.99
"""The square holds this share of the points' coordinates at least; points outside it are not drawn."""


def scatter(sets: Mapping[str, Tensor]) -> Tensor:
    """uint8 [3, HEADER + SIDE, SIDE]: the points of each named set, [N, 2], the first set on top.

    The square is [-s, s] along both axes, y upwards, with s = 1, 1.5, 2, 3, 5, 7.5 times a power of ten; the header
    names the sets and s. A point that is not finite is not drawn.
    """
    points = {name: each.detach().double().cpu().numpy() for name, each in sets.items()}
    points = {name: each[np.isfinite(each).all(1)] for name, each in points.items()}
    half = _half_side(np.concatenate([each.ravel() for each in points.values()]))
    large = Image.new("RGB", (SIDE * DETAIL, SIDE * DETAIL), "white")
    draw, radius = ImageDraw.Draw(large), RADIUS * DETAIL
    colours = dict(zip(points, COLOURS * len(points), strict=False))
    for name, each in reversed(points.items()):
        for x, y in (each * (1, -1) / half + 1) / 2 * SIDE * DETAIL:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colours[name])
    picture = Image.new("RGB", (SIDE, HEADER + SIDE), "white")
    picture.paste(large.resize((SIDE, SIDE), Image.Resampling.BOX), (0, HEADER))
    _header(ImageDraw.Draw(picture), colours, f"[{-half:g}, {half:g}]")
    return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)


def _header(draw: ImageDraw.ImageDraw, colours: Mapping[str, str], range_: str) -> None:
    font, left = ImageFont.load_default(size=14), 6.0
    for name, colour in colours.items():
        draw.text((left, 4), name, fill=colour, font=font)
        left += draw.textlength(name, font=font) + 14
    draw.text((SIDE - 6 - draw.textlength(range_, font=font), 4), range_, fill="black", font=font)


def _half_side(values: np.ndarray) -> float:
    reach = float(np.quantile(np.abs(values), SHARE)) if values.size else 1.0
    power = 10.0 ** math.floor(math.log10(max(reach, 1e-6)))
    return next(power * step for step in (1, 1.5, 2, 3, 5, 7.5, 10) if power * step >= reach)
