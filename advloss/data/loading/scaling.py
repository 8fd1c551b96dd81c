"""From the values of files to what a network sees, on the device where they are."""

from collections.abc import Callable, Mapping

from torch import Tensor

from advloss.data.fields import Field, Fields, Image, Mask
from advloss.data.formats import RGB8, FieldFormat

Convert = Callable[[str, Tensor], Tensor]
"""(field's name, values of a batch) to what a network sees."""


def to_images(values: Tensor, form: FieldFormat = RGB8) -> Tensor:
    """Values within the field's range to float32 in [-1, 1]; the range's ends are exact."""
    low, high = form.range
    image = values.float()  # a copy, unless the values are float32 already
    image = image - low if low or image is values else image
    return image.div_((high - low) / 2).sub_(1)


def scaled(values: Tensor, field: Field | None, form: FieldFormat) -> Tensor:
    """A mask becomes float32 of 0 and 1, labels and vectors stay as they are."""
    if isinstance(field, Image):
        return to_images(values, form)
    return (values >= 128).float() if isinstance(field, Mask) else values


def scaling(fields: Fields, formats: Mapping[str, FieldFormat]) -> Convert:
    """The scaling of each of these fields."""
    return lambda name, values: scaled(values, fields[name], formats.get(name, RGB8))
