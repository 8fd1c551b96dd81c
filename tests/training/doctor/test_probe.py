"""The probe and the weights' measures: what they give, and that they leave a training as it was, to the bit."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advloss.recipe.terms import Term
from advloss.training.doctor.probe import Probe
from advloss.training.doctor.untouched import untouched
from advloss.training.executor import Executor
from advloss.training.executors import EXECUTORS
from tests.training.fast.helpers import RECIPES, batches, made
from tests.training.games import batch, game, images, small

DROPOUT = "networks.generator={name: unet, levels: 2, width: 2, norm: batch, dropout: 0.5}"
KINDS = {
    "dropout and batch norm": [DROPOUT],
    "spectral norm": ["losses.adversarial.discriminator={name: patchgan, width: 4, spectral_norm: true, layers: 1}"],
    "augmentations": ["losses.adversarial.augment=[{name: ada, p: 0.5, interval: 1}]"],
    "a pool": ["losses.adversarial.pool=2"],
    "a penalty": ["losses.adversarial.penalties=[{name: lecam}]"],
}


def state(executor: Executor) -> dict[str, Any]:
    """All that the next iteration depends on."""
    parts = {"method": executor.method, "terms": executor.terms, "weighting": executor.weighting}
    found = {f"{n}.{key}": v for n, part in parts.items() for key, v in part.state_dict().items()}
    found |= {f"{n}.buffer.{key}": v for n, part in parts.items() for key, v in part.named_buffers()}
    for name, player in executor.players.items():
        for number, kept in enumerate(player.optimizer.state.values()):
            found |= {f"{name}.{number}.{key}": value for key, value in kept.items()}
    return {**found, "random": torch.get_rng_state()}


def played(executor: Executor, each: Any, probe: bool) -> dict[str, Any]:
    """The state after three iterations, with a probe after each or without."""
    torch.manual_seed(3)
    probed = Probe(executor)
    for number in range(3):
        executor.play([each(number)], number)
        if probe:
            assert probed(each(number), each(9))
    return {key: value.clone() for key, value in state(executor).items()}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_training_with_the_probe_has_the_bits_of_one_without(kind: str, executor: str) -> None:
    kinds = [EXECUTORS[executor](small(*KINDS[kind]), torch.device("cpu"), print) for _ in range(2)]
    without, with_it = (played(each, images, probe) for each, probe in zip(kinds, (False, True), strict=True))
    assert without.keys() == with_it.keys()
    assert [key for key in without if not torch.equal(without[key], with_it[key])] == []


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_so_has_every_kind_of_recipe(recipe: str) -> None:
    """Labels, growing and virtual norms, unrolled games, codebooks, pools, k + 1 classes, weightings."""
    kinds = [EXECUTORS["auto"](made(recipe), torch.device("cpu"), print) for _ in range(2)]
    each = batches(recipe)
    without, with_it = (played(kind, each, probe) for kind, probe in zip(kinds, (False, True), strict=True))
    assert [key for key in without if not torch.equal(without[key], with_it[key])] == []


def test_the_gradient_of_each_term_at_what_the_method_made() -> None:
    """The method is x -> g a with g = 1 and a = (1, 2); its loss (g a + 0)^2 has the mean gradient a: norm sqrt(5)."""
    built = game({"square": Term(Square(), ["fake"], weight=3.0)}, lr=1e-9, steps={"generator": 1})
    executor = EXECUTORS["plain"](built, torch.device("cpu"), print)
    each = {"a": torch.tensor([[1.0], [2.0]], dtype=torch.float64), "b": torch.zeros(2, 1, dtype=torch.float64)}
    executor.play([each], 0)
    assert float(Probe(executor)(each)["gradient.square"]) == pytest.approx(3 * math.sqrt(5), rel=1e-6)


def test_a_term_of_weight_0_costs_nothing_and_has_no_gradient() -> None:
    built = game(
        {"square": Term(Square(), ["fake"], weight=1.0), "off": Term(Square(), ["fake"], start=5)},
        lr=1e-9,
        steps={"generator": 1},
    )
    executor = EXECUTORS["plain"](built, torch.device("cpu"), print)
    executor.play([batch(1.0, 1.0)], 0)
    assert "gradient.off" not in Probe(executor)(batch(1.0, 1.0))


def test_overfit_is_0_for_the_training_s_own_images_and_1_for_fakes() -> None:
    executor = EXECUTORS["auto"](small(), torch.device("cpu"), print)
    executor.play([images(1)], 0)
    probe = Probe(executor)
    assert float(probe(images(1), images(1))["adversarial.overfit"]) == pytest.approx(0, abs=1e-12)
    fake = executor.method(images(1), {"fake_b"})["fake_b"].detach()
    assert float(probe(images(1), images(1) | {"b": fake})["adversarial.overfit"]) == pytest.approx(1, abs=1e-9)


def test_few_images_are_compared_over_several_probes() -> None:
    executor = EXECUTORS["auto"](small(), torch.device("cpu"), print)
    executor.play([images(1)], 0)
    probe = Probe(executor)
    assert "adversarial.distance_fake" not in probe(images(1))
    assert "adversarial.distance_fake" in probe(images(2))
    for number in range(20):
        probe(images(number))
    assert len(probe.seen["adversarial.fake"]) == 8


class Square(nn.Module):
    """mean x^2."""

    def forward(self, x: Tensor) -> Tensor:
        return x.square().mean()


def test_buffers_stay_at_their_place_also_after_an_error() -> None:
    norm = nn.BatchNorm1d(3)
    places = {name: buffer.data_ptr() for name, buffer in norm.named_buffers()}
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="stop"), untouched([norm], torch.device("cpu")):
        norm(torch.randn(4, 3))
        assert int(norm.num_batches_tracked) == 1
        raise ValueError("stop")
    assert {name: buffer.data_ptr() for name, buffer in norm.named_buffers()} == places
    assert int(norm.num_batches_tracked) == 0 and torch.equal(torch.get_rng_state(), before)
