"""A trained model in use: `advloss.load(path)` and nothing else."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from advloss.errors import InputError
from advloss.methods.base import Method
from advloss.recipe.model_file import read_model
from advloss.recipe.schema import Recipe


class Model:
    """A method from a model file, ready to translate.

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
        also where the recipe keeps dropout on in use. Raises InputError for a wrong shape, type or direction.
        """
        if image.ndim != 4 or image.shape[1] != 3 or not image.is_floating_point() or image.numel() == 0:
            raise InputError(
                f"translate: takes float images [B, 3, H, W] in [-1, 1], not {image.dtype} {list(image.shape)}"
            )
        if not image.abs().max() <= 1.5:  # or not a number
            low, high = image.min().item(), image.max().item()
            raise InputError(f"translate: takes images in [-1, 1], these reach from {low:.3g} to {high:.3g}")
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self.recipe.seed)
            return self.method.translate(image.to(self.device, torch.float32), direction or self.directions[0])


def load(path: str | Path, device: str | torch.device = "cpu") -> Model:
    """The model in a `.safetensors` file that `advloss train` or `advloss import` wrote; its recipe comes with it.

    Raises InputError for a file that is missing, cut short, or no model of advloss.
    """
    return Model(*read_model(Path(path))).to(device)
