"""Weights under the key names of CompVis/latent-diffusion: its autoencoders, and those within its diffusion models.

The networks are VQGAN's, under the same names as in taming-transformers.
"""

from dataclasses import replace

from advloss.interop import taming
from advloss.interop.state_dicts import plain, unlike
from advloss.interop.tokenizer_weights import File, Tokenizer, halves_from, tokenizer

DIALECT = replace(taming.DIALECT, project="latent-diffusion")
WITHIN = "first_stage_model."


def tokenizer_from(file: File) -> Tokenizer:
    """Its VQModelInterface or its AutoencoderKL: `model.ckpt`, or the state dict within it.

    Rombach et al. 2022, arXiv:2112.10752. Of a whole diffusion model, such as Stable Diffusion 1 and 2, the autoencoder
    within. As with taming-transformers, beta is on the codebook's term (`legacy`).
    """
    state = plain(file)
    if any(key.startswith(WITHIN) for key in state):
        state = {key.removeprefix(WITHIN): tensor for key, tensor in state.items() if key.startswith(WITHIN)}
    state = {key: tensor for key, tensor in state.items() if not key.startswith(taming.DROPPED)}
    if "encoder.down.0.block.0.conv1.weight" not in state:
        raise unlike(state, "an autoencoder (encoder.down.0.block.0.conv1.weight)", DIALECT.project)
    return tokenizer(*halves_from(state, DIALECT), DIALECT.project, legacy=True)
