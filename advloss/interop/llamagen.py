"""Weights under the key names of FoundationVision/LlamaGen: its VQ-8 and VQ-16."""

from advloss.interop.state_dicts import plain, unlike
from advloss.interop.tokenizer_weights import Dialect, File, Tokenizer, halves_from, tokenizer

DIALECT = Dialect(
    project="LlamaGen",
    down="conv_blocks",
    up="conv_blocks",
    downwards=False,
    block="res",
    attention="attn",
    downsample="downsample.conv",
    upsample="upsample.conv",
    middle=("mid.0", "mid.1", "mid.2"),
    projections=("norm", "q", "k", "v", "proj_out"),
)
STATISTICS = "quantize.codebook_used"


def tokenizer_from(file: File, normalize: bool = True) -> Tokenizer:
    """A VQGAN whose codes have few dimensions: `vq_ds16_c2i.pt`, or the state dict within it, averaged if it has that.

    Sun et al. 2024, arXiv:2406.06525, sec. 3.1. normalize: whether codes and latents are brought to unit length before
    they are compared, as in all that is published; no key tells.
    """
    state = plain(file)
    state = {key: tensor for key, tensor in state.items() if key != STATISTICS}
    if "encoder.conv_blocks.0.res.0.conv1.weight" not in state:
        raise unlike(state, "a VQGAN (encoder.conv_blocks.0.res.0.conv1.weight)", DIALECT.project)
    return tokenizer(*halves_from(state, DIALECT), DIALECT.project, normalize=normalize)
