"""The fast iteration against the algorithm written out plainly: the same losses and weights after 20 iterations."""

import copy
from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from advloss.core.call_batching import can_batch_calls, can_repeat_call
from advloss.losses.adversarial import loss as adversarial
from advloss.recipe.build import Built
from advloss.training.fast.step import FastStep
from tests.training.fast.helpers import RECIPES, batches, made, weights

CPU = torch.device("cpu")
ITERATIONS = 20


class Plainly:
    """Algorithm 1 with nothing shared, joined, cut or fused: each network is called for each tensor by itself."""

    def __init__(self, built: Built) -> None:
        self.built = built
        built.method.batches_calls = False
        recipe = built.recipe
        settings = {key: recipe.optimizer.parameters[key] for key in ("lr", "betas", "eps")}
        adversaries = [p for term in built.adversaries.values() for p in term.parameters()]
        self.optimizers = [
            torch.optim.Adam(parameters, foreach=False, **settings)
            for parameters in (list(built.method.parameters()), adversaries)
        ]
        self.average = copy.deepcopy(built.method) if recipe.train.average else None

    def play(self, batch: dict[str, Tensor], number: int) -> dict[str, Tensor]:
        built = self.built
        counting = {name: term for name, term in built.terms.items() if term.weight_at(number) > 0}
        learning = {name: term for name, term in built.adversaries.items() if number >= term.discriminator_start}
        built.weighting.weights.update({name: term.weight_at(number) for name, term in built.terms.items()})
        tensors = built.method(batch, set().union(*(t.needs for t in [*counting.values(), *learning.values()])))
        turns = [self.generator, self.discriminators]
        if built.recipe.train.order == "discriminator_first":
            turns.reverse()
        losses: dict[str, Tensor] = {}
        for turn in turns:
            losses |= turn(tensors, counting, learning)
        if self.average:
            with torch.no_grad():
                for mine, present in zip(self.average.parameters(), built.method.parameters(), strict=True):
                    mine.mul_(built.recipe.train.average).add_(present, alpha=1 - built.recipe.train.average)
        return losses

    def generator(self, tensors: dict[str, Tensor], counting: dict, learning: dict) -> dict[str, Tensor]:
        losses = {name: term(tensors) for name, term in counting.items()}
        self.optimizers[0].zero_grad()
        self.built.weighting(losses, self.built.method.last_layer).backward()
        self.optimizers[0].step()
        return losses

    def discriminators(self, tensors: dict[str, Tensor], counting: dict, learning: dict) -> dict[str, Tensor]:
        losses = {f"{name}.discriminator": term.discriminator_loss(tensors) for name, term in learning.items()}
        self.optimizers[1].zero_grad()
        if losses:
            sum(losses.values()).backward()
            self.optimizers[1].step()
        return losses


def close(ours: Tensor, theirs: Tensor, name: str) -> None:
    # a bias before a norm has no gradient but rounding, 1e-17, which Adam turns into steps of some 1e-10
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9, msg=lambda text: f"{name}: {text}")


@pytest.mark.parametrize("order", ["generator_first", "discriminator_first"])
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_the_fast_round_is_the_plain_one(name: str, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = batches(name)
    built = made(name, f"train.order={order}")
    fast = FastStep(built, CPU)
    found = [fast.play([batch(number)], number) for number in range(ITERATIONS)]

    monkeypatch.setattr(adversarial, "can_batch_calls", lambda network: False)
    other = made(name, f"train.order={order}")
    plain = Plainly(other)
    for number, losses in enumerate(found):
        expected = plain.play(batch(number), number)
        assert losses.keys() == expected.keys()
        for key, value in losses.items():
            close(value, expected[key].detach(), f"{key} of iteration {number}")
    theirs = weights(other)
    for key, value in weights(built).items():
        close(value, theirs[key], key)
    if plain.average:
        for mine, theirs_too in zip(fast.average.module.parameters(), plain.average.parameters(), strict=True):
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
    Discriminators: the fake for the generator, fake and real at once for their own turn."""
    built = made("cyclegan")
    counted = calls(built)
    FastStep(built, CPU).play([batches("cyclegan")(0)])
    assert counted == {"g_ab": 2, "g_ba": 1, "adversarial_a": 2, "adversarial_b": 2}


def test_one_pass_of_the_fakes_serves_both_turns_where_the_discriminator_does_not_change_between() -> None:
    counted = {}
    for order in ("generator_first", "discriminator_first"):
        built = made("srgan", f"train.order={order}")
        counted[order] = calls(built)
        FastStep(built, CPU).play([batches("srgan")(0)])
    # batch norm: fake and real by themselves; feature matching needs the real ones in the generator's turn too
    assert counted["generator_first"] == {"generator": 1, "adversarial": 2}
    assert counted["discriminator_first"] == {"generator": 1, "adversarial": 4}


def test_what_draws_or_moves_is_called_as_often_as_it_is_written() -> None:
    for change, expected in (("spectral_norm=true", 3), ("spectral_norm=false", 2)):
        built = made("pix2pix", "train.order=generator_first", f"losses.adversarial.discriminator.{change}")
        counted = calls(built)
        FastStep(built, CPU).play([batches("pix2pix")(0)])
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
    executor.play([batches("vqgan")(0)])
    assert counted == {"discriminator": 1 + 2, "decoder": 1}  # the generator's, fake's and real's; once for all terms


class Scaled(nn.Module):
    """A module of a user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 1, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) / x.mean()  # mixes the samples, which nobody can see from outside


def test_a_discriminator_that_is_not_known_is_called_for_each_batch_by_itself() -> None:
    loss = adversarial.AdversarialLoss(Scaled().double())
    fake, real = torch.rand(2, 2, 3, 8, 8, dtype=torch.float64)
    logits = [loss.discriminator(x) for x in (fake, real)]
    torch.testing.assert_close(loss.discriminator_loss(fake, real), loss.objective.discriminator(*logits))
    assert not loss.one_pass
