"""The declaration of what a method learns from: fields, and the source from which each is drawn.

    CycleGAN        {"a": Image("a"), "b": Image("b")}                       two sources of one image each
    pix2pix         {"a": Image("pairs"), "b": Image("pairs")}               one source of two images
    conditional GAN {"image": Image("images"), "label": Label("images"), "noise": Noise(128)}

Sampling, loading, validation, the model file and inference read this declaration and know no field by its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

Kind = Literal["pairs", "unpaired", "single"]
"""What a folder of pictures must hold: images that belong together; several domains; or pictures of one domain.

Super-resolution needs one domain, the large pictures; a degradation can make the small ones.
"""

Distribution = Literal["normal", "uniform"]
Drawn = Literal["random", "centre"]
VAL = "val_"
"""The beginning of the keys of recipes that name folders and files to validate on: `data.val_a` for the field `a`."""


@dataclass(frozen=True)
class Field:
    """One entry of a batch.

    source: what the field is drawn from; fields of one source are drawn together, from one item of it.

    optional: whether a data set may lack it; the method is then given batches without it.
    """

    source: str
    optional: bool = False


@dataclass(frozen=True)
class Image(Field):
    """float [B, C, h, w] in [-1, 1]. scale: its side over `data.crop`, such as 1/4 for the small images of x4.

    made_from: the field from which `data.degradation` makes it, if the data set has no pictures for it.
    """

    scale: Fraction = field(default=Fraction(1), kw_only=True)
    made_from: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Mask(Field):
    """float [B, 1, h, w] of 0 and 1, as large as the crop: from files, or drawn if the data set has none.

    drawn: `random`, rectangles and strokes, or `centre`, the middle half along each axis.
    """

    drawn: Drawn = field(default="random", kw_only=True)


@dataclass(frozen=True)
class Label(Field):
    """int64 [B], the number of a class; the classes' names are those of the folders, or of a CSV's column."""


@dataclass(frozen=True)
class Vector(Field):
    """float [B, F], such as features from a .npy file."""


@dataclass(frozen=True)
class Noise(Field):
    """float [B, size]; a function of (seed, epoch, position), so it needs no data and no source.

    distribution: `normal`, N(0, 1), or `uniform` in [-1, 1].
    """

    source: str = ""
    size: int = field(default=128, kw_only=True)
    distribution: Distribution = field(default="normal", kw_only=True)


Fields = Mapping[str, Field]
"""What a batch holds, by name, in the order in which a method declares it."""


def images_of(fields: Fields) -> list[str]:
    """The names of all image fields."""
    return [name for name, field in fields.items() if isinstance(field, Image)]


def from_files(fields: Fields) -> list[str]:
    """The image fields that a data set must have: those that are not optional and not made from another field."""
    return [name for name in images_of(fields) if not (fields[name].optional or made_from(fields[name]))]


def made_from(field: Field) -> str | None:
    """The field from which an image is made if the data set has no pictures for it; None for all other fields."""
    return field.made_from if isinstance(field, Image) else None


def made_field(fields: Fields) -> str | None:
    """The field that the degradation makes from another, or None; a method has one at most."""
    return next((name for name, field in fields.items() if made_from(field)), None)


def scale_of(field: Field) -> Fraction:
    """A field's side over that of the crop: a mask's is 1."""
    return field.scale if isinstance(field, Image) else Fraction(1)


def sources_of(fields: Fields) -> list[str]:
    """The sources that fields are drawn from, in the order of the declaration; noise needs none."""
    return list(dict.fromkeys(field.source for field in fields.values() if field.source))


def kind_of(fields: Fields) -> Kind:
    """Which kind of folder holds these fields."""
    images = from_files(fields)
    if len(images) == 1:
        return "single"
    return "pairs" if len({fields[name].source for name in images}) == 1 else "unpaired"
