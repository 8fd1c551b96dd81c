"""A grid of pictures with a name over each column."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from advloss.losses.metrics import to_8_bit

GAP = 4  # pixels between pictures
HEADER = 18  # pixels for the names


def sample_grid(rows: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """A picture uint8 [3, height, width]: a row for each item, a column for each named tensor; a square of one tensor.

    rows: named images, each [1, C, H, W] in [-1, 1]. If C is above 3, the first three channels are shown; if it is 2,
    the first.
    """
    cells = [[to_bytes(image[0]) for image in row.values()] for row in rows]
    if len(rows[0]) == 1:
        cells = in_square([cell for (cell,) in cells])
    cells = [[enlarged(cell) for cell in line] for line in cells]
    height = max(cell.shape[0] for line in cells for cell in line)
    width = max(cell.shape[1] for line in cells for cell in line)
    columns = max(len(line) for line in cells)
    canvas = np.full(
        (HEADER + len(cells) * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), 255, dtype=np.uint8
    )
    for i, line in enumerate(cells):
        for j, cell in enumerate(line):
            top, left = HEADER + GAP + i * (height + GAP), GAP + j * (width + GAP)
            canvas[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=14)
    for j, name in enumerate(rows[0]):
        draw.text((GAP + j * (width + GAP), 3), name, fill="black", font=font)
    return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)


def in_square(cells: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Pictures in rows of as many as there are rows; the last row may be shorter."""
    side = math.isqrt(len(cells) - 1) + 1
    return [cells[start : start + side] for start in range(0, len(cells), side)]


def to_bytes(image: Tensor) -> np.ndarray:
    """[C, H, W] in [-1, 1] -> uint8 [H, W, 3]."""
    shown = image[:3] if image.shape[0] >= 3 else image[:1].expand(3, -1, -1)
    return to_8_bit(shown.detach()).to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def enlarged(image: np.ndarray, least: int = 96) -> np.ndarray:
    """A small picture enlarged by a whole factor to `least` pixels or more, so that its name fits above it."""
    factor = max(1, -(-least // image.shape[1]))
    return image.repeat(factor, axis=0).repeat(factor, axis=1)
