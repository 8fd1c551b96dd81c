"""Measures of sets in a recipe: their names need no partners, their count and their features are checked."""

from pathlib import Path

import pytest
import torch

from advloss.core.errors import InputError
from advloss.losses.sets.measures import KID
from advloss.pretrained import features
from advloss.recipe.build import Built, build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read

KID_OF_B = "metrics.look={metric: kid, between: [fake_b, b]"


def built(*words: str) -> Built:
    source = read("cyclegan-small")
    for word in ("networks.generator={name: resnet, width: 2, blocks: 1}", "data.load=32", "data.crop=32", *words):
        source.override(word)
    return build(resolve(source))


@pytest.mark.parametrize("recipe", ["cyclegan", "cyclegan-small"])
def test_unpaired_recipes_choose_by_kid_and_need_no_download(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    first, line = next(iter(resolve(read(recipe)).metrics.items()))
    assert first == "kid" and line is not None and line.between == ["fake_b", "b"]
    assert line.parameters["features"] == "random"
    assert not built().metrics["kid"].higher_is_better and not list(tmp_path.iterdir())


def test_parameters_reach_the_measure() -> None:
    look = built(f"{KID_OF_B}, most: 50, subsets: 7, subset_size: 20}}").metrics["look"]
    assert isinstance(look.measure, KID) and look.sets is look.measure
    assert (look.measure.most, look.measure.subsets, look.measure.subset_size) == (50, 7, 20)
    assert not list(look.measure.parameters()) and not look.measure.state_dict()


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("metrics.look={metric: kid, between: fake_b}", r"'kid' is of 2 tensor\(s\), 1 given: \[x, y\]"),
        ("metrics.look={metric: inception_score, between: [fake_b, b]}", r"'inception_score' is of 1 tensor\(s\), 2"),
        (
            f"{KID_OF_B}, features: vgg61}}",
            "metrics.look: features: unknown feature network 'vgg61'; did you mean 'vgg16'",
        ),
        (f"{KID_OF_B}, features: gone.pt}}", "metrics.look: features=gone.pt: no such file"),
        (f"{KID_OF_B}, most: 1}}", "metrics.look.most"),
        ("metrics.look={metric: density, between: [fake_b, b], k: 0}", "metrics.look.k"),
        ("metrics.look={metric: inception_score, between: fake_b, features: random}", "has no classes"),
    ],
)
def test_what_is_refused(word: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        built(word)


def test_weights_that_are_absent_are_told_before_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch_fidelity")
    features._named.cache_clear()
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    with pytest.raises(InputError) as caught:
        built(f"{KID_OF_B}, features: inception}}")
    for part in ("metrics.look: features=inception: ", str(tmp_path), "https://", "At hand without it: random"):
        assert part in str(caught.value)
