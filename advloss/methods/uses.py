"""Uses: what a trained model can do. A method declares them; commands and evaluation look them up by name.

class Restore(Method):
    uses = {"translate": Translate({"a2b": Direction("generator", "a", "b")})}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor, nn

from advloss.core.errors import InputError, unknown
from advloss.data.fields import Field, Fields, Image, Label, Mask, Noise, Vector
from advloss.networks.bottlenecks import BottleneckOutput


@dataclass(frozen=True)
class Direction:
    """A network of a model with its fields. network: the method's attribute that holds it; takes, gives: fields."""

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
    """Images to codes and back: the method is a `Tokenizing`. field: the image field."""

    field: str


@dataclass(frozen=True)
class Generate:
    """Noise to images or vectors. direction: from a noise field to their field; its network takes noise [N, size].

    label: the label field, if images are made of a given class; the network then takes (noise, labels int64 [N]).
    """

    direction: Direction
    label: str | None = None


@dataclass(frozen=True)
class Inpaint:
    """Images with holes, and their masks, to whole images, by the method's `inpaint(image, mask)`."""

    field: str
    mask: str


@dataclass(frozen=True)
class Classify:
    """Images to logits of classes [B, K], by the method's `classify(image)`."""

    field: str
    label: str


Use = Translate | Upscale | Tokenize | Generate | Inpaint | Classify
"""The values of a method's `uses`; their keys are translate, upscale, tokenize, generate, inpaint, classify."""
USES: dict[str, type] = {
    "translate": Translate,
    "upscale": Upscale,
    "tokenize": Tokenize,
    "generate": Generate,
    "inpaint": Inpaint,
    "classify": Classify,
}


class Tokenizing(Protocol):
    """The attributes of a method that declares the use `tokenize`."""

    @property
    def codes(self) -> int | None:
        """How many codes a codebook has; None for a method whose latents are real numbers."""

    @property
    def books(self) -> int:
        """How many codebooks choose for each place."""

    @property
    def factor(self) -> int:
        """Pixels along each axis that one place of the codes stands for."""

    def encode(self, image: Tensor) -> BottleneckOutput:
        """[B, C, H, W] in [-1, 1], any size -> latents [B, D, h, w], and if there are codes their indices.

        h and w are H and W over `factor`, rounded up.
        """

    def decode(self, codes: Tensor, size: tuple[int, int]) -> Tensor:
        """What `encode` gave of images of this size: indices, or else latents -> the images [B, C, height, width]."""


def check_uses(method: str, uses: Mapping[str, Use]) -> None:
    """Raises InputError for an unknown name, and for a use of another name's class. method: its class's name."""
    for name, use in uses.items():
        if name not in USES:
            raise InputError(f"{method}.uses: {unknown('use', name, USES)}")
        if not isinstance(use, USES[name]):
            raise InputError(f"{method}.uses: '{name}' is declared by {USES[name].__name__}(...), not by {use!r}")


def check_abilities(method: nn.Module, uses: Mapping[str, Use], fields: Fields) -> None:
    """Raises InputError for a use of a network, field or function that the method does not have.

    method: with its networks. fields: those that it declares.
    """
    for name, use in uses.items():
        place = f"{type(method).__name__}.uses: '{name}'"
        ways = list(use.directions.values()) if isinstance(use, Translate) else [getattr(use, "direction", None)]
        if not ways:
            raise InputError(f"{place} has no directions")
        for way in ways:
            if way is not None:
                _check_network(place, method, way)
                generates = isinstance(use, Generate)
                _check_field(place, way.takes, fields, Noise if generates else Image)
                vector = generates and isinstance(fields.get(way.gives), Vector)
                _check_field(place, way.gives, fields, Vector if vector else Image)
        for attribute, kind in (("field", Image), ("mask", Mask), ("label", Label)):
            if (field := getattr(use, attribute, None)) is not None:
                _check_field(place, field, fields, kind)
        for function in NEEDED.get(type(use), ()):
            if not hasattr(method, function):
                raise InputError(f"{place} needs `{function}` of the method, and {type(method).__name__} has none")


NEEDED: dict[type, tuple[str, ...]] = {
    Tokenize: ("codes", "books", "factor", "encode", "decode"),
    Inpaint: ("inpaint",),
    Classify: ("classify",),
}
"""The attributes of a method that a use calls."""


def _check_network(place: str, method: nn.Module, way: Direction) -> None:
    if not isinstance(getattr(method, way.network, None), nn.Module):
        known = [name for name, _ in method.named_children()]
        raise InputError(f"{place} names a network: {unknown('network', way.network, known)}")


def _check_field(place: str, name: str, fields: Fields, kind: type[Field]) -> None:
    if not isinstance(fields.get(name), kind):
        known = [field for field, declared in fields.items() if isinstance(declared, kind)]
        raise InputError(f"{place} names a field: {unknown(f'{kind.__name__.lower()} field', name, known)}")


def translations(uses: Mapping[str, Use]) -> dict[str, Direction]:
    """The directions of the use `translate`; none if it is not declared."""
    use = uses.get("translate")
    return use.directions if isinstance(use, Translate) else {}
