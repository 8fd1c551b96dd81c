"""The backbones of perceptual losses: torchvision's weights, from its cache or downloaded, in a frozen network."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError

Network = TypeVar("Network", bound=nn.Module)
PATIENCE = 30.0
"""Seconds of silence after which a download is given up."""


class Frozen(Generic[Network]):
    """A network in evaluation mode that nothing trains, and that follows what it is given.

    It is no module, so that a loss which holds one has it in neither `parameters()` nor its state dict.
    """

    def __init__(self, network: Network) -> None:
        self.network = network.requires_grad_(False).eval()

    def on(self, x: Tensor) -> Network:
        """The network on the device and in the dtype of `x`."""
        first = next(self.network.parameters())
        if (first.device, first.dtype) != (x.device, x.dtype):
            self.network.to(x.device, x.dtype)
        return self.network


def load_features(network: nn.Module, weights: str, loss: str) -> None:
    """Loads torchvision's weights of a backbone's `features` into a network.

    network: its keys are torchvision's, with another first part: slice2.3.bias is features.3.bias; weights: the name of
    torchvision's entry, such as VGG19_Weights; loss: what messages call the loss.
    Raises InputError: a file that is missing and can't be downloaded, or is damaged. No code in it is ever run.
    """
    path = weights_file(weights, loss)
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({key: state[f"features.{key.split('.', 1)[1]}"] for key in network.state_dict()})
    except Exception as error:  # whatever reading such a file can raise, it is the file
        raise InputError(
            f"{loss} can't read its weights {path} ({type(error).__name__}). Delete the file and run again to "
            "download it, or turn the term off: losses.NAME=null"
        ) from error


def weights_file(weights: str, loss: str) -> Path:
    """Where torchvision keeps the weights of an entry such as VGG19_Weights; downloads them if they are not there.

    Raises InputError, which names the file, its folder, where it is to be had, and how to do without it.
    """
    url, path = _place(weights)
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _patience(PATIENCE):
            # The name ends in the first digits of the file's SHA-256.
            torch.hub.download_url_to_file(url, str(path), hash_prefix=path.stem.rsplit("-", 1)[1])
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{loss} needs the weights {path.name}, which are not in {path.parent} and could not be downloaded "
            f"({error}). Put the file from {url} into that folder, or turn the term off: losses.NAME=null"
        ) from error
    return path


def at_hand(weights: str) -> bool:
    """Whether the weights of an entry such as AlexNet_Weights are in torchvision's cache already."""
    return _place(weights)[1].is_file()


def _place(weights: str) -> tuple[str, Path]:
    """Where the file is to be had, and where it is kept."""
    from torchvision.models import get_weight  # late: it takes seconds

    url: str = get_weight(f"{weights}.IMAGENET1K_V1").url
    return url, Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name


@contextlib.contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """torch.hub waits for a silent server for ever; this is the only way to set its time limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
