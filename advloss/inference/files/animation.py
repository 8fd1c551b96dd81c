"""Converts animated GIFs and WebPs: durations, the number of loops and transparency are kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence
from tqdm import tqdm

from advloss.core.errors import InputError
from advloss.core.storage.files import make_folder, replacing
from advloss.images.picture import Picture, max_pixels
from advloss.images.pillow_files import naming
from advloss.images.writing import check_size
from advloss.inference.files.moving import Frames

FORMATS = ("GIF", "WEBP")
QUALITY = 95
"""Of WebP, as of a single picture."""
CLEARED = 2
"""GIF's disposal method: a frame is removed before the next, so that transparent parts stay so."""


@dataclass(frozen=True)
class Timing:
    """What a file says beside its frames. durations: of each frame in milliseconds; plays: 0 for ever; transparent:
    whether a frame has transparent pixels."""

    durations: list[int]
    plays: int
    transparent: bool
    icc: bytes | None
    about: dict[str, Any]


def convert_animation(frames: Frames, source: Path, result: Path) -> None:
    """Converts each frame of an animated GIF or WebP and writes them as one, whole or not at all.

    A GIF's frames have 256 colours each, and pixels are transparent or not. Raises InputError for a file that can't be
    read, and for frames that are too many pixels together for the memory.
    """
    with naming(source), Image.open(source, formats=FORMATS) as image:
        timing = _timing(image)
        width, height = (side * frames.scale for side in image.size)
        if result.suffix.lower() == ".webp":
            check_size(result, height, width)
        if (pixels := width * height * len(timing.durations)) > max_pixels():
            raise InputError(
                f"{source}: its {len(timing.durations)} frames of {width}x{height} pixels are {pixels:,} pixels, "
                "which are held in memory; make a video of it, which is not"
            )
    make_folder(result.parent)
    with replacing(result) as temporary:
        made = _made(frames, source, timing)
        _write(temporary, next(made), made, timing)


def _timing(image: Image.Image) -> Timing:
    durations, transparent = [], False
    for frame in ImageSequence.Iterator(image):
        least = frame.convert("RGBA").getchannel("A").getextrema()[0]  # a WebP's duration is known from here on
        durations.append(int(frame.info.get("duration") or 0))
        transparent = transparent or int(least) < 255  # type: ignore[arg-type]
    about = {key: image.info[key] for key in ("exif", "xmp", "comment") if image.info.get(key)}
    return Timing(durations, _plays(image), transparent, image.info.get("icc_profile"), about)


def _plays(image: Image.Image) -> int:
    """How often it is shown. A GIF says how often it is repeated, and nothing if it is not."""
    loop = image.info.get("loop")
    if image.format == "GIF":
        return 1 if loop is None else loop and loop + 1
    return int(loop or 0)


def _made(frames: Frames, source: Path, timing: Timing) -> Iterator[Image.Image]:
    """The frames' results."""
    with naming(source):
        image = Image.open(source, formats=FORMATS)
    with image:
        for number in tqdm(range(len(timing.durations)), unit="frame", disable=None):
            with naming(source):
                image.seek(number)
                array = np.asarray(image.convert("RGBA" if timing.transparent else "RGB"))
            made = frames(Picture(array[..., :3], array[..., 3] if timing.transparent else None, timing.icc))
            alpha = [] if made.alpha is None else [made.alpha[..., None]]
            colours = made.pixels if made.pixels.shape[2] == 3 else made.pixels.repeat(3, 2)
            yield Image.fromarray(np.concatenate([colours, *alpha], axis=2))


def _write(path: Path, first: Image.Image, others: Iterator[Image.Image], timing: Timing) -> None:
    gif = path.suffix.lower() == ".gif"
    options: dict[str, Any] = {"duration": timing.durations, "icc_profile": timing.icc}
    if gif:
        options |= {"comment": timing.about.get("comment", b""), "optimize": False}
        options |= {"loop": max(0, timing.plays - 1)} if timing.plays != 1 else {}
        options |= {"disposal": CLEARED} if timing.transparent else {}
    else:
        options |= {"quality": QUALITY, "loop": timing.plays}
        options |= {key: timing.about[key] for key in ("exif", "xmp") if key in timing.about}
    if not options["icc_profile"]:
        del options["icc_profile"]
    first.save(path, "GIF" if gif else "WEBP", save_all=True, append_images=others, **options)
