"""A split's items one by one, the same at each call: for samples, validation and evaluation."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from advloss.data.fields import Mask, made_field, made_from, scale_of
from advloss.data.formats import MASK, RGB8, FieldFormat
from advloss.data.loading.derived import Derived, batched
from advloss.data.sampling.crops import Resize, check_crop_fits, middle_crop, resized
from advloss.data.sources.base import Split
from advloss.data.sources.pair_checks import called, check_fit, check_scale, scales
from advloss.images.reading import UnreadableImage


@dataclass(frozen=True)
class EvaluationItem:
    """One item. fields: pictures [1, C, H, W] in the files' type, and the other fields.

    index: its number in the split.
    """

    fields: dict[str, torch.Tensor]
    index: int


def evaluation_items(
    split: Split,
    size: int | None,
    *,
    resize: Resize,
    say: Callable[[str], None],
    formats: Mapping[str, FieldFormat] | None = None,
    seed: int = 0,
) -> Iterator[EvaluationItem]:
    """All items in order, up to the end of the shortest source; the same at each call.

    size: in pixels. Each picture is resized as for training, and its middle `size` pixels (times the field's scale) are
    cut out. With None pictures stay whole, but a larger one is cut at the right and the bottom to a multiple of its
    smaller partner's size, or to multiples of the scale if the small picture is made from it. seed: of noise and of
    masks that are drawn. A picture that can't be read is skipped, and `say` names it.
    """
    formats = formats or {}
    if split.paired:
        check_scale(resize if size is not None else "none", max(scales(split).values()))
    derived = Derived(split, seed, evaluation=True)
    for index in range(len(split)):
        try:
            pictures = _pictures(split, index, size, resize, formats)
        except UnreadableImage as error:
            say(f"skipped {error}")
            continue
        height, width = max((picture.shape[:2] for picture in pictures.values()), default=(1, 1))
        mask = (size, size) if size else (height, width)
        arrays = {name: np.require(p.transpose(2, 0, 1)[None], requirements=["C", "W"]) for name, p in pictures.items()}
        arrays |= batched([derived.sample([index] * len(split.sources), 0, index, mask)])
        yield EvaluationItem({name: torch.from_numpy(array) for name, array in arrays.items()}, index)


def _pictures(
    split: Split, index: int, size: int | None, resize: Resize, formats: Mapping[str, FieldFormat]
) -> dict[str, np.ndarray]:
    """The pictures [H, W, C] of one item, by field."""
    declared = split.declared
    pictures = {}
    for name, values in split.images.items():
        hard = isinstance(declared[name], Mask)
        whole = values.read(index, formats.get(name, MASK if hard else RGB8))
        pictures[name] = whole if size is None else resized(whole, resize, size, hard)
    larger = scales(split)
    cut = pictures
    if split.paired and (size is None or max(larger.values()) > 1):
        cut = _on_the_smallest(split, index, pictures, larger)
    elif (of := _small_ones_large(split)) is not None:
        made = made_field(declared)
        larger[of] = int(scale_of(declared[of]) / scale_of(declared[made or of]))
        cut = pictures | {of: _in_multiples(split, index, pictures[of], larger[of], size is None)}
    if size is None:
        return cut
    sides = {name: int(size * scale_of(declared[name])) for name in pictures}
    for name, values in split.images.items():
        check_crop_fits(called(values, index), pictures[name].shape[:2], sides[name])
    return {name: middle_crop(picture, sides[name], larger[name]) for name, picture in cut.items()}


def _small_ones_large(split: Split) -> str | None:
    """The field from which the missing field is made; None if no field is missing."""
    made = made_field(split.declared)
    return None if made is None or made in split.images else made_from(split.declared[made])


def _on_the_smallest(
    split: Split, index: int, pictures: dict[str, np.ndarray], larger: dict[str, int]
) -> dict[str, np.ndarray]:
    """The pictures, each cut at the right and the bottom to a multiple of the smallest one's size."""
    sizes = {name: (picture.shape[0], picture.shape[1]) for name, picture in pictures.items()}
    check_fit(split.images, index, sizes, larger)
    height, width = sizes[min(sizes, key=lambda name: larger[name])]
    return {name: picture[: larger[name] * height, : larger[name] * width] for name, picture in pictures.items()}


def _in_multiples(split: Split, index: int, picture: np.ndarray, scale: int, whole: bool) -> np.ndarray:
    height, width = (length // scale * scale for length in picture.shape[:2])
    if whole and not (height and width):
        values = next(iter(split.images.values()))
        raise UnreadableImage(called(values, index), f"too small to be made {scale} times smaller")
    return picture[:height, :width]
