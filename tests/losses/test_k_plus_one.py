"""K + 1 classes: the losses are those of a softmax over K + 1 logits of which the fakes' is 0."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.losses.classes import CrossEntropy
from advloss.losses.k_plus_one import KPlusOne


class Scores(nn.Module):
    """The K logits are the image's own values, times w."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, x: Tensor, features: bool = False) -> Tensor | tuple[Tensor, list[Tensor]]:
        x = self.w * x
        return (x, [2 * x]) if features else x


def batch(seed: int) -> Tensor:
    return torch.randn(5, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def all_classes(x: Tensor) -> Tensor:
    """log of the probabilities of the K classes and, last, of the fakes."""
    return torch.cat([x, torch.zeros(len(x), 1, dtype=x.dtype)], 1).log_softmax(1)


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_the_classifier_s_loss_is_that_of_k_plus_one_classes(weight: float) -> None:
    fake, real, labelled, label = batch(0), batch(1), batch(2), torch.tensor([0, 2, 1, 1, 0])
    loss = KPlusOne(Scores(), unlabelled_weight=weight).discriminator_loss(fake, real, labelled=labelled, label=label)
    is_fake = all_classes(fake)[:, 3]
    is_real = torch.log1p(-all_classes(real)[:, 3].exp())
    supervised = -labelled.log_softmax(1)[range(5), label].mean()
    torch.testing.assert_close(loss, supervised - weight * (is_real.mean() + is_fake.mean()))


def test_by_hand() -> None:
    """Of two logits of 0, Z = 2 and D = 2/3."""
    zero = torch.zeros(1, 2, dtype=torch.float64)
    loss = KPlusOne(Scores()).discriminator_loss(zero, zero, labelled=zero, label=torch.tensor([1]))
    assert loss.item() == pytest.approx(math.log(2) - math.log(2 / 3) - math.log(1 / 3))
    assert KPlusOne(Scores(), "non_saturating")(zero, zero).item() == pytest.approx(-math.log(2 / 3))


def test_the_generator_matches_the_means_of_features() -> None:
    fake, real = batch(0).requires_grad_(), batch(1).requires_grad_()
    loss = KPlusOne(Scores())(fake, real)
    torch.testing.assert_close(loss, (2 * (fake - real).mean(0)).square().sum())
    of_fake, of_real = torch.autograd.grad(loss, [fake, real], allow_unused=True)
    assert of_real is None and of_fake.abs().sum() > 0


def test_gradients_stay_on_their_sides() -> None:
    for kind in ("feature_matching", "non_saturating"):
        loss, fake = KPlusOne(Scores(), kind), batch(0).requires_grad_()
        loss(fake, batch(1)).backward()
        assert loss.classifier.w.grad is None and fake.grad is not None
        fake.grad = None
        loss.discriminator_loss(fake, batch(1), labelled=batch(2), label=torch.zeros(5, dtype=torch.int64)).backward()
        assert loss.classifier.w.grad is not None and fake.grad is None


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="this method has none; use semi_supervised"):
        KPlusOne()
    with pytest.raises(InputError, match="unknown generator_loss"):
        KPlusOne(Scores(), "minimax")
    with pytest.raises(InputError, match="takes no `features`"):
        KPlusOne(nn.Linear(3, 3))
    with pytest.raises(InputError, match="unlabelled_weight=-1 must be at least 0"):
        KPlusOne(Scores(), unlabelled_weight=-1)


def test_cross_entropy() -> None:
    label = torch.tensor([3, 0])
    assert CrossEntropy()(torch.zeros(2, 4), label).item() == pytest.approx(math.log(4))
    logits = torch.randn(2, 4)
    torch.testing.assert_close(CrossEntropy()(logits, label), F.nll_loss(logits.log_softmax(1), label))
