"""Files and folders through a model: bit depth, alpha and colour profile are kept."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from advloss.data.images import Picture, UnreadableImage, is_image, list_images, read_picture
from advloss.data.writing import write_picture
from advloss.errors import InputError
from advloss.inference.model import Model


@dataclass
class Outcome:
    """What became of the files: how many were written, and why others were not."""

    written: int = 0
    present: int = 0
    failed: list[str] = field(default_factory=list)

    def words(self) -> str:
        """`12 pictures written, 3 were there already (--overwrite replaces them), 1 could not be translated`."""
        parts = [f"{self.written} picture{'s' * (self.written != 1)} written"]
        if self.present:
            parts.append(f"{self.present} were there already (--overwrite replaces them)")
        if self.failed:
            parts.append(f"{len(self.failed)} could not be translated")
        return ", ".join(parts)


def translate_files(
    model: Model, source: Path, target: Path, direction: str | None, overwrite: bool, say: Callable[[str], None]
) -> Outcome:
    """Translates a file, or every picture in a folder (its tree is kept). A bad file is named; the rest is still done.

    Raises InputError if there is nothing to translate, or a single target exists, or the target can't be written.
    """
    if direction is not None:
        model.method.network(direction)
    outcome = Outcome()
    jobs = list(_jobs(source, target))
    if source.is_file() and jobs[0][1].exists() and not overwrite:
        raise InputError(f"{jobs[0][1]} exists; --overwrite replaces it")
    for path, result in tqdm(jobs, unit="picture", disable=None if len(jobs) > 1 else True):
        if result.exists() and not overwrite:
            outcome.present += 1
            continue
        try:
            picture = translate_picture(model, read_picture(path), direction)
            result.parent.mkdir(parents=True, exist_ok=True)
            write_picture(result, picture)
            outcome.written += 1
        except UnreadableImage as error:
            outcome.failed.append(str(error))
            say(f"left out: {error}")
        except OSError as error:
            raise InputError(f"{result}: can't be written ({error.strerror or error})") from None
    return outcome


def translate_picture(model: Model, picture: Picture, direction: str | None = None) -> Picture:
    """One picture; its alpha and colour profile are carried over, its bit depth is kept.

    Grey becomes colour, which a grey picture's profile does not describe: that one is left out.
    """
    translated = model.translate(to_tensor(picture), direction)
    profile = picture.icc if picture.pixels.shape[2] == 3 else None
    return Picture(to_pixels(translated, picture.pixels.dtype), picture.alpha, profile)


def to_tensor(picture: Picture) -> Tensor:
    """uint8 or uint16 [H, W, 1 or 3] to float32 [1, 3, H, W] in [-1, 1]."""
    top = np.iinfo(picture.pixels.dtype).max
    values = torch.from_numpy(picture.pixels.astype(np.float32)).permute(2, 0, 1)  # [C, H, W]
    return (values / top * 2 - 1).expand(3, -1, -1)[None]


def to_pixels(image: Tensor, dtype: np.dtype) -> np.ndarray:
    """[1, 3, H, W] in [-1, 1] to [H, W, 3] of the integer type, rounded."""
    top = float(np.iinfo(dtype).max)
    values = ((image[0].double().clamp(-1, 1) + 1) / 2 * top).round()
    return values.permute(1, 2, 0).cpu().numpy().astype(dtype)


def _jobs(source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    if source.is_dir():
        # a target within the source holds results, which are not translated again
        inside = target.resolve() if target.resolve() != source.resolve() else None
        paths = [path for path in list_images(source) if not (inside and path.resolve().is_relative_to(inside))]
        if not paths:
            raise InputError(f"{source}: holds no picture")
        if target.is_file():
            raise InputError(f"{target}: is a file, and {source} is a folder; name a folder")
        yield from ((path, target / path.relative_to(source)) for path in paths)
    elif source.is_file():
        into_folder = target.is_dir() or not target.suffix
        result = target / source.name if into_folder else target
        if not is_image(result):
            raise InputError(f"{result}: not a format that can be written (.png, .jpg, .webp, .tif, .bmp)")
        yield source, result
    else:
        raise InputError(f"{source}: no such file or folder")
