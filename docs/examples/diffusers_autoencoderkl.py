"""diffusers' AutoencoderKL trained with an adversarial loss: python docs/examples/diffusers_autoencoderkl.py [STEPS]

Reconstruction, KL and a PatchGAN, as in Rombach et al. 2022, arXiv:2112.10752, appendix G. Random weights and a tiny
configuration here; `AutoencoderKL.from_pretrained(...)` fine-tunes a published one.
"""

import sys

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from advloss import AdversarialLoss, PatchGAN


def pictures(count: int = 64) -> Tensor:
    """Coloured stripes of any direction in [-1, 1]: [N, 3, 32, 32]."""
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    down, across = 0.2 * torch.randn(2, count, 1, 1, 1)
    return torch.sin(down * rows + across * columns + torch.randn(count, 3, 1, 1))


def main(steps: int = 200) -> None:
    torch.manual_seed(0)
    images = pictures()  # [N, 3, 32, 32]
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(16, 32),
        norm_num_groups=8,
        latent_channels=4,
    )
    adv = AdversarialLoss(PatchGAN(width=16, layers=2, norm="instance"), objective="hinge")
    optimizer_g = torch.optim.Adam(vae.parameters(), lr=2e-3, betas=(0.5, 0.9))
    optimizer_d = torch.optim.Adam(adv.discriminator.parameters(), lr=1e-3, betas=(0.5, 0.9))

    for step in range(steps):
        x = images[torch.randint(len(images), (8,))]  # [B, 3, 32, 32]
        posterior = vae.encode(x).latent_dist
        y = vae.decode(posterior.sample()).sample  # [B, 3, 32, 32], of codes [B, 4, 16, 16]

        l1, kl, look = F.l1_loss(y, x), posterior.kl().mean(), adv(y, x)
        optimizer_g.zero_grad()
        (l1 + 1e-6 * kl + 0.1 * look).backward()
        optimizer_g.step()

        loss_d = adv.discriminator_loss(y, x)
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()

        if step % max(1, steps // 10) == 0 or step == steps - 1:
            print(f"step {step}  l1 {l1:.4f}  kl {kl:.1f}  adversarial {look:.4f}  discriminator {loss_d:.4f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
