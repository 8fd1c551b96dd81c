"""What a method learns from, declared: fields, and the sources that they are drawn from together.

    CycleGAN        {"a": Image("a"), "b": Image("b")}                       two sources of one image each
    pix2pix         {"a": Image("pairs"), "b": Image("pairs")}               one source of two images
    conditional GAN {"image": Image("images"), "label": Label("images"), "noise": Noise(128)}

Sampling, loading, validation, the model file and inference read this declaration and know no field by its name.
"""

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True)
class Field:
    """source: what the field is drawn from; fields of one source are drawn together, from one item of it.

    optional: whether a data set may lack it; the method is then given batches without it.
    """

    source: str
    optional: bool = False


@dataclass(frozen=True)
class Image(Field):
    """float [B, C, h, w] in [-1, 1]. scale: its side over `data.crop`, such as 1/4 for small images of x4.

    made_from: the field that it is made from by `data.degradation` where the data has none of its own.
    """

    scale: Fraction = field(default=Fraction(1), kw_only=True)
    made_from: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Mask(Field):
    """float [B, 1, h, w] of 0 and 1, as large as the crop: from files, or drawn at random where the data has none."""


@dataclass(frozen=True)
class Label(Field):
    """int64 [B], the number of a class; the classes' names are those of the folders, or of a CSV's column."""


@dataclass(frozen=True)
class Vector(Field):
    """float [B, F], such as features from a .npy file."""


@dataclass(frozen=True)
class Noise(Field):
    """float [B, size], normal; a function of (seed, epoch, position), so it needs no data and no source."""

    source: str = ""
    size: int = field(default=128, kw_only=True)
