"""The same autoencoder in accelerate: accelerate launch docs/examples/accelerate_autoencoder.py [STEPS]"""

import sys

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler

from advloss import AdversarialLoss, PatchGAN


def pictures(count: int = 64) -> Tensor:
    """Coloured stripes of any direction in [-1, 1]: [N, 3, 32, 32]."""
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    down, across = 0.2 * torch.randn(2, count, 1, 1, 1)
    return torch.sin(down * rows + across * columns + torch.randn(count, 3, 1, 1))


def main(steps: int = 200) -> None:
    accelerator = Accelerator()
    set_seed(0)  # in every process, so that their discriminators begin alike
    encoder = nn.Conv2d(3, 32, 4, 2, 1), nn.SiLU(), nn.Conv2d(32, 8, 4, 2, 1)
    decoder = nn.ConvTranspose2d(8, 32, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh()
    autoencoder = nn.Sequential(*encoder, *decoder)
    adv = AdversarialLoss(PatchGAN(width=16, layers=2, norm="instance"), objective="hinge").to(accelerator.device)
    optimizer_g = torch.optim.Adam(autoencoder.parameters(), lr=2e-3, betas=(0.5, 0.9))
    optimizer_d = torch.optim.Adam(adv.discriminator.parameters(), lr=1e-3, betas=(0.5, 0.9))
    images = pictures()  # [N, 3, 32, 32]
    sampler = RandomSampler(images, num_samples=8 * steps * accelerator.num_processes)
    loader = DataLoader(images, batch_size=8, sampler=sampler)
    # The discriminator is not prepared: DistributedDataParallel rules out the torch.autograd.grad of penalties and, on
    # torch 2.11, batch norm called for fake and real before one backward. adv.average_gradients() does its work.
    autoencoder, optimizer_g, optimizer_d, loader = accelerator.prepare(autoencoder, optimizer_g, optimizer_d, loader)

    for step, x in enumerate(loader):  # [B, 3, 32, 32]
        y = autoencoder(x)  # [B, 3, 32, 32]

        l1, look = F.l1_loss(y, x), adv(y, x)
        optimizer_g.zero_grad()
        accelerator.backward(l1 + 0.1 * look)
        optimizer_g.step()

        loss_d = adv.discriminator_loss(y, x)
        optimizer_d.zero_grad()
        accelerator.backward(loss_d)
        adv.average_gradients()
        optimizer_d.step()

        if step % max(1, steps // 10) == 0 or step == steps - 1:
            accelerator.print(f"step {step}  l1 {l1:.4f}  adversarial {look:.4f}  discriminator {loss_d:.4f}")
    accelerator.end_training()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
