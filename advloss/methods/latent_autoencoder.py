"""Autoencoders whose codes follow a prior: VAE, WAE and AAE, by the terms between the codes and the prior.

Kingma, Welling 2014, arXiv:1312.6114; Makhzani et al. 2016, arXiv:1511.05644; Tolstikhin et al. 2018, arXiv:1711.01558.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal, get_args

from torch import Tensor

from advloss.core.errors import InputError, unknown
from advloss.data.fields import Distribution, Fields, Image, Noise
from advloss.methods.base import Method, NetworkFactory
from advloss.methods.uses import Direction, Generate
from advloss.networks.layers.parameters import Positive

Posterior = Literal["deterministic", "normal"]
LOG_VARIANCES = (-30.0, 20.0)
"""To which the logarithms of variances are clamped, so that no variance is 0 or infinite."""


class LatentAutoencoder(Method):
    """encoder: image -> latent; decoder: latent -> image, and prior -> image.

    encoder: makes the network from images to vectors. decoder: makes the network from vectors to images. latent: the
    length of the codes and of the prior. prior: its distribution: `normal`, or `uniform` in [-1, 1].
    posterior: what an image's code is. `deterministic`: the encoder's output. `normal`: a sample of N(mean, variance),
    whose means and log variances are the two halves of the encoder's output.
    """

    follows = {"image": "images", "latent": "images", "reconstruction": "images"}
    tensors = {
        "image": "images [B, C, H, W]",
        "prior": "samples of the prior [B, latent]",
        "latent": "the images' codes [B, latent]",
        "reconstruction": "what the decoder makes of them [B, C, H, W]",
        "fake": "what the decoder makes of samples of the prior [B, C, H, W]",
        "kl": "of a normal posterior: KL(N(mean, variance) || N(0, 1)) in nats, the mean over the images []",
    }
    uses = {"generate": Generate(Direction("decoder", "prior", "image"))}

    @classmethod
    def declared_fields(cls, parameters: Mapping[str, Any]) -> Fields:
        """Images, samples of the prior, and for a normal posterior the noise of its samples."""
        size = parameters.get("latent", 8)
        fields = {"image": Image("images"), "prior": Noise(size=size, distribution=parameters.get("prior", "normal"))}
        return fields | ({"noise": Noise(size=size)} if parameters.get("posterior") == "normal" else {})

    def __init__(
        self,
        encoder: NetworkFactory,
        decoder: NetworkFactory,
        latent: Positive = 8,
        prior: Distribution = "normal",
        posterior: Posterior = "deterministic",
    ) -> None:
        super().__init__()
        if posterior not in get_args(Posterior):
            raise InputError(f"method.posterior: {unknown('posterior', posterior, get_args(Posterior))}")
        self.posterior = posterior
        self.encoder = encoder(takes="image", out_channels=latent * (2 if posterior == "normal" else 1))
        self.decoder = decoder(takes="prior", gives="image")

    @property
    def last_layer(self) -> Tensor:
        """The weight of the decoder's last layer."""
        return self.decoder.last_layer  # type: ignore[return-value]

    def reconstruct(self, image: Tensor) -> Tensor:
        """[B, C, H, W] in [-1, 1], of the training's size -> the same, from the code, or from its mean."""
        code = self.encoder(image)
        made: Tensor = self.decoder(code.chunk(2, 1)[0] if self.posterior == "normal" else code)
        return made

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        made = {"image": batch["image"], "prior": batch["prior"]}
        if {"latent", "reconstruction", "kl"} & {*wanted}:
            made |= self._encoded(batch)
        if "reconstruction" in wanted:
            made["reconstruction"] = self.decoder(made["latent"])
        if "fake" in wanted:
            made["fake"] = self.decoder(batch["prior"])
        if "kl" in wanted and "kl" not in made:
            raise InputError("a deterministic posterior has no KL divergence; say method.posterior=normal")
        return made

    def _encoded(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        code = self.encoder(batch["image"])
        if self.posterior == "deterministic":
            return {"latent": code}
        mean, log_variance = code.chunk(2, 1)  # [B, latent] each
        log_variance = log_variance.clamp(*LOG_VARIANCES)
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
        return {"latent": mean + (log_variance / 2).exp() * batch["noise"], "kl": kl}
