"""Images from noise: the fields, what is computed, and how a trained model is used."""

from pathlib import Path

import numpy as np
import pytest
import torch

import advloss
from advloss.core.errors import InputError
from advloss.data.fields import Label, Noise
from advloss.data.loading.derived import uniform
from advloss.data.random_streams import SAMPLE, random
from advloss.data.synthetic import digits
from advloss.data.synthetic.sets import SETS
from advloss.inference.generating import GROUP, Sampling
from advloss.methods.generation import Generation
from advloss.recipe.build import Built, build
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read

PAPERS = ("gan", "dcgan", "wgan", "wgan-gp", "lsgan", "r3gan", "progan", "unrolled")
SMALL = ("dcgan-small", "wgan-gp-small", "lsgan-small", "r3gan-small", "progan-small", "unrolled-small")
OTHERS = (
    *("cgan-small", "ebgan", "ebgan-small", "improved-gan", "improved-gan-small"),
    *("improved-gan-semi", "improved-gan-semi-small"),
)
RECIPES = (*PAPERS, *SMALL, *OTHERS)


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
    rng = random(SAMPLE, 5, 0, 2)
    third = rng.standard_normal(100, np.float32) if noise == "normal" else uniform(rng, 100)
    with torch.no_grad():
        alone = method.eval().generator(torch.from_numpy(third)[None])[0]
    torch.testing.assert_close(made[2], alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("generator", ["dcgan", "residual", "mlp"])
def test_a_conditional_model_makes_images_of_the_class(generator: str, tmp_path: Path) -> None:
    source = read("cgan-small")
    source.override(f"networks.generator={{name: {generator}, width: 4}}")
    recipe = resolve(source)
    method = build(recipe).method
    assert method.declared_fields({"conditional": True})["label"] == Label("images")
    for parameter in method.parameters():
        torch.nn.init.normal_(parameter)
    save_model(tmp_path / "m.safetensors", recipe, method.state_dict(), {})
    model = advloss.load(tmp_path / "m.safetensors")
    sampler = model.sampler(Sampling(seed=5, label=0))
    z = torch.from_numpy(np.stack([sampler.noise(number) for number in range(GROUP)]))
    for label in (0, 1):
        with torch.no_grad():
            expected = method.eval().generator(z, torch.full((GROUP,), label))[:2]
        torch.testing.assert_close(model.sample(2, seed=5, label=label), expected, rtol=0, atol=1e-6)
    assert not torch.equal(model.sample(2, label=0), model.sample(2, label=1))
    with pytest.raises(InputError, match="makes images of one class: give its number, label=0"):
        model.sample(2)


def test_what_a_conditional_recipe_is_refused_with() -> None:
    def built(*overrides: str) -> Built:
        source = read("cgan-small")
        for override in overrides:
            source.override(override)
        return build(resolve(source))

    with pytest.raises(InputError, match=r"say method\.conditional=true"):
        built("method.conditional=false")
    with pytest.raises(InputError, match="takes no labels; use dcgan, residual or mlp"):
        built("losses.adversarial.discriminator={name: patchgan, width: 2, layers: 1}")
    with pytest.raises(InputError, match="all pictures are of one class"):
        built("data.classes={label: [zero]}")


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
