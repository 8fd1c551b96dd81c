"""Finds the channels, depth and range of a training split's files, from their headers."""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

from advloss.core.errors import InputError
from advloss.data.fields import Image, Mask, Noise, made_from
from advloss.data.formats import FULL, MASK, RGB8, FieldFormat
from advloss.data.sources.base import Split
from advloss.data.sources.pair_checks import called
from advloss.data.sources.shards import looked_at
from advloss.data.sources.values import Values
from advloss.images.picture import Depth
from advloss.images.reading import Header, UnreadableImage

DECODED = 16
"""How many files of a field are decoded to see which part of the range they use."""
Said = Callable[[str, str], object]
"""Maps (`channels`, `depth` or `range`; a field's name) to the recipe's value, or to None."""


def found_formats(split: Split, said: Said) -> dict[str, FieldFormat]:
    """The format of each declared field, from the files unless the recipe says otherwise.

    Where files differ, grey and colour become 3 channels, and 8 and 16 bits become 16 bits. The range of floating-point
    files is that of all their values, so they are read whole. Raises InputError for files that have no common format,
    or that can't be brought to the one that the recipe says.
    """
    formats: dict[str, FieldFormat] = {}
    for name, field in split.declared.items():
        if name in split.images and isinstance(field, Image):
            formats[name] = _of_files(name, split.images[name], said)
        elif name in split.rows:
            rows = split.rows[name]
            formats[name] = FieldFormat(classes=rows.classes, size=None if rows.classes else rows.values.shape[1])
        elif isinstance(field, Mask):
            formats[name] = MASK
        elif isinstance(field, Noise):
            formats[name] = FieldFormat(size=field.size)
    for name, field in split.declared.items():
        if name not in formats:
            formats[name] = formats.get(made_from(field) or "", RGB8)
    return formats


def _of_files(name: str, values: Values, said: Said) -> FieldFormat:
    headers = _headers(values)
    if not headers:
        return RGB8  # the loader says that nothing can be read
    channels = _channels(name, values, headers, said("channels", name))
    depth = _depth(name, values, headers, said("depth", name))
    form = FieldFormat(channels, depth)
    low, high = _range(name, values, form, headers, said("range", name))
    return replace(form, range=(float(low), float(high)))


def _range(
    name: str, values: Values, form: FieldFormat, headers: Mapping[int, Header], said: Any
) -> tuple[float, float]:
    if said is not None:
        return said[0], said[1]
    found = {header.depth for header in headers.values()}
    if "float" in found:
        return _values_range(name, values, form, list(headers))
    return FULL.get(form.depth, FULL[16 if 16 in found else 8])


def _headers(values: Values) -> dict[int, Header]:
    """The headers of the files that are looked at and can be read, by number."""
    numbers = looked_at(values)
    if _drawn(values, numbers):
        return {numbers[0]: values.header(numbers[0])}

    def header(index: int) -> Header | None:
        try:
            return values.header(index)
        except UnreadableImage:
            return None  # it is skipped in training

    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        found = zip(numbers, pool.map(header, numbers), strict=True)
        return {index: each for index, each in found if each is not None}


def _drawn(values: Values, numbers: Sequence[int]) -> bool:
    """Whether the pictures are drawn, all alike, and lie in no file."""
    with suppress(UnreadableImage):
        return len(numbers) > 0 and values.header(numbers[0]).mode == "drawn"
    return False


def _channels(name: str, values: Values, headers: Mapping[int, Header], said: Any) -> int:
    counts = Counter(header.channels for header in headers.values())
    wanted = int(said) if said is not None else 3 if counts.keys() == {1, 3} else next(iter(counts))
    for index, header in headers.items():
        if not _can_become(header, wanted):
            file = called(values, index)
            if said is not None:
                raise InputError(
                    f"data.channels: {file} has {header.channels} channels, which can't become {wanted}; leave it out "
                    f"for '{name}', or say {header.channels}"
                )
            raise InputError(
                f"{file} has {header.channels} channels and others of '{name}' have {wanted}; keep files with the same "
                "channels alone"
            )
    return wanted


def _can_become(header: Header, channels: int) -> bool:
    """Whether `converted` can bring a file with this header to these channels."""
    if header.channels == channels:
        return True
    return header.channels in (1, 3) and channels in ((1, 3) if header.depth == "float" else (1, 2, 3, 4))


def _depth(name: str, values: Values, headers: Mapping[int, Header], said: Any) -> Depth:
    first: dict[Depth, int] = {}
    for index, header in headers.items():
        first.setdefault(header.depth, index)
    if "float" in first and said not in (None, "float"):
        file = called(values, first["float"])
        raise InputError(f"data.depth: {file} holds floating point, which can't be {said} bits; say float for '{name}'")
    if "float" in first and len(first) > 1:
        float_file, other = called(values, first.pop("float")), called(values, next(iter(first.values())))
        raise InputError(
            f"{float_file} holds floating point and {other} whole numbers; keep files of one depth alone as '{name}'"
        )
    if said is not None:
        return said
    return "float" if "float" in first else 16 if 16 in first else 8


def _values_range(name: str, values: Values, form: FieldFormat, numbers: list[int]) -> tuple[float, float]:
    """The smallest and the largest value of all files."""
    low, high = float("inf"), float("-inf")
    for index in numbers:
        try:
            pixels = values.read(index, form)
        except UnreadableImage:
            continue
        low, high = min(low, float(pixels.min())), max(high, float(pixels.max()))
    if not low < high:
        raise InputError(f"data.range: all values of '{name}' are {low:g}; say which range they lie in, such as [0, 1]")
    return low, high


def unused_range(split: Split, formats: Mapping[str, FieldFormat]) -> list[str]:
    """A sentence on each field whose whole numbers stay below half of the range that is trained on, in up to `DECODED`
    of its files: so do 12 bits in a file of 16, which would be learned as a few dark levels."""
    sentences = []
    for name, values in split.images.items():
        form = formats[name]
        numbers = looked_at(values)
        if form.depth == "float" or _drawn(values, numbers):
            continue
        most = 0.0
        for index in numbers[:: max(1, len(numbers) // DECODED)]:
            with suppress(UnreadableImage):
                most = max(most, float(values.read(index, form).max()))
        if 0 < most < form.range[1] / 2:
            suggested = 2 ** int(most).bit_length() - 1
            sentences.append(
                f"the values of '{name}' reach {most:g}, and {form.range[1]:g} is trained on as white: less than half "
                f"of the range is used; data.range=[0, {suggested}] uses all"
            )
    return sentences
