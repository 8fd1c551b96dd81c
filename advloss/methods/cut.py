"""CUT: one translator, whose output must keep at each place what its input has there.

Park, Efros, Zhang, Zhu 2020, arXiv:2007.15651, section 3.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any

import torch
from torch import Tensor

from advloss.core import distributed
from advloss.core.call_batching import can_batch_calls
from advloss.core.errors import InputError
from advloss.core.limits import Converted
from advloss.data.fields import Image
from advloss.methods.base import Method, NetworkFactory
from advloss.methods.uses import Direction, Translate
from advloss.networks.layers.parameters import Positive, as_list


def _as_names(value: object) -> object:
    if value in ([], ()):
        raise InputError("it needs at least one name of a layer")
    return as_list(value)


Layers = Annotated[Sequence[str], Converted(_as_names)]
Maps = tuple[Tensor, ...]
OF_A = {"features_a", "features_fake_b"}
OF_BOTH = {"features_in", "features_out"}
OF_OUTPUTS = {"features_fake_b", "features_out"}


class CUT(Method):
    """G: a -> b, and the features of layers of G, of its inputs and of its outputs, at the same drawn places.

    generator: makes the translator, which must give maps of its layers, as `resnet` does: it has an attribute `layers`,
    and takes `features` and `decode` (`ResNetGenerator`). layers: names of such; the authors' are the image, the two
    convolutions of the downsampling and the first and the fifth residual block.
    patches: places a layer, without repetition; all of a map that has no more. They are drawn anew in each iteration,
    the same for all images of the batch, in all processes.
    flip: the flip equivariance of FastCUT in the authors' code: with probability 1/2 the translator gets the mirrored
    batch, and the features of its outputs are mirrored back.
    Raises InputError for a generator without such maps, and for domains of different channels.
    """

    fields = {"a": Image("a"), "b": Image("b")}
    follows = {
        "a": "a",
        "b": "b",
        "fake_b": "a",
        "same_b": "b",
        "features_a": "a",
        "features_fake_b": "a",
        "features_in": ("a", "b"),
        "features_out": ("a", "b"),
    }
    tensors = {
        "a": "real images of domain a [B, C, H, W]",
        "b": "real images of domain b [B, C, H, W]",
        "fake_b": "a translated to b [B, C, H, W]",
        "same_b": "b through the translator, which should leave it alone [B, C, H, W]",
        "features_a": "of a, of each layer at the drawn places, constants [B, C, P]",
        "features_fake_b": "of fake_b, at the same places [B, C, P]",
        "features_in": "of a and then of b, constants [2 B, C, P]",
        "features_out": "of fake_b and then of same_b, at the same places [2 B, C, P]",
    }
    uses = {"translate": Translate({"a2b": Direction("generator", "a", "b")})}

    def __init__(
        self,
        generator: NetworkFactory,
        layers: Layers = ("pixels", "downs.0.conv", "downs.1.conv", "blocks.0", "blocks.4"),
        patches: Positive = 256,
        flip: bool = False,
    ) -> None:
        super().__init__()
        self.generator = generator(takes="a", gives="b")
        self.layers = tuple(layers)
        self.patches = patches
        self.flip = flip
        self.batches_calls = can_batch_calls(self.generator)
        if not hasattr(self.generator, "layers"):
            raise InputError("networks.generator: gives no maps of its layers, which cut compares; use resnet")

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Any]:
        a, b = batch["a"], batch["b"]  # [B, C, H, W]
        names = {*wanted}
        _check_channels(names, a, b)
        made = {"a": a, "b": b}
        if not names & (OF_A | OF_BOTH):
            images = {"fake_b": a, "same_b": b}
            return made | {name: self.generator(image) for name, image in images.items() if name in names}
        both = bool(names & (OF_BOTH | {"same_b"}))
        made |= self._with_features(torch.cat([a, b]) if both else a, len(a), bool(names & OF_OUTPUTS))
        return {name: value for name, value in made.items() if name in {"a", "b", *names}}

    def _with_features(self, images: Tensor, count: int, outputs: bool) -> dict[str, Any]:
        """The tensors that are made of the images: the first `count` are of domain a. outputs: whether features of the
        outputs are among them."""
        flipped = drawn_coin(images) if self.flip and self.training else None
        given = images if flipped is None else torch.where(flipped, images.flip(3), images)
        parts = len(images) // count
        output, maps = self._through(given, parts)
        if flipped is not None:
            with torch.no_grad():
                _, maps = self._through(images, parts, decode=False)
        places = drawn_places(maps, self.patches)
        keys = tuple(_at(layer.detach(), place) for layer, place in zip(maps, places, strict=True))
        made: dict[str, Any] = {"fake_b": output[:count], "same_b": output[count:], "features_in": keys}
        made["features_a"] = tuple(key[:count] for key in keys)
        if outputs:
            _, maps = self._through(output, parts, decode=False)
            places = [_mirrored(place, layer, flipped) for layer, place in zip(maps, places, strict=True)]
            queries = tuple(_at(layer, place) for layer, place in zip(maps, places, strict=True))
            made |= {"features_out": queries, "features_fake_b": tuple(query[:count] for query in queries)}
        return made

    def _through(self, images: Tensor, parts: int, decode: bool = True) -> tuple[Tensor, Maps]:
        """The translator's output and its layers' maps. parts: how many domains the batch holds, each of which has a
        call of its own where the translator does not treat each image by itself."""
        calls = [images] if self.batches_calls else images.chunk(parts)
        made = [self.generator(each, features=self.layers, decode=decode) for each in calls]
        output, maps = zip(*made, strict=True)
        return torch.cat(output), tuple(torch.cat(layer) for layer in zip(*maps, strict=True))


def drawn_places(maps: Maps, patches: int) -> list[Tensor]:
    """Of each map [B, C, H, W] as many different places, int64 [P], a place being its row times W plus its column.

    P is `patches`, or H W if that is less. They come from the first process's global generator on the device; every
    process draws as many numbers.
    """
    drawn = [
        torch.rand(layer[0, 0].numel(), device=layer.device, dtype=torch.float64)  # float32 has too few numbers
        .topk(min(patches, layer[0, 0].numel()))
        .indices
        for layer in maps
    ]
    return list(distributed.of_first(torch.cat(drawn)).split([len(places) for places in drawn]))


def drawn_coin(like: Tensor) -> Tensor:
    """A drawn truth value, the same in all processes: a scalar on the device of `like`."""
    return distributed.of_first(torch.rand((), device=like.device)) < 0.5


def _at(layer: Tensor, places: Tensor) -> Tensor:
    """What a map [B, C, H, W] has at these places: [B, C, P]."""
    return layer.flatten(2).index_select(2, places)


def _mirrored(places: Tensor, layer: Tensor, flipped: Tensor | None) -> Tensor:
    """The places in a map whose columns are mirrored if `flipped`."""
    if flipped is None:
        return places
    width = layer.shape[3]
    return torch.where(flipped, places + width - 1 - 2 * (places % width), places)


def _check_channels(wanted: set[str], a: Tensor, b: Tensor) -> None:
    """Raises InputError for tensors that give images of both domains to the translator, if their channels differ."""
    if a.shape[1] != b.shape[1] and wanted & (OF_A | OF_BOTH | {"same_b"}):
        raise InputError(
            f"cut gives images of both domains to one translator, and a has {a.shape[1]} channels, b {b.shape[1]}"
        )
