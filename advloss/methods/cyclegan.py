"""CycleGAN: two translators that undo each other (Zhu, Park, Isola, Efros 2017, arXiv:1703.10593, section 3)."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from advloss.core.call_batching import can_batch_calls
from advloss.core.errors import InputError
from advloss.data.fields import Image
from advloss.methods.base import Method, NetworkFactory
from advloss.methods.uses import Direction, Translate


class CycleGAN(Method):
    """G: a -> b and F: b -> a of the paper's figure 3, here `g_ab` and `g_ba`.

    generator: makes a translator. It is called for each of the two.
    """

    fields = {"a": Image("a"), "b": Image("b")}
    follows = {
        "a": "a",
        "b": "b",
        "fake_b": "a",
        "fake_a": "b",
        "cycle_a": "a",
        "cycle_b": "b",
        "same_a": "a",
        "same_b": "b",
    }
    tensors = {
        "a": "real images of domain a [B, C, H, W]",
        "b": "real images of domain b [B, C, H, W]",
        "fake_b": "a translated to b [B, C, H, W]",
        "fake_a": "b translated to a [B, C, H, W]",
        "cycle_a": "fake_b translated back to a [B, C, H, W]",
        "cycle_b": "fake_a translated back to b [B, C, H, W]",
        "same_a": "a through the translator to a, which should leave it alone [B, C, H, W]",
        "same_b": "b through the translator to b, which should leave it alone [B, C, H, W]",
    }
    uses = {"translate": Translate({"a2b": Direction("g_ab", "a", "b"), "b2a": Direction("g_ba", "b", "a")})}

    def __init__(self, generator: NetworkFactory) -> None:
        super().__init__()
        self.g_ab = generator(takes="a", gives="b")
        self.g_ba = generator(takes="b", gives="a")
        self.batches_calls = can_batch_calls(self.g_ab)

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        a, b = batch["a"], batch["b"]  # [B, C, H, W]
        made = {"a": a, "b": b}
        _check_same(wanted, a, b)
        first = {*wanted} | _before(wanted, "cycle_a", "fake_b")
        made |= self._through(self.g_ab, {"fake_b": a, "same_b": b}, first)
        second = {*wanted} | _before(wanted, "cycle_b", "fake_a")
        inputs = {"fake_a": b, "same_a": a, **({"cycle_a": made["fake_b"]} if "fake_b" in made else {})}
        made |= self._through(self.g_ba, inputs, second)
        if "cycle_b" in wanted:
            made["cycle_b"] = self.g_ab(made["fake_a"])
        return made

    def _through(self, network: nn.Module, inputs: dict[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        """The wanted outputs of one translator. It is called once if it treats each image of a batch separately."""
        inputs = {name: image for name, image in inputs.items() if name in wanted}
        images = list(inputs.values())
        if self.batches_calls and len({image.shape for image in images}) == 1:
            outputs = network(torch.cat(images)).chunk(len(images))
            return dict(zip(inputs, outputs, strict=True))
        return {name: network(image) for name, image in inputs.items()}


def _check_same(wanted: Collection[str], a: Tensor, b: Tensor) -> None:
    """Raises InputError for an identity term if the domains have different channels."""
    same = sorted({"same_a", "same_b"} & {*wanted})
    if same and a.shape[1] != b.shape[1]:
        raise InputError(
            f"{same[0]} is an image through the translator of the other domain, and a has {a.shape[1]} channels, b "
            f"{b.shape[1]}; leave such terms out (losses.identity_a=null losses.identity_b=null), or say data.channels"
        )


def _before(wanted: Collection[str], name: str, needed: str) -> set[str]:
    return {needed} if name in wanted else set()
