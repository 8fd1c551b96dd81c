"""docs/examples/: each file is run for 20 iterations, while hooks count the gradients and steps of its two players."""

import importlib.util
import math
import os
import re
import runpy
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

from advloss import AdversarialLoss

FOLDER = Path(__file__).resolve().parents[2] / "docs/examples"
STEPS = 20

# what a file prints that must fall or rise to at least this fraction of its first value
EXAMPLES = {
    "autoencoder": {"l1": 0.9},
    "lightning_autoencoder": {"l1": 0.9},
    "accelerate_autoencoder": {"l1": 0.9},
    "diffusers_autoencoderkl": {"l1": 0.7},
    "volumes": {"l1": 0.5},
    "adversarial_autoencoder": {"l2": 0.5, "distance": 0.6},
    "domain_adversarial": {"domain accuracy": 0.85, "target accuracy": 1.1},
}


class Hooks:
    """Counts, in the step of each player, who gets a gradient and whose parameters move."""

    def __init__(self) -> None:
        self.adv: AdversarialLoss | None = None
        self.player = ""
        self.gradients: Counter[tuple[str, str]] = Counter()  # (whose step, who got one): how many not zero
        self.steps: Counter[str] = Counter()  # of each player's optimizer
        self.start: dict[str, list[tuple[Tensor, Tensor]]] = {}  # each player's parameters and what they began as
        self.first_real = torch.empty(0)

    def sees(self, player: str, adv: AdversarialLoss, fake: Tensor, real: Tensor) -> Tensor:
        """Called before a player's step. Gives the fake to go on with, which is used for nothing else."""
        if self.adv is None:
            self.adv, self.first_real = adv, real.clone()
            for parameter in adv.discriminator.parameters():
                parameter.register_hook(lambda gradient: self.got("discriminator", gradient))
        assert adv is self.adv
        self.player = player
        fake = fake.view_as(fake)
        fake.register_hook(lambda gradient: self.got("fake", gradient))
        return fake

    def got(self, who: str, gradient: Tensor) -> None:
        self.gradients[self.player, who] += int(gradient.any())

    def stepped(self, optimizer: Optimizer, *_: object) -> None:
        if self.adv is None:  # a network trained before the game begins
            return
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        judges = set(self.adv.discriminator.parameters())
        assert judges.issuperset(parameters) or judges.isdisjoint(parameters)
        player = "discriminator" if judges.issuperset(parameters) else "generator"
        assert player == self.player
        self.steps[player] += 1
        self.start.setdefault(player, [(parameter, parameter.detach().clone()) for parameter in parameters])

    def moved(self, player: str) -> bool:
        return any(not torch.equal(parameter, start) for parameter, start in self.start[player])


@contextmanager
def hooked() -> Iterator[Hooks]:
    hooks = Hooks()
    forward, discriminator_loss = AdversarialLoss.forward, AdversarialLoss.discriminator_loss

    def generators(adv: AdversarialLoss, fake: Tensor, real: Tensor) -> Tensor:
        return forward(adv, hooks.sees("generator", adv, fake, real), real)

    def discriminators(adv: AdversarialLoss, fake: Tensor, real: Tensor) -> Tensor:
        return discriminator_loss(adv, hooks.sees("discriminator", adv, fake, real), real)

    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(AdversarialLoss, "forward", generators)
        patch.setattr(AdversarialLoss, "discriminator_loss", discriminators)
        stack.callback(register_optimizer_step_pre_hook(hooks.stepped).remove)
        yield hooks


def run(name: str, steps: int = STEPS) -> Hooks:
    """`python docs/examples/NAME.py STEPS`, in this process."""
    with pytest.MonkeyPatch.context() as patch, hooked() as hooks:
        path = str(FOLDER / f"{name}.py")
        patch.setattr(sys, "argv", [path, str(steps)])
        runpy.run_path(path, run_name="__main__")
    return hooks


def need(package: str) -> None:
    """Skips where an example's package is absent, fails in CI."""
    if importlib.util.find_spec(package) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{package} is missing, and CI must have it: pip install -e '.[test]'")
        pytest.skip(f"{package} is not installed")


def numbers(printed: str) -> list[dict[str, float]]:
    """Of each line such as `step 3  l1 0.4064  adversarial 1.2`."""
    lines = re.findall(r"^step .*$", printed, flags=re.MULTILINE)
    pairs = [[part.strip().rsplit(" ", 1) for part in line.split("  ") if part.strip()] for line in lines]
    return [{name: float(value) for name, value in line} for line in pairs]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_and_learns(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    package = name.split("_")[0]
    if package in ("lightning", "accelerate", "diffusers"):
        need(package)
    hooks = run(name)

    printed = numbers(capsys.readouterr().out)
    assert len(printed) >= 3
    assert all(math.isfinite(value) for line in printed for value in line.values())
    for number, fraction in EXAMPLES[name].items():
        first, last = printed[0][number], printed[-1][number]
        assert last > fraction * first if fraction > 1 else last < fraction * first, number

    assert hooks.steps == {"generator": STEPS, "discriminator": STEPS}
    assert hooks.moved("generator") and hooks.moved("discriminator")
    assert hooks.gradients["generator", "fake"] == STEPS
    assert hooks.gradients["generator", "discriminator"] == 0
    assert hooks.gradients["discriminator", "fake"] == 0
    assert hooks.gradients["discriminator", "discriminator"] >= STEPS


def test_every_example_is_run_and_fits_on_a_screen() -> None:
    paths = {path.stem: path for path in FOLDER.glob("*.py")}
    assert set(paths) == set(EXAMPLES)
    for name, path in paths.items():
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 60, name
        assert f"docs/examples/{name}.py [STEPS]" in lines[0]


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    os.environ.update({key: str(value) for key, value in place.items()}, ACCELERATE_USE_CPU="true")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29500")  # asked for, and not used: the group is there
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    hooks = run("accelerate_autoencoder", steps=5)
    assert hooks.adv is not None
    players = {player: [parameter.detach() for parameter, _ in hooks.start[player]] for player in hooks.start}
    moved = {player: hooks.moved(player) for player in hooks.start}
    torch.save({"players": players, "moved": moved, "real": hooks.first_real}, f"{folder}/{rank}.pt")


@pytest.mark.slow
def test_two_processes_keep_the_same_discriminator(tmp_path: Path) -> None:
    need("accelerate")
    mp.spawn(work, args=(str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert first["moved"] == {"generator": True, "discriminator": True}
    assert not torch.equal(first["real"], second["real"])  # so that without averages they would drift apart
    torch.testing.assert_close(first["players"], second["players"], rtol=0, atol=0)
