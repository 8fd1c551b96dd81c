"""Whether the pictures of an item lie on each other, and what is said where they don't."""

from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction

from advloss.core.errors import InputError
from advloss.data.fields import scale_of
from advloss.data.sampling.crops import Resize, fit, resized_size
from advloss.data.sources.base import Split
from advloss.data.sources.values import Values
from advloss.images.reading import UnreadableImage


def scales(split: Split) -> dict[str, int]:
    """How many times as large a picture of each field is as the smallest one of its item."""
    own = {name: scale_of(split.declared[name]) for name in split.images}
    least = min(own.values(), default=Fraction(1))
    return {name: int(scale / least) for name, scale in own.items()}


def check_pairs(split: Split, resize: Resize, load: int) -> None:
    """Raises for the first pair of two sizes after the resize, by the headers; a file that can't be read is no matter.

    load: in pixels; see `View` for it and `resize`. What a larger picture has at the right and at the bottom beyond a
    multiple of the smaller one's size, less than that multiple, is no matter.
    """
    if not split.paired:
        return
    larger = scales(split)
    check_scale(resize, max(larger.values()))
    if resize == "stretch":
        return
    for index in range(len(split)):
        with suppress(UnreadableImage):  # is skipped when its turn comes
            sizes = {
                name: resized_size(values.header(index).size, resize, load) for name, values in split.images.items()
            }
            check_fit(split.images, index, sizes, larger)


def check_scale(resize: Resize, scale: int, augmented: bool = False) -> None:
    """Raises where the pictures of a pair would lose their scale."""
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
    """Raises unless the pictures of an item, of these (height, width), lie on the smallest. larger: see `scales`."""
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
