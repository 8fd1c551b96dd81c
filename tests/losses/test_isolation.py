"""Each turn leaves the other network alone, in every way of running them; torch.compile takes them."""

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from advloss.losses.adversarial import AdversarialLoss
from advloss.losses.penalties import GradientPenalty
from tests.losses.judges import patches


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
def test_each_turn_leaves_the_other_network_alone(autocast: bool) -> None:
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


def test_a_gradient_gathered_for_the_discriminator_survives_the_generators_turn() -> None:
    discriminator = patches()
    adv = AdversarialLoss(discriminator)
    fake, real = torch.randn(2, 2, 3, 16, 16)
    adv.discriminator_loss(fake, real).backward()
    before = [p.grad.clone() for p in discriminator.parameters() if p.grad is not None]
    adv(fake.requires_grad_(), real).backward()
    torch.testing.assert_close([p.grad for p in discriminator.parameters()], before, rtol=0, atol=0)


def test_real_images_and_conditions_get_no_gradient_in_the_discriminators_turn() -> None:
    adv = AdversarialLoss(patches(4), "wasserstein", [GradientPenalty()])
    fake, real = (torch.randn(2, 3, 16, 16, requires_grad=True) for _ in "fr")
    given = torch.randn(2, 1, 16, 16, requires_grad=True)
    adv.discriminator_loss(fake, real, given=given).backward()
    assert fake.grad is real.grad is given.grad is None


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


def test_batch_statistics_move_in_both_turns() -> None:
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


def test_spectral_norm_moves_in_both_turns_and_is_isolated() -> None:
    discriminator = patches()
    torch.nn.utils.parametrizations.spectral_norm(discriminator[0])
    adv = AdversarialLoss(discriminator)
    before = frozen_copy(discriminator)
    adv(torch.randn(2, 3, 16, 16, requires_grad=True)).backward()
    changed = {name for name, value in discriminator.state_dict().items() if not torch.equal(value, before[name])}
    assert changed <= {"0.parametrizations.weight.0._u", "0.parametrizations.weight.0._v"}
    assert changed
    assert all(p.grad is None for p in discriminator.parameters())


def test_the_generators_turn_compiles_without_a_break() -> None:
    adv = AdversarialLoss(patches(5, nn.BatchNorm2d), "lsgan")
    compiled = torch.compile(adv, fullgraph=True, backend="aot_eager")
    fake, given = torch.randn(2, 3, 16, 16, requires_grad=True), torch.randn(2, 2, 16, 16)
    loss = compiled(fake, given=given)
    loss.backward()
    assert all(p.grad is None for p in adv.discriminator.parameters())
    torch.testing.assert_close(loss, adv(fake, given=given))
    assert adv.discriminator[1].num_batches_tracked == 2  # type: ignore[index]


def test_a_compiled_discriminator_with_a_penalty() -> None:
    discriminator = patches()
    plain = AdversarialLoss(copy.deepcopy(discriminator), "wasserstein", [GradientPenalty()])
    adv = AdversarialLoss(
        torch.compile(discriminator, backend="aot_eager"),  # type: ignore[arg-type]
        "wasserstein",
        [GradientPenalty()],
    )
    fake, real = torch.randn(2, 2, 3, 16, 16)
    losses = []
    for each in (adv, plain):
        torch.manual_seed(1)
        losses.append(each.discriminator_loss(fake, real))
        losses[-1].backward()
    torch.testing.assert_close(*losses)
    for ours, theirs in zip(adv.discriminator.parameters(), plain.discriminator.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
    adv(fake.requires_grad_()).backward()
    assert fake.grad is not None
