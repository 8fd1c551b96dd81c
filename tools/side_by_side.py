#!/usr/bin/env python3
"""One picture of equal parts of pictures in several folders: a column for each folder, a row for each part.

    python tools/side_by_side.py docs/images/x4.png bicubic=out/bicubic srgan=out/srgan original=Set5/HR \
        --part img_001:120,80,128 --part img_003:40,40,128

A part is NAME:TOP,LEFT,SIDE in pixels; NAME is the picture's name without extension, equal in all folders.
"""

import argparse
import sys
from pathlib import Path

import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))  # also where advloss is not installed

from advloss.core.errors import InputError  # noqa: E402
from advloss.core.storage.files import replacing  # noqa: E402
from advloss.data.loading.scaling import to_images  # noqa: E402
from advloss.evaluation.sample_grid import sample_grid  # noqa: E402
from advloss.images.reading import list_images, read_rgb8  # noqa: E402


def main() -> int:
    """Returns the exit code: 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("columns", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--part", action="append", required=True, metavar="PICTURE:TOP,LEFT,SIDE")
    arguments = parser.parse_args()
    try:
        pairs = [column.partition("=") for column in arguments.columns]
        columns = {name: {path.stem: path for path in list_images(Path(folder))} for name, _, folder in pairs}
        rows = [{name: cut(files, part) for name, files in columns.items()} for part in arguments.part]
    except (InputError, ValueError, KeyError) as error:
        print(f"side_by_side: {error}", file=sys.stderr)
        return InputError.exit_code
    with replacing(arguments.out) as temporary:
        Image.fromarray(sample_grid(rows).permute(1, 2, 0).numpy()).save(temporary, optimize=True)
    return 0


def cut(files: dict[str, Path], part: str) -> torch.Tensor:
    """A part of the file with its name: float [1, 3, side, side] in [-1, 1]."""
    stem, _, numbers = part.partition(":")
    top, left, side = (int(number) for number in numbers.split(","))
    pixels = read_rgb8(files[stem])[top : top + side, left : left + side]  # [side, side, 3]
    return to_images(torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None])


if __name__ == "__main__":
    sys.exit(main())
