"""torch.compile takes the generator's step without a break, and a compiled discriminator in both."""

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from advloss.losses.adversarial.augmentations import ADA, DiffAugment, InstanceNoise
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import OBJECTIVES
from advloss.losses.adversarial.penalties import GradientPenalty
from advloss.losses.adversarial.stabilisers.topk import TopK
from advloss.networks.discriminators.patchgan import PatchGAN
from tests.losses.discriminators import Featured, patches


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.compiler.reset()  # each test is to compile its own, and dynamo counts them all
        yield


def test_the_generators_step_compiles_without_a_break() -> None:
    adv = AdversarialLoss(patches(5, nn.BatchNorm2d), "lsgan")
    compiled = torch.compile(adv, fullgraph=True, backend="aot_eager")
    fake, given = torch.randn(2, 3, 16, 16, requires_grad=True), torch.randn(2, 2, 16, 16)
    loss = compiled(fake, given=given)
    loss.backward()
    assert all(p.grad is None for p in adv.discriminator.parameters())
    torch.testing.assert_close(loss, adv(fake, given=given))
    assert adv.discriminator[1].num_batches_tracked == 2  # type: ignore[index]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objectives_step_is_one_graph(objective: str) -> None:
    adv = AdversarialLoss(patches(), objective)
    compiled = torch.compile(adv, fullgraph=True, backend="eager")
    fake, real = torch.randn(2, 2, 3, 12, 12)
    torch.testing.assert_close(compiled(fake.requires_grad_(), real), adv(fake, real))


def test_stabilisers_too_compile_without_a_break() -> None:
    adv = AdversarialLoss(
        Featured(4), "hinge", augment=[DiffAugment(), ADA(p=0.5), InstanceNoise()], feature_matching=1.0, top_k=TopK()
    )
    compiled = torch.compile(adv, fullgraph=True, backend="eager")
    fake, real, given = (
        torch.randn(2, 3, 12, 12, requires_grad=True),
        torch.randn(2, 3, 12, 12),
        torch.ones(2, 1, 12, 12),
    )
    losses = []
    for each in (compiled, adv):
        torch.manual_seed(1)
        losses.append(each(fake, real, given=given))
    torch.testing.assert_close(*losses)
    losses[0].backward()
    assert fake.grad is not None and all(p.grad is None for p in adv.discriminator.parameters())


def test_the_discriminators_step_compiled_is_isolated() -> None:
    discriminator, generator = patches(), nn.Conv2d(3, 3, 1)
    adv = AdversarialLoss(discriminator)
    noise, real = torch.randn(2, 2, 3, 12, 12)
    expected = adv.discriminator_loss(generator(noise), real)

    def step(noise: Tensor, real: Tensor) -> Tensor:
        return adv.discriminator_loss(generator(noise), real)

    loss = torch.compile(step, backend="eager")(noise, real)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert all(p.grad is None for p in generator.parameters())
    assert all(p.grad is not None for p in discriminator.parameters())


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


@pytest.mark.slow
def test_both_passes_of_compiled_spectral_norm_keep_their_vectors() -> None:
    """The discriminator's step calls it twice before the backward; inductor leaves out copies that it finds idle."""
    plain = AdversarialLoss(PatchGAN(width=4, layers=1, norm="none", spectral_norm=True))
    compiled = copy.deepcopy(plain)
    compiled.discriminator.compile(dynamic=False)
    fake, real = torch.randn(2, 2, 3, 16, 16)
    for adv in (plain, compiled):
        adv(fake.clone().requires_grad_()).backward()
        adv.discriminator_loss(fake, real).backward()
    for (name, mine), other in zip(
        compiled.discriminator.named_parameters(), plain.discriminator.parameters(), strict=True
    ):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-4, atol=1e-6, msg=name)
    torch.testing.assert_close([*compiled.discriminator.buffers()], [*plain.discriminator.buffers()])
