"""Feature networks by name: what measures of sets see of a picture."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError, unknown
from advloss.pretrained.inception import Inception
from advloss.pretrained.inception import missing as inception_missing
from advloss.pretrained.vision import VGG16, AlexNet, Timm, VGG16Random
from advloss.pretrained.weights import place

NAMED: dict[str, Callable[[], nn.Module]] = {
    "random": VGG16Random,
    "inception": Inception,
    "vgg16": VGG16,
    "alexnet": AlexNet,
}
"""A feature network: uint8 [B, 3, H, W] -> features [B, D]. One with classes has a method `logits` too."""
HOW = "say random, inception, vgg16, alexnet, timm:NAME, or FILE.pt for a network saved by TorchScript"


class FeatureNetwork:
    """A frozen network that turns pictures into vectors.

    It is no `nn.Module`: so its weights are in no checkpoint and in no optimizer. The network that is given is frozen
    and put in evaluation mode. name: what it is called in messages.
    network: uint8 [B, 3, H, W] to floats [B, D], or to maps [B, D, h, w], whose mean over pixels is then taken.
    key: two networks of one key are the same.
    """

    def __init__(self, name: str, network: nn.Module, key: str | None = None) -> None:
        self.name = name
        self.key = key or name
        self.network = network.requires_grad_(False).eval()

    def __deepcopy__(self, memo: dict[int, Any]) -> "FeatureNetwork":
        return self  # frozen, and large

    @property
    def protocol(self) -> str:
        """The network, its weights, the resize and the normalisation, in words."""
        words = getattr(self.network, "protocol", None)
        return str(words or f"{type(self.network).__name__} of the user, of the 8-bit pictures as they are")

    def fingerprint(self) -> str:
        """SHA-256 over its weights and its protocol."""
        whole = hashlib.sha256(self.protocol.encode())
        for name, tensor in self.network.state_dict().items():
            whole.update(name.encode())
            whole.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        return whole.hexdigest()

    @property
    def has_classes(self) -> bool:
        """Whether it gives logits, as the Inception score needs."""
        return callable(getattr(self.network, "logits", None))

    def features(self, pictures: Tensor) -> Tensor:
        """uint8 [B, C, H, W] -> float32 [B, D], on the pictures' device.

        Grey is repeated three times; of 2 channels, or more than 3, each is taken as a grey picture: [B, C D].
        """
        return self._called(self.network, pictures)

    def logits(self, pictures: Tensor) -> Tensor:
        """uint8 [B, C, H, W] -> float32 [B, K]; see `features`. InputError for a network without classes."""
        if not self.has_classes:
            raise InputError(f"features={self.name} has no classes, and the Inception score needs them; use inception")
        return self._called(self.network.logits, pictures)  # type: ignore[arg-type]

    @torch.no_grad()
    def _called(self, network: Callable[[Tensor], Any], pictures: Tensor) -> Tensor:
        if pictures.ndim != 4:
            raise InputError(
                f"features={self.name} takes pictures [B, C, H, W]; these have shape {list(pictures.shape)}"
            )
        if pictures.shape[1] not in (1, 3):
            return torch.cat([self._called(network, channel) for channel in pictures.split(1, 1)], 1)
        self.network.to(pictures.device)
        try:
            with torch.autocast(pictures.device.type, enabled=False):
                made = network(pictures.expand(-1, 3, -1, -1).contiguous())
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # too small a picture, a user's network that takes others
            raise InputError(
                f"features={self.name} can't be computed of pictures {list(pictures.shape)}: "
                f"{str(error).strip().splitlines()[-1]}"
            ) from error
        if not isinstance(made, Tensor) or made.ndim not in (2, 4) or len(made) != len(pictures):
            shape = list(made.shape) if isinstance(made, Tensor) else type(made).__name__
            raise InputError(f"features={self.name} gives {shape} for {len(pictures)} pictures; it should give [B, D]")
        return (made if made.ndim == 2 else made.mean((2, 3))).float()


def feature_network(name: "str | nn.Module | FeatureNetwork") -> FeatureNetwork:
    """The network of that name, or of a module of your own: uint8 [B, 3, H, W] -> [B, D].

    Raises InputError for an unknown name, and for weights that are missing or damaged: which, where they belong, and
    which networks are at hand instead.
    """
    if isinstance(name, FeatureNetwork):
        return name
    if isinstance(name, nn.Module):
        return FeatureNetwork(type(name).__name__, name, f"{type(name).__name__} {id(name)}")
    return _named(name)


@cache
def _named(name: str) -> FeatureNetwork:
    """One object for a name, so that several measures share it."""
    if name.startswith("timm:"):
        return FeatureNetwork(name, _told(name, lambda: Timm(name.removeprefix("timm:"))))
    if name.endswith((".pt", ".pth", ".ts")):
        return FeatureNetwork(name, _script(Path(name)))
    if name not in NAMED:
        raise InputError(f"features: {unknown('feature network', name, NAMED)}; {HOW}")
    return FeatureNetwork(name, _told(name, NAMED[name]))


def _told(name: str, make: Callable[[], nn.Module]) -> nn.Module:
    """The network; where that fails, what else can be measured is told."""
    try:
        return make()
    except InputError as error:
        others = [other for other in at_hand() if other != name]
        raise InputError(f"features={name}: {error}. At hand without it: {', '.join(others)}") from error


def at_hand() -> list[str]:
    """The named networks that need no download now."""
    files = {"vgg16": "VGG16_Weights", "alexnet": "AlexNet_Weights"}
    here = [name for name, weights in files.items() if place(weights)[1].is_file()]
    return ["random (needs no weights)", *([] if inception_missing() else ["inception"]), *here]


class Script(nn.Module):
    """A network saved by `torch.jit.save`. One with the option `return_features` is called with it."""

    def __init__(self, script: Any, protocol: str) -> None:
        super().__init__()
        self.script = script
        self.protocol = protocol
        self.options = {"return_features": True} if "return_features" in str(script.forward.schema) else {}

    def forward(self, x: Tensor) -> Any:
        return self.script(x, **self.options)


def _script(path: Path) -> Script:
    """A TorchScript's file. It is a program, which runs in TorchScript's interpreter: it can call no Python."""
    if not path.is_file():
        raise InputError(f"features={path}: {'is a folder' if path.is_dir() else 'no such file'}; {HOW}")
    try:
        script = torch.jit.load(str(path), map_location="cpu")
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"features={path}: is no TorchScript ({str(error).strip().splitlines()[0]}); write it with "
            "torch.jit.trace(network, pictures).save(FILE), of pictures uint8 [B, 3, H, W]"
        ) from error
    return Script(script, f"the TorchScript {path.name}, of the 8-bit pictures as they are")
