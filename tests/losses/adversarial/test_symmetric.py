"""A symmetric game, in which the generator makes both tensors; and the clipping of weights."""

import pytest
import torch
from torch import nn, tensor

from advloss.core.errors import InputError
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import LSGAN
from advloss.losses.adversarial.stabilisers.topk import TopK


@pytest.mark.parametrize("objective", ["minimax", "wasserstein", "rpgan"])
def test_the_gradient_of_both_is_the_discriminators_reversed(objective: str) -> None:
    """minimax: E log(1 - s(f)) + E log(1 - s(-r)), minus the discriminator's loss; so is wasserstein. rpgan's generator
    has E g(f - r) in the place of E g(r - f)."""
    fake, real = torch.randn(2, 4, 3, dtype=torch.float64).requires_grad_().unbind()
    adv = AdversarialLoss(nn.Linear(3, 1).double(), objective, symmetric=True)
    ours = torch.autograd.grad(adv(fake, real), [fake, real])
    logits_fake, logits_real = adv.discriminator(fake), adv.discriminator(real)
    of_discriminator = adv.objective.discriminator(logits_fake, logits_real)
    expected = -of_discriminator if objective != "rpgan" else adv.objective.discriminator(logits_real, logits_fake)
    for gradient, reversed_ in zip(ours, torch.autograd.grad(expected, [fake, real]), strict=True):
        torch.testing.assert_close(gradient, reversed_)
    assert all(parameter.grad is None for parameter in adv.discriminator.parameters())


def test_by_hand() -> None:
    """lsgan's boundary is 1/2: a real logit of 0.9 is mirrored to 0.1, (0.1 - 1)^2; with top-k only the best count."""
    fake, real = tensor([0.25, 0.5]), tensor([0.9, 0.5])
    adv = AdversarialLoss(nn.Identity(), LSGAN(), symmetric=True)
    assert adv(fake, real).item() == pytest.approx((0.75**2 + 0.5**2) / 2 + (0.9**2 + 0.5**2) / 2)
    adv = AdversarialLoss(nn.Identity(), LSGAN(), symmetric=True, top_k=TopK(0.5))
    assert adv(fake, real).item() == pytest.approx(0.5**2 + 0.5**2)


def test_only_where_it_is_asked_for() -> None:
    fake, real = torch.randn(2, 4, 3).requires_grad_().unbind()
    for objective in ("hinge", "rpgan"):
        adv = AdversarialLoss(nn.Linear(3, 1), objective)
        assert torch.autograd.grad(adv(fake, real), [real], allow_unused=True) == (None,)
    with pytest.raises(InputError, match="a symmetric game compares fake with real"):
        AdversarialLoss(nn.Linear(3, 1), symmetric=True)(fake)
    with pytest.warns(UserWarning, match="EBGAN"), pytest.raises(InputError, match="symmetric: EBGAN has energies"):
        AdversarialLoss(nn.Linear(3, 1), "ebgan")
        AdversarialLoss(nn.Linear(3, 1), "ebgan", symmetric=True)


def test_weights_are_clipped_where_it_is_asked_for() -> None:
    critic = nn.Linear(3, 1)
    nn.init.constant_(critic.weight, 5.0)
    critic.bias.requires_grad_(False).fill_(7.0)
    AdversarialLoss(critic).clip()
    assert critic.weight.max() == 5
    AdversarialLoss(critic, "wasserstein", clip_weights=0.25).clip()
    assert critic.weight.max() == 0.25 and critic.bias.item() == 7
    with pytest.raises(InputError, match="AdversarialLoss: clip_weights=0 must be above 0"):
        AdversarialLoss(critic, clip_weights=0)
