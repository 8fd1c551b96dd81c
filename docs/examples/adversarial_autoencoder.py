"""Codes of an autoencoder matched to a prior: python docs/examples/adversarial_autoencoder.py [STEPS]

The adversarial autoencoder of Makhzani et al. 2016, arXiv:1511.05644, which is the Wasserstein autoencoder with the GAN
penalty of Tolstikhin et al. 2018, arXiv:1711.01558, algorithm 1: the discriminator judges codes, not images. Codes of
data are its fakes, draws from the prior its real ones.
"""

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss import AdversarialLoss, MLPDiscriminator


def waves(count: int) -> Tensor:
    """Sines of random frequency and phase, at 32 places: [B, 32]."""
    frequency, phase = torch.empty(count, 1).uniform_(1, 3), torch.empty(count, 1).uniform_(0, 3)
    return torch.sin(frequency * torch.linspace(0, 3, 32) + phase)


def distance(x: Tensor, y: Tensor) -> Tensor:
    """The energy distance between two samples [B, C] (Szekely, Rizzo 2013): 0 where their distributions are alike."""
    return 2 * torch.cdist(x, y).mean() - torch.cdist(x, x).mean() - torch.cdist(y, y).mean()


def main(steps: int = 200) -> None:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(32, 64), nn.SiLU(), nn.Linear(64, 2))
    decoder = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 32))
    adv = AdversarialLoss(MLPDiscriminator(2, width=64, layers=2), objective="non_saturating")
    optimizer_g = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=3e-3, betas=(0.0, 0.9))
    optimizer_d = torch.optim.Adam(adv.discriminator.parameters(), lr=1e-2, betas=(0.0, 0.9))

    for step in range(steps):
        x, prior = waves(128), torch.randn(128, 2)  # [B, 32], [B, 2]
        code = encoder(x)  # [B, 2]

        l2, look = F.mse_loss(decoder(code), x), adv(code, prior)
        optimizer_g.zero_grad()
        (l2 + 0.3 * look).backward()
        optimizer_g.step()

        loss_d = adv.discriminator_loss(code, prior)
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()

        if step % max(1, steps // 10) == 0 or step == steps - 1:
            far = distance(code, prior)
            print(f"step {step}  l2 {l2:.4f}  distance {far:.4f}  adversarial {look:.4f}  discriminator {loss_d:.4f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
