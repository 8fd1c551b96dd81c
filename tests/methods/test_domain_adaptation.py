"""Domain adaptation: the recipes, one game written in two ways, and what is refused."""

from typing import Any

import pytest
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.recipe.build import Built, build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.fast.step import FastStep
from advloss.training.step import PlainStep

RECIPES = ("da-entropy", "dann", "dann-small", "da-hybrid", "da-shared-specific", "wdgrl", "wdgrl-small")
TINY = ["networks.features.channels=[3,4]", "networks.classifier.width=5", "data.batch=4", "train.precision=fp64"]
TINY += ["data.classes={label: [a, b, c]}", "losses.adversarial.discriminator.width=6"]
SPECIFIC = ["networks.features.dense=[60]", "method.specific=30"]
REVERSAL = (
    "losses.adversarial={loss: gradient_reversal, between: [features_a, features_b], discriminator: {name: mlp, "
    "width: 6, layers: 1}, scale: {from: 0, to: 1, over: 8, shape: logistic}}"
)
TWO_PLAYERS = "losses.adversarial.weight={from: 0, to: 1, over: 8, shape: logistic}"


def built(name: str, *overrides: str) -> Built:
    source = read(name)
    for override in overrides:
        source.override(override)
    return build(resolve(source))


def batch(number: int) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(number)
    images = {side: torch.rand(4, 3, 28, 28, generator=draw, dtype=torch.float64) * 2 - 1 for side in "ab"}
    return images | {"label": torch.randint(3, (4,), generator=draw)}


def trained(kind: Any, made: Built, iterations: int = 6) -> dict[str, Tensor]:
    executor = kind(made, torch.device("cpu"))
    for number in range(iterations):
        executor.play([batch(number)], number)
    of_terms = {name.rpartition("discriminator.")[2]: value for name, value in made.terms.state_dict().items()}
    return made.method.state_dict() | {
        f"of {name}": value for name, value in of_terms.items() if "iteration" not in name
    }


@pytest.mark.parametrize("kind", [PlainStep, FastStep])
def test_two_players_and_gradient_reversal_are_the_same_training(kind: Any) -> None:
    """The paper's one step with a reversal layer, and the recipe's two players who step at the same time: six
    iterations with momentum, with lambda and the rate over time, end with the same weights."""
    two = built("dann", *TINY, TWO_PLAYERS)
    one = built("dann", *TINY, REVERSAL)
    assert two.recipe.train.steps == {"generator": 1, "discriminator": 1} and one.recipe.train.steps == {"generator": 1}
    before = {name: value.clone() for name, value in two.method.state_dict().items()}
    by_two, by_one = trained(kind, two), trained(kind, one)
    assert by_two.keys() == by_one.keys() and any(name.startswith("of ") for name in by_two)
    for name, value in by_two.items():
        torch.testing.assert_close(value, by_one[name], rtol=1e-8, atol=1e-12, msg=name)
    assert all(not torch.equal(value, by_two[name]) for name, value in before.items())
    alone = trained(kind, built("dann", *TINY[:-1], "losses.adversarial=null"))
    weight = "features.convolutions.0.conv.weight"
    assert not torch.allclose(alone[weight], by_two[weight], atol=1e-6)  # the game moves the features


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "wdgrl"])
def test_both_executors_agree(name: str) -> None:
    words = [*TINY, *(SPECIFIC if "specific" in name else [])]
    words += ["losses.adversarial.penalties=[]", "losses.adversarial.clip_weights=0.1"] if "wdgrl" in name else []
    steps = ["train.steps={discriminator: 1, generator: 1}"]
    plain, fast = (trained(kind, built(name, *words, *steps)) for kind in (PlainStep, FastStep))
    for key, value in plain.items():
        torch.testing.assert_close(value, fast[key], rtol=1e-8, atol=1e-10, msg=key)


def test_the_specific_features_are_apart() -> None:
    made = built("da-shared-specific", *TINY, *SPECIFIC)
    method = made.method.double()
    tensors = method(batch(0), {"features_a", "specific_a", "logits"})
    whole = method.features(batch(0)["a"])
    assert torch.equal(torch.cat([tensors["features_a"], tensors["specific_a"]], 1), whole)
    assert tensors["specific_a"].shape == (4, 30)
    assert torch.equal(tensors["logits"], method.classify(batch(0)["a"]))
    assert "features_b" not in tensors and "logits_b" not in tensors  # what is not wanted is not computed


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match=r"method.specific: 64 of the 64 features are specific"):
        built("dann", *TINY, "method.specific=64")
    with pytest.raises(InputError, match="there are no domain-specific features; say how many"):
        built("da-shared-specific", *TINY, "method.specific=0")
    with pytest.raises(InputError, match="takes images of 28x28 pixels, and this one has 32x32"):
        built("dann", *TINY).method.classify(torch.zeros(1, 3, 32, 32, dtype=torch.float64))
