"""A run's sample grids for a page: within a number of bytes, as many iterations as fit."""

import base64
import io
from pathlib import Path
from typing import Any

from PIL import Image

BYTES = 3 * 2**20
"""Of all sample grids of a page, before base64."""
MOST, SIDE, QUALITY = 40, 1400, 88
"""Grids of a run; pixels along the longer side; WebP's quality."""


def sample_grids(folder: Path, notes: list[str], most_bytes: int) -> list[dict[str, Any]]:
    """The sample grids in a folder: the first, the last, and others evenly between, as `{iteration, source}` in order.

    notes: gets a sentence where grids are left out or can't be read.
    """
    files = {int(path.stem): path for path in folder.glob("*.png") if path.stem.isdecimal()}
    if not files:
        notes.append("no sample grids have been drawn")
        return []
    iterations = sorted(files)
    chosen = evenly(iterations, MOST)
    made: dict[int, bytes] = {}
    for iteration in chosen:
        try:
            made[iteration] = compressed(files[iteration])
        except (OSError, ValueError, Image.DecompressionBombError):
            notes.append(f"samples/{files[iteration].name} can't be read")
            iterations.remove(iteration)
    while len(made) > 2 and sum(map(len, made.values())) > most_bytes:
        made = {iteration: made[iteration] for iteration in evenly(sorted(made), len(made) * 2 // 3)}
    if len(made) < len(iterations):
        notes.append(f"{len(made)} of {len(iterations)} sample grids are shown")
    return [{"iteration": i, "source": "data:image/webp;base64," + base64.b64encode(made[i]).decode()} for i in made]


def evenly(numbers: list[int], most: int) -> list[int]:
    """At most so many of the numbers, evenly chosen, both ends among them."""
    if len(numbers) <= most:
        return numbers
    return [numbers[round(place * (len(numbers) - 1) / (most - 1))] for place in range(max(2, most))]


def compressed(path: Path) -> bytes:
    """A picture as WebP, made smaller if it is large."""
    with Image.open(path, formats=["PNG"]) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=QUALITY, method=4)
    return file.getvalue()
