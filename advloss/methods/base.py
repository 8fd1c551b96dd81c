"""What every method is: networks of the generator's side, and how a batch becomes named tensors."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from advloss.data.fields import Field
from advloss.data.sources.base import Kind
from advloss.methods.uses import Use, check_uses

NetworkFactory = Callable[..., nn.Module]
"""Makes a network as the recipe has it; keywords (`in_channels`, `out_channels`) wire it otherwise than to images."""


class Method(nn.Module, ABC):
    """Turns a batch into named tensors; knows no loss.

    A subclass's constructor takes one `NetworkFactory` for each key that a recipe has under `networks`.
    """

    data: ClassVar[Kind]
    """what it learns from: `pairs` (b[i] of a batch is the partner of a[i]), `unpaired` sides, or `single` pictures"""
    degrades: ClassVar[bool] = False
    """whether side a of `single` pictures is made from side b, by the recipe's `data.degradation`"""
    whole: ClassVar[bool] = False
    """whether it is validated on whole pictures, rather than on their middle as large as a training crop"""
    tensors: ClassVar[dict[str, str]]
    """the names that terms, metrics and samples may use, each with what it is and its shape"""
    fields: ClassVar[dict[str, Field]] = {}
    """what a batch holds, by name: see `advloss.data.fields`"""
    uses: ClassVar[dict[str, Use]] = {}
    """what a trained model can do, by name: see `advloss.methods.uses`"""
    channels_last_on_cpu: ClassVar[bool] = False
    """whether a CPU trains its networks faster in that layout of memory"""
    batches_calls: bool = False
    """whether calls that share weights are one on the joined batch; each output then depends on all inputs by name"""
    scale: int = 1
    """how many pixels of side b, along each axis, one pixel of side a becomes"""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_uses(cls.__name__, cls.uses)

    @classmethod
    def declared_fields(cls, parameters: Mapping[str, Any]) -> dict[str, Field]:
        """The fields with these parameters of the method, of which some may depend on them."""
        return cls.fields

    @property
    def last_layer(self) -> Tensor | None:
        """The weight of the one network's last layer, for weightings that compare gradients there; None if several."""
        networks = list(self.children())
        return getattr(networks[0], "last_layer", None) if len(networks) == 1 else None

    @property
    def networks(self) -> list[nn.Module]:
        """What can be compiled: the networks that are called as a whole and do nothing but compute."""
        return list(self.children())

    def watched(self) -> dict[str, Tensor]:
        """What else is worth logging of the batches since it was last asked; all processes must ask at once."""
        return {}

    def forget(self) -> None:
        """Drops what `watched` has gathered; no other process is asked."""

    def warning(self, watched: Mapping[str, float]) -> str | None:
        """A sentence for the user, where the watched values say that something goes wrong."""
        return None

    @abstractmethod
    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        """batch: `a` [B, 3, H, W] and `b` [B, 3, scale H, scale W] in [-1, 1], `b` alone where pictures are single.

        Gives at least the tensors named in `wanted`.
        """
