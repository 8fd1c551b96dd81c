"""Scales the values of files to the range that networks take, on the device where they are."""

from collections.abc import Callable, Mapping

from torch import Tensor

from advloss.data.fields import Field, Fields, Image, Mask
from advloss.data.formats import RGB8, FieldFormat

Convert = Callable[[str, Tensor], Tensor]
"""Maps (a field's name, its values in a batch) to the tensor that a network takes."""


def to_images(values: Tensor, form: FieldFormat = RGB8) -> Tensor:
    """Values within the field's range to float32 in [-1, 1]; the range's ends are exact."""
    low, high = form.range
    image = values.float()  # a copy, unless the values are float32 already
    image = image - low if low or image is values else image
    return image.div_((high - low) / 2).sub_(1)


def scaled(values: Tensor, field: Field | None, form: FieldFormat) -> Tensor:
    """Images become float32 in [-1, 1], masks float32 of 0 and 1; labels and vectors stay as they are."""
    if isinstance(field, Image):
        return to_images(values, form)
    return (values >= 128).float() if isinstance(field, Mask) else values


def scaling(fields: Fields, formats: Mapping[str, FieldFormat]) -> Convert:
    """A function that scales each of these fields."""
    return lambda name, values: scaled(values, fields[name], formats.get(name, RGB8))
