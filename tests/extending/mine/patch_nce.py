"""(b) A small form of CUT's contrastive loss with trained heads: Park et al. 2020, arXiv:2007.15651, eq. 3 and 4."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss import Method, NetworkFactory, components, fields, main, uses


class Layered(nn.Module):
    """A small generator whose encoder gives its feature maps."""

    def __init__(self, in_channels: int = 3, out_channels: int = 3, width: int = 8) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, width, 3, padding=1)
        self.second = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.last = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(2 * width, out_channels, 3, padding=1))

    def features(self, image: Tensor) -> tuple[Tensor, ...]:
        first = self.first(image).relu()
        return first, self.second(first).relu()

    def forward(self, image: Tensor) -> Tensor:
        return self.last(self.features(image)[-1]).tanh()


class PatchNCE(nn.Module):
    """Cross-entropy of finding a patch of x among the patches of y at other places. x, y: maps of the same layers.

    in_channels: of each layer's map, from the tensors. patches: places a picture. temperature: tau.
    """

    def __init__(
        self, in_channels: Sequence[int], patches: int = 16, temperature: float = 0.07, width: int = 16
    ) -> None:
        super().__init__()
        self.patches, self.temperature = patches, temperature
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(c, width), nn.ReLU(), nn.Linear(width, width)) for c in in_channels
        )

    def forward(self, x: tuple[Tensor, ...], y: tuple[Tensor, ...]) -> Tensor:
        losses = []
        for head, queries, keys in zip(self.heads, x, y, strict=True):
            places = torch.randint(queries.shape[2] * queries.shape[3], (self.patches,), device=queries.device)
            q, k = (F.normalize(head(maps.flatten(2)[:, :, places].mT), dim=2) for maps in (queries, keys.detach()))
            logits = q @ k.mT / self.temperature  # [B, patches, patches]
            target = torch.arange(self.patches, device=logits.device).expand(len(logits), -1)
            losses.append(F.cross_entropy(logits.flatten(0, 1), target.flatten()))
        return torch.stack(losses).mean()


class CUT(Method):
    """One translator, a -> b, that keeps what its encoder sees."""

    fields = {"a": fields.Image("a"), "b": fields.Image("b")}
    uses = {"translate": uses.Translate({"a2b": uses.Direction("generator", "a", "b")})}
    tensors = {
        "a": "images of domain a [B, C, H, W]",
        "b": "images of domain b [B, C, H, W]",
        "fake_b": "a translated to b [B, C, H, W]",
        "features_a": "the encoder's maps of a, one a layer",
        "features_fake_b": "the encoder's maps of fake_b, one a layer",
    }

    def __init__(self, generator: NetworkFactory) -> None:
        super().__init__()
        self.generator = generator(takes="a", gives="b")

    def forward(self, batch, wanted):
        fake = self.generator(batch["a"])
        return {
            **batch,
            "fake_b": fake,
            "features_a": self.generator.features(batch["a"]),
            "features_fake_b": self.generator.features(fake),
        }


components.GENERATORS["layered"] = Layered
components.LOSSES["my_patch_nce"] = PatchNCE
components.METHODS["my_cut"] = CUT
if __name__ == "__main__":
    main()
