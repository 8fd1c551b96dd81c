"""Weights under the key names of CompVis/taming-transformers; functions take and return what those of `junyanz` do."""

from advloss.networks import junyanz
from advloss.networks.state_dicts import Result, State


def discriminator_from(state: State) -> Result:
    """A `PatchGAN` with batch norm: in a VQGAN's checkpoint, the keys after `loss.discriminator.`.

    Esser, Rombach, Ommer 2021, arXiv:2012.09841. The layers are pix2pix's, under `main` instead of `model`.
    """
    return junyanz.patchgan_from(state, root="main", project="taming-transformers")
