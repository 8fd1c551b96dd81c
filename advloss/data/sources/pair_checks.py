"""Whether the pictures of a pair lie on each other, and what is said where they don't."""

from contextlib import suppress

from advloss.core.errors import InputError
from advloss.data.sampling.crops import Resize, fit, resized_size
from advloss.data.sources.base import Source, Split
from advloss.images.reading import UnreadableImage


def check_pairs(split: Split, resize: Resize, load: int, scale: int = 1) -> None:
    """Raises for the first pair of two sizes after the resize, by the headers; a file that can't be read is no matter.

    load: in pixels; see `View` for it and `resize`. scale: how many times as large b is; what b has at the right and
    at the bottom beyond `scale` times a, less than `scale` pixels, is no matter.
    """
    if not split.paired or split.a is None:
        return
    check_scale(resize, scale)
    if resize == "stretch":
        return
    for index in range(len(split.a)):
        with suppress(UnreadableImage):  # is skipped when its turn comes
            size_a, size_b = (resized_size(side.size(index), resize, load) for side in (split.a, split.b))
            check_fit(split.a, split.b, index, size_a, size_b, scale)


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


def check_fit(a: Source, b: Source, index: int, size_a: tuple[int, int], size_b: tuple[int, int], scale: int) -> None:
    """Raises unless the pictures of a pair, of these (height, width), lie on each other."""
    if fit(size_a, size_b, scale):
        return
    shapes = " and ".join(f"{width}x{height}" for height, width in (size_a, size_b))
    pair = f"{called(a, index)} and {called(b, index)} are a pair, but {shapes} pixels"
    if scale > 1:
        raise InputError(f"{pair}; for this method the second must be {scale} times as large as the first")
    raise InputError(f"{pair} after the resize; data.resize=stretch makes them alike")


def called(source: Source, index: int) -> str:
    return str(source.path(index) or source.name(index))
