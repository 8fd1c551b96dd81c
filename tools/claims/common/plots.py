"""The pictures of claims, drawn by matplotlib, as small PNGs."""

import argparse
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from advloss.core.errors import InputError
from advloss.core.storage.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = 256
"""Of the PNG: enough for lines and points, and a third of the file's size."""


def plot_option(parser: argparse.ArgumentParser) -> None:
    """Adds --plot."""
    parser.add_argument("--plot", type=Path, help="the picture to write (.png)")


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure, in inches. Raises InputError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError('pictures need matplotlib: pip install "advloss[theory]"') from None
    return Figure(figsize=(width, height), layout="constrained")


def write_figure(figure: "Figure", path: Path) -> None:
    """Writes a whole PNG, its folder too."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    small = io.BytesIO()
    Image.open(file).convert("RGB").quantize(COLOURS).save(small, format="png", optimize=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, small.getvalue())


def draw_runs(path: Path, images: np.ndarray, result: Mapping[str, Mapping[str, Any]], figure: str, top: float) -> None:
    """Writes a PNG: images uint8 [H, W, 3], and below, for each name of the result, the runs' figures (dots) and their
    mean (a line). figure: the key of the runs' figures. top: of the axis, which begins at 0. Raises InputError without
    matplotlib."""
    drawn = new_figure(6.4, 3.6)
    above, below = drawn.subplots(2, 1, height_ratios=(1, 2))
    above.imshow(images)
    above.axis("off")
    for place, each in enumerate(result.values()):
        below.plot([place] * len(each[figure]), each[figure], "o", color="#3366aa", alpha=0.5)
        below.plot([place - 0.3, place + 0.3], [each["mean"]] * 2, color="#dd7722")
    below.set(ylim=(0, top), ylabel=figure, xlim=(-0.5, len(result) - 0.5))
    below.set_xticks(range(len(result)), [*result])
    below.grid(axis="y", alpha=0.3)
    write_figure(drawn, path)
