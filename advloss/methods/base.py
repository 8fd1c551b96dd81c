"""The base class of methods: the generator's networks, and how a batch becomes named tensors."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from math import lcm
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from advloss.core.errors import InputError, unknown
from advloss.data.fields import Fields, Image, Label, Mask, images_of, scale_of
from advloss.data.formats import FieldFormat
from advloss.methods.uses import Use, check_uses


class NetworkFactory:
    """Makes a network as the recipe says, with channels that follow from the fields that it takes and gives.

        generator()                              # from the first image field to the last one
        generator(takes="b", gives="a")          # the other direction
        generator(takes="noise", gives="image")  # from a vector
        encoder(out_channels=4)                  # with the channels of another network

    make: makes the network with the recipe's settings. It gets those of these parameters that are in the network's
    signature: `in_channels` and `out_channels` (of an image or a mask its channels, of a vector or noise its size),
    `in_features` (all values of an item that it takes), `out_features` (the classes of a label that it gives),
    `classes` (of the label), `distribution` (of the noise), `size` of the crop in pixels, `scale`.
    crop: in pixels. scale: see `Method`.
    """

    def __init__(
        self,
        make: Callable[..., nn.Module],
        fields: Fields,
        formats: Mapping[str, FieldFormat],
        *,
        crop: int,
        scale: int = 1,
    ) -> None:
        self.make, self.fields, self.formats = make, fields, formats
        self.crop, self.scale = crop, scale

    def __call__(self, takes: str | None = None, gives: str | None = None, **wired: Any) -> nn.Module:
        """takes, gives: names of fields. wired: parameters of the network, instead of those that follow from fields."""
        images = images_of(self.fields)
        takes, gives = takes or next(iter(images), None), gives or next(reversed(images), None)
        follows = {
            "in_channels": self._width(takes),
            "in_features": self._values(takes),
            "out_channels": self._width(gives),
            "out_features": self._classes_of(gives),
            "classes": self.classes,
            "distribution": getattr(self.fields.get(takes or ""), "distribution", None),
            "size": self.crop,
            "scale": self.scale,
        }
        return self.make(**{name: value for name, value in follows.items() if value is not None} | wired)

    def _width(self, field: str | None) -> int | None:
        """An image's channels, or the size of a vector."""
        if field is None:
            return None
        if field not in self.fields:
            raise InputError(f"networks: {unknown('field', field, self.fields)}")
        if isinstance(self.fields[field], Label):
            return None
        form = self.formats[field]
        return form.channels if isinstance(self.fields[field], Image | Mask) else form.size

    def _values(self, field: str | None) -> int | None:
        """All values of an image or a vector."""
        width = self._width(field)
        if width is None or field is None or not isinstance(self.fields[field], Image | Mask):
            return width
        return width * int(self.crop * scale_of(self.fields[field])) ** 2

    @property
    def classes(self) -> int | None:
        """How many classes the label has; None without a label."""
        known = [self._classes_of(name) for name, field in self.fields.items() if isinstance(field, Label)]
        return known[0] if known else None

    def _classes_of(self, field: str | None) -> int | None:
        return len(self.formats[field].classes or ()) or None if field else None


def keep_frozen(module: nn.Module) -> None:
    """Puts the parts that are frozen (`train.freeze`) back into eval mode: their attribute `frozen` is true."""
    for part in module.modules():
        if getattr(part, "frozen", False) is True:
            part.training = False


class Method(nn.Module, ABC):
    """Makes named tensors of a batch. It does not know the losses.

    A subclass's constructor takes one `NetworkFactory` for each key that a recipe has under `networks`.
    """

    fields: ClassVar[Fields]
    """the fields of a batch by name, each with its source; see `advloss.data.fields`"""
    follows: ClassVar[dict[str, str | tuple[str, ...]]] = {}
    """the sources from which each tensor is made, such as {"fake_b": "a"}; unknown for tensors that are not named"""
    whole: ClassVar[bool] = False
    """whether it is validated on whole pictures; if not, on their middle, as large as a training crop"""
    tensors: ClassVar[dict[str, str]]
    """the names that terms, metrics and samples may use, each with what it is and its shape"""
    uses: Mapping[str, Use] = {}
    """what a trained model can do, by name: see `advloss.methods.uses`"""
    channels_last_on_cpu: ClassVar[bool] = False
    """whether a CPU trains its networks faster in the memory layout channels_last"""
    batches_calls: bool = False
    """whether calls of one network are made as one call on the concatenated batch; in autograd each output then depends
    on all inputs"""
    scale: int = 1
    """how many pixels of its output, along each axis, one pixel of its input becomes"""

    @classmethod
    def declared_fields(cls, parameters: Mapping[str, Any]) -> Fields:
        """The fields of a batch. Override it if they depend on the method's parameters, such as `scale` or `latent`."""
        return cls.fields

    @property
    def multiple(self) -> int:
        """In pixels: all networks take sides that are multiples of it. Training crops are rounded down to them."""
        return lcm(*(int(getattr(network, "multiple", 1)) for network in self.children()))

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_uses(cls.__name__, cls.uses)

    @property
    def last_layer(self) -> Tensor | None:
        """The weight of the one network's last layer, for weightings that compare gradients there; None if several."""
        networks = list(self.children())
        return getattr(networks[0], "last_layer", None) if len(networks) == 1 else None

    @property
    def networks(self) -> list[nn.Module]:
        """The networks that can be compiled: they are called as a whole, and only compute."""
        return list(self.children())

    def watched(self) -> dict[str, Tensor]:
        """Measures of the batches since the last call, for the log. All processes must call it at the same point."""
        return {}

    def forget(self) -> None:
        """Clears what `watched` has gathered, in this process alone."""

    def train(self, mode: bool = True) -> Self:
        """As of every module, but that frozen parts stay in eval mode."""
        super().train(mode)
        keep_frozen(self)
        return self

    @abstractmethod
    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        """batch: the declared fields by name, images [B, C, H, W] in [-1, 1]. Gives at least what is `wanted`."""
