"""Tokenizers: an image to codes and back (Esser, Rombach, Ommer 2021, arXiv:2012.09841, section 3.1)."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.data.fields import Image
from advloss.methods.base import Method, NetworkFactory
from advloss.methods.uses import Tokenize
from advloss.networks.bottlenecks import Bottleneck, BottleneckOutput
from advloss.networks.layers.padding import pad

BOTTLENECK_LOSSES = {
    "commitment": "keeps the latents near their codes",
    "codebook": "moves the codes to their latents",
    "entropy": "spreads the choices over the codes, each choice sure",
    "kl": "draws the latents towards N(0, 1)",
}


class Tokenizer(Method):
    """decoder(bottleneck(encoder(image))): the paper's G, q and E; with the KL bottleneck, latent diffusion's.

    encoder, bottleneck, decoder: make the parts; encoder and decoder are wired to the bottleneck's channels.
    """

    fields = {"image": Image("images")}
    follows = {"image": "images", "reconstruction": "images"}
    tensors = {
        "image": "images [B, C, H, W]",
        "reconstruction": "what the decoder makes of their codes [B, C, H, W]",
        "bottleneck": "the sum of the bottleneck's losses, as its paper weights them []",
        **{name: f"the bottleneck's loss that {what}, if it has one []" for name, what in BOTTLENECK_LOSSES.items()},
    }
    uses = {"tokenize": Tokenize("image")}

    def __init__(self, encoder: NetworkFactory, bottleneck: NetworkFactory, decoder: NetworkFactory) -> None:
        super().__init__()
        made = bottleneck()
        assert isinstance(made, Bottleneck)
        self.encoder = encoder(out_channels=made.in_channels)
        self.bottleneck = made
        self.decoder = decoder(in_channels=made.channels)
        if not (hasattr(self.encoder, "multiple") and hasattr(self.decoder, "factor")):
            raise InputError("networks: a tokenizer's encoder and decoder are of maps, such as vqgan, not of vectors")
        if self.encoder.multiple != self.decoder.factor:
            raise InputError(
                f"networks: the encoder makes images {self.encoder.multiple} times smaller and the decoder "
                f"{self.decoder.factor} times larger; their multipliers must be as many"
            )

    @property
    def last_layer(self) -> Tensor:
        """The weight of the decoder's last layer."""
        return self.decoder.last_layer  # type: ignore[return-value]

    @property
    def codes(self) -> int | None:
        """How many codes a codebook has; None for a bottleneck of real numbers (KL)."""
        return self.bottleneck.codes

    @property
    def books(self) -> int:
        """How many codebooks choose for each place."""
        return self.bottleneck.books

    @property
    def factor(self) -> int:
        """Pixels along each axis that one place of the codes stands for: f."""
        return int(self.encoder.multiple)  # type: ignore[arg-type]

    @property
    def networks(self) -> list[nn.Module]:
        return [self.encoder, self.decoder]

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        image = batch["image"]  # [B, C, H, W]
        made = {"image": image}
        if made.keys() >= {*wanted}:
            return made
        coded = self.encode(image)
        losses = coded.losses
        made |= losses
        made["bottleneck"] = torch.stack([*losses.values()]).sum() if losses else image.new_zeros(())
        missing = {*wanted} - made.keys() - {"reconstruction"}
        if missing:
            raise InputError(
                f"{type(self.bottleneck).__name__} has no loss '{min(missing)}'; it has {', '.join(losses) or 'none'}"
            )
        if "reconstruction" in wanted:
            height, width = image.shape[-2:]
            made["reconstruction"] = self.decoder(coded.latent)[..., :height, :width]
        return made

    def watched(self) -> dict[str, Tensor]:
        """usage: the fraction of the codes that were chosen; perplexity: exp of the entropy of the choices; tokens: the
        number of choices of each codebook."""
        usage = self.bottleneck.usage(everywhere=True)
        self.bottleneck.reset_usage()
        if usage is None:
            return {}
        return {"usage": usage.fraction, "perplexity": usage.perplexity, "tokens": usage.counts[0].sum()}

    def forget(self) -> None:
        self.bottleneck.reset_usage()

    def encode(self, image: Tensor) -> BottleneckOutput:
        """[B, C, H, W] in [-1, 1], any size (mirrored to multiples of f) -> latents and indices [B, H / f, W / f]."""
        coded: BottleneckOutput = self.bottleneck(self.encoder(pad(self.encoder, image)))
        return coded

    def decode(self, codes: Tensor, size: tuple[int, int]) -> Tensor:
        """Indices as `encode` gives them, or latents if there are no codes -> images [B, C, height, width], cut to
        `size`."""
        latent = codes if self.codes is None else self.bottleneck.decode(codes)
        image: Tensor = self.decoder(latent)
        return image[..., : size[0], : size[1]]
