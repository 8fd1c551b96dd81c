"""A classifier that serves a second domain too: python docs/examples/domain_adversarial.py [STEPS]

ADDA: Tzeng et al. 2017, arXiv:1702.05464, eq. 9. One network for both domains: Ganin et al. 2016, arXiv:1505.07818.
"""

import copy
import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss import AdversarialLoss, MLPDiscriminator


def data(count: int, shift: float) -> tuple[Tensor, Tensor]:
    label, middles = torch.randint(3, (count,)), torch.tensor([[-1, -1], [1, -1], [-1, 1]])
    return middles[label] + 0.3 * torch.randn(count, 2) + shift, label  # [B, 2], [B]


def domain_accuracy(real: Tensor, fake: Tensor) -> Tensor:
    """How well a linear classifier, fitted by least squares, tells the features apart: 0.5 is guessing."""
    x = F.pad(torch.cat([real, fake]), (0, 1), value=1.0).detach()  # [2B, C + 1]
    y = torch.cat([torch.ones(len(real), 1), -torch.ones(len(fake), 1)])  # [2B, 1]
    return (x @ torch.linalg.lstsq(x, y).solution * y > 0).float().mean()


def main(steps: int = 200) -> None:
    torch.manual_seed(0)
    source, classifier = nn.Sequential(nn.Linear(2, 32), nn.SiLU(), nn.Linear(32, 2)), nn.Linear(2, 3)
    optimizer = torch.optim.Adam([*source.parameters(), *classifier.parameters()], lr=1e-2)
    for _ in range(100):  # both are left as they are from then on
        x, label = data(256, shift=0)
        optimizer.zero_grad()
        F.cross_entropy(classifier(source(x)), label).backward()
        optimizer.step()

    target = copy.deepcopy(source)
    adv = AdversarialLoss(MLPDiscriminator(2, width=32, layers=2), objective="non_saturating")
    optimizer_g = torch.optim.Adam(target.parameters(), lr=1e-2, betas=(0.0, 0.9))
    optimizer_d = torch.optim.Adam(adv.discriminator.parameters(), lr=1e-2, betas=(0.0, 0.9))
    for step in range(steps):
        (x, _), (x_target, unknown) = data(256, shift=0), data(256, shift=1)
        real, fake = source(x).detach(), target(x_target)  # [B, 2]
        optimizer_g.zero_grad()
        adv(fake, real).backward()
        optimizer_g.step()

        optimizer_d.zero_grad()
        adv.discriminator_loss(fake, real).backward()
        optimizer_d.step()

        if step % max(1, steps // 10) == 0 or step == steps - 1:
            correct = (classifier(fake).argmax(1) == unknown).float().mean()
            print(f"step {step}  domain accuracy {domain_accuracy(real, fake):.3f}  target accuracy {correct:.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
