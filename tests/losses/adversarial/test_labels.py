"""Labels: the discriminator is called with (images, labels): both steps, penalties, pool, augmentations."""

import copy

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.losses.adversarial import AdversarialLoss
from advloss.losses.adversarial.augmentations import DiffAugment
from advloss.losses.adversarial.one_pass import both
from advloss.losses.adversarial.penalties import R1, R2, GradientPenalty, HistoricalAveraging, LeCam
from advloss.networks.discriminators.dcgan import DCGANDiscriminator

LABEL = torch.tensor([1, 0, 1])


class OfClass(nn.Module):
    """D(x, y) = w_y . x: [B, 2] -> [B, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64))

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        return (self.w[label] * x).sum(1, keepdim=True)


def vectors(*rows: tuple[float, float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


FAKE, REAL = vectors((1, 0), (0, 1), (1, 1)), vectors((1, 1), (1, 0), (0, 1))


@pytest.mark.filterwarnings("ignore:nothing here holds")
def test_both_steps_use_the_class_of_each_image() -> None:
    """w_y . x of the fakes: 3, 2, 7; of the real images: 7, 1, 4."""
    adv = AdversarialLoss(OfClass(), "wasserstein")
    assert adv(FAKE, label=LABEL).item() == pytest.approx(-(3 + 2 + 7) / 3)
    assert adv.discriminator_loss(FAKE, REAL, label=LABEL).item() == pytest.approx((12 - 12) / 3)
    assert adv.discriminator_loss(FAKE, REAL, label=1 - LABEL).item() == pytest.approx((1 + 4 + 3 - 3 - 3 - 2) / 3)


def test_gradients_stay_on_their_sides() -> None:
    adv = AdversarialLoss(OfClass())
    fake = FAKE.clone().requires_grad_()
    adv(fake, label=LABEL).backward()
    assert torch.equal(fake.grad, -adv.discriminator.w[LABEL].detach() / 3) and adv.discriminator.w.grad is None
    fake.grad = None
    adv.discriminator_loss(fake, REAL, label=LABEL).backward()
    assert fake.grad is None and adv.discriminator.w.grad.abs().sum() > 0


def test_penalties_take_the_gradient_at_the_image_of_its_class() -> None:
    """|w_0|^2 = 5 and |w_1|^2 = 25, so E |grad D|^2 = (25 + 5 + 25) / 3; the slope does not depend on x."""
    none = AdversarialLoss(OfClass()).discriminator_loss(FAKE, REAL, label=LABEL)
    slope = [(25**0.5 - 1) ** 2, (5**0.5 - 1) ** 2]
    expected = {
        R1(2.0): 55 / 3,
        R2(2.0): 55 / 3,
        GradientPenalty(1.0): (2 * slope[0] + slope[1]) / 3,
    }
    for penalty, value in expected.items():
        adv = AdversarialLoss(OfClass(), penalties=[penalty])
        loss = adv.discriminator_loss(FAKE, REAL, label=LABEL)
        assert (loss - none).item() == pytest.approx(value)
        loss.backward()
        assert adv.discriminator.w.grad is not None


def test_a_penalty_of_the_parameters_still_finds_them() -> None:
    adv = AdversarialLoss(OfClass(), penalties=[HistoricalAveraging(1.0)])
    first = adv.discriminator_loss(FAKE, REAL, label=LABEL)
    with torch.no_grad():
        adv.discriminator.w += 1
        plain = AdversarialLoss(copy.deepcopy(adv.discriminator)).discriminator_loss(FAKE, REAL, label=LABEL)
    assert (adv.discriminator_loss(FAKE, REAL, label=LABEL) - plain).item() == pytest.approx(4.0)  # 4 weights, 1 each
    assert torch.isfinite(first)


class Told(nn.Module):
    """Keeps the pairs that it is called with; fakes have the value of their label."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(()))
        self.pairs: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        self.pairs.append((x.flatten(1)[:, 0], label))
        return self.w * x.flatten(1).mean(1)


def test_the_pool_keeps_each_fake_with_its_label() -> None:
    torch.manual_seed(0)
    adv = AdversarialLoss(Told(), pool=4)
    replaced = 0
    for _ in range(20):
        label = torch.randint(10, (3,))
        image = label.float().view(3, 1, 1, 1).expand(3, 1, 2, 2)
        adv.discriminator_loss(image, image, label=label)
        of_fake, of_real = adv.discriminator.pairs[-2:]
        assert torch.equal(of_fake[0], of_fake[1].float()) and torch.equal(of_real[1], label)
        replaced += int((of_fake[1] != label).sum())
    assert replaced > 5
    assert AdversarialLoss(Told(), pool=4).load_state_dict(adv.state_dict())


def test_augmentations_leave_the_labels_alone() -> None:
    torch.manual_seed(0)
    adv = AdversarialLoss(Told(), augment=[DiffAugment("cutout")])
    images = torch.ones(3, 1, 4, 4)
    adv.discriminator_loss(images, images, label=LABEL)
    assert all(torch.equal(label, LABEL) for _, label in adv.discriminator.pairs)


def test_one_pass_is_two() -> None:
    torch.manual_seed(0)
    discriminator = DCGANDiscriminator(1, width=2, layers=1, norm="none", classes=3).double()
    one = AdversarialLoss(discriminator, "non_saturating", [R1(1.0), LeCam(0.1)])
    two = copy.deepcopy(one)
    fake, real = torch.rand(2, 3, 1, 8, 8, dtype=torch.float64)
    fake.requires_grad_()
    loss, of_discriminator = both(one, fake, real, label=LABEL)
    (found,) = torch.autograd.grad(loss, fake, retain_graph=True)
    of_discriminator.backward(inputs=[*discriminator.parameters()])
    expected = two(fake, real, label=LABEL)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(found, torch.autograd.grad(expected, fake)[0], rtol=1e-9, atol=1e-12)
    two.discriminator_loss(fake, real, label=LABEL).backward()
    for mine, other in zip(discriminator.parameters(), two.discriminator.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-9, atol=1e-12)


def test_what_is_refused() -> None:
    adv = AdversarialLoss(OfClass())
    for label in (LABEL.float(), LABEL[:2], LABEL[:, None]):
        with pytest.raises(InputError, match=r"label is .*; it is the numbers of classes, int64 \[3\]"):
            adv(FAKE, label=label)
    with pytest.raises(InputError, match="Linear takes no labels; use dcgan, residual or mlp"):
        AdversarialLoss(nn.Linear(2, 1).double())(FAKE, label=LABEL)
    pooled = AdversarialLoss(OfClass(), penalties=[R1(1.0)], pool=2)
    with pytest.raises(InputError, match=r"R1 with a pool and labels: .* leave the pool or the penalty out"):
        pooled.discriminator_loss(FAKE, REAL, label=LABEL)
    image = torch.rand(2, 1, 8, 8)
    with pytest.raises(InputError, match=r"is of 3 classes: call it with \(x, label\)"):
        AdversarialLoss(DCGANDiscriminator(1, width=2, layers=1, classes=3))(image)
    with pytest.raises(InputError, match="was built without classes"):
        AdversarialLoss(DCGANDiscriminator(1, width=2, layers=1))(image, label=LABEL[:2])
