"""A split's pictures one by one, the same every time: to look at or to score."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from advloss.data.loading.host_batches import Sides
from advloss.data.sampling.crops import Resize, check_crop_fits, middle_crop, resized
from advloss.data.sources.base import Split
from advloss.data.sources.pair_checks import called, check_fit, check_scale
from advloss.images.reading import UnreadableImage


@dataclass(frozen=True)
class EvaluationItem:
    """Pictures to look at or to score: uint8 [1, 3, H, W] each; partners if the split is paired.

    index: their number in the split.
    """

    a: torch.Tensor | None
    b: torch.Tensor
    index: int


def evaluation_items(
    split: Split, size: int | None, *, resize: Resize, say: Callable[[str], None], scale: int = 1
) -> Iterator[EvaluationItem]:
    """All pictures in order, up to the end of the shorter side; the same every time.

    size: in pixels; each is resized to it as for training and its middle cut out (of a, where b is `scale` times as
    large, size / scale pixels). None leaves pictures whole: b is cut at the right and at the bottom to `scale` times
    its partner, or to multiples of `scale` where it has none. What can't be read is named through `say` and left out.
    """
    if split.paired:
        check_scale(resize if size is not None else "none", scale)
    for index in range(min(len(side) for side in split.sides.values())):
        try:
            pictures = _evaluated(split, index, size, resize, scale)
        except UnreadableImage as error:
            say(f"skipped {error}")
            continue
        images = {
            letter: torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
            for letter, picture in pictures.items()
        }
        yield EvaluationItem(images.get("a"), images["b"], index)


def _evaluated(split: Split, index: int, size: int | None, resize: Resize, scale: int) -> Sides:
    """[H, W, 3] each."""
    pictures = {letter: source.read(index) for letter, source in split.sides.items()}
    if size is not None:
        pictures = {letter: resized(picture, resize, size) for letter, picture in pictures.items()}
    height, width = pictures["b"].shape[:2]
    if split.a is None:
        height, width = height // scale * scale, width // scale * scale
        if size is None and not (height and width):
            raise UnreadableImage(called(split.b, index), f"too small to be made {scale} times smaller")
    elif split.paired and (scale > 1 or size is None):
        small = pictures["a"].shape[:2]
        check_fit(split.a, split.b, index, small, (height, width), scale)
        height, width = scale * small[0], scale * small[1]
    if size is None:
        return pictures | {"b": pictures["b"][:height, :width]}
    sides = {"a": size // scale, "b": size}
    for letter, source in split.sides.items():
        check_crop_fits(called(source, index), pictures[letter].shape[:2], sides[letter])
    cut = {letter: middle_crop(picture, sides[letter]) for letter, picture in pictures.items()}
    return cut if scale == 1 else cut | {"b": middle_crop(pictures["b"][:height, :width], size, scale)}
