"""One clock for all parts of the loss: lazy penalties, schedules, resumption, compilation."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advloss.core.clock import Clock, Schedule, follow, timed
from advloss.core.errors import InputError
from advloss.losses.adversarial.augmentations import ADA, DiffAugment, InstanceNoise
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import LSGAN, Minimax, NonSaturating, functions
from advloss.losses.adversarial.penalties import R1, LeCam
from advloss.losses.adversarial.stabilisers.topk import TopK
from tests.losses.discriminators import Featured, Spy, constant, patches


def play(adv: AdversarialLoss) -> list[float]:
    fake, real = torch.randn(2, 2, 3, 16, 16)
    return [adv(fake, real).item(), adv.discriminator_loss(fake, real).item()]


def everything_scheduled() -> AdversarialLoss:
    torch.manual_seed(1)
    return AdversarialLoss(
        Featured(),
        LSGAN(b=Schedule(0.8, 1, over=6)),
        [R1(Schedule(10, 1, over=6, shape="cosine"), interval=3), LeCam(Schedule(0, 0.1, over=5))],
        pool=2,
        augment=[
            DiffAugment(p=Schedule(0, 1, over=8)),
            ADA(target=None, p=Schedule(0, 0.5, over=8)),
            InstanceNoise(Schedule(0.5, 0, over=7)),
        ],
        feature_matching=Schedule(1, 0, over=9),
        top_k=TopK(Schedule(1, 0.5, over=6)),
    )


def test_every_schedule_goes_on_after_a_resume_at_any_iteration() -> None:
    adv = everything_scheduled()
    for _ in range(4):
        play(adv)
    resumed = everything_scheduled()
    resumed.load_state_dict(adv.state_dict())
    futures = []
    for each in (adv, resumed, copy.deepcopy(adv)):
        torch.manual_seed(7)
        futures.append([value for _ in range(6) for value in play(each)])
    assert futures[0] == futures[1] == futures[2]
    assert adv.clock.iteration == resumed.clock.iteration == 10


def test_all_parts_follow_the_loss_and_then_the_training() -> None:
    adv = everything_scheduled()
    assert all(part.clock is adv.clock for part in timed(adv))
    clock = Clock()
    follow(adv, clock)
    for iteration in (0, 0, 3, 4):  # two batches of one iteration, then as a training goes on
        clock.iteration = iteration
        play(adv)
    assert clock.iteration == 4 and "iteration" not in adv.state_dict()


def test_a_lazy_penalty_is_due_by_the_clock() -> None:
    """|grad D|^2 / 2 of a critic 2 mean(x) of 48 values is 2 / 48, times weight and interval, in iterations 0 and 3."""
    lazy = AdversarialLoss(Spy(), "wasserstein", [R1(Schedule(10, 5, after=2), interval=3)])
    plain = AdversarialLoss(lazy.discriminator, "wasserstein")
    fake, real = constant(0.25), constant(0.75)
    found = [lazy.discriminator_loss(fake, real) - plain.discriminator_loss(fake, real) for _ in range(5)]
    expected = [10 * 3 * 2 / 48, 0, 0, 5 * 3 * 2 / 48, 0]
    assert [value.item() for value in found] == pytest.approx(expected, abs=1e-6)
    assert [lazy.penalties[0].phase(number) for number in (0, 1, 2, 3)] == [  # type: ignore[operator]
        ((10,), True),
        ((10,), False),
        ((5,), False),
        ((5,), True),
    ]


@pytest.mark.parametrize("kind", [Minimax, NonSaturating])
def test_a_scheduled_label(kind: type) -> None:
    objective = kind(Schedule(0.7, 1, over=3))
    fake, real = torch.randn(2, 5)
    assert objective.at(0) == kind(0.7) and objective.at(9) == kind() and kind().at(3) == kind()
    adv = AdversarialLoss(nn.Identity(), objective)
    found = [adv.discriminator_loss(fake, real).item() for _ in range(4)]
    expected = [functions.minimax_discriminator(fake, real, label).item() for label in (0.7, 0.8, 0.9, 1)]
    assert found == pytest.approx(expected)
    with pytest.raises(InputError, match=r"call the losses of objective\.at\(iteration\)"):
        objective.discriminator(fake, real)


def test_the_phase_has_the_objectives_numbers() -> None:
    adv = AdversarialLoss(Spy(), Minimax(Schedule(0.7, 1, over=3)))
    assert adv.phase(0) != adv.phase(1) and adv.phase(3) == adv.phase(4)


def test_old_state_dicts_load() -> None:
    """Of before the clock: the parts' own counts."""

    def make() -> AdversarialLoss:
        return AdversarialLoss(patches(), penalties=[R1(interval=4)], augment=[ADA(), InstanceNoise()], top_k=TopK())

    state = make().state_dict()
    counts = {"penalties.0._extra_state": 7, "top_k._extra_state": 3, "augment.0.turns": 7, "augment.1.turns": 7}
    state |= {key: torch.tensor(count) for key, count in counts.items()}
    adv, holder = make(), nn.ModuleDict({"term": make()})
    adv.load_state_dict(state)
    holder.load_state_dict({f"term.{key}": value for key, value in state.items()})
    assert adv.clock.iteration == holder["term"].clock.iteration == 7  # type: ignore[union-attr]


def compilations(function: Any, calls: int) -> int:
    """How many graphs torch.compile makes of a function that is called so often."""
    graphs: list[Any] = []

    def backend(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph

    torch.compiler.reset()
    compiled = torch.compile(function, backend=backend)
    for _ in range(calls):
        compiled()
    return len(graphs)


def test_the_clock_compiles_nothing_anew() -> None:
    fake, real = torch.randn(2, 2, 3, 12, 12)
    adv = AdversarialLoss(patches(), augment=[DiffAugment(p=0.5)], top_k=TopK(), feature_matching=0)

    def both() -> Tensor:
        return adv(fake, real) + adv.discriminator_loss(fake, real)

    once = compilations(both, 1)
    assert compilations(both, 12) == once and adv.clock.iteration == 13
