"""Two processes do what one does with both their batches."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn

from advloss.core import distributed
from advloss.losses.adversarial.augmentations import ADA
from advloss.losses.adversarial.logits import Critic
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.penalties import R1, GradientPenalty, LeCam
from advloss.losses.adversarial.stabilisers.unroll import Unroll
from advloss.losses.adversarial.weighting import Balancer


class Odd(nn.Module):
    """Has a part that can be skipped, one that is frozen, and one of another precision."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3)
        self.head = nn.Conv2d(4, 1, 3)
        self.extra = nn.Parameter(torch.tensor(0.5))
        self.frozen = nn.Parameter(torch.tensor(0.1), requires_grad=False)
        self.wide = nn.Parameter(torch.tensor(0.25, dtype=torch.float64))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.with_extra = True

    def forward(self, x: Tensor) -> Tensor:
        logits = self.head(self.body(x).tanh()) * self.wide + self.frozen
        return logits + self.extra if self.with_extra else logits


class HalfwayPenalty(GradientPenalty):
    """In the middle between fake and real, where the paper's draws random numbers, which two processes share out
    differently."""

    def value(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        middle = (fake + real) / 2
        return super().value(critic, middle, middle)


def make() -> AdversarialLoss:
    return AdversarialLoss(Odd(), "lsgan", [HalfwayPenalty()])


def images() -> Tensor:
    """fake, real: [2, 4, 3, 8, 8]."""
    return torch.randn(2, 4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def moving_averages(part: slice) -> dict[str, Tensor]:
    """What LeCam, ADA and the balancer make of a part of four samples, in two calls."""
    lecam, ada, balancer = LeCam(), ADA(target=0.0, p=0.5, speed=100, interval=1), Balancer({"l1": 1.0, "l2": 1.0})
    for fake, real in (images(), images().flip(0)):
        lecam(fake[part], real[part])
        ada.adapt([real[part]])
        output = fake[part].clone().requires_grad_()
        balancer({"l1": 3 * output.abs().sum(), "l2": output.square().sum()}, output)
    return {**lecam.state_dict(), "p": ada.p, "norms": balancer.sums / balancer.seen}


def unrolled(through: bool, part: slice) -> Tensor:
    """The gradient of a part of four samples' generator's loss in the fakes' common factor, averaged as a step does."""
    factor = nn.Parameter(torch.tensor(0.5, dtype=torch.float64))
    torch.manual_seed(3)
    discriminator = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 1, 3)).double()
    adv = AdversarialLoss(discriminator, "minimax", unroll=Unroll(2, 0.3, through))
    fake, real = images().double()[:, part]
    adv(factor * fake, real).backward()
    distributed.average_gradients([factor])
    assert factor.grad is not None
    return factor.grad


def gradients(adv: AdversarialLoss) -> dict[str, Tensor | None]:
    return {name: parameter.grad for name, parameter in adv.discriminator.named_parameters()}


def isolated_steps(rank: int) -> dict[str, Any]:
    """both steps with what gathers over the processes and what draws twice; which gradients each of them leaves."""
    discriminator, generator = Odd(), nn.Conv2d(3, 3, 1)
    adv = AdversarialLoss(discriminator, "rpgan", [R1(), LeCam()], pool=2)
    noise, real = images()[:, 2 * rank : 2 * rank + 2]
    before = discriminator.frozen.clone()
    adv(generator(noise), real).backward()
    result = {
        "discriminator": [name for name, parameter in discriminator.named_parameters() if parameter.grad is not None]
    }
    generator.zero_grad()
    adv.discriminator_loss(generator(noise), real).backward()
    adv.average_gradients()
    result["generator"] = [name for name, parameter in generator.named_parameters() if parameter.grad is not None]
    result["missing"] = [name for name, parameter in discriminator.named_parameters() if parameter.grad is None]
    return {**result, "frozen": torch.equal(before, discriminator.frozen) and not discriminator.frozen.requires_grad}


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.manual_seed(rank)  # different weights, until they are broadcast
    adv = make()
    adv.discriminator.get_buffer("calls").fill_(5 - rank)
    distributed.broadcast(adv.discriminator)
    result = {"world": (distributed.rank(), distributed.world_size()), "state": adv.discriminator.state_dict()}
    for case in ("union", "missing"):
        adv.discriminator.with_extra = rank == 0 or case == "union"  # type: ignore[assignment]
        adv.zero_grad()
        adv.discriminator_loss(*images()[:, 2 * rank : 2 * rank + 2]).backward()
        adv.average_gradients()
        result[case] = gradients(adv)
    result["averages"] = moving_averages(slice(2 * rank, 2 * rank + 2))
    result["unrolled"] = {through: unrolled(through, slice(2 * rank, 2 * rank + 2)) for through in (True, False)}
    result["isolation"] = isolated_steps(rank)
    torch.save(result, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_get_the_gradients_of_the_union_batch(tmp_path: Path) -> None:
    mp.spawn(work, args=(str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert (first.pop("world"), second.pop("world")) == ((0, 2), (1, 2))
    isolated = {"discriminator": [], "generator": [], "missing": ["frozen"], "frozen": True}
    assert first.pop("isolation") == second.pop("isolation") == isolated
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert first["state"]["calls"] == 5

    adv = make()
    adv.discriminator.load_state_dict(first["state"])
    adv.discriminator_loss(*images()).backward()
    torch.testing.assert_close(first["union"], gradients(adv))
    assert first["union"]["frozen"] is None

    for through, found in first["unrolled"].items():
        torch.testing.assert_close(found, unrolled(through, slice(None)), rtol=1e-10, atol=0)

    torch.testing.assert_close(first["averages"], moving_averages(slice(None)))

    adv.zero_grad()  # a gradient that only the first process has is halved: the other's counts as zero
    adv.discriminator_loss(*images()[:, :2]).backward()
    alone = gradients(adv)["extra"]
    assert alone is not None
    assert first["missing"]["extra"].item() == pytest.approx(alone.item() / 2)


def test_a_single_process() -> None:
    module = nn.Linear(2, 2)
    distributed.broadcast(module)
    distributed.average_gradients(module.parameters())
    assert distributed.average(module.weight).data_ptr() == module.weight.data_ptr()
    assert module.weight.grad is None
    assert (distributed.rank(), distributed.world_size()) == (0, 1)
