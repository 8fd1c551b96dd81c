"""(f) A discriminator on frozen features, whose weights are in no checkpoint and no optimizer."""

import torch
from torch import Tensor, nn

from advloss import Frozen, components, main


def features() -> nn.Module:
    """Stands for a network that was trained elsewhere: the same weights each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2, padding=1))


class OnFeatures(nn.Module):
    """Logits of patches, from frozen features: [B, 3, H, W] -> [B, 1, H / 2, W / 2]."""

    def __init__(self, in_channels: int = 3, width: int = 8) -> None:
        super().__init__()
        self.features = Frozen(features())
        self.head = nn.Sequential(nn.Conv2d(8, width, 1), nn.LeakyReLU(0.2), nn.Conv2d(width, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features.on(image)(image))


components.DISCRIMINATORS["on_features"] = OnFeatures
if __name__ == "__main__":
    main()
