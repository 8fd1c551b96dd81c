"""The picture of a claim over seeds: images, and below them a dot for each run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from advloss.core.errors import InputError
from advloss.core.storage.files import replacing


def draw_runs(path: Path, images: np.ndarray, result: Mapping[str, Mapping[str, Any]], figure: str, top: float) -> None:
    """Writes a PNG: images uint8 [H, W, 3], and below, for each name of the result, the runs' figures (dots) and their
    mean (a line). figure: the key of the runs' figures. top: of the axis, which begins at 0. Raises InputError where
    matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError('the plot needs matplotlib: pip install "advloss[theory]"') from None
    drawn = Figure(figsize=(6.4, 3.6), layout="constrained")
    above, below = drawn.subplots(2, 1, height_ratios=(1, 2))
    above.imshow(images)
    above.axis("off")
    for place, each in enumerate(result.values()):
        below.plot([place] * len(each[figure]), each[figure], "o", color="#3366aa", alpha=0.5)
        below.plot([place - 0.3, place + 0.3], [each["mean"]] * 2, color="#dd7722")
    below.set(ylim=(0, top), ylabel=figure, xlim=(-0.5, len(result) - 0.5))
    below.set_xticks(range(len(result)), [*result])
    below.grid(axis="y", alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        drawn.savefig(temporary, format="png", dpi=100)
