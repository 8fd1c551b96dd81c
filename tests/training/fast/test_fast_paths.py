"""The fast executor against the plain one: the same losses and weights after 20 iterations."""

from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from advloss.core.call_batching import can_batch_calls, can_repeat_call
from advloss.losses.adversarial import calls as discriminator_calls
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.one_pass import one_pass
from advloss.recipe.build import Built
from advloss.training.fast.step import FastStep
from advloss.training.step import PlainStep
from tests.training.fast.helpers import RECIPES, batches, made, weights

CPU = torch.device("cpu")
ITERATIONS = 20


def close(ours: Tensor, theirs: Tensor, name: str) -> None:
    # a bias before a norm has no gradient but rounding, 1e-17, of which Adam makes steps of some 1e-10
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9, msg=lambda text: f"{name}: {text}")


ORDERS = {
    "generator first": "{generator: 1, discriminator: 1}",
    "discriminator first": "{discriminator: 1, generator: 1}",
}


@pytest.mark.parametrize("order", ["generator first", pytest.param("discriminator first", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_the_fast_executor_is_the_plain_one(name: str, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = batches(name)
    steps = f"train.steps={ORDERS[order]}"
    built = made(name, steps)
    fast = FastStep(built, CPU)
    found = [fast.play([batch(number)], number) for number in range(ITERATIONS)]

    monkeypatch.setattr(discriminator_calls, "can_batch_calls", lambda network: False)
    other = made(name, steps)
    plain = PlainStep(other, CPU)
    for number, losses in enumerate(found):
        expected = plain.play([batch(number)], number)
        assert losses.keys() == expected.keys()
        for key, value in losses.items():
            close(value, expected[key].detach(), f"{key} of iteration {number}")
    theirs = weights(other)
    for key, value in weights(built).items():
        close(value, theirs[key], key)
    if plain.average:
        for mine, theirs_too in zip(fast.average.averaged, plain.average.averaged, strict=True):
            close(mine, theirs_too, "average")


def calls(built: Built) -> Counter[str]:
    """How often each network is called, by its place."""
    counted: Counter[str] = Counter()
    networks = dict(built.method.named_children())
    networks |= {name: term.loss.discriminator for name, term in built.adversaries.items()}
    for name, network in networks.items():
        network.register_forward_pre_hook(lambda module, inputs, n=name: counted.update([n]))
    return counted


def test_networks_run_no_more_often_than_they_must() -> None:
    """Translators: fake and identity at once, then the other's with the first's way back, then the second's way back.
    Discriminators: the fake for the generator, fake and real at once for their own step."""
    built = made("cyclegan")
    counted = calls(built)
    FastStep(built, CPU).play([batches("cyclegan")(0)], 0)
    assert counted == {"g_ab": 2, "g_ba": 1, "adversarial_a": 2, "adversarial_b": 2}


def test_one_pass_of_the_fakes_serves_both_steps_where_the_discriminator_does_not_change_between() -> None:
    counted = {}
    for order, steps in ORDERS.items():
        built = made("srgan", f"train.steps={steps}")
        counted[order] = calls(built)
        FastStep(built, CPU).play([batches("srgan")(0)], 0)
    # batch norm: fake and real by themselves; feature matching needs the real ones in the generator's step too
    assert counted["generator first"] == {"generator": 1, "adversarial": 2}
    assert counted["discriminator first"] == {"generator": 1, "adversarial": 4}


def test_what_draws_or_moves_is_called_as_often_as_it_is_written() -> None:
    for change, expected in (("spectral_norm=true", 3), ("spectral_norm=false", 2)):
        built = made(
            "pix2pix", f"train.steps={ORDERS['generator first']}", f"losses.adversarial.discriminator.{change}"
        )
        counted = calls(built)
        FastStep(built, CPU).play([batches("pix2pix")(0)], 0)
        assert counted["adversarial"] == expected
    built = made("pix2pix", "networks.generator={name: resnet, width: 4, blocks: 1, dropout: 0.5}")
    assert not can_batch_calls(built.method.generator) and not can_repeat_call(built.method.generator)


def test_the_adaptive_weight_costs_no_second_backward_of_the_losses() -> None:
    at_once = [f"losses.adversarial.{key}=0" for key in ("start", "ramp", "discriminator_start")]
    built = made("vqgan", *at_once)
    counted: Counter[str] = Counter()
    discriminator = built.adversaries["adversarial"].loss.discriminator
    decoder = built.method.decoder
    for name, module in {"discriminator": discriminator.last, "decoder": decoder.first}.items():
        module.register_full_backward_hook(lambda *_, n=name: counted.update([n]))
    executor = FastStep(built, CPU)
    executor.one_pass = set()
    executor.play([batches("vqgan")(0)], 0)
    assert counted == {"discriminator": 1 + 2, "decoder": 1}  # the generator's, fake's and real's; once for all terms


class Scaled(nn.Module):
    """A module of a user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 1, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) / x.mean()  # mixes the samples, which no check can find


def test_a_discriminator_that_is_not_known_is_called_for_each_batch_by_itself() -> None:
    loss = AdversarialLoss(Scaled().double())
    fake, real = torch.rand(2, 2, 3, 8, 8, dtype=torch.float64)
    logits = [loss.discriminator(x) for x in (fake, real)]
    torch.testing.assert_close(loss.discriminator_loss(fake, real), loss.objective.discriminator(*logits))
    assert not one_pass(loss)
