"""A split's items one by one, the same at each call: for samples, validation and evaluation."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from advloss.core.errors import InputError
from advloss.data.fields import Mask, made_field, made_from, scale_of
from advloss.data.formats import MASK, RGB8, FieldFormat
from advloss.data.loading.derived import Derived, batched
from advloss.data.sampling.crops import Resize, check_crop_fits, middle_crop, resized, resized_size
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
    masks that are drawn. An item whose pictures can't be read or don't fit is skipped, and `say` names it.
    """
    formats = formats or {}
    if split.paired:
        check_scale(resize if size is not None else "none", max(scales(split).values()))
    derived = Derived(split, seed, evaluation=True)
    for index in range(len(split)):
        try:
            pictures = _pictures(split, index, size, resize, formats)
        except InputError as error:
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
    pictures = {}
    for name, values in split.images.items():
        hard = isinstance(split.declared[name], Mask)
        whole = values.read(index, formats.get(name, MASK if hard else RGB8))
        pictures[name] = whole if size is None else resized(whole, resize, size, hard)
    sizes = {name: (picture.shape[0], picture.shape[1]) for name, picture in pictures.items()}
    cut = {
        name: pictures[name][:height, :width]
        for name, (height, width) in evaluated_sizes(split, index, sizes, size).items()
    }
    if size is None:
        return cut
    larger = _larger(split)
    return {
        name: middle_crop(picture, int(size * scale_of(split.declared[name])), larger[name])
        for name, picture in cut.items()
    }


def header_sizes(split: Split, index: int, size: int | None, resize: Resize) -> dict[str, tuple[int, int]]:
    """(height, width) of an item's pictures as `evaluated_sizes` gives them, from the files' headers alone.

    Raises `UnreadableImage` for a header that can't be read, and InputError as `evaluated_sizes` does.
    """
    sizes = {name: values.header(index).size for name, values in split.images.items()}
    if size is not None:
        sizes = {name: resized_size(each, resize, size) for name, each in sizes.items()}
    return evaluated_sizes(split, index, sizes, size)


def evaluated_sizes(
    split: Split, index: int, sizes: Mapping[str, tuple[int, int]], size: int | None
) -> dict[str, tuple[int, int]]:
    """(height, width) of the parts of an item's pictures that are evaluated, or from whose middle the crop is cut.

    sizes: of the pictures after the resize. size: the side of the crop; None: pictures stay whole. Raises InputError
    if the sizes of a pair don't fit, and if a picture is too small for the crop or to be made smaller.
    """
    larger, cut = _larger(split), dict(sizes)
    made_of = _small_ones_large(split)
    if split.paired and (size is None or max(larger.values()) > 1):
        check_fit(split.images, index, sizes, larger)
        height, width = sizes[min(sizes, key=lambda name: larger[name])]
        cut = {name: (larger[name] * height, larger[name] * width) for name in sizes}
    elif made_of is not None:
        height, width = (length // larger[made_of] * larger[made_of] for length in sizes[made_of])
        cut[made_of] = height, width
        if size is None and not (height and width):
            small = f"too small to be made {larger[made_of]} times smaller"
            raise UnreadableImage(called(split.images[made_of], index), small)
    if size is not None:
        for name, each in sizes.items():
            check_crop_fits(called(split.images[name], index), each, int(size * scale_of(split.declared[name])))
    return cut


def _larger(split: Split) -> dict[str, int]:
    """The side of each field's pictures over that of the item's smallest picture, also of one that is made."""
    larger, of = scales(split), _small_ones_large(split)
    if of is not None:
        made = made_field(split.declared) or of
        larger[of] = int(scale_of(split.declared[of]) / scale_of(split.declared[made]))
    return larger


def _small_ones_large(split: Split) -> str | None:
    """The field from which the missing field is made; None if no field is missing."""
    made = made_field(split.declared)
    return None if made is None or made in split.images else made_from(split.declared[made])
