"""A checkpoint holds the state of everything that an adversarial term and a weighting can keep."""

from pathlib import Path

import pytest
import torch

from advloss.recipe.build import build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.fast.step import FastStep
from advloss.training.processes import Processes
from advloss.training.run.checkpoint import read_checkpoint, restore, write_checkpoint

EVERYTHING = [
    "networks.generator={name: unet, levels: 2, width: 2, norm: instance, dropout: 0}",
    "losses.adversarial.discriminator={name: patchgan, width: 4, layers: 1, norm: instance, spectral_norm: true}",
    "losses.adversarial.objective=rpgan",
    "losses.adversarial.penalties=[{name: r1, interval: 3}, lecam, historical_averaging, {name: consistency, "
    "interval: 2}]",
    "losses.adversarial.augment=[{name: ada, p: 0.5, speed: 50, target: null}, {name: noise, std: {from: 0.1, to: 0, "
    "over: 10}}]",
    "losses.adversarial.pool=3",
    "losses.adversarial.top_k={fraction: {from: 1, to: 0.5, over: 7}}",
    "losses.adversarial.feature_matching=1",
    "losses.adversarial.ramp=6",
    "data.load=32",
    "data.crop=32",
    "train.average=0.9",
]


def make_executor(weighting: str) -> FastStep:
    source = read("pix2pix-small")
    for override in (*EVERYTHING, f"weighting={weighting}"):
        source.override(override)
    built = build(resolve(source))
    for part in (built.method, built.terms, built.weighting):
        part.train()
    return FastStep(built, torch.device("cpu"))


@pytest.mark.parametrize("weighting", ["{name: balancer, at: fake_b, decay: 0.9}", "last_layer"])
def test_the_iterations_after_a_checkpoint_are_the_same_to_the_bit(tmp_path: Path, weighting: str):
    alone, one, two = Processes("cpu"), make_executor(weighting), make_executor(weighting)
    torch.manual_seed(3)
    batches = [{side: torch.rand(2, 3, 32, 32) * 2 - 1 for side in "ab"} for _ in range(10)]
    for number in range(5):
        one.play([batches[number]], number)
    recipe = resolve(read("pix2pix-small"))
    write_checkpoint(tmp_path / "checkpoint.pt", one, recipe, {"iteration": 5, "best": None}, alone)
    expected = [one.play([batches[number]], number) for number in range(5, 10)]
    restore(read_checkpoint(tmp_path / "checkpoint.pt"), two, alone)
    assert [two.play([batches[number]], number) for number in range(5, 10)] == expected
    for ours, theirs in ((one.method, two.method), (one.terms, two.terms), (one.weighting, two.weighting)):
        for (name, value), other in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
            assert torch.equal(value, other), name


def test_the_balancers_averages_are_not_those_of_a_new_one():
    """So that the test above fails if they are not in the checkpoint."""
    executor = make_executor("{name: balancer, at: fake_b, decay: 0.9}")
    before = executor.weighting.state_dict()["sums"].clone()
    executor.play([{side: torch.rand(2, 3, 32, 32) * 2 - 1 for side in "ab"}], 0)
    assert not torch.equal(before, executor.weighting.state_dict()["sums"])
