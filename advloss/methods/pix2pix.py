"""pix2pix: one translator, learned from pairs (Isola, Zhu, Zhou, Efros 2017, arXiv:1611.07004)."""

from collections.abc import Collection, Mapping

from torch import Tensor

from advloss.data.fields import Image
from advloss.methods.base import Method, NetworkFactory
from advloss.methods.uses import Direction, Translate


class Pix2Pix(Method):
    """G: a -> b. generator: makes the translator."""

    fields = {"a": Image("pairs"), "b": Image("pairs")}
    follows = {"a": "pairs", "b": "pairs", "fake_b": "pairs"}
    tensors = {
        "a": "input images [B, C, H, W]",
        "b": "their true partners [B, C, H, W]",
        "fake_b": "a translated to b [B, C, H, W]",
    }
    uses = {"translate": Translate({"a2b": Direction("generator", "a", "b")})}

    def __init__(self, generator: NetworkFactory) -> None:
        super().__init__()
        self.generator = generator()

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        a, b = batch["a"], batch["b"]  # [B, C, H, W]
        made = {"a": a, "b": b}
        if "fake_b" in wanted:
            made["fake_b"] = self.generator(a)
        return made
