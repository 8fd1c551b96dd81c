"""The drift penalty by hand."""

import pytest
import torch
from torch import nn, tensor

from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.penalties import Drift


def test_it_is_the_mean_square_of_the_real_logits_over_places_and_scales() -> None:
    """(1 + 9) / 2 = 5 and 4: a mean of 4.5. Fakes do not count."""
    fakes = [tensor([100.0, 100.0]), tensor([100.0])]
    assert Drift(0.1)(fakes, [tensor([1.0, -3.0]), tensor([2.0])]).item() == pytest.approx(0.45)


@pytest.mark.filterwarnings("ignore:nothing here holds the slope")
def test_a_critics_loss_with_it_is_least_where_real_images_have_the_middle() -> None:
    """L = E f - E r + w E r^2, moved by c: dL/dc = 2 w (r + c) = 0 at c = -r."""
    adv = AdversarialLoss(nn.Identity(), "wasserstein", [Drift(0.5)])
    shift = torch.zeros((), requires_grad=True)
    loss = adv.loss_of_discriminator(([tensor([1.0]) + shift], [tensor([3.0]) + shift]), (tensor([1.0]), tensor([3.0])))
    assert loss.item() == pytest.approx(1 - 3 + 0.5 * 9)
    (slope,) = torch.autograd.grad(loss, shift)
    assert slope.item() == pytest.approx(2 * 0.5 * 3)
