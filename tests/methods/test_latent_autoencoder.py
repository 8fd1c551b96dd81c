"""Autoencoders with a prior: the KL divergence, samples of the posterior, what is refused, how they are used."""

from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import advloss
from advloss.core.errors import InputError
from advloss.data.fields import Noise
from advloss.inference.generating import Sampling
from advloss.methods.latent_autoencoder import LatentAutoencoder
from advloss.recipe.build import Built, build
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read

TINY = ["networks.encoder.width=4", "networks.decoder.width=4", "data.batch=4"]


def built(name: str, *overrides: str) -> Built:
    source = read(name)
    for override in overrides:
        source.override(override)
    return build(resolve(source))


def test_fields_follow_the_posterior() -> None:
    plain = LatentAutoencoder.declared_fields({"latent": 5, "prior": "uniform"})
    assert list(plain) == ["image", "prior"] and plain["prior"] == Noise(size=5, distribution="uniform")
    sampled = LatentAutoencoder.declared_fields({"latent": 5, "posterior": "normal"})
    assert sampled["noise"] == sampled["prior"] == Noise(size=5)


class Says(nn.Module):
    """A network that gives the same vector for every image."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor(values))

    def forward(self, image: Tensor) -> Tensor:
        return self.values.expand(len(image), -1)


def test_the_divergence_in_closed_form() -> None:
    """Means 1 and 0, variances 1 and 4: (1 + 1 - 1 - 0) / 2 + (0 + 4 - 1 - log 4) / 2. A sample is mean + sigma noise;
    by 200,000 of them: the mean of log q(z) - log p(z)."""
    method = built("vae-small", *TINY, "method.latent=2").method
    assert isinstance(method, LatentAutoencoder)
    method.encoder = Says([1.0, 0.0, 0.0, log(4)])
    noise = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0))
    image = torch.zeros(len(noise), 1, 1, 1)
    made = method({"image": image, "prior": noise, "noise": noise}, {"latent", "kl"})
    expected = 0.5 + (3 - log(4)) / 2
    assert made["kl"].item() == pytest.approx(expected, rel=1e-6)
    torch.testing.assert_close(made["latent"], torch.tensor([1.0, 0.0]) + torch.tensor([1.0, 2.0]) * noise)
    ratio = (made["latent"].square() - noise.square()).sum(1) / 2 - log(2)
    assert ratio.mean().item() == pytest.approx(expected, abs=4 * ratio.std().item() / 447)


def test_only_what_is_wanted_is_computed() -> None:
    method = built("wae-gan-small", *TINY).method
    batch = {"image": torch.zeros(4, 3, 32, 32)[:, :1], "prior": torch.zeros(4, 8)}
    method.encoder = nn.Module()  # which can't be called
    with torch.no_grad():
        assert method(batch, {"fake", "prior"}).keys() == {"image", "prior", "fake"}


@pytest.mark.parametrize("name", ["vae-small", "wae-gan-small", "wae-mmd-small", "aae-small", "vae", "aae"])
def test_a_trained_model_draws_from_the_prior(name: str, tmp_path: Path) -> None:
    made = built(name, *TINY)
    save_model(tmp_path / "m.safetensors", made.recipe, made.method.state_dict(), {})
    model = advloss.load(tmp_path / "m.safetensors")
    latent, side = made.recipe.method.parameters["latent"], made.recipe.data.crop
    images = model.sample(3, seed=5)
    assert images.shape == (3, 1, side, side)
    sampler = model.sampler(Sampling(seed=5))
    z = torch.from_numpy(np.stack([sampler.noise(number) for number in range(3)]))
    assert z.shape == (3, latent)
    with torch.no_grad():
        torch.testing.assert_close(images, made.method.eval().decoder(z), rtol=0, atol=1e-6)
        assert made.method.reconstruct(images).shape == images.shape  # type: ignore[operator]


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="a deterministic posterior has no KL divergence"):
        built("vae-small", "method.posterior=deterministic")
    with pytest.raises(InputError, match="a tokenizer's encoder and decoder are of maps"):
        built("vqgan-small", "networks.decoder={name: dcgan}")
    with pytest.raises(InputError, match=r"method\.posterior"):
        built("vae-small", "method.posterior=norm")
