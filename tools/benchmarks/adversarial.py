"""The losses of generator and discriminator by AdversarialLoss, beside the same by hand in plain PyTorch."""

import argparse
import copy
from typing import Any

import torch
from torch import Tensor, nn

from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.networks.discriminators.patchgan import PatchGAN
from tools.benchmarks import seams
from tools.benchmarks.measuring import counting, floors, measure

REPEATS = 3


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--size", type=int, default=256, help="of the images, in pixels")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--width", type=int, default=64, help="channels of the PatchGAN's first layer")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--pairs", type=int, default=15, help="of alternating measurements")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Least squares on a 70x70 PatchGAN in float32, gradients included, without an optimizer's step."""
    device = measure.chosen_device(arguments.device)
    torch.manual_seed(0)
    discriminator = PatchGAN(width=arguments.width, norm="instance").to(device)
    adversary = AdversarialLoss(copy.deepcopy(discriminator), objective="lsgan")
    shape = (arguments.batch, 3, arguments.size, arguments.size)
    real, fake = (torch.rand(shape, device=device) * 2 - 1 for _ in range(2))
    fake.requires_grad_()

    def ours() -> tuple[Tensor, Tensor]:
        fake.grad = None
        adversary.zero_grad()
        return with_component(adversary, fake, real)

    def plain() -> tuple[Tensor, Tensor]:
        fake.grad = None
        discriminator.zero_grad()
        return by_hand(discriminator, fake, real)

    for mine, other in zip(ours(), plain(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)
    measure.alternating(ours, plain, device, 3)
    measure.reset_peak(device)
    times = [measure.spread(values) for values in measure.alternating(ours, plain, device, arguments.pairs)]
    memory = floors.memory(device)
    median = times[0]["median"]
    precision = "tf32" if device.type == "cuda" and torch.backends.cudnn.allow_tf32 else "fp32"
    least = counting.parameter_bytes(discriminator) + fake.nbytes + real.nbytes
    standing = floors.standing(median, counting.counted(ours), least, floors.peaks(device, precision))
    return {
        "precision": precision,
        "seconds_with_adversarial_loss": times[0],
        "seconds_by_hand": times[1],
        "ratio_of_medians": median / times[1]["median"],
        "images_per_second": arguments.batch / median,
        "where_the_time_goes": parts(adversary, fake, real, device),
    } | (memory | standing)


def parts(adversary: AdversarialLoss, fake: Tensor, real: Tensor, device: torch.device) -> dict[str, Any]:
    """Seconds of each player's loss, forward and backward, in a run of its own."""
    clock = seams.Seams(device)
    for _ in range(REPEATS):
        with clock.within("the generator's loss"):
            adversary(fake, real).backward()
        with clock.within("the discriminator's loss"):
            adversary.discriminator_loss(fake, real).backward()
    return {name: taken / REPEATS for name, taken in clock.taken.items()}


def with_component(adversary: AdversarialLoss, fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Both losses with their gradients: (the generator's, the discriminator's)."""
    generator = adversary(fake, real)
    generator.backward()
    discriminator = adversary.discriminator_loss(fake, real)
    discriminator.backward()
    return generator.detach(), discriminator.detach()


def by_hand(network: nn.Module, fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """The same as in a usual training script, which freezes the discriminator for the generator's loss."""
    network.requires_grad_(False)
    generator = (network(fake) - 1).square().mean()
    generator.backward()
    network.requires_grad_(True)
    discriminator = network(fake.detach()).square().mean() + (network(real) - 1).square().mean()
    discriminator.backward()
    return generator.detach(), discriminator.detach()
