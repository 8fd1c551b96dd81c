"""`AdversarialLoss.health`: the numbers of the last steps, worked out by hand."""

import math

import pytest
import torch
from torch import Tensor, nn

from advloss.losses.adversarial import AdversarialLoss
from advloss.losses.adversarial.augmentations import ADA
from advloss.losses.adversarial.objectives import LSGAN, Hinge, NonSaturating, Wasserstein
from advloss.losses.adversarial.penalties import PENALTIES


class Sum(nn.Module):
    """A discriminator whose logit is w times the sum of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.w * x.flatten(1).sum(1)


def images(*values: float) -> Tensor:
    """Images of one pixel."""
    return torch.tensor(values).reshape(-1, 1, 1, 1)


def test_the_numbers_of_one_step_by_hand() -> None:
    adv = AdversarialLoss(Sum(), "hinge")
    assert adv.health() == {}
    adv.discriminator_loss(images(-1.0, 0.5), images(0.0, 2.0))
    # hinge: fakes max(0, 1 - 1) and max(0, 1 + 0.5), mean 0.75; real max(0, 1 - 0) and 0, mean 0.5
    assert adv.health() == pytest.approx(
        {
            "fake": -0.25,
            "real": 1.0,
            "fake_spread": 0.75,
            "real_spread": 1.0,
            "right_fake": 0.5,
            "right_real": 0.5,  # a logit on the boundary is not right
            "loss": 1.25,
            "undecided": 2.0,
            "steps": 1.0,
        }
    )


@pytest.mark.parametrize(
    ("objective", "level"), [(Hinge(), 2.0), (LSGAN(), 0.5), (LSGAN(-1, 1, 0), 2.0), (NonSaturating(), 2 * math.log(2))]
)
def test_the_loss_of_an_undecided_discriminator(objective, level: float) -> None:
    adv = AdversarialLoss(Sum(), objective)
    adv.discriminator_loss(images(1.0), images(1.0))
    assert adv.health()["undecided"] == pytest.approx(level)


def test_without_a_boundary_real_and_fake_are_compared_in_pairs() -> None:
    adv = AdversarialLoss(Sum(), Wasserstein(), penalties=[PENALTIES["wgan_gp"](10.0)])
    adv.discriminator_loss(images(3.0, 5.0, 1.0, 0.0), images(4.0, 4.0, 2.0, 1.0))
    found = adv.health()
    assert found["right_fake"] == found["right_real"] == 0.75
    assert "undecided" not in found


def test_penalties_and_augmentations_are_named_and_not_part_of_the_loss() -> None:
    gradient = type(PENALTIES["wgan_gp"](10.0)).__name__
    adv = AdversarialLoss(
        Sum(), "hinge", [PENALTIES["wgan_gp"](10.0), PENALTIES["wgan_gp"](5.0)], augment=[ADA(p=0.25)]
    )
    adv.discriminator.w.data.fill_(3.0)  # the slope's distance from 1 is 2, squared 4
    whole = adv.discriminator_loss(images(-9.0), images(9.0)).item()
    found = adv.health()
    assert found[f"penalty.{gradient}"] == pytest.approx(40.0) and found[f"penalty.{gradient}2"] == pytest.approx(20.0)
    assert found["augment.ADA"] == 0.25
    assert whole == pytest.approx(found["loss"] + 60.0)


def test_the_memory_is_bounded_and_the_last_64_steps_count() -> None:
    adv = AdversarialLoss(Sum(), "hinge")
    for number in range(100):
        adv.discriminator_loss(images(float(number)), images(0.0))
    assert adv.last_steps.table is not None and adv.last_steps.table.shape == (64, 7)
    assert adv.health()["fake"] == pytest.approx(sum(range(36, 100)) / 64) and adv.health()["steps"] == 64
    assert adv.last_steps.rows()[:, 0].tolist() == [float(number) for number in range(36, 100)]
    assert len(adv.last_steps.new()) == 64 and len(adv.last_steps.new()) == 0
    adv.discriminator_loss(images(7.0), images(0.0))
    assert adv.last_steps.new()[:, 0].tolist() == [7.0]


def test_it_is_no_part_of_the_state_and_of_no_step_in_eval_mode() -> None:
    adv = AdversarialLoss(Sum(), "hinge")
    adv.discriminator_loss(images(1.0), images(2.0))
    assert adv.state_dict().keys() == {"discriminator.w", "iteration"}
    adv.eval()
    adv.discriminator_loss(images(1.0), images(2.0))
    assert adv.health()["steps"] == 1


def test_energies_are_compared_the_other_way_round() -> None:
    discriminator = Sum()
    discriminator.energy = True
    adv = AdversarialLoss(discriminator, "ebgan")
    adv.discriminator_loss(images(3.0, 1.0), images(2.0, 2.0))
    assert adv.health()["right_real"] == 0.5


def test_the_generator_s_step_as_a_functional_call_writes_nothing() -> None:
    adv = AdversarialLoss(Sum(), "hinge")
    parameters = {name: parameter.detach() for name, parameter in adv.named_parameters()}
    value = torch.func.functional_call(adv, parameters, (images(1.0), images(2.0)))
    assert float(value) == -1.0 and adv.health() == {}
