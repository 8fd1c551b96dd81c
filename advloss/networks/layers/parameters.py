"""The types of the networks' parameters, which recipes are checked against, and the same checks in Python."""

from typing import Annotated, Any, Literal, get_args, get_origin

from torch import Tensor

from advloss.core.errors import InputError, unknown
from advloss.core.limits import Converted, Limits, above, at_least

Norm = Literal["instance", "batch", "none"]
Padding = Literal["reflect", "zeros"]
Statistics = Literal["running", "batch"]
Upsampling = Literal["transposed", "resize", "antialiased"]
Downsampling = Literal["strided", "antialiased"]
Init = Literal["normal", "xavier"]
Positive = Annotated[int, above(0)]
Probability = Annotated[float, Limits(ge=0, lt=1)]


def _number(value: Any) -> Any:
    """The number that a word of the command line is: pydantic takes no text for a Literal of numbers."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def as_list(value: Any) -> Any:
    """A tuple, as defaults are written, as the list that a recipe has in its place."""
    return list(value) if isinstance(value, tuple) else value


def as_full_list(value: Any) -> Any:
    """`as_list`; InputError for an empty one."""
    if value in ([], ()):
        raise InputError("it needs at least one number")
    return as_list(value)


Dims = Annotated[Literal[1, 2, 3], Converted(_number)]
"""Axes besides batch and channels: 1 for signals [B, C, L], 2 for images, 3 for volumes."""
DownKernel = Annotated[Literal[3, 4], Converted(_number)]
Scale = Annotated[Literal[1, 2, 3, 4], Converted(_number)]
"""How much larger a super-resolution network makes an image, along each axis."""


def check_choice(kind: str, value: str | int, choices: Any) -> None:
    """Raises InputError, with the nearest right one, where `value` is not one of the Literal `choices`."""
    literal = get_args(choices)[0] if get_origin(choices) is Annotated else choices
    if value not in get_args(literal):
        raise InputError(unknown(kind, str(value), map(str, get_args(literal))))


def check_at_least(least: int, **values: int) -> None:
    """Raises InputError for the first of the named values that is less than `least`."""
    for name, value in values.items():
        at_least(least).check(name, value)


def check_probability(**values: float) -> None:
    """Raises InputError for the first of the named values that is outside [0, 1)."""
    for name, value in values.items():
        Limits(ge=0, lt=1).check(name, value)


def check_size(network: str, image: Tensor, smallest: int, multiple: int = 1) -> None:
    """Raises InputError where the image is smaller than `smallest` or no multiple of `multiple` (both in pixels)."""
    height, width = image.shape[-2:]
    if height < smallest or width < smallest or height % multiple or width % multiple:
        multiples = f"multiples of {multiple} and " if multiple > 1 else ""
        raise InputError(
            f"{network} got an image of {height}x{width} pixels (height x width); "
            f"both must be {multiples}at least {smallest}"
        )
