"""Tokenizers from other projects' files; the keys tell the project."""

from collections.abc import Mapping
from typing import Any

from advloss.interop import diffusers, latent_diffusion, llamagen
from advloss.interop.state_dicts import plain, unlike
from advloss.interop.tokenizer_weights import File, Tokenizer


def tokenizer_from(file: File, config: Mapping[str, Any] | None = None) -> Tokenizer:
    """A tokenizer of LlamaGen, diffusers, taming-transformers or latent-diffusion, whichever the keys say.

    config: what a `config.json` in the folder of the file holds (of diffusers). The last two have the same names.
    Raises InputError for a file that is none of them, and for one that is damaged or of a kind that is not read here.
    """
    state = plain(file)
    if any(key.startswith("encoder.conv_blocks.") for key in state):
        return llamagen.tokenizer_from(file)
    if any(key.startswith("encoder.down_blocks.") for key in state):
        return diffusers.tokenizer_from(file, config)
    if any(key.removeprefix(latent_diffusion.WITHIN).startswith("encoder.down.") for key in state):
        return latent_diffusion.tokenizer_from(file)
    wanted = "a tokenizer (encoder.down.0..., encoder.conv_blocks.0..., encoder.down_blocks.0...)"
    raise unlike(state, wanted, "taming-transformers, latent-diffusion, LlamaGen or diffusers")
