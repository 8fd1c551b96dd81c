"""Images from noise: the fields, what is computed, and how a trained model is used."""

from pathlib import Path

import numpy as np
import pytest
import torch

import advloss
from advloss.data.fields import Noise
from advloss.data.loading.derived import uniform
from advloss.data.synthetic import digits
from advloss.data.synthetic.sets import SETS
from advloss.methods.generation import Generation
from advloss.recipe.build import build
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read

PAPERS = ("gan", "dcgan", "wgan", "wgan-gp", "lsgan", "r3gan", "progan", "unrolled")
SMALL = ("dcgan-small", "wgan-gp-small", "lsgan-small", "r3gan-small", "progan-small", "unrolled-small")
RECIPES = (*PAPERS, *SMALL)


def test_the_noise_is_as_the_method_says() -> None:
    fields = Generation.declared_fields({"latent": 7, "noise": "uniform"})
    assert fields["noise"] == Noise(size=7, distribution="uniform")
    assert Generation.declared_fields({})["noise"] == Noise(size=100)


def test_uniform_noise_fills_its_range_evenly() -> None:
    drawn = uniform(np.random.default_rng(0), 100_000)
    assert drawn.dtype == np.float32 and drawn.min() >= -1 and drawn.max() < 1
    counts, _ = np.histogram(drawn, 10, (-1, 1))
    assert abs(counts - 10_000).max() < 4 * np.sqrt(10_000 * 0.9)


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_give_an_image_of_the_data_s_size(name: str) -> None:
    recipe = resolve(read(name))
    with torch.device("meta"):
        built = build(recipe)
    assert built.shapes["fake"] == built.shapes["image"]
    assert built.shapes["fake"][-1] == recipe.data.crop


@pytest.mark.parametrize("noise", ["normal", "uniform"])
def test_a_trained_model_makes_the_same_images_of_the_same_seed(noise: str, tmp_path: Path) -> None:
    source = read("dcgan-small")
    source.override(f"method.noise={noise}")
    recipe = resolve(source)
    method = build(recipe).method
    save_model(tmp_path / "m.safetensors", recipe, method.state_dict(), {})
    model = advloss.load(tmp_path / "m.safetensors")
    made = model.sample(3, seed=5)
    assert made.shape == (3, 3, 32, 32) or made.shape == (3, 1, 32, 32)
    assert torch.equal(made, model.sample(3, seed=5)) and not torch.equal(made, model.sample(3, seed=6))
    generator = torch.Generator().manual_seed(5)
    z = (
        torch.randn(3, 100, generator=generator)
        if noise == "normal"
        else torch.rand(3, 100, generator=generator) * 2 - 1
    )
    with torch.no_grad():
        torch.testing.assert_close(made, method.eval().generator(z), rtol=0, atol=1e-6)


def test_digits_know_their_labels() -> None:
    data = SETS["digits"](32, 0)
    labels, values = data.train.rows["label"], data.train.images["image"]
    assert labels.classes == digits.CLASSES and len(labels) == len(values) == 10_000
    counts = np.bincount(labels.values, minlength=10)
    assert abs(counts - 1000).max() < 4 * np.sqrt(900)
    means = np.stack(
        [np.mean([values.read(int(i)) for i in np.flatnonzero(labels.values == n)[:40]], 0) for n in range(10)]
    )
    test = data.splits["test"]
    seen = [test.images["image"].read(i).astype(float) for i in range(60)]
    nearest = [int(((means - one) ** 2).sum((1, 2, 3)).argmin()) for one in seen]
    assert np.mean(nearest == test.rows["label"].values[:60]) > 0.3  # by chance 0.1, with a spread of 0.04


def test_coloured_digits_stand_out() -> None:
    for seed in range(20):
        picture = digits.draw(np.random.default_rng(seed), 32, coloured=True).astype(float).mean(2)
        assert np.ptp(picture) > 60
