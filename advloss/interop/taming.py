"""Weights under the key names of CompVis/taming-transformers: its VQGANs and their discriminators.

`discriminator_from` takes and returns what the functions of `junyanz` do; `tokenizer_from` returns a `Tokenizer`.
"""

from advloss.interop import junyanz
from advloss.interop.state_dicts import Result, State, plain, unlike
from advloss.interop.tokenizer_weights import Dialect, File, Tokenizer, halves_from, tokenizer

DIALECT = Dialect(
    project="taming-transformers",
    down="down",
    up="up",
    downwards=True,
    block="block",
    attention="attn",
    downsample="downsample.conv",
    upsample="upsample.conv",
    middle=("mid.block_1", "mid.attn_1", "mid.block_2"),
    projections=("norm", "q", "k", "v", "proj_out"),
)
DROPPED = ("loss.", "model_ema.", "colorize")
"""Discriminator and LPIPS; averages that the project's own loading leaves aside; the colours of segmentation maps."""


def discriminator_from(state: State) -> Result:
    """A `PatchGAN` with batch norm: in a VQGAN's checkpoint, the keys after `loss.discriminator.`.

    Esser, Rombach, Ommer 2021, arXiv:2012.09841. The layers are pix2pix's, under `main` instead of `model`.
    """
    return junyanz.patchgan_from(state, root="main", project="taming-transformers")


def tokenizer_from(file: File) -> Tokenizer:
    """A VQGAN with a plain or a Gumbel codebook: `last.ckpt`, or the state dict within it.

    Esser, Rombach, Ommer 2021, arXiv:2012.09841. Its code puts beta on the codebook's term of the loss and not on the
    commitment's, which is `legacy` here; the key names don't tell another choice.
    """
    state = plain(file)
    state = {key: tensor for key, tensor in state.items() if not key.startswith(DROPPED)}
    if "encoder.down.0.block.0.conv1.weight" not in state:
        raise unlike(state, "a VQGAN (encoder.down.0.block.0.conv1.weight)", DIALECT.project)
    return tokenizer(*halves_from(state, DIALECT), DIALECT.project, legacy=True)
