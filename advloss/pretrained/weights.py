"""Frozen backbones of perceptual losses, with torchvision's weights from its cache or a download."""

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
TERM_OFF = "turn the term off: losses.NAME=null"
PATIENCE = 30.0
"""Seconds without data after which a download fails."""


class Frozen(Generic[Network]):
    """A network in evaluation mode that is not trained. It moves to the device and the dtype of its input.

    It is no `nn.Module`: so the network is neither in the `parameters()` nor in the state dict of a loss that holds it.
    """

    def __init__(self, network: Network) -> None:
        self.network = network.requires_grad_(False).eval()

    def on(self, x: Tensor) -> Network:
        """The network on the device and in the dtype of `x`."""
        first = next(self.network.parameters())
        if (first.device, first.dtype) != (x.device, x.dtype):
            self.network.to(x.device, x.dtype)
        return self.network


def load_features(network: nn.Module, weights: str, loss: str, instead: str = TERM_OFF) -> None:
    """Loads torchvision's weights of a backbone's `features` into a network.

    network: its keys are torchvision's but for the first part: slice2.3.bias is torchvision's features.3.bias.
    weights: the name of torchvision's entry, such as VGG19_Weights. loss: what needs them, for messages; instead: what
    to do without them.
    Raises InputError if the file is missing and can't be downloaded, or is damaged. No code in the file is run.
    """
    path = weights_file(weights, loss, instead)
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({key: state[f"features.{key.split('.', 1)[1]}"] for key in network.state_dict()})
    except Exception as error:  # reading a damaged file can raise anything
        raise InputError(
            f"{loss} can't read its weights {path} ({type(error).__name__}). Delete the file and run again to "
            f"download it, or {instead}"
        ) from error


def weights_file(weights: str, user: str, instead: str = TERM_OFF) -> Path:
    """The path of the weights of an entry such as VGG19_Weights in torchvision's cache; downloads them if need be.

    user: what needs them, for the message; instead: what to do without them. Raises InputError that names the file, its
    folder and its address.
    """
    url, path = place(weights)
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _patience(PATIENCE):
            # The name ends in the first digits of the file's SHA-256.
            torch.hub.download_url_to_file(url, str(path), hash_prefix=path.stem.rsplit("-", 1)[1])
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{user} needs the weights {path.name}, which are not in {path.parent} and could not be downloaded "
            f"({error}). Put the file from {url} into that folder, or {instead}"
        ) from error
    return path


def place(weights: str) -> tuple[str, Path]:
    """The address of the weights of an entry such as AlexNet_Weights, and their file in torchvision's cache."""
    from torchvision.models import get_weight  # here, because the import takes seconds

    url: str = get_weight(f"{weights}.IMAGENET1K_V1").url
    return url, Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name


@contextlib.contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Sets a time limit for a server that sends nothing. torch.hub has no such option and waits for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
