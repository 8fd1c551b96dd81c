"""A trained model in use: `advloss.load(path)` and nothing else."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from advloss.errors import InputError
from advloss.inference.foreign import foreign_network
from advloss.inference.tiling import Tiler
from advloss.methods.base import Method
from advloss.methods.super_resolution import SuperResolution
from advloss.recipe.model_file import KEY, read_model
from advloss.recipe.schema import Recipe


class Model:
    """A method from a model file, ready to translate or to upscale.

    recipe: the whole recipe it was trained with; about: what else the file says (`round`, `source`).
    """

    def __init__(self, method: Method, recipe: Recipe, about: dict[str, Any]) -> None:
        self.method = method
        self.recipe = recipe
        self.about = about

    @property
    def directions(self) -> list[str]:
        """The directions this model can translate in: `a2b`, `b2a`."""
        return self.method.known_directions

    @property
    def scale(self) -> int:
        """Output pixels per input pixel along an axis: 1 for a translator."""
        return self.method.scale

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.method.parameters()).device

    def to(self, device: str | torch.device) -> "Model":
        """Moves the weights."""
        self.method.to(device)
        return self

    def translate(self, image: Tensor, direction: str | None = None) -> Tensor:
        """image: [B, 3, H, W] in [-1, 1], any H and W; gives the same shape and range, on the model's device.

        direction: `a2b` or `b2a`; the model's first one if not given. The same image gives the same picture each time,
        also where the recipe keeps dropout on in use. Raises InputError for a wrong shape, type or direction, and where
        the model is one that enlarges.
        """
        self.check_translates()
        _check_image("translate", image)
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self.recipe.seed)
            return self.method.translate(image.to(self.device, torch.float32), direction or self.directions[0])

    def upscale(self, image: Tensor, **options: Any) -> Tensor:
        """image: [B, 3, H, W] in [-1, 1], any H and W; gives [B, 3, scale H, scale W], on the model's device.

        options: those of `Tiler` (`tile`, `overlap`, `precision`, `ensemble`); without them it computes in float32, in
        tiles as large as the free memory takes. Raises InputError for a wrong shape or type, and where the model is a
        translator.
        """
        self.check_upscales()
        _check_image("upscale", image)
        return self.tiler(**{"precision": "fp32", **options})(image.to(self.device, torch.float32))

    def tiler(self, direction: str | None = None, **options: Any) -> Tiler:
        """The engine that runs the network of one direction (the first if not given) in tiles; options: `Tiler`'s."""
        network = self.method.network(direction or self.directions[0])
        return Tiler(network, **{"seed": self.recipe.seed, **options})

    def check_translates(self, file: str | Path = "this model") -> None:
        """InputError, with the right command, for a model that enlarges."""
        if isinstance(self.method, SuperResolution):
            raise InputError(
                f"{file} enlarges {self.scale} times, it does not translate: "
                "use `advloss upscale INPUT OUTPUT --model MODEL` or Model.upscale(image)"
            )

    def check_upscales(self, file: str | Path = "this model") -> None:
        """InputError, with the right command, for a translator."""
        if not isinstance(self.method, SuperResolution):
            raise InputError(
                f"{file} is a {self.recipe.method.name} model, it translates: "
                "use `advloss translate MODEL INPUT OUTPUT` or Model.translate(image)"
            )


def load(path: str | Path, device: str | torch.device = "cpu") -> Model:
    """The model in a `.safetensors` file that `advloss train` or `advloss import` wrote; its recipe comes with it.

    Raises InputError for a file that is missing, cut short, or no model of advloss.
    """
    try:
        return Model(*read_model(Path(path))).to(device)
    except PermissionError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None


def load_upscaler(path: str | Path) -> nn.Module:
    """The enlarging network of a model file of ours, or of another project's file of weights; on the CPU, in eval mode.

    Raises InputError for a file that can't be read, that holds a translator, or a network that nobody here knows.
    """
    path = Path(path)
    if not _holds_recipe(path):
        return foreign_network(path)
    model = load(path)
    model.check_upscales(path)
    return model.method.network(model.directions[0])


def _holds_recipe(path: Path) -> bool:
    if path.suffix != ".safetensors":
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return KEY in (file.metadata() or {})
    except FileNotFoundError:
        return False
    except (SafetensorError, OSError):
        return True  # the model file's reader says what is wrong


def _check_image(what: str, image: Tensor) -> None:
    if image.ndim != 4 or image.shape[1] != 3 or not image.is_floating_point() or image.numel() == 0:
        raise InputError(f"{what}: takes float images [B, 3, H, W] in [-1, 1], not {image.dtype} {list(image.shape)}")
    if not image.abs().max() <= 1.5:  # or not a number
        low, high = image.min().item(), image.max().item()
        raise InputError(f"{what}: takes images in [-1, 1], these reach from {low:.3g} to {high:.3g}")
