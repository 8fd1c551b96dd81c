"""Each step leaves the other network alone, in every way of running them; for torch.compile see test_compile.py."""

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from advloss.core.clock import Schedule
from advloss.losses.adversarial.augmentations import ADA, DiffAugment, InstanceNoise
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import OBJECTIVES
from advloss.losses.adversarial.penalties import PENALTIES, Consistency, GradientPenalty
from advloss.losses.adversarial.stabilisers.topk import TopK
from advloss.losses.adversarial.stabilisers.unroll import Unroll
from tests.losses.discriminators import Featured, patches


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def moved(module: nn.Module, before: dict[str, Tensor]) -> bool:
    return any(not torch.equal(value, before[name]) for name, value in module.state_dict().items())


def frozen_copy(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


@pytest.mark.parametrize("autocast", [False, True])
def test_each_step_leaves_the_other_network_alone(autocast: bool) -> None:
    discriminator, generator = patches(), nn.Conv2d(3, 3, 1)
    adv = AdversarialLoss(discriminator, "lsgan", pool=2)
    noise, real = torch.randn(2, 2, 3, 16, 16)
    before = frozen_copy(discriminator)
    for _ in range(2):  # accumulated
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = adv(generator(noise), real)
        assert loss.dtype == torch.float32
        loss.backward()
    assert all(p.grad is None and p.requires_grad for p in discriminator.parameters())
    assert not moved(discriminator, before)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in generator.parameters())

    generator.zero_grad()
    before = frozen_copy(generator)
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = adv.discriminator_loss(generator(noise), real)
        assert loss.dtype == torch.float32
        loss.backward()
    assert all(p.grad is None for p in generator.parameters())
    assert not moved(generator, before)
    assert all(p.grad is not None for p in discriminator.parameters())


STABILISERS = {
    "augment": lambda: {"augment": [DiffAugment(), InstanceNoise(Schedule(0.1, 0, over=5))]},
    "ada": lambda: {"augment": [ADA(p=0.5)]},
    "feature_matching": lambda: {"feature_matching": 10.0},
    "top_k": lambda: {"top_k": TopK(Schedule(1, 0.5, over=3))},
    "unroll": lambda: {"unroll": Unroll(2)},
    "penalties": lambda: {"penalties": [make() for make in PENALTIES.values()]},
    "all": lambda: {
        "objective": "rpgan",
        "penalties": [make() for make in PENALTIES.values()],
        "pool": 3,
        "augment": [ADA(p=0.5, threshold=0.0), InstanceNoise()],
        "feature_matching": 10.0,
        "top_k": TopK(Schedule(1, 0.5, over=3)),
    },
}


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("name", STABILISERS)
def test_isolation_with_every_stabiliser(name: str, autocast: bool) -> None:
    """Neither step leaves a gradient in, or changes, the other side, with a condition, accumulated over two calls."""
    discriminator, generator = Featured(5), nn.Conv2d(3, 3, 1)
    adv = AdversarialLoss(discriminator, **STABILISERS[name]())  # type: ignore[arg-type]
    noise, real = torch.randn(2, 2, 3, 16, 16)
    given = torch.randn(2, 2, 16, 16, requires_grad=True)
    before = frozen_copy(discriminator)
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = adv(generator(noise), real, given=given)
        assert loss.dtype == torch.float32 and torch.isfinite(loss)
        loss.backward()
    assert all(p.grad is None and p.requires_grad for p in discriminator.parameters())
    assert not moved(discriminator, before)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in generator.parameters())

    generator.zero_grad()
    given.grad = None
    before = frozen_copy(generator)
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = adv.discriminator_loss(generator(noise), real, given=given)
        assert loss.dtype == torch.float32 and torch.isfinite(loss)
        loss.backward()
    assert all(p.grad is None for p in generator.parameters()) and given.grad is None
    assert not moved(generator, before)
    assert all(p.grad is not None for p in discriminator.parameters())


def test_all_of_the_state_continues_as_if_nothing_had_happened() -> None:
    def make() -> AdversarialLoss:
        return AdversarialLoss(Featured(), **STABILISERS["all"]())  # type: ignore[arg-type]

    def play(each: AdversarialLoss) -> list[float]:
        fake, real = torch.randn(2, 2, 3, 16, 16)
        return [each(fake, real).item(), each.discriminator_loss(fake, real).item()]

    adv = make()
    for _ in range(2):
        play(adv)
    state = adv.state_dict()
    assert all(isinstance(value, Tensor) for value in state.values())
    resumed = make()
    resumed.load_state_dict(state)
    copied = copy.deepcopy(adv)
    futures = []
    for each in (adv, resumed, copied):
        torch.manual_seed(7)
        futures.append([value for _ in range(3) for value in play(each)])
    assert futures[0] == futures[1] == futures[2]


def test_every_stabiliser_on_the_meta_device() -> None:
    adv = AdversarialLoss(Featured(4), **STABILISERS["all"]()).to("meta")  # type: ignore[arg-type]
    fake, real, given = (torch.empty(2, c, 16, 16, device="meta") for c in (3, 3, 1))
    assert adv(fake, real, given=given).is_meta
    assert adv.discriminator_loss(fake, real, given=given).is_meta


@pytest.mark.parametrize("shape", [(4, 6), (2, 1, 8), (2, 1, 6, 6, 6)])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_vectors_sequences_and_volumes(shape: tuple[int, ...], objective: str) -> None:
    """Every penalty, noise and top-k; what is of two dimensions says so elsewhere."""
    size = torch.Size(shape[1:]).numel()
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(size, 4), nn.Tanh(), nn.Linear(4, 1))
    penalties = [make() for make in PENALTIES.values() if make is not Consistency or len(shape) > 2]
    adv = AdversarialLoss(discriminator, objective, penalties, pool=3, augment=[InstanceNoise()], top_k=TopK(0.5))
    fake, real = torch.randn(2, *shape)
    adv(fake.requires_grad_(), real).backward()
    assert fake.grad is not None
    adv.discriminator_loss(fake, real).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in discriminator.parameters())


def test_a_gradient_gathered_for_the_discriminator_survives_the_generators_step() -> None:
    discriminator = patches()
    adv = AdversarialLoss(discriminator)
    fake, real = torch.randn(2, 2, 3, 16, 16)
    adv.discriminator_loss(fake, real).backward()
    before = [p.grad.clone() for p in discriminator.parameters() if p.grad is not None]
    adv(fake.requires_grad_(), real).backward()
    torch.testing.assert_close([p.grad for p in discriminator.parameters()], before, rtol=0, atol=0)


def test_real_images_and_conditions_get_no_gradient_in_the_discriminators_step() -> None:
    adv = AdversarialLoss(patches(4), "wasserstein", [GradientPenalty()])
    fake, real = (torch.randn(2, 3, 16, 16, requires_grad=True) for _ in "fr")
    given = torch.randn(2, 1, 16, 16, requires_grad=True)
    adv.discriminator_loss(fake, real, given=given).backward()
    assert fake.grad is real.grad is given.grad is None


def test_real_images_get_no_gradient_in_the_generators_step() -> None:
    """Where the objective reads their logits."""
    fake, real = (torch.randn(2, 3, 16, 16, requires_grad=True) for _ in "fr")
    AdversarialLoss(patches(), "rpgan")(fake, real).backward()
    assert fake.grad is not None and real.grad is None


def test_frozen_parameters_stay_frozen() -> None:
    discriminator = patches()
    discriminator[0].requires_grad_(False)
    adv = AdversarialLoss(discriminator)
    fake, real = torch.randn(2, 2, 3, 16, 16)
    adv(fake.requires_grad_(), real).backward()
    adv.discriminator_loss(fake, real).backward()
    assert [p.requires_grad for p in discriminator.parameters()] == [False, False, True, True]
    assert discriminator[0].weight.grad is None
    assert discriminator[3].weight.grad is not None


def test_batch_statistics_move_in_both_steps() -> None:
    """As in the references: three passes of a momentum of 0.1 with what plain calls would have left."""
    discriminator = patches(norm=nn.BatchNorm2d)
    plain = copy.deepcopy(discriminator)
    adv = AdversarialLoss(discriminator)
    fake, real = torch.randn(2, 2, 3, 16, 16)
    adv(fake)
    adv.discriminator_loss(fake, real)
    for x in (fake, fake, real):
        plain(x)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        torch.testing.assert_close(discriminator[1].get_buffer(name), plain[1].get_buffer(name))
    assert discriminator[1].num_batches_tracked == 3


def test_spectral_norm_moves_in_both_steps_and_is_isolated() -> None:
    discriminator = patches()
    torch.nn.utils.parametrizations.spectral_norm(discriminator[0])
    adv = AdversarialLoss(discriminator)
    before = frozen_copy(discriminator)
    adv(torch.randn(2, 3, 16, 16, requires_grad=True)).backward()
    changed = {name for name, value in discriminator.state_dict().items() if not torch.equal(value, before[name])}
    assert changed <= {"0.parametrizations.weight.0._u", "0.parametrizations.weight.0._v"}
    assert changed
    assert all(p.grad is None for p in discriminator.parameters())
