"""The same autoencoder in Lightning: python docs/examples/lightning_autoencoder.py [STEPS]"""

import sys

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from advloss import AdversarialLoss, PatchGAN


def pictures(count: int = 64) -> Tensor:
    """Coloured stripes of any direction in [-1, 1]: [N, 3, 32, 32]."""
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    down, across = 0.2 * torch.randn(2, count, 1, 1, 1)
    return torch.sin(down * rows + across * columns + torch.randn(count, 3, 1, 1))


class Autoencoder(L.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False  # two optimizers
        encoder = nn.Conv2d(3, 32, 4, 2, 1), nn.SiLU(), nn.Conv2d(32, 8, 4, 2, 1)
        decoder = nn.ConvTranspose2d(8, 32, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh()
        self.autoencoder = nn.Sequential(*encoder, *decoder)
        self.adv = AdversarialLoss(PatchGAN(width=16, layers=2, norm="instance"), objective="hinge")

    def configure_optimizers(self) -> tuple[torch.optim.Optimizer, ...]:
        optimizer_g = torch.optim.Adam(self.autoencoder.parameters(), lr=2e-3, betas=(0.5, 0.9))
        return optimizer_g, torch.optim.Adam(self.adv.discriminator.parameters(), lr=1e-3, betas=(0.5, 0.9))

    def training_step(self, x: Tensor, batch: int) -> None:  # [B, 3, 32, 32]
        optimizer_g, optimizer_d = self.optimizers()
        y = self.autoencoder(x)  # no toggle_optimizer: neither step leaves a gradient in the other's network

        l1, look = F.l1_loss(y, x), self.adv(y, x)
        optimizer_g.zero_grad()
        self.manual_backward(l1 + 0.1 * look)
        optimizer_g.step()

        loss_d = self.adv.discriminator_loss(y, x)
        optimizer_d.zero_grad()
        self.manual_backward(loss_d)
        optimizer_d.step()
        if batch == 0:
            self.print(f"step {self.global_step // 2}  l1 {l1:.4f}  adversarial {look:.4f}  discriminator {loss_d:.4f}")


def main(steps: int = 200) -> None:
    L.seed_everything(0)
    # For several processes strategy="ddp_find_unused_parameters_true", since each step leaves one player's network out.
    trainer = L.Trainer(max_steps=2 * steps, logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.fit(Autoencoder(), DataLoader(pictures(), batch_size=8, shuffle=True))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
