"""When a term counts: its weight iteration by iteration, and what is computed for one that is off."""

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.losses.pixel import L1
from advloss.recipe.build import build
from advloss.recipe.resolve import resolve
from advloss.recipe.terms import Term
from advloss.recipe.text.source import read
from advloss.training.fast.step import FastStep

TINY = ["networks.generator.width=2", "networks.generator.levels=2", "losses.adversarial.discriminator.width=2"]
SIZE = ["data.load=32", "data.crop=32", "networks.generator.dropout=0", "networks.generator.dropout_at_inference=false"]


def make_executor(*overrides: str) -> FastStep:
    source = read("pix2pix-small")
    for override in (*TINY, *SIZE, *overrides):
        source.override(override)
    return FastStep(build(resolve(source)), torch.device("cpu"))


def test_a_weight_starts_late_and_grows():
    term = Term(L1(), ["a", "b"], weight=8.0, start=3, ramp=4)
    assert [term.weight_at(number) for number in range(9)] == [0, 0, 0, 2, 4, 6, 8, 8, 8]
    assert [Term(L1(), ["a", "b"], weight=8.0, start=2).weight_at(number) for number in range(4)] == [0, 0, 8, 8]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_what_a_term_computes_in_under_autocast(dtype: torch.dtype) -> None:
    class Look(nn.Module):
        def __init__(self, own_precision: bool) -> None:
            super().__init__()
            self.own_precision = own_precision

        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return (x @ y).mean()

    x = torch.rand(2, 3, 4, 4)
    with torch.autocast("cpu", dtype):
        made = {own: Term(Look(own), ["x", "x"])({"x": x}).dtype for own in (False, True)}
    assert made == {False: torch.float32, True: dtype}


def played(executor: FastStep, number: int) -> set[str]:
    batch = {side: torch.rand(1, 3, 32, 32) * 2 - 1 for side in "ab"}
    return set(executor.play([batch], number))


def test_an_adversary_that_starts_late_is_not_asked_before():
    executor = make_executor("losses.adversarial.start=2")
    adversary = executor.by_name["adversarial"].loss.discriminator
    asked = []
    adversary.register_forward_hook(lambda *_: asked.append(1))
    before = [parameter.clone() for parameter in adversary.parameters()]
    assert played(executor, 0) == played(executor, 1) == {"l1"}
    assert not asked and executor.wanted([*executor.players.values()]) == {"fake_b", "b"}
    assert all(torch.equal(one, other) for one, other in zip(before, adversary.parameters(), strict=True))
    assert played(executor, 2) == {"l1", "adversarial", "adversarial.discriminator"}
    assert executor.wanted([*executor.players.values()]) == {"a", "fake_b", "b"}


def test_a_discriminator_may_learn_before_its_loss_counts():
    executor = make_executor("losses.adversarial.start=2", "losses.adversarial.discriminator_start=1")
    assert played(executor, 0) == {"l1"}
    assert played(executor, 1) == {"l1", "adversarial.discriminator"}
    assert played(executor, 2) == {"l1", "adversarial", "adversarial.discriminator"}


def test_the_ramp_scales_the_gradient():
    alone = ["losses.adversarial=null", "train.steps={generator: 1}"]
    whole, half = make_executor(*alone), make_executor(*alone, "losses.l1.ramp=2")
    batch = {side: torch.rand(1, 3, 32, 32) * 2 - 1 for side in "ab"}
    gradients = []
    for executor in (whole, half):
        executor.players["generator"].step = lambda: None
        executor.play([batch], 0)
        gradients.append(next(executor.method.parameters()).grad)
    torch.testing.assert_close(gradients[0], 2 * gradients[1])


def test_something_must_count_from_the_first_iteration():
    with pytest.raises(InputError, match="no term counts from the first iteration"):
        make_executor("losses.adversarial.start=2", "losses.l1.start=1")
