"""Adam's next steps: those that torch's Adam then takes, and differences for the gradient through them."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.stabilisers.unroll import Unroll
from advloss.theory.game import Game, points_recipe


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double()


def learn(adv: AdversarialLoss, optimizer: torch.optim.Optimizer, fake: Tensor, real: Tensor, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        adv.discriminator_loss(fake, real).backward()
        optimizer.step()


def unrolled(steps: int, begun: int, through: bool = True) -> tuple[AdversarialLoss, torch.optim.Adam, Tensor, Tensor]:
    """A game whose discriminator has taken some steps already; its optimizer; fakes, real points."""
    discriminator = small()
    optimizer = torch.optim.Adam(discriminator.parameters(), 0.01, betas=(0.5, 0.999))
    fake, real = torch.randn(2, 4, 2, dtype=torch.float64)
    adv = AdversarialLoss(discriminator, "minimax", unroll=Unroll(steps, None, through))
    adv.learns_by(optimizer)
    learn(adv, optimizer, fake + 1, real - 1, begun)
    return adv, optimizer, fake, real


@pytest.mark.parametrize("begun", [0, 3])
def test_the_steps_are_those_that_the_optimizer_takes(begun: int) -> None:
    adv, optimizer, fake, real = unrolled(3, begun, through=False)
    ahead = adv(fake, real)
    learn(adv, optimizer, fake, real, 3)
    torch.testing.assert_close(ahead, AdversarialLoss(adv.discriminator, "minimax")(fake, real))


def test_the_gradient_through_the_steps_is_that_of_differences() -> None:
    adv, _, fake, real = unrolled(3, 2)
    assert torch.autograd.gradcheck(lambda x: adv(x, real), (fake.requires_grad_(),), eps=1e-7, atol=1e-6)


def test_the_optimizer_stays_as_it_is() -> None:
    adv, optimizer, fake, real = unrolled(2, 2)
    before = [value.clone() for state in optimizer.state.values() for value in state.values()]
    adv(fake.requires_grad_(), real).backward()
    after = [value for state in optimizer.state.values() for value in state.values()]
    assert len(before) == 12 and all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("optimizer", "settings", "message"),
    [
        (torch.optim.SGD, {}, "the discriminator's optimizer is SGD; set unroll's rate"),
        (torch.optim.AdamW, {}, "plain Adam's steps ahead; leave out weight_decay"),
        (torch.optim.Adam, {"amsgrad": True}, "leave out amsgrad"),
    ],
)
def test_other_optimizers(optimizer: Any, settings: dict[str, Any], message: str) -> None:
    discriminator = small()
    adv = AdversarialLoss(discriminator, "minimax", unroll=Unroll(1, None))
    with pytest.raises(InputError, match=message):
        adv.learns_by(optimizer(discriminator.parameters(), lr=0.1, **settings))
    AdversarialLoss(discriminator, "minimax", unroll=Unroll(1, 0.1)).learns_by(
        optimizer(discriminator.parameters(), 0.1)
    )


def test_no_optimizer_and_that_of_another() -> None:
    adv = AdversarialLoss(small(), "minimax", unroll=Unroll(1, None))
    points = torch.zeros(2, 2, dtype=torch.float64)
    with pytest.raises(InputError, match=r"say the discriminator's optimizer first, adv.learns_by\(optimizer\)"):
        adv(points, points)
    adv.learns_by(torch.optim.Adam(small().parameters()))
    with pytest.raises(InputError, match="of other parameters than the discriminator's"):
        adv(points, points)


def test_a_training_says_which_optimizer() -> None:
    settings = ["losses.adversarial.objective=minimax", "losses.adversarial.unroll={steps: 2, rate: null}"]
    game = Game(points_recipe([*settings, "data.batch=4"], 2))
    assert game.adversary.unroll is not None
    assert game.adversary.unroll.optimizer is game.step.players["discriminator"].optimizer
    for iteration in range(2):
        losses = game.step.play([{"point": torch.randn(4, 2), "noise": torch.randn(4, 2)}], iteration)
        assert all(loss.isfinite() for loss in losses.values())
