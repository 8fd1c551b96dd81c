"""An autoencoder of volumes, judged by a PatchGAN of three dimensions: python docs/examples/volumes.py [STEPS]"""

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss import AdversarialLoss, PatchGAN


def ellipsoids(count: int, side: int = 16) -> Tensor:
    """Bright ellipsoids in the dark, with soft edges, in [-1, 1]: [B, 1, D, H, W]."""
    axis = torch.linspace(-1, 1, side)
    at = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"))  # [3, D, H, W]
    middle = torch.empty(count, 3, 1, 1, 1).uniform_(-0.4, 0.4)
    radius = torch.empty(count, 3, 1, 1, 1).uniform_(0.3, 0.6)
    return torch.tanh(5 - 5 * ((at - middle) / radius).square().sum(1, keepdim=True))


class Autoencoder(nn.Sequential):
    """Volumes [B, 1, D, H, W] -> codes [B, 8, D/4, H/4, W/4] -> volumes."""

    def __init__(self) -> None:
        encoder = nn.Conv3d(1, 16, 4, 2, 1), nn.SiLU(), nn.Conv3d(16, 8, 4, 2, 1)
        decoder = nn.ConvTranspose3d(8, 16, 4, 2, 1), nn.SiLU(), nn.ConvTranspose3d(16, 1, 4, 2, 1), nn.Tanh()
        super().__init__(*encoder, *decoder)


def main(steps: int = 200) -> None:
    torch.manual_seed(0)
    autoencoder = Autoencoder()
    discriminator = PatchGAN(in_channels=1, width=8, layers=2, norm="instance", dims=3)
    adv = AdversarialLoss(discriminator, objective="lsgan")
    optimizer_g = torch.optim.Adam(autoencoder.parameters(), lr=2e-3, betas=(0.5, 0.9))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.9))

    for step in range(steps):
        x = ellipsoids(8)  # [B, 1, 16, 16, 16]
        y = autoencoder(x)  # [B, 1, 16, 16, 16]

        l1, look = F.l1_loss(y, x), adv(y, x)
        optimizer_g.zero_grad()
        (l1 + 0.1 * look).backward()
        optimizer_g.step()

        loss_d = adv.discriminator_loss(y, x)
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()

        if step % max(1, steps // 10) == 0 or step == steps - 1:
            print(f"step {step}  l1 {l1:.4f}  adversarial {look:.4f}  discriminator {loss_d:.4f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
