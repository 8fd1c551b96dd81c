"""Checks that the pictures of an item have sizes that fit, so that their pixels show the same."""

from collections.abc import Mapping
from fractions import Fraction

from advloss.core.errors import InputError
from advloss.core.words import together
from advloss.data.fields import scale_of
from advloss.data.sampling.crops import Resize, check_crop_fits, fit, resized_size
from advloss.data.sources.base import Split
from advloss.data.sources.shards import looked_at
from advloss.data.sources.values import Values
from advloss.images.reading import UnreadableImage


def scales(split: Split) -> dict[str, int]:
    """The side of each field's pictures over that of the item's smallest picture."""
    own = {name: scale_of(split.declared[name]) for name in split.images}
    least = min(own.values(), default=Fraction(1))
    return {name: int(scale / least) for name, scale in own.items()}


def check_pairs(split: Split, resize: Resize, load: int) -> None:
    """Raises InputError for the pairs whose sizes don't fit after the resize: how many, and the first ones. It reads
    headers alone, and passes over files that can't be read.

    resize, load: see `View`. A picture that is n times as large as its partner may have up to n - 1 more pixels at the
    right and at the bottom.
    """
    if not split.paired:
        return
    larger = scales(split)
    check_scale(resize, max(larger.values()))
    if resize == "stretch":
        return
    first = next(iter(split.images.values()))
    wrong: dict[str, str] = {}
    for index in looked_at(first):
        try:
            sizes = {
                name: resized_size(values.header(index).size, resize, load) for name, values in split.images.items()
            }
            check_fit(split.images, index, sizes, larger)
        except UnreadableImage:
            continue  # the loader skips it
        except InputError as error:
            wrong[called(first, index)] = str(error)
    if wrong:
        raise InputError(together(wrong))


def check_crops(split: Split, crop: int) -> None:
    """Raises InputError for the pictures that are smaller than the crop, without a resize; see `check_pairs`."""
    for name, values in split.images.items():
        small: dict[str, str] = {}
        for index in looked_at(values):
            try:
                check_crop_fits(
                    called(values, index), values.header(index).size, int(crop * scale_of(split.declared[name]))
                )
            except UnreadableImage:
                continue  # the loader skips it
            except InputError as error:
                small[called(values, index)] = str(error)
        if small:
            raise InputError(together(small))


def check_scale(resize: Resize, scale: int, augmented: bool = False) -> None:
    """Raises InputError if a resize or an augmentation would change the ratio of a pair's sizes."""
    if scale > 1 and augmented:
        raise InputError(
            "data.augment can't treat a small and a large picture alike; leave it out, or train on the large pictures "
            "alone, with a data.degradation"
        )
    if scale > 1 and resize != "none":
        raise InputError(
            f"data.resize is '{resize}', and the large picture of a pair is {scale} times as large as the small one: "
            "neither can be resized; use data.resize=none"
        )


def check_fit(
    images: Mapping[str, Values], index: int, sizes: Mapping[str, tuple[int, int]], larger: Mapping[str, int]
) -> None:
    """Raises InputError unless the pictures of an item, with these (height, width), fit. larger: see `scales`."""
    first = min(sizes, key=lambda name: larger[name])
    for name, size in sizes.items():
        if name != first and not fit(sizes[first], size, larger[name]):
            shapes = " and ".join(f"{width}x{height}" for height, width in (sizes[first], size))
            pair = f"{called(images[first], index)} and {called(images[name], index)} are a pair, but {shapes} pixels"
            if larger[name] > 1:
                raise InputError(
                    f"{pair}; for this method the second must be {larger[name]} times as large as the first"
                )
            raise InputError(f"{pair} after the resize; data.resize=stretch makes them alike")


def called(values: Values, index: int) -> str:
    """The picture's file, or its name where it has none."""
    return str(values.path(index) or values.name(index))
