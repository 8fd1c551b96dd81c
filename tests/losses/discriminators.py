"""Small discriminators that the tests of the adversarial loss share."""

import torch
from torch import Tensor, nn


def patches(channels: int = 3, norm: type[nn.Module] = nn.InstanceNorm2d) -> nn.Sequential:
    """A small discriminator of patches: [B, channels, H, W] -> [B, 1, H / 2 - 2, W / 2 - 2]."""
    first = nn.Conv2d(channels, 4, 4, stride=2, padding=1)
    return nn.Sequential(first, norm(4), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 3))


class Featured(nn.Module):
    """`patches`, which gives its layers' outputs where they are asked for."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.body = patches(channels)

    def forward(self, x: Tensor, features: bool = False) -> Tensor | tuple[Tensor, list[Tensor]]:
        maps = []
        for layer in self.body:
            x = layer(x)
            maps.append(x)
        return (x, maps[:-1]) if features else x


class Spy(nn.Module):
    """Gives one parameter's multiple of the mean, at as many scales as asked, and keeps what it saw."""

    def __init__(self, scales: int = 1) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))
        self.scales = scales
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        self.seen.append(x)
        logits = [self.factor * (scale + 1) * x.flatten(1).mean(1) for scale in range(self.scales)]
        return logits[0] if self.scales == 1 else logits


def constant(value: float, channels: int = 3, batch: int = 2) -> Tensor:
    return torch.full((batch, channels, 4, 4), value)
