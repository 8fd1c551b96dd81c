"""What a trained model can do, declared by its method; commands and evaluation ask for a use by its name."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Direction:
    """One way through a model. network: the method's attribute that holds the network; takes, gives: image fields."""

    network: str
    takes: str
    gives: str


@dataclass(frozen=True)
class Translate:
    """Images of one field to images of another, of the same size. directions: by name, such as `a2b`."""

    directions: dict[str, Direction] = field(default_factory=dict)


@dataclass(frozen=True)
class Upscale:
    """Small images to images `method.scale` times as large along each axis."""

    direction: Direction


@dataclass(frozen=True)
class Tokenize:
    """Images to codes and back, by the method's `encode` and `decode`. field: the image field."""

    field: str


@dataclass(frozen=True)
class Generate:
    """Images from noise. direction: from a noise to an image field; label: the label field, if one is asked for."""

    direction: Direction
    label: str | None = None


@dataclass(frozen=True)
class Inpaint:
    """Images with a hole, and its mask, to whole images, by the method's `inpaint(image, mask)`."""

    field: str
    mask: str


@dataclass(frozen=True)
class Classify:
    """Images to logits of classes [B, K], by the method's `classify(image)`."""

    field: str
    label: str


Use = Translate | Upscale | Tokenize | Generate | Inpaint | Classify
"""By name in a method's `uses`: translate, upscale, tokenize, generate, inpaint, classify."""
