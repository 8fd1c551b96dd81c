"""An adversarial loss in an autoencoder of your own, in plain PyTorch: python docs/examples/autoencoder.py [STEPS]"""

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss import AdversarialLoss, PatchGAN


def pictures(count: int = 64) -> Tensor:
    """Coloured stripes of any direction in [-1, 1]: [N, 3, 32, 32]."""
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    down, across = 0.2 * torch.randn(2, count, 1, 1, 1)
    return torch.sin(down * rows + across * columns + torch.randn(count, 3, 1, 1))


class Autoencoder(nn.Sequential):
    """Images [B, 3, H, W] -> codes [B, 8, H/4, W/4] -> images."""

    def __init__(self) -> None:
        encoder = nn.Conv2d(3, 32, 4, 2, 1), nn.SiLU(), nn.Conv2d(32, 8, 4, 2, 1)
        decoder = nn.ConvTranspose2d(8, 32, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh()
        super().__init__(*encoder, *decoder)


def main(steps: int = 200) -> None:
    torch.manual_seed(0)
    images = pictures()  # [N, 3, 32, 32]
    autoencoder = Autoencoder()
    adv = AdversarialLoss(PatchGAN(width=16, layers=2, norm="instance"), objective="hinge")
    optimizer_g = torch.optim.Adam(autoencoder.parameters(), lr=2e-3, betas=(0.5, 0.9))
    optimizer_d = torch.optim.Adam(adv.discriminator.parameters(), lr=1e-3, betas=(0.5, 0.9))

    for step in range(steps):
        x = images[torch.randint(len(images), (8,))]  # [B, 3, 32, 32]
        y = autoencoder(x)  # [B, 3, 32, 32]

        # the generator's step: leaves no gradient in the discriminator
        l1, look = F.l1_loss(y, x), adv(y, x)
        optimizer_g.zero_grad()
        (l1 + 0.1 * look).backward()
        optimizer_g.step()

        # the discriminator's step, on the same images: leaves no gradient in the autoencoder
        loss_d = adv.discriminator_loss(y, x)
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()

        if step % max(1, steps // 10) == 0 or step == steps - 1:
            print(f"step {step}  l1 {l1:.4f}  adversarial {look:.4f}  discriminator {loss_d:.4f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
