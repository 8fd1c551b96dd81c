"""bf16 emulated, and what is made of a run's log."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advloss.recipe.schema import Recipe
from tools.benchmarks import quality
from tools.benchmarks.measuring.emulated import EmulatedBF16

EXACT = 8
"""Products of integers up to 7 over 8: sums of a few hundred are exact in float32, in whatever order."""


def dyadic(*shape: int) -> Tensor:
    return (torch.randint(-7, 8, shape) / EXACT).bfloat16()


def convolution() -> list[Tensor]:
    # no bias: where bf16 is not native, PyTorch rounds before it adds one, and where it is, after
    x, weight = (t.requires_grad_() for t in (dyadic(2, 3, 9, 8), dyadic(5, 3, 3, 3)))
    y = F.conv2d(x, weight, stride=2, padding=1)
    return [y, *torch.autograd.grad(y, [x, weight], dyadic(*y.shape))]


def transposed() -> list[Tensor]:
    x, weight = (t.requires_grad_() for t in (dyadic(1, 4, 5, 5), dyadic(4, 3, 3, 3)))
    y = F.conv_transpose2d(x, weight, stride=2, padding=1, output_padding=1)
    return [y, *torch.autograd.grad(y, [x, weight], dyadic(*y.shape))]


def linear() -> list[Tensor]:
    x, weight, bias = (t.requires_grad_() for t in (dyadic(6, 20), dyadic(7, 20), dyadic(7)))
    y = F.linear(x, weight, bias)
    return [y, *torch.autograd.grad(y, [x, weight, bias], dyadic(*y.shape))]


def products() -> list[Tensor]:
    return [dyadic(5, 9) @ dyadic(9, 4), torch.bmm(dyadic(2, 5, 9), dyadic(2, 9, 4))]


@pytest.mark.parametrize("action", [convolution, transposed, linear, products])
def test_emulated_bf16_is_the_real_one(action: Callable[[], list[Tensor]]) -> None:
    results = []
    for mode in (torch.no_grad if action is products else torch.enable_grad, EmulatedBF16):
        torch.manual_seed(0)
        with mode():
            results.append(action())
    for real, emulated in zip(*results, strict=True):
        assert real.dtype == emulated.dtype == torch.bfloat16
        assert torch.equal(real, emulated)


def test_emulated_under_autocast_rounds_and_float32_does_not() -> None:
    torch.manual_seed(0)
    net, x = nn.Conv2d(3, 4, 3), torch.randn(1, 3, 8, 8)
    exact = net(x)
    with EmulatedBF16():
        assert torch.equal(net(x), exact)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = net(x)
    assert rounded.dtype == torch.bfloat16
    assert 0 < (rounded.float() - exact).abs().max() < 0.02


def test_the_means_are_those_of_the_last_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "LAST", 2)
    lines = [{"iteration": n, "losses": {"l1": value}} for n, value in enumerate([9.0, 1.0, 2.0])]
    log = [*lines, {"iteration": 3, "validation": {"psnr": 1.0}}, {"iteration": 3, "test": {"psnr": 20.0}}]
    assert quality.at_the_end(log) == {"losses.l1": 1.5, "test.psnr": 20.0}


def test_differences_by_hand() -> None:
    exact = [{"losses.l1": 2.0, "losses.adversarial": 1.0, "test.psnr": 20.0}]
    rounded = [{"losses.l1": 1.9, "losses.adversarial": 2.0, "test.psnr": 20.5}]
    found = quality.compared(exact, rounded, ["l1"])
    assert found["losses"]["l1"]["relative_difference"] == pytest.approx(-0.05)
    assert found["test"]["psnr"] == {"fp32": 20.0, "bf16": 20.5, "difference": 0.5}
    assert found["largest_relative_difference"] == pytest.approx(0.05)  # the game's loss is no distance


def test_the_means_over_seeds_are_compared() -> None:
    exact = [{"losses.l1": 1.0, "test.psnr": 20.0}, {"losses.l1": 3.0, "test.psnr": 23.0}]
    rounded = [{"losses.l1": 2.0, "test.psnr": 20.3}, {"losses.l1": 2.2, "test.psnr": 22.9}]
    found = quality.compared(exact, rounded, ["l1"])
    # differences of 1 and -0.8 of a mean of 2: 0.5 and -0.4, whose deviation is 0.9 / sqrt(2)
    assert found["losses"]["l1"]["relative_difference"] == pytest.approx(0.05)
    assert found["losses"]["l1"]["standard_error"] == pytest.approx(0.45)
    assert found["test"]["psnr"]["difference"] == pytest.approx(0.1)
    assert found["test"]["psnr"]["standard_error"] == pytest.approx(0.2)


@pytest.mark.parametrize("name", [*quality.RECIPES])
def test_the_recipes_are_right_and_compare_distances(name: str) -> None:
    arguments = argparse.Namespace(iterations=7, overrides=[])
    recipe = quality.resolved(name, "bf16", 3, arguments, *quality.RECIPES[name])
    assert (recipe.train.iterations, recipe.train.precision, recipe.seed) == (7, "bf16", 3)
    want = {"cyclegan-small": {"cycle_a", "cycle_b", "identity_a", "identity_b"}, "pix2pix-small": {"l1"}}
    assert {*quality.distances(recipe)} == want.get(name, {"pixel"})


def test_a_recipe_that_goes_on_from_another_begins_with_its_network(monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[tuple[str, str, str | None]] = []

    def trained(recipe: Recipe, path: Path, device: str) -> dict[str, float]:
        played.append(
            (
                path.name,
                recipe.train.precision,
                recipe.initial and recipe.initial.file and recipe.initial.file.parent.name,
            )
        )
        return {"losses.pixel": 1.0, "test.psnr": 20.0}

    monkeypatch.setattr(quality, "trained", trained)
    quality.run(argparse.Namespace(device="cpu", recipes=["srgan-small"], seeds=1, iterations=7, overrides=[]))
    assert played == [("before", "fp32", None), ("fp32", "fp32", "before"), ("bf16", "bf16", "before")]
