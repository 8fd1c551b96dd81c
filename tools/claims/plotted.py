"""The pictures of claims, drawn by matplotlib, as small PNGs."""

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from advloss.core.errors import InputError
from advloss.core.storage.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = 64
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
