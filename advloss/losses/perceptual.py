"""Losses in the features of a network trained on photographs: LPIPS.

x, y: float images [B, C, H, W] of one shape in [-1, 1], 3 channels or 1 (grey); computed in float32 at least, outside
autocast.
"""

import contextlib
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from advloss.errors import InputError
from advloss.losses.ranges import InputCheck
from advloss.losses.tensors import at_least_float32, full_precision

Backbone = Literal["alex", "vgg", "squeeze"]
WEIGHTS = {"alex": "AlexNet_Weights", "vgg": "VGG16_Weights", "squeeze": "SqueezeNet1_1_Weights"}
LEAST_SIZE = {"alex": 31, "vgg": 16, "squeeze": 17}
"""The smallest height and width, in pixels, for which the network's last layer used has an output."""
PATIENCE = 30.0
"""Seconds of silence after which a download is given up."""


class LPIPS(nn.Module):
    """Learned perceptual distance, 0 for equal images: the mean over the batch of

        sum over layers l of mean over pixels of w_l . (f_l(x) - f_l(y))^2

    with f_l the features of layer l, of norm 1 at each pixel. Zhang et al. 2018, arXiv:1801.03924, eq. 1; computed by
    the authors' package `lpips`, version 0.1 of its weights w.

    net: the backbone: alex (the authors' choice for evaluation), vgg (closest to earlier perceptual losses) or squeeze.
    pretrained: False leaves the backbone random: for tests and dry runs, no measure of anything.

    The whole network is frozen and in evaluation mode, always. It is in neither `parameters()` nor the state dict, so
    that checkpoints stay small, and follows the images to their device. The backbone's weights are torchvision's, from
    its cache; if they are not there, they are downloaded (at most 550 MB, vgg).

    Raises InputError: weights that are missing and can't be downloaded, or damaged; images of different shapes, too
    small (31 pixels for alex, 16 vgg, 17 squeeze), of other than 1 or 3 channels, or with values far outside [-1, 1].
    """

    def __init__(self, net: Backbone = "alex", pretrained: bool = True) -> None:
        super().__init__()
        self.net = net
        self.check = InputCheck()
        self._network = [_build(net, pretrained)]  # in a list: no submodule, hence in no state dict

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x, y: [B, 3 or 1, H, W] in [-1, 1] -> scalar."""
        return self.distances(x, y).mean()

    def distances(self, x: Tensor, y: Tensor) -> Tensor:
        """The distance of each pair of images: [B, 3 or 1, H, W] twice -> [B]."""
        self.check(x=x, y=y)
        least = LEAST_SIZE[self.net]
        if x.ndim != 4 or x.shape[1] not in (1, 3) or min(x.shape[2:]) < least:
            raise InputError(
                f"LPIPS ({self.net}) compares images [B, 3 or 1, H, W] of at least {least} x {least} pixels; "
                f"these have shape {tuple(x.shape)}"
            )
        x, y = at_least_float32(x), at_least_float32(y)
        if x.is_meta:
            return x.new_empty(x.shape[0])
        with full_precision(x):
            return self._network_for(x)(x, y).flatten()  # [B]

    def _network_for(self, x: Tensor) -> nn.Module:
        (network,) = self._network
        first = next(network.parameters())
        if (first.device, first.dtype) != (x.device, x.dtype):
            network.to(x.device, x.dtype)
        return network

    def extra_repr(self) -> str:
        return f"net={self.net}"


def _build(net: Backbone, pretrained: bool) -> nn.Module:
    """The package's network, frozen. Takes no random numbers, so that a loss changes nothing else in a run."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # torchvision's deprecations, which are the package's to heed
        import lpips  # late: it loads torchvision

        network = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    if pretrained:
        _load_backbone(network.net, net)
    return network.requires_grad_(False).eval()


def _load_backbone(backbone: nn.Module, net: Backbone) -> None:
    path = _weights_file(net)
    try:
        weights: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        # The package cuts torchvision's `features` into slices and keeps their numbers: slice2.3.bias, features.3.bias.
        backbone.load_state_dict({key: weights[f"features.{key.split('.', 1)[1]}"] for key in backbone.state_dict()})
    except Exception as error:  # whatever reading such a file can raise, it is the file
        raise InputError(
            f"LPIPS ({net}) can't read its weights {path} ({type(error).__name__}). Delete the file and run again to "
            "download it, or turn the term off: losses.NAME=null"
        ) from error


def _weights_file(net: Backbone) -> Path:
    """Where torchvision keeps the backbone's weights; downloads them if they are not there."""
    from torchvision.models import get_weight  # late: it takes seconds

    url = get_weight(f"{WEIGHTS[net]}.IMAGENET1K_V1").url
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _patience(PATIENCE):
            # The name ends in the first digits of the file's SHA-256.
            torch.hub.download_url_to_file(url, str(path), hash_prefix=path.stem.rsplit("-", 1)[1])
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"LPIPS ({net}) needs the weights {path.name}, which are not in {path.parent} and could not be downloaded "
            f"({error}). Put the file from {url} into that folder, or turn the term off: losses.NAME=null"
        ) from error
    return path


@contextlib.contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """torch.hub waits for a silent server for ever; this is the only way to set its time limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
