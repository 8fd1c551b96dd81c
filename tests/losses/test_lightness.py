"""The adversarial loss needs torch and numpy alone, and is imported almost as fast as torch."""

import subprocess
import sys
import time

USE = """
import re, sys
from importlib import metadata

def needs(name, found):
    for line in metadata.requires(name) or ():
        other = re.match("[A-Za-z0-9._-]+", line)[0].lower().replace("_", "-")
        if "extra ==" not in line and other not in found:
            found.add(other)
            try:
                needs(other, found)
            except metadata.PackageNotFoundError:  # of another platform
                continue
    return found

allowed = needs("torch", {"torch", "numpy", "advloss"})
installed = metadata.packages_distributions().items()
blocked = {
    module for module, packages in installed if not {each.lower().replace("_", "-") for each in packages} & allowed
} - {"advloss"}

class WithoutBlocked:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in blocked else self.finder.find_spec(name, path, target)

sys.meta_path = [WithoutBlocked(finder) for finder in sys.meta_path]
import torch
assert {"pydantic", "kornia", "PIL", "yaml", "torchvision"} <= blocked
for name in ("pydantic", "kornia", "torchvision", "lpips"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise AssertionError(f"{name} is not blocked")

from advloss.losses.adversarial import AdversarialLoss
from advloss.losses.adversarial.augmentations import DiffAugment
from advloss.losses.adversarial.penalties import R1
from advloss.losses.adversarial.weighting import Balancer
from advloss.networks.discriminators.patchgan import PatchGAN

adv = AdversarialLoss(PatchGAN(width=4, layers=1, norm="none"), penalties=[R1(interval=2)], augment=[DiffAugment()])
generator = torch.nn.Conv2d(3, 3, 3, padding=1)
weighting = Balancer({"l1": 1.0, "adversarial": 1.0})
players = [torch.optim.Adam(module.parameters()) for module in (generator, adv.discriminator)]
real = torch.rand(2, 3, 16, 16) * 2 - 1
for _ in range(3):
    fake = generator(real)
    losses = {"l1": (fake - real).abs().mean(), "adversarial": adv(fake, real)}
    for optimizer, loss in zip(players, (lambda: weighting(losses, fake), lambda: adv.discriminator_loss(fake, real))):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
assert adv.clock.iteration == 3
"""
IMPORT = "from advloss.losses.adversarial import AdversarialLoss"
SLOWER = 0.3
"""In seconds, at most, than torch alone."""


def test_it_trains_while_everything_else_is_blocked() -> None:
    done = subprocess.run([sys.executable, "-c", USE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def seconds(program: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - start


def test_the_import_takes_as_long_as_torchs() -> None:
    """The best of three each, alternately, so that a machine that is busy for a while slows both."""
    for _ in range(3):  # a busy machine may spoil a measurement, and never makes the import faster
        pairs = [(seconds("import torch, numpy"), seconds(IMPORT)) for _ in range(3)]
        torchs, ours = (min(times) for times in zip(*pairs, strict=True))
        if ours <= torchs + SLOWER:
            return
    raise AssertionError(f"torch is imported in {torchs:.2f} s, the loss in {ours:.2f} s")
