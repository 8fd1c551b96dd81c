"""One pass of the fakes for both steps: the two steps' own losses and gradients."""

import copy

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.losses.adversarial.augmentations import DiffAugment
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import OBJECTIVES
from advloss.losses.adversarial.one_pass import both, one_pass
from advloss.losses.adversarial.penalties import R1, LeCam
from advloss.networks.discriminators.patchgan import PatchGAN


def images(channels: int = 3) -> Tensor:
    return torch.rand(2, channels, 16, 16, dtype=torch.float64) * 2 - 1


@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_losses_and_gradients_are_those_of_two_passes(objective: str, norm: str) -> None:
    torch.manual_seed(0)
    penalties = [LeCam(0.1)] if norm == "batch" else [R1(1.0), LeCam(0.1)]
    discriminator = PatchGAN(in_channels=5, width=4, layers=1, norm=norm).double()
    one = AdversarialLoss(discriminator, objective, penalties, feature_matching=2.0)
    two = copy.deepcopy(one)
    fake, real, given = images().requires_grad_(), images(), images(2).requires_grad_()

    loss, of_discriminator = both(one, fake, real, given)
    found = torch.autograd.grad(loss, [fake, given], retain_graph=True)
    of_discriminator.backward(inputs=list(discriminator.parameters()))
    assert fake.grad is given.grad is None

    expected = two(fake, real, given=given)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    for ours, theirs in zip(found, torch.autograd.grad(expected, [fake, given]), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
    expected = two.discriminator_loss(fake, real, given=given)
    expected.backward()
    torch.testing.assert_close(of_discriminator, expected, rtol=1e-12, atol=0)
    for mine, other in zip(one.discriminator.parameters(), two.discriminator.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-9, atol=1e-12)


def test_where_one_pass_would_not_do() -> None:
    plain = PatchGAN(width=2, layers=1, norm="batch")
    assert one_pass(AdversarialLoss(plain))
    assert not one_pass(AdversarialLoss(plain, pool=2))
    assert not one_pass(AdversarialLoss(plain, augment=[DiffAugment()]))
    assert not one_pass(AdversarialLoss(PatchGAN(width=2, layers=1, norm="none", spectral_norm=True)))
    assert not one_pass(AdversarialLoss(nn.Sequential(nn.Conv2d(3, 1, 3), nn.Dropout(0.5))))
    assert not one_pass(AdversarialLoss(torch.compile(plain)))
    assert not one_pass(AdversarialLoss(plain, symmetric=True))
    with pytest.raises(InputError, match="one pass can't serve both steps"):
        both(AdversarialLoss(plain, pool=2), *torch.rand(2, 2, 3, 16, 16))


def test_two_forwards_of_the_discriminators_step_are_one_where_samples_are_alone() -> None:
    loss = AdversarialLoss(PatchGAN(width=2, layers=1, norm="instance"))
    seen: list[int] = []
    loss.discriminator.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    loss.discriminator_loss(*torch.rand(2, 3, 3, 16, 16))
    assert seen == [6]
